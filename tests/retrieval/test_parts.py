from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from cascade.docs import Passage
from cascade.retrieval.fusion import convex_combination
from cascade.retrieval.index import Index
from tests.retrieval.made import WordCounts, document

QUERY = "amber anchor apple"
WORDS = [*QUERY.split(), *(f"word{i}" for i in range(20))]


@pytest.fixture(scope="module")
def passages() -> list[Passage]:
    """More than are joined of either ranking."""
    draw = random.Random(0)
    return [p for i in range(400) for p in document(f"d{i:03}", [" ".join(draw.choices(WORDS, k=9))])[2]]


def cosines(passages: list[Passage]) -> dict[str, float]:
    vectors = WordCounts().encode([QUERY, *(p.text for p in passages)])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = (vectors[1:].astype(float) @ vectors[0].astype(float)).round(6).tolist()
    return dict(zip((p.id for p in passages), found, strict=True))


def test_what_only_words_have_found_is_joined_with_its_cosine(passages: list[Passage], tmp_path: Path) -> None:
    added = [(p.document, "", [p]) for p in passages]
    with Index.build(tmp_path / "i", added, encoder=WordCounts()) as index:
        hits, *parents = (index.search(QUERY, 100, mode=mode) for mode in ("hybrid", "lexical", "dense"))  # type: ignore[arg-type]
    words, nearest = ({hit.id: hit.score for hit in found} for found in parents)
    near, apart = cosines(passages), words.keys() - nearest.keys()
    assert len(words) == len(nearest) == 100 and apart & {hit.id for hit in hits}
    meaning = {**nearest, **{id: near[id] for id in apart}}
    expected = convex_combination([words, meaning], weights=[0.3, 0.7], floors=[0, -1])[:100]
    assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected], abs=1e-5)
    assert [hit.id for hit in hits[:10]] == [id for id, _ in expected[:10]]
    assert {hit.id for hit in hits if "dense" not in hit.stages} == apart & {hit.id for hit in hits}
