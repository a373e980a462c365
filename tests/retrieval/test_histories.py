"""However an index came to hold its passages, it answers as one that was built of them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cascade.retrieval.hits import Hit
from cascade.retrieval.index import Index, Mode
from tests.retrieval.made import WordCounts, document

NAMES = st.sampled_from("vwxyz")
TEXTS = st.lists(st.lists(st.sampled_from("abcdef"), max_size=6).map(" ".join), max_size=3)
CHANGES = st.one_of(
    st.tuples(st.just("add"), st.lists(st.tuples(NAMES, TEXTS), max_size=3)),
    st.tuples(st.just("delete"), st.lists(NAMES, max_size=2)),
    st.tuples(st.just("compact"), st.none()),
    st.tuples(st.just("reopen"), st.none()),
)
MODES: tuple[Mode, ...] = ("lexical", "dense", "hybrid")


def answers(index: Index) -> list[list[tuple[str, float, str]]]:
    def plain(hit: Hit) -> tuple[str, float, str]:
        return hit.id, hit.score, hit.passage.text

    queries = ["a", "b c", "a a f e d"]
    return [[plain(hit) for hit in hits] for mode in MODES for hits in index.search_batch(queries, 4, mode=mode)]


def open_index(folder: Path) -> Index:
    return Index.open(folder, encoder=WordCounts(8))


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(CHANGES, max_size=6))
def test_any_history_equals_a_rebuild(changes: list[tuple[str, list[tuple[str, list[str]]]]]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder, expected = Path(temporary), {}
        index = Index.build(folder / "changed", encoder=WordCounts(8))
        for kind, what in changes:
            if kind == "add":
                index.add(document(id, texts) for id, texts in what)
                expected.update(what)
            elif kind == "delete":
                index.delete(what)
                expected = {id: texts for id, texts in expected.items() if id not in what}
            elif kind == "compact":
                index.compact()
            else:
                index.close()
                index = open_index(folder / "changed")
            alive = {passage.text for id, texts in expected.items() for passage in document(id, texts)[2]}
            assert {hit.passage.text for hit in index.search("a b c d e f", 50)} <= alive
        assert sorted(index.documents()) == sorted(expected)
        assert index.verify() == []
        index.compact()
        rebuilt = Index.build(
            folder / "rebuilt", (document(id, expected[id]) for id in sorted(expected)), encoder=WordCounts(8)
        )
        assert answers(index) == answers(rebuilt)
        assert index.verify() == []
        index.close()
        rebuilt.close()
