from __future__ import annotations

import json
from pathlib import Path

import pytest

from cascade.answering import Answering, BestF1, Precision
from cascade.answering.evaluation import fit_settings
from cascade.answering.questions import QuestionAnswering
from cascade.cli.calibrate import parse_rule
from cascade.data import read_squad
from cascade.data.squad import questions
from cascade.errors import ConfigError
from tests.cli.answering import Place, make_place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_place(tmp_path)


def test_settings_are_written_into_the_model(run, place: Place) -> None:
    asked = list(questions(read_squad(place.questions)))
    expected = fit_settings(QuestionAnswering.load(place.model, index=place.index), given=asked, open=asked)
    shown = run("calibrate", place.model, place.questions, "--index", place.index).stdout
    assert Answering.load(place.model).to_json() == expected.to_json()
    assert QuestionAnswering.load(place.model).settings.to_json() == expected.to_json()
    assert "fitted on 12 questions (4 without answer)" in shown and "margin" in shown and "no answer when" in shown


def test_paragraphs_alone_a_part_and_a_rule(run, place: Place) -> None:
    rule = ("--rule", "precision=0.9", "--calibration", "temperature", "--json")
    found = run("calibrate", place.model, place.questions, "--titles", place.split, "--part", "dev", *rule)
    plain = json.loads(found.stdout)
    assert plain == Answering.load(place.model).to_json()
    assert "search" not in plain["fusion"]["weights"] and plain["limits"]["refusal"] == "inf"


@pytest.mark.parametrize("text", ["f2", "precision", "precision=2", "precision=x", "recall=0.9", ""])
def test_rules_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError, match="expected f1, or precision"):
        parse_rule(text)


def test_a_wrong_rule_writes_nothing(run, place: Place) -> None:
    assert "--rule f2" in run("calibrate", place.model, place.questions, "--rule", "f2", code=1).stderr
    assert not (place.model / "answering.json").exists()


def test_rules() -> None:
    assert parse_rule("f1") == BestF1()
    assert parse_rule("precision=0.9") == Precision(0.9)


def test_no_model_and_none_that_reads(run, place: Place, model: Path, tmp_path: Path) -> None:
    assert "nix" in run("calibrate", tmp_path / "nix", place.questions, code=1).stderr
    assert "with gold or more, got none" in run("calibrate", model, place.questions, "--reader", "squad", code=1).stderr


def test_options_of_other_models(run, place: Place) -> None:
    options = ("--no-edges", "--threshold", "label")
    said = run("calibrate", place.model, place.questions, *options, code=1).stderr
    assert "answers questions: leave out --threshold, --edges" in said
