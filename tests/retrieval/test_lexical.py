from __future__ import annotations

import random
from collections.abc import Mapping
from math import log
from pathlib import Path

import numpy as np
import pytest

from cascade.errors import StoreError
from cascade.retrieval.analysis import Analysis
from cascade.retrieval.lexical import LexicalIndex
from tests.retrieval.test_memory import bm25

# Lengths that one byte tells exactly are up to 40; further on it knows these (Lucene's SmallFloat, byte4ToInt).
LENGTHS = [*range(40), 40, 42, 44, 46, 48, 50, 52, 54, 56, 60, 64, 68, 72, 76, 80, 84, 88, 96, 104, 112, 120]


def make(folder: Path, texts: Mapping[int, str], facts: Mapping[int, set[str]] | None = None) -> LexicalIndex:
    LexicalIndex.create(folder)
    index = LexicalIndex(folder, Analysis())
    with index.writing() as writer:
        for row, text in texts.items():
            writer.add(row, text, (facts or {}).get(row, ()))
        writer.commit()
    index.reload()
    return index


def test_against_brute_force(tmp_path: Path) -> None:
    draw = random.Random(0)
    texts = [draw.choices("abcdefghij", k=draw.randrange(1, 40)) for _ in range(60)]
    index = make(tmp_path / "i", dict(enumerate(map(" ".join, texts))))
    for length in (1, 2, 5, 30):
        query = draw.choices("abcdefghijxyz", k=length)
        expected = bm25(query, texts)
        found = dict(index.search(query, 100))
        assert found == pytest.approx({row: score for row, score in enumerate(expected) if score}, rel=1e-5)
        assert list(found.values()) == sorted(found.values(), reverse=True)


def test_lengths_are_rounded_down(tmp_path: Path) -> None:
    texts = {number: " ".join(["a", *["b"] * (number - 1)]) for number in range(1, 121)}
    index = make(tmp_path / "i", texts)
    mean = sum(texts) / len(texts)
    for row, score in index.search(["a"], 200):
        length = max(known for known in LENGTHS if known <= row)
        expected = log(1 + 0.5 / 120.5) * 2.2 / (1 + 1.2 * (0.25 + 0.75 * length / mean))
        assert score == pytest.approx(expected, rel=1e-4)


def test_facts(tmp_path: Path) -> None:
    facts = {0: {"f", "g"}, 1: {"g"}, 2: {"h"}}
    index = make(tmp_path / "i", {0: "boat", 1: "boat boat", 2: "boat"}, facts)
    assert index.rows().tolist() == [0, 1, 2]
    assert index.rows([frozenset("gh")]).tolist() == [0, 1, 2]
    assert index.rows([frozenset("g"), frozenset("fh")]).tolist() == [0]
    assert index.rows([frozenset()]).tolist() == []
    everywhere = dict(index.search(["boat"], 9))
    assert dict(index.search(["boat"], 9, [frozenset("g")])) == {row: everywhere[row] for row in (1, 0)}


def test_deletion_and_what_it_leaves(tmp_path: Path) -> None:
    texts = {0: "boat rope", 1: "boat", 2: "cart"}
    index = make(tmp_path / "i", texts)
    before = dict(index.search(["boat"], 9))
    with index.writing() as writer:
        writer.delete([1, 77])
        writer.commit()
    assert dict(index.search(["boat"], 9)) == before, "one state until reload"
    index.reload()
    assert dict(index.search(["boat"], 9)) == {0: before[0]}, "its counts stay"
    with index.writing() as writer:
        writer.clear()
        for row in (0, 2):
            writer.add(row, texts[row], ())
        writer.commit()
    index.reload()
    assert dict(index.search(["boat"], 9)) == dict(make(tmp_path / "j", {0: texts[0], 2: texts[2]}).search(["boat"], 9))


def test_what_is_not_committed_is_lost(tmp_path: Path) -> None:
    index = make(tmp_path / "i", {0: "boat"})
    with pytest.raises(KeyboardInterrupt), index.writing() as writer:
        writer.add(1, "boat", ())
        raise KeyboardInterrupt
    index.reload()
    assert len(index) == 1
    with index.writing() as writer:  # the lock is free again
        writer.commit()


def test_explanation_adds_up(tmp_path: Path) -> None:
    index = make(tmp_path / "i", {0: "the boat and the rope", 1: "the cart", 2: "a rope"})
    terms = ["the", "rope", "rope", "whale"]
    explained = index.explain(terms, 0)
    assert set(explained) == {"rope", "the"}
    assert sum(explained.values()) == pytest.approx(dict(index.search(terms, 9))[0], rel=1e-5)
    assert list(explained.values()) == sorted(explained.values(), reverse=True)
    assert index.explain(terms, 99) == {}


@pytest.mark.parametrize("name", ["idx", "term", "fieldnorm", "fast"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_damaged_files(tmp_path: Path, name: str, damage: str) -> None:
    make(tmp_path / "i", {0: "boat"})
    (path,) = (tmp_path / "i").glob(f"*.{name}")
    content = bytearray(path.read_bytes())
    content[0] ^= 255
    path.unlink() if damage == "gone" else path.write_bytes(
        content if damage == "flipped" else content[: len(content) // 2]
    )
    with pytest.raises(StoreError, match="repair=True"):
        LexicalIndex(tmp_path / "i", Analysis())


def test_damaged_catalogue(tmp_path: Path) -> None:
    make(tmp_path / "i", {0: "boat"})
    (tmp_path / "i" / "meta.json").write_text("{")
    with pytest.raises(StoreError, match="repair=True"):
        LexicalIndex(tmp_path / "i", Analysis())


def test_empty(tmp_path: Path) -> None:
    index = make(tmp_path / "i", {})
    assert len(index) == 0
    assert index.search(["boat"], 5) == []
    assert index.rows().dtype == np.int64
    assert make(tmp_path / "j", {0: "boat"}).search([], 5) == []
