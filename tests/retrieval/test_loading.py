from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cascade.errors import ModelError, StoreError
from cascade.retrieval import loading
from cascade.retrieval.analysis import Analysis
from cascade.retrieval.dense import Encoder
from cascade.retrieval.loading import AUTO, chosen, default_encoder, of_manifest
from cascade.retrieval.manifest import Manifest
from tests.retrieval.made import WordCounts

NONE = Manifest(analysis=Analysis())


def loader(name: str, layer: int | None) -> Encoder:
    return WordCounts(fingerprint=f"{name}/{layer}")


def missing(name: str, layer: int | None) -> Encoder:
    raise ModelError(f"there is no model {name}")


def fingerprints(encoder: Encoder | None) -> str | None:
    return encoder.fingerprint if encoder else None


def test_the_default_is_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    assert default_encoder() is None
    assert chosen(AUTO, None, missing) == (None, None, None)
    monkeypatch.setattr(loading, "find_spec", lambda name: sys)
    encoder, name, layer = chosen(AUTO, None, loader)
    assert (fingerprints(encoder), name, layer) == ("minilm/None", "minilm", None)


def test_names_and_encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, *reference = chosen("mini", 2, loader)
    assert (fingerprints(encoder), reference) == ("mini/2", ["mini", 2])
    ready = WordCounts()
    assert chosen(ready, 2, missing) == (ready, None, None)
    ready.name, ready.layer = "mine", 3  # type: ignore[attr-defined]
    assert chosen(ready, None, missing) == (ready, "mine", 3)
    assert chosen(None, None, missing) == (None, None, None)
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()
    assert chosen("model", None, loader)[1] == str(tmp_path / "model"), "the index may be opened from elsewhere"
    with pytest.raises(ModelError, match="no model nix"):
        chosen("nix", None, missing)


def test_the_encoder_that_an_index_names() -> None:
    manifest = Manifest(analysis=Analysis(), encoder="f", encoder_name="mini", encoder_layer=2)
    assert of_manifest(NONE, Path("i"), missing) is None
    assert fingerprints(of_manifest(manifest, Path("i"), loader)) == "mini/2"
    with pytest.raises(
        StoreError, match="i was built with the encoder mini, which cannot be loaded: there is no model"
    ):
        of_manifest(manifest, Path("i"), missing)
