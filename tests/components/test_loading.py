from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from spacy.language import Language

from cascade import config
from cascade.components.loading import load
from cascade.errors import ConfigError

TEXT = "Mara mends old clocks."


@pytest.fixture
def shipped(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one shipped pipeline, called as one that has a factory of its own."""
    home = tmp_path / "checkout" / "pipelines" / "en_cascade_sm"
    shutil.copytree(folder, home / "model")
    (home / "config.cfg").write_text("[nlp]\n")
    monkeypatch.setattr(config, "PACKAGE", tmp_path / "checkout" / "cascade")
    return home


def test_a_model_folder(folder: Path, nlp: Language) -> None:
    loaded = load(folder)
    assert loaded.lang == "en"
    assert loaded.pipe_names == ["cascade"]
    assert loaded(TEXT).to_json() == nlp(TEXT).to_json()


def test_a_saved_pipeline(nlp: Language, tmp_path: Path) -> None:
    nlp.to_disk(tmp_path / "saved")
    assert load(tmp_path / "saved")(TEXT).to_json() == nlp(TEXT).to_json()


def test_a_shipped_name(shipped: Path, nlp: Language) -> None:
    loaded = load("en_cascade_sm")
    assert loaded(TEXT).to_json() == nlp(TEXT).to_json()
    assert loaded.get_pipe_meta("cascade").factory == "en_cascade_sm"
    assert "token.dep" in loaded.get_pipe_meta("cascade").assigns


def test_settings_of_the_component(shipped: Path, folder: Path, nlp: Language, tmp_path: Path) -> None:
    nlp.to_disk(tmp_path / "saved")
    for model in ("en_cascade_sm", folder, tmp_path / "saved"):
        assert list(load(model, tasks=["tag"])(TEXT)._.cascade["cascade"]) == ["tag"]
    assert load(folder, name="syntax").pipe_names == ["syntax"]


def test_what_is_not_there(shipped: Path) -> None:
    with pytest.raises(ConfigError, match="no model nowhere: .*shipped ones: en_cascade_sm"):
        load("nowhere")
