from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from cascade.data.scifact import Abstract, read_abstracts, read_claims
from cascade.errors import DataError

CORPUS = [
    {"doc_id": 7, "title": "Tea 🕰 ", "abstract": ["Tea cools. ", "Cups leak.\n", " Spoons rust."], "structured": False},
    {"doc_id": 12, "title": "Salt", "abstract": ["Salt melts ice."], "structured": False},
]


def stored(path: Path, *lines: object) -> Path:
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()))
    return path


def claim(number: int, evidence: dict[str, list[tuple[str, list[int]]]], *cited: int) -> dict[str, Any]:
    sets = {id: [{"label": label, "sentences": ids} for label, ids in each] for id, each in evidence.items()}
    return {"id": number, "claim": f"claim {number}", "evidence": sets, "cited_doc_ids": list(cited)}


@pytest.fixture
def abstracts(tmp_path: Path) -> dict[str, Abstract]:
    return read_abstracts(stored(tmp_path / "corpus.jsonl.gz", *CORPUS))


def test_sentences_stand_where_they_are_said_to(abstracts: dict[str, Abstract]) -> None:
    tea, salt = abstracts.values()
    assert (tea.id, tea.text, salt.id, salt.text) == (
        "7",
        "Tea 🕰\nTea cools. Cups leak. Spoons rust.",
        "12",
        "Salt\nSalt melts ice.",
    )
    assert [tea.text[slice(*span)] for span in tea.sentences] == ["Tea cools.", "Cups leak.", "Spoons rust."]
    assert [salt.text[slice(*span)] for span in salt.sentences] == ["Salt melts ice."]


def test_claims(tmp_path: Path, abstracts: dict[str, Abstract]) -> None:
    evidence = {"7": [("REFUTE", [2, 0]), ("CONTRADICT", [0])], "12": [("REFUTE", [0])]}
    path = stored(tmp_path / "claims.jsonl", claim(1, {}, 12), claim(4, evidence, 7, 12), "", claim(2, {"12": []}, 12))
    unproven, refuted, silent = read_claims(path, abstracts)
    assert (unproven.id, unproven.text, unproven.cited, unproven.label) == ("1", "claim 1", ("12",), None)
    assert unproven.rationales == {}
    assert (refuted.cited, refuted.label) == (("7", "12"), "CONTRADICT")
    assert refuted.rationales == {"7": (0, 2), "12": (0,)}
    assert (silent.rationales, silent.label) == ({"12": ()}, None)
    (supported,) = read_claims(stored(path, claim(3, {"7": [("SUPPORT", [1])]}, 7)), abstracts)
    assert supported.label == "SUPPORT"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "expected a claim, with id, claim, evidence and cited_doc_ids, got Expecting"),
        ("3", "is this SciFact's format"),
        ({"id": 3, "claim": "c", "evidence": {}}, "no field 'cited_doc_ids'"),
        (claim(3, {}, 5), "abstract 5, which the corpus lacks"),
        (claim(3, {"5": []}, 7), "abstract 5, which the corpus lacks"),
        (claim(3, {"12": [("SUPPORT", [1])]}, 12), r"a sentence that abstract 12 does not have among \[1\]"),
        (claim(3, {"12": [("SUPPORT", [-1])]}, 12), r"does not have among \[-1\]"),
        (claim(3, {"7": [("SUPPORT", [0]), ("REFUTE", [1])]}, 7), "CONTRADICT and SUPPORT as what its evidence says"),
        (claim(3, {"7": [("MAYBE", [0])]}, 7), "the label 'MAYBE' as what its evidence says"),
    ],
)
def test_broken_claims(tmp_path: Path, abstracts: dict[str, Abstract], line: object, message: str) -> None:
    path = stored(tmp_path / "claims.jsonl", claim(1, {}, 12), line)
    with pytest.raises(DataError, match=message) as caught:
        read_claims(path, abstracts)
    assert (caught.value.path, caught.value.line) == (path, 2)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "at least one line with an abstract"),
        ([CORPUS[0], CORPUS[0]], "doc_id 7: expected it once"),
        ([{"doc_id": 7, "title": "t"}], "no field 'abstract'"),
    ],
)
def test_broken_corpora(tmp_path: Path, lines: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_abstracts(stored(tmp_path / "corpus.jsonl.gz", *lines))


@pytest.mark.bench
def test_counts_of_scifact(data_folder: Path) -> None:
    folder = data_folder / "scifact"
    abstracts = read_abstracts(folder / "corpus.jsonl.gz")
    assert (len(abstracts), sum(len(abstract.sentences) for abstract in abstracts.values())) == (5_183, 45_952)
    for split, counts in {"train": (809, 505, 332), "dev": (300, 188, 124)}.items():
        labels = [claim.label for claim in read_claims(folder / f"claims_{split}.jsonl", abstracts)]
        assert (len(labels), len(labels) - labels.count(None), labels.count("SUPPORT")) == counts
