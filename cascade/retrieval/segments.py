"""Checksums of tantivy's files, which it writes and does not read."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

_MAGIC = 1337
_BLOCK = 1 << 20


def damaged_files(folder: Path) -> list[str]:
    """Names of the files of a tantivy index that are not what was written.

    Only files of the last commit count: those of a commit under way, or left behind by one, may be half written.
    """
    return [path.name for path in _committed(folder) if not _is_whole(path)]


def _committed(folder: Path) -> Iterator[Path]:
    meta: dict[str, Any] = json.loads((folder / "meta.json").read_bytes())
    for segment in meta["segments"]:
        name = segment["segment_id"].replace("-", "")
        deletes = segment.get("deletes") or {}
        for path in sorted(folder.glob(f"{name}.*")):
            if path.suffix != ".del" or path.name == f"{name}.{deletes.get('opstamp')}.del":
                yield path


def _is_whole(path: Path) -> bool:
    """Whether the checksum in the footer is right: content, JSON, the JSON's length, a magic number."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 8))
            length, magic = struct.unpack("<II", file.read())
            file.seek(max(0, size - 8 - length))
            footer = json.loads(file.read()[:-8])
            return magic == _MAGIC and bool(_checksum(file, size - 8 - length) == footer["crc"])
    except FileNotFoundError:  # a writer has replaced the segment since
        return True
    except (struct.error, ValueError, KeyError, TypeError):
        return False


def _checksum(file: BinaryIO, count: int) -> int:
    """The checksum of the first bytes of a file."""
    file.seek(0)
    checksum = 0
    while count > 0:
        block = file.read(min(count, _BLOCK))
        checksum, count = crc32(block, checksum), count - len(block)
    return checksum
