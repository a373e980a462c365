from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cascade.evaluation import holm, interval, permutation_test

FIRST = [0.0, 0.0, 1.0, 0.0, 0.5, 1.0]
SECOND = [1.0, 1.0, 1.0, 0.0, 1.0, 0.5]


def written(path: Path, f1: list[float], **others: float) -> Path:
    """A report in which every question has these scores."""
    asked = {f"q{n}": {"prediction": "", "scores": {"f1": value, **others}} for n, value in enumerate(f1)}
    path.write_text(json.dumps({"scores": {}, "questions": asked}))
    return path


@pytest.fixture
def reports(tmp_path: Path) -> tuple[Path, Path]:
    return written(tmp_path / "a.json", FIRST, em=1.0), written(tmp_path / "b.json", SECOND, em=0.0, coverage=1.0)


def test_paired_tests_of_what_both_have(run, reports: tuple[Path, Path]) -> None:
    found: dict[str, Any] = json.loads(run("compare", *reports, "--json").stdout)
    assert list(found["metrics"]) == ["f1", "em"]
    f1 = found["metrics"]["f1"]
    raw = [permutation_test(FIRST, SECOND), permutation_test([1.0] * 6, [0.0] * 6)]
    assert (f1["questions"], f1["first"], f1["second"]) == (6, pytest.approx(2.5 / 6), pytest.approx(4.5 / 6))
    # All ways of swapping four gaps of 1, 1, 0.5, -0.5, whose sum is 2: 6 of 16 sums are as far from 0.
    assert f1["p"] == pytest.approx(raw[0]) == pytest.approx(6 / 16)
    assert [found["metrics"][name]["adjusted"] for name in ("f1", "em")] == pytest.approx(holm(raw))
    expected = interval([b - a for a, b in zip(FIRST, SECOND, strict=True)])
    assert list(f1["difference"].values()) == pytest.approx(list(expected))


def test_one_metric_needs_no_correction(run, reports: tuple[Path, Path]) -> None:
    found = json.loads(run("compare", *reports, "--metric", "f1", "--json").stdout)
    assert list(found["metrics"]) == ["f1"]
    assert found["metrics"]["f1"]["p"] == found["metrics"]["f1"]["adjusted"]


def test_the_order_of_questions_does_not_matter(run, reports: tuple[Path, Path], tmp_path: Path) -> None:
    turned = json.loads(reports[1].read_text())
    turned["questions"] = dict(reversed(turned["questions"].items()))
    (tmp_path / "c.json").write_text(json.dumps(turned))
    once, again = (
        json.loads(run("compare", reports[0], other, "--json").stdout) for other in (reports[1], tmp_path / "c.json")
    )
    assert once["metrics"] == again["metrics"]


def test_the_table_names_both(run, reports: tuple[Path, Path]) -> None:
    shown = run("compare", *reports).stdout
    assert f"first: {reports[0]}, second: {reports[1]}" in shown
    assert all(word in shown for word in ("p (Holm)", "+0.3333", "0.3750"))


def test_a_report_does_not_differ_from_itself(run, reports: tuple[Path, Path]) -> None:
    found = json.loads(run("compare", reports[0], reports[0], "--json").stdout)
    assert {each["p"] for each in found["metrics"].values()} == {1.0}


def test_other_questions(run, reports: tuple[Path, Path], tmp_path: Path) -> None:
    fewer = written(tmp_path / "c.json", FIRST[:4], em=1.0)
    for pair in [(reports[0], fewer), (fewer, reports[0])]:
        said = run("compare", *pair, code=1).stderr
        assert f"{reports[0]}: expected the same questions as in {fewer}, got 2 of 6 that it lacks, such as q4" in said


def test_metrics_that_are_not_shared(run, reports: tuple[Path, Path], tmp_path: Path) -> None:
    assert "has no metric recall@1, only f1, em" in run("compare", *reports, "--metric", "recall@1", code=1).stderr
    said = run("compare", *reports, "--metric", "coverage", code=1).stderr
    assert f"{reports[0]} has no metric coverage" in said


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"questions": {"q": {}}}', '{"questions": [1]}'])
def test_files_that_are_no_reports(run, reports: tuple[Path, Path], tmp_path: Path, content: str) -> None:
    (tmp_path / "c.json").write_text(content)
    assert "--reader squad --json" in run("compare", reports[0], tmp_path / "c.json", code=1).stderr
    assert "No such file" in run("compare", reports[0], tmp_path / "nix.json", code=1).stderr
