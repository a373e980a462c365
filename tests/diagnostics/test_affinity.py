from __future__ import annotations

from pathlib import Path

import pytest

from cascade.diagnostics.affinity import Affinity, affinity, read_affinity, suggest_edges, summarize
from cascade.errors import ConfigError
from cascade.graph import Hidden, Labels, Recurrent, TaskGraph
from cascade.nn.encoders import Embedding
from cascade.storage import WEIGHTS
from cascade.tasks import Relatedness, Sentences, Tagging
from tests.training.conftest import make_graph, make_trainer


def test_a_run_that_is_watched_is_the_same_run(tmp_path: Path) -> None:
    make_trainer().fit(tmp_path / "plain")
    found = affinity(make_trainer(), tmp_path / "watched", every=4, docs=3)
    plain, watched = (tmp_path / name / "best" / WEIGHTS for name in ("plain", "watched"))
    assert plain.read_bytes() == watched.read_bytes()
    assert [(own.source, own.target, own.measurements) for own in found.pairs] == [
        ("tags", "sents", 3),
        ("sents", "tags", 3),
    ]
    (edge,) = found.edges
    assert (edge.upstream, edge.downstream, edge.exists) == ("tags", "sents", True)
    assert edge.through is not None and edge.suggested == edge.through.sure
    assert read_affinity(tmp_path / "watched") == found
    assert len(read_affinity(tmp_path / "watched", groups=1).groups) == 1


def test_numbers_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rate above 0"):
        affinity(make_trainer(), tmp_path / "run", rate=0)
    with pytest.raises(ConfigError, match="expected a run that was measured"):
        read_affinity(tmp_path)


def known(source: str, target: str, mean: float, error: float = 0.01) -> tuple[tuple[str, str], Affinity]:
    return (source, target), Affinity(source=source, target=target, mean=mean, error=error, measurements=5)


def test_edges_that_are_suggested() -> None:
    graph = TaskGraph(encoder=Embedding(words=4))
    for name in ("a", "b", "c"):
        graph.add(Tagging(name, layer=Recurrent(2)))
    graph.add(Sentences("d", layer=Recurrent(2)), after={"a": [Hidden()], "c": [Labels()]})
    graph.add(Relatedness("pair"))
    pairs = dict(
        [
            known("a", "b", 0.9),
            known("b", "a", 0.3),
            known("b", "c", 0.8),
            known("c", "a", 0.7),
            known("a", "c", 0.1),
            known("c", "b", 0.0),
            known("d", "a", 0.5),
            known("b", "d", 0.2, error=0.15),
            known("pair", "a", 0.9),
        ]
    )
    through = dict([known("a", "d", 0.4), known("c", "d", -0.1)])
    found = {(own.upstream, own.downstream): own for own in suggest_edges(graph, pairs, through)}
    assert {pair: own.suggested for pair, own in found.items()} == {
        ("a", "d"): True,  # there, and better with it
        ("c", "d"): False,  # there, and worse with it
        ("a", "b"): True,
        ("b", "c"): True,
        ("c", "a"): False,  # would make a cycle with the two before it
        ("b", "a"): False,  # the other way round is better
        ("b", "d"): False,  # may be chance
        ("a", "c"): False,
        ("c", "b"): False,
    }  # d -> a would make a cycle with what is there, and a text does not become a token
    assert found["a", "d"].exists and not found["a", "b"].exists


def test_a_summary_is_the_mean_of_what_was_seen() -> None:
    rows = [{"shared": {"tags": {"sents": value}}, "through": {"tags": {"sents": -value}}} for value in (0.1, 0.4)]
    found = summarize(make_graph(), rows, 2)
    (pair,) = found.pairs
    assert pair.mean == pytest.approx(0.25) and pair.error == pytest.approx(0.15)
    assert not pair.sure and not pair.harmful and [own.suggested for own in found.edges] == [False]
    assert [list(group.tasks) for group in found.groups] == [["tags", "sents"]]


@pytest.mark.parametrize(
    ("mean", "error", "sure", "harmful"),
    [(0.3, 0.1, True, False), (-0.3, 0.1, False, True), (0.1, 0.1, False, False), (-0.1, None, False, True)],
)
def test_what_is_more_than_chance(mean: float, error: float | None, sure: bool, harmful: bool) -> None:
    own = Affinity(source="a", target="b", mean=mean, error=error, measurements=9)
    assert (own.sure, own.harmful) == (sure, harmful)
