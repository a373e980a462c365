from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cascade.answering.evaluation import evaluate_answers
from cascade.answering.questions import QuestionAnswering
from cascade.data import read_squad
from cascade.data.squad import questions
from tests.cli.answering import Place, make_place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("answers"))


def report(run: Any, place: Place, *arguments: object) -> dict[str, Any]:
    found = run("evaluate", place.model, *arguments, "--reader", "squad", "--json")
    assert found.stderr == ""
    read: dict[str, Any] = json.loads(found.stdout)
    return read


def test_json_is_the_evaluation_in_python(run, place: Place) -> None:
    found = report(run, place, place.questions)
    qa = QuestionAnswering.load(place.model)
    expected = evaluate_answers(qa, questions(read_squad(place.questions))).to_json()
    assert {name: found[name] for name in expected} == json.loads(json.dumps(expected))
    assert (found["setting"], found["index"], found["files"]) == ("given", None, [str(place.questions)])
    assert len(found["questions"]) == 12
    assert found["scores"].keys() >= {"em", "f1", "has_answer_em", "has_answer_f1", "no_answer_accuracy", "coverage"}
    assert found["scores"].keys() >= {"ece", "brier", "aurc", "brier_base_rate"}


def test_questions_without_unanswerable_ones(run, place: Place) -> None:
    found = report(run, place, place.answerable)
    assert "no_answer_accuracy" not in found["scores"] and len(found["questions"]) == 8


def test_over_an_index(run, place: Place) -> None:
    found = report(run, place, place.questions, "--index", place.index)
    assert found["setting"] == "open"
    assert found["scores"].keys() >= {"recall@1", "recall@30", "mrr@10", "ndcg@10", "search_recall@5"}
    assert found["questions"]["Mara-0"]["ranks"]["search"] == 1
    assert found["questions"]["Mara-2"]["ranks"] == {}


def test_a_part_and_a_limit(run, place: Place) -> None:
    found = report(run, place, place.questions, "--titles", place.split, "--part", "dev", "--limit", 3)
    assert len(found["questions"]) == 3 and {id.split("-")[0] for id in found["questions"]} <= {"Tomas", "Pim"}
    assert found["part"] == "dev"


def test_tables_of_figures_and_outcomes(run, place: Place) -> None:
    shown = run("evaluate", place.model, place.questions, "--reader", "squad").stdout
    assert f"{place.model} on {place.questions}: 12 questions, with the gold paragraph given" in shown
    assert all(word in shown for word in ("has_answer_f1", "95 % interval", " to ", "outvoted", "meaning"))
    shown = run("evaluate", place.model, place.questions, "--reader", "squad", "--index", place.index).stdout
    assert f"found in {place.index}" in shown


def test_names_of_the_catalogue_tell_the_reader(
    run, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASCADE_DATA", str(tmp_path))
    (tmp_path / "squad_v1.1_dev").mkdir()
    (tmp_path / "squad_v1.1_dev" / "dev-v1.1.json").write_bytes(place.answerable.read_bytes())
    found = json.loads(run("evaluate", place.model, "squad1/dev", "--json").stdout)
    assert len(found["questions"]) == 8


def test_what_cannot_be_evaluated(run, place: Place, model: Path, treebank: Path, tmp_path: Path) -> None:
    squad = ("--reader", "squad")
    assert "comes twice" in run("evaluate", place.model, place.questions, place.answerable, *squad, code=1).stderr
    assert "reads answers" in run("evaluate", model, place.questions, *squad, code=1).stderr
    assert "--index" in run("evaluate", model, treebank, "--index", place.index, code=1).stderr
    assert "one after another" in run("evaluate", model, treebank, "squad1/dev", code=1).stderr
    (tmp_path / "broken.json").write_text("{")
    assert "broken.json" in run("evaluate", place.model, tmp_path / "broken.json", *squad, code=1).stderr
    assert "nix" in run("evaluate", place.model, place.questions, *squad, "--index", tmp_path / "nix", code=1).stderr
