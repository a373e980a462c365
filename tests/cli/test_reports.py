from __future__ import annotations

import json
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import spacy

from cascade.cli.reports import plain, read_docs
from cascade.docs import passages
from cascade.errors import DataError
from tests.answering.tiny import write_questions


def test_results_as_plain_values() -> None:
    point = namedtuple("point", "x y")  # noqa: PYI024

    @dataclass
    class Found:
        shares: dict[float, float]
        counts: np.ndarray
        place: point
        number: np.float32
        nothing: None = None

    found = Found({0.5: float("nan")}, np.array([1.0, np.inf]), point(1, 2.5), np.float32(0.5))
    expected = {"shares": {"0.5": None}, "counts": [1.0, None], "place": {"x": 1, "y": 2.5}, "number": 0.5}
    assert json.loads(json.dumps(plain([found]), allow_nan=False)) == [{**expected, "nothing": None}]


def test_docs_of_several_files_and_some_of_them(treebank: Path) -> None:
    nlp = spacy.blank("en")
    docs = read_docs([str(treebank)] * 3, None, nlp)
    assert len(docs) == 6
    some = [read_docs([str(treebank)] * 3, None, nlp, limit=3) for _ in range(2)]
    assert [len(own) for own in some] == [3, 3]
    assert [doc.text for doc in some[0]] == [doc.text for doc in some[1]]
    assert len(read_docs([str(treebank)], None, nlp, limit=9)) == 2


@pytest.mark.parametrize("negatives", [0, 2])
def test_questions_get_other_passages(negatives: int, tmp_path: Path) -> None:
    from cascade.cli.readers import Reader

    file = write_questions(tmp_path, unanswerable=False)
    docs = read_docs([str(file)], Reader.SQUAD, spacy.blank("en"), negatives=negatives)
    assert len(docs) == 8
    assert max(len(passages(doc)) for doc in docs) == 1 + negatives


def test_nothing_in_a_file(tmp_path: Path) -> None:
    empty = tmp_path / "a.conllu"
    empty.write_text("", encoding="utf8")
    with pytest.raises(DataError, match=r"a\.conllu.*got none"):
        read_docs([str(empty)], None, spacy.blank("en"))
