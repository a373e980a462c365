from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cascade import storage
from cascade.data import read_conllu
from cascade.evaluation import score_tasks


@pytest.fixture
def own(model: Path, tmp_path: Path) -> Path:
    """A copy of the model that may be changed."""
    return Path(shutil.copytree(model, tmp_path / "own"))


def test_a_model_is_calibrated_in_its_place(run, own: Path, treebank: Path) -> None:
    weights = (own / storage.WEIGHTS).read_bytes()
    shown = run("calibrate", own, treebank).stdout
    loaded = storage.load(own)
    assert [*loaded.calibration] == ["sents", "tag", "pos", "morph", "lemma", "chunk", "ner", "parse"]
    assert all(by.edges for by in loaded.calibration.values()) and loaded.task("sents").threshold == pytest.approx(0.5)
    assert (own / storage.WEIGHTS).read_bytes() == weights and storage.read_meta(own)["scores"] == {
        "dev": {"tag_acc": 0.5}
    }
    assert "fitted on every other document of" in shown and "adaptive ece" in shown and "parse heads" in shown
    assert f"{loaded.calibration['tag'].temperature:.4f}" in shown


def test_elsewhere_some_tasks_and_a_check(run, model: Path, treebank: Path, tmp_path: Path, vocab) -> None:
    check = treebank.with_name("check.conllu")
    shutil.copy(treebank, check)
    place, options = (
        tmp_path / "calibrated",
        ("--task", "tag", "--task", "sents", "--no-edges", "--threshold", "common"),
    )
    found = json.loads(
        run("calibrate", model, treebank, "--check", check, "--output", place, *options, "--json").stdout
    )
    loaded = storage.load(place)
    assert [*loaded.calibration] == ["sents", "tag"] and not any(by.edges for by in loaded.calibration.values())
    assert storage.load(model).calibration == {}
    sents, tag = found["fitted"]
    assert (sents["task"], sents["threshold"]) == ("sents", loaded.task("sents").threshold)
    assert (tag["task"], tag["temperature"]) == ("tag", loaded.calibration["tag"].temperature)
    effects = {own["task"]: own for own in found["effects"]}
    assert effects["tag"]["after"]["nll"] < effects["tag"]["before"]["nll"]
    scores = score_tasks(loaded, list(read_conllu(check, vocab=vocab)))
    assert effects["chunk"]["score_after"] == scores["chunk"]["chunk_f"]
    assert effects["chunk"]["metric"] == "chunk_f" and effects["sents"]["score_after"] == scores["sents"]["sents_f"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--rule", "f1"), "answers no questions: leave out --rule"),
        (("--calibration", "platt"), "choose temperature or isotonic"),
        (("--calibration", "isotonic", "--task", "tag"), "wants 1,000 rows with gold or more"),
        (("--task", "tog"), "no task tog"),
    ],
)
def test_a_refusal_writes_nothing(run, own: Path, treebank: Path, options: tuple[str, ...], message: str) -> None:
    before = {path.name: path.read_bytes() for path in own.iterdir()}
    assert message in run("calibrate", own, treebank, *options, code=1).stderr
    assert {path.name: path.read_bytes() for path in own.iterdir()} == before


def test_what_is_fitted_on_is_not_checked_on(run, own: Path, treebank: Path) -> None:
    assert "cannot be measured there too" in run("calibrate", own, treebank, "--check", treebank, code=1).stderr
