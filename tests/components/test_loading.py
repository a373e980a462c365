from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from spacy.language import Language

from cascade import config, storage
from cascade.components.loading import load
from cascade.errors import ConfigError, ModelError
from tests.answering.shelf import save_reader

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


@pytest.mark.parametrize("name", ["nowhere", "numpy", "scikit-learn", "typing_extensions"])
def test_what_is_not_there_or_is_another_package(shipped: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"no model {name}: .*shipped ones: en_cascade_sm"):
        load(name)


def test_an_installed_package(nlp: Language, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Laid out as `spacy package` does."""
    package = tmp_path / "en_clocks"
    package.mkdir()
    nlp.meta["name"] = "clocks"
    nlp.to_disk(package / f"en_clocks-{nlp.meta['version']}")
    shutil.copy(package / f"en_clocks-{nlp.meta['version']}" / "meta.json", package)
    (package / "__init__.py").write_text(
        "from spacy.util import load_model_from_init_py\n"
        "def load(**settings): return load_model_from_init_py(__file__, **settings)\n"
    )
    info = tmp_path / "en_clocks-0.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: en_clocks\nVersion: 0.0.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert load("en_clocks")(TEXT).to_json() == nlp(TEXT).to_json()


def test_a_language_that_spacy_does_not_know(folder: Path) -> None:
    meta = folder / storage.META
    meta.write_text(meta.read_text().replace('"lang": "en"', '"lang": "tlh"'))
    with pytest.raises(ModelError, match=r"model\.json: spaCy has no language 'tlh': name one such as en"):
        load(folder)


def test_a_model_that_answers_questions_comes_with_its_settings(tmp_path: Path) -> None:
    nlp = load(save_reader(tmp_path), questions=["Where does Mara mend clocks?"])
    assert nlp.pipe_names == ["cascade"] and nlp.get_pipe_meta("cascade").factory == "cascade_qa"
    assert nlp("Mara mends clocks in Oslo.").spans["answers"]
