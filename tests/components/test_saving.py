from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from spacy.language import Language
from spacy.training import Example

from cascade import storage
from cascade.components.pipe import CascadePipe
from cascade.errors import ConfigError, ModelError

TEXT = "Mara mends old clocks."


def test_a_saved_pipeline_loads_where_the_model_is_gone(nlp: Language, folder: Path, tmp_path: Path) -> None:
    expected = nlp(TEXT).to_json()
    nlp.to_disk(tmp_path / "saved")
    data, config, meta = nlp.to_bytes(), nlp.config, nlp.meta
    shutil.rmtree(folder)
    assert spacy.load(tmp_path / "saved")(TEXT).to_json() == expected
    again = spacy.util.get_lang_class("en").from_config(config, meta=meta).from_bytes(data)
    assert again(TEXT).to_json() == expected
    with pytest.raises(ConfigError, match="no model"):
        spacy.blank("en").add_pipe("cascade", config={"model": str(folder)})


def test_in_a_loaded_pipeline_another_model_takes_the_place_of_the_pipe(
    nlp: Language, folder: Path, tmp_path: Path
) -> None:
    nlp.to_disk(tmp_path / "saved")
    loaded = spacy.load(tmp_path / "saved")
    loaded.replace_pipe("cascade", "cascade", config={"model": str(folder)})
    assert loaded(TEXT).to_json() == nlp(TEXT).to_json()


def test_an_empty_pipe_is_filled_from_bytes(nlp: Language) -> None:
    other = spacy.blank("en")
    other.add_pipe("cascade")
    other.from_bytes(nlp.to_bytes())
    assert other(TEXT).to_json() == nlp(TEXT).to_json()


def test_a_second_round_trip_changes_nothing(nlp: Language, tmp_path: Path) -> None:
    nlp.to_disk(tmp_path / "once")
    once = spacy.load(tmp_path / "once")
    once.to_disk(tmp_path / "twice")
    assert once.to_bytes() == spacy.load(tmp_path / "twice").to_bytes()
    for path in sorted((tmp_path / "once").glob("cascade/*")):
        assert path.read_bytes() == (tmp_path / "twice" / "cascade" / path.name).read_bytes(), path.name


def test_the_saved_pipe_is_a_model_folder(nlp: Language, pipe: CascadePipe, tmp_path: Path) -> None:
    nlp.to_disk(tmp_path / "saved")
    loaded = storage.load(tmp_path / "saved" / "cascade")
    assert loaded.labels == pipe.module.labels
    fresh = spacy.blank("en")
    fresh.add_pipe("cascade", config={"model": str(tmp_path / "saved" / "cascade")})
    assert fresh(TEXT).to_json() == nlp(TEXT).to_json()


def test_a_pipeline_is_saved_over_an_older_one(nlp: Language, tmp_path: Path) -> None:
    for _ in range(2):
        nlp.to_disk(tmp_path / "saved")
    assert sorted(path.name for path in (tmp_path / "saved" / "cascade").iterdir()) == [
        "cfg",
        "graph.cfg",
        "model.json",
        "model.safetensors",
    ]


def test_parts_are_left_out_when_asked(pipe: CascadePipe, tmp_path: Path) -> None:
    pipe.to_disk(tmp_path / "all")
    assert {path.name for path in (tmp_path / "all").iterdir()} >= {"cfg", "vocab", "model.json"}
    pipe.to_disk(tmp_path / "some", exclude=["vocab", "model"])
    assert [path.name for path in (tmp_path / "some").iterdir()] == ["cfg"]
    assert len(pipe.to_bytes(exclude=["model", "vocab"])) < 100 < len(pipe.to_bytes(exclude=["vocab"]))
    module = pipe.module
    pipe.from_disk(tmp_path / "all", exclude=["model"])
    assert pipe.module is module
    pipe.from_disk(tmp_path / "all")
    assert pipe.module is not module


