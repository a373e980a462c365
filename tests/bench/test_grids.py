from __future__ import annotations

import json
from pathlib import Path

import pytest
import spacy

from tests.bench.grids import drawn, keep, require_same, spread


def test_docs_are_drawn_always_the_same() -> None:
    docs = [spacy.blank("en").make_doc(text) for text in ["one", "two", "three", "four", "five", "six", "seven"]]
    assert drawn(docs, 3) == drawn(docs, 3) and drawn(docs, 99) == docs
    assert len(drawn(docs, 0.5)) == 4 and drawn(docs, 3, seed=1) != drawn(docs, 3)
    assert [doc for doc in docs if doc in drawn(docs, 4)] == drawn(docs, 4), "in their order"


def test_jobs_in_several_processes() -> None:
    jobs = [(7, 2), (9, 4), (5, 5)]
    assert spread(divmod, jobs, 1) == spread(divmod, jobs, 2) == [(3, 1), (2, 1), (1, 0)]


def test_results_of_another_plan_are_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "grid" / "plan.json"
    require_same(file, {"share": 0.5})
    require_same(file, {"share": 0.5})
    with pytest.raises(SystemExit, match="holds results of .*name another folder"):
        require_same(file, {"share": 0.1})
    keep(file, [1])
    assert json.loads(file.read_text()) == [1] and len([*file.parent.iterdir()]) == 1
