"""The manifest: what an index on disk says of itself, first of all its format."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zlib import crc32

from cascade.errors import ConfigError, StoreError
from cascade.retrieval.analysis import Analysis
from cascade.retrieval.splitting import Splitting

FORMAT = 1
FILE = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What an index was built with.

    Args:
        analysis: How texts become terms.
        splitting: How files are cut into passages.
        encoder: Fingerprint of the encoder that made the vectors; None for an index without vectors.
        encoder_name: The name that it is loaded by; None if it has none.
        encoder_layer: The layer that it reads; None for what is usual.
        kind: How vectors are searched, see [`kind_for`][cascade.retrieval.dense.kind_for]; chosen by size when None.
        written_by: Version of this package that wrote it.
    """

    analysis: Analysis
    splitting: Splitting = field(default_factory=Splitting)
    encoder: str | None = None
    encoder_name: str | None = None
    encoder_layer: int | None = None
    kind: str | None = None
    written_by: str = version("cascade-nlp")

    def save(self, folder: Path) -> None:
        """Writes it to an index's folder; it appears whole or not at all."""
        content: dict[str, Any] = {
            "format": FORMAT,
            "cascade": self.written_by,
            "analysis": self.analysis.to_json(),
            "splitting": asdict(self.splitting),
            "encoder": self.encoder,
            "encoder_name": self.encoder_name,
            "encoder_layer": self.encoder_layer,
            "vectors": self.kind,
        }
        content["checksum"] = _checksum(content)
        replace(folder / FILE, json.dumps(content, indent=2, ensure_ascii=False).encode("utf8"))

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """The manifest of an index.

        Raises:
            StoreError: The folder holds no index, one of a newer format, or the manifest is damaged.
        """
        path = folder / FILE
        try:
            content = json.loads(path.read_bytes())
            written, checksum = int(content["format"]), content.pop("checksum")
        except FileNotFoundError as error:
            raise StoreError(f"{folder} holds no index: there is no {FILE} in it; build one there") from error
        except OSError as error:
            raise StoreError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(f"{path} is damaged: {error!r}; put back a copy, or build the index again") from error
        if written > FORMAT:
            raise StoreError(
                f"{folder} is an index of format {written}, written by cascade {content.get('cascade')}; this version "
                f"reads up to {FORMAT}: upgrade cascade, or build the index again with this version"
            )
        if checksum != _checksum(content):
            raise StoreError(f"{path} was changed by something else: put back a copy, or build the index again")
        return cls._from_json(content, path)

    @classmethod
    def _from_json(cls, content: dict[str, Any], path: Path) -> Manifest:
        try:
            return cls(
                analysis=Analysis(**content["analysis"]),
                splitting=Splitting(**content["splitting"]),
                encoder=content["encoder"],
                encoder_name=content["encoder_name"],
                encoder_layer=content["encoder_layer"],
                kind=content["vectors"],
                written_by=content["cascade"],
            )
        except (TypeError, KeyError, ConfigError) as error:
            raise StoreError(f"{path} is damaged: {error!r}; put back a copy, or build the index again") from error


def replace(path: Path, content: bytes) -> None:
    """Writes a file that appears whole or not at all, in the place of an older one.

    Raises:
        StoreError: It cannot be written; what stood there before is untouched.
    """
    fresh = path.with_name(f"{path.name}.tmp")
    try:
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def _checksum(content: dict[str, Any]) -> int:
    return crc32(json.dumps(content, sort_keys=True).encode())