def test_a_pipe_without_weights_is_saved_with_its_labels(
    fresh: Language, tmp_path: Path, examples: list[Example]
) -> None:
    pipe: Any = fresh.get_pipe("cascade")
    pipe.add_label("XX", task="tag")
    fresh.to_disk(tmp_path / "saved")
    loaded = spacy.load(tmp_path / "saved")
    assert loaded.get_pipe("cascade").labels == ("XX",)  # type: ignore[attr-defined]
    assert fresh.from_bytes(fresh.to_bytes()).get_pipe("cascade").labels == ("XX",)  # type: ignore[attr-defined]
    loaded.initialize(lambda: examples)
    loaded.to_disk(tmp_path / "saved")
    assert spacy.load(tmp_path / "saved")(TEXT).to_json() == loaded(TEXT).to_json()


def test_a_model_folder_is_loaded_into_a_pipe(pipe: CascadePipe, folder: Path, tmp_path: Path) -> None:
    with torch.no_grad():
        for parameter in pipe.module.parameters():
            parameter.zero_()
    pipe.from_disk(folder)
    assert any(parameter.any() for parameter in pipe.module.parameters())
    with pytest.raises(ModelError, match="holds no model"):
        pipe.from_disk(tmp_path / "nowhere")


def test_damaged_weights_are_named(nlp: Language, tmp_path: Path) -> None:
    nlp.to_disk(tmp_path / "saved")
    weights = tmp_path / "saved" / "cascade" / storage.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-5])
    with pytest.raises(ModelError, match=r"saved/cascade/model\.safetensors is damaged or cut short"):
        spacy.load(tmp_path / "saved")


def test_what_is_switched_off_at_run_time_stays_off(nlp: Language, pipe: CascadePipe, tmp_path: Path) -> None:
    pipe.tasks, pipe.given = ["tag", "parse"], ["sentences"]
    nlp.to_disk(tmp_path / "once")
    once = spacy.load(tmp_path / "once")
    once.to_disk(tmp_path / "twice")
    from_bytes = spacy.util.get_lang_class("en").from_config(nlp.config, meta=nlp.meta).from_bytes(nlp.to_bytes())
    for loaded in (once, spacy.load(tmp_path / "twice"), from_bytes, pickle.loads(pickle.dumps(nlp))):
        found: Any = loaded.get_pipe("cascade")
        assert (found.tasks, found.given) == (pipe.tasks, pipe.given) == (["tag", "parse"], ["sentences"])
    pipe.tasks, pipe.given = None, []  # type: ignore[assignment]
    assert pipe.from_disk(tmp_path / "once" / "cascade").tasks == ["tag", "parse"]


def test_a_setting_that_is_named_in_loading_counts(nlp: Language, pipe: CascadePipe, tmp_path: Path) -> None:
    """It alone: the others are still as they were saved, and it is what is saved from then on."""
    pipe.tasks, pipe.given = ["tag", "parse"], ["sentences"]
    nlp.to_disk(tmp_path / "once")
    loaded = spacy.load(tmp_path / "once", config={"components": {"cascade": {"tasks": ["chunk"]}}})
    loaded.to_disk(tmp_path / "twice")
    for found in (loaded.get_pipe("cascade"), spacy.load(tmp_path / "twice").get_pipe("cascade")):
        assert isinstance(found, CascadePipe)
        assert (found.tasks, found.given) == (["chunk"], ["sentences"])


def test_components_are_excluded(nlp: Language, tmp_path: Path) -> None:
    nlp.to_disk(tmp_path / "without", exclude=["cascade"])
    assert not (tmp_path / "without" / "cascade").exists()
    nlp.to_disk(tmp_path / "with")
    assert spacy.load(tmp_path / "with", exclude=["cascade"]).pipe_names == []
    assert spacy.load(tmp_path / "with", disable=["cascade"]).pipe_names == []


def test_pipelines_are_pickled(nlp: Language) -> None:
    assert pickle.loads(pickle.dumps(nlp))(TEXT).to_json() == nlp(TEXT).to_json()
