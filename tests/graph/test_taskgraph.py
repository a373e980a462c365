from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.errors import GraphError
from cascade.graph import Candidates, Edge, Hidden, Labels, Mix, Recurrent, Segments, TaskGraph

Make = Callable[..., Any]
Arcs = list[tuple[int, int]]


@pytest.fixture
def jmt(toy: Make, stack: Any) -> TaskGraph:
    """POS -> chunk -> parse, with POS labels for the parser too."""
    return (
        TaskGraph(encoder=stack)
        .add(toy("pos"))
        .add(toy("chunk"), after={"pos": [Hidden(), Labels()]})
        .add(toy("parse"), after={"chunk": [Hidden(), Labels(group="y")], "pos": [Labels(group="y")]})
    )


def problems_of(graph: TaskGraph) -> list[str]:
    with pytest.raises(GraphError) as error:
        graph.validate()
    assert str(error.value) == "\n".join(error.value.problems)
    return error.value.problems


def test_a_sound_graph_validates_to_itself(jmt: TaskGraph) -> None:
    assert jmt.validate() is jmt
    assert jmt.order() == jmt.names() == ["pos", "chunk", "parse"]
    assert jmt.edges_into("parse") == {"chunk": (Hidden(), Labels(group="y")), "pos": (Labels(group="y"),)}


def test_every_problem_is_reported_at_once(toy: Make, stack: Any) -> None:
    graph = TaskGraph(encoder=stack)
    graph.add(toy("a"), after={"b": [Hidden()], "ghost": [Hidden()]})
    graph.add(toy("b", layer=3), after={"a": [Labels()]})
    graph.add(toy("c", layer=Mix(layers=(0, 7))))
    graph.add(toy("d", layer=Recurrent(4, layer=-1)))
    graph.add_edge("c", "d")
    graph.add_edge("a", "c", edges=(Labels(convert="max"), Segments()))
    found = "\n".join(problems_of(graph))
    assert len(found.splitlines()) == 7
    for part in (
        "unknown task 'ghost', upstream of a",
        "cycle a -> b -> a",
        "edge c -> d carries nothing",
        "edge a -> c, Labels(convert='max')",
        "task b reads layer 3, but the encoder has layers 0 to 2",
        "task c reads layer 7",
        "task d reads layer -1",
    ):
        assert part in found


def test_a_graph_needs_an_encoder_and_a_task() -> None:
    first, second = problems_of(TaskGraph())
    assert "no encoder" in first
    assert "no task" in second


def test_a_task_that_feeds_itself_is_a_cycle(toy: Make, stack: Any) -> None:
    graph = TaskGraph(encoder=stack).add(toy("a"), after={"a": [Hidden()]})
    assert problems_of(graph) == ["cycle a -> a: take one of its edges out"]
    with pytest.raises(GraphError, match="cycle a -> a"):
        graph.order()


def test_an_encoder_without_depth_leaves_layers_to_initialization(toy: Make) -> None:
    TaskGraph(encoder=object()).add(toy("a", layer=99)).validate()


@pytest.mark.parametrize("name", ["", "a.b"])
def test_names_that_cannot_be(name: str, toy: Make) -> None:
    with pytest.raises(GraphError, match="without dots"):
        TaskGraph().add(toy(name))


def test_a_name_is_taken_once(jmt: TaskGraph, toy: Make) -> None:
    with pytest.raises(GraphError, match="has a task 'pos' already"):
        jmt.add(toy("pos"))


def test_an_unknown_name_is_answered_with_the_known_ones(jmt: TaskGraph) -> None:
    for ask in (jmt.task, lambda name: jmt.closure([name])):
        with pytest.raises(GraphError, match="no task 'tag' in the graph: it has pos, chunk, parse"):
            ask("tag")


def test_an_edge_that_does_not_fit_is_refused_when_it_is_made_and_leaves_no_trace(toy: Make) -> None:
    graph = TaskGraph().add(toy("a")).add(toy("b"))
    wrong: dict[str, list[Edge]] = {"a": [Labels(convert="broadcast"), Hidden()], "b": []}
    with pytest.raises(GraphError) as error:
        graph.add(toy("c", "text"), after=wrong)
    first, second = error.value.problems
    assert first.startswith("edge a -> c, Labels(convert='broadcast'): token rows do not become token or text rows")
    assert first.endswith("convert=None or convert='max' or convert='mean' or convert='first' or convert='attention'")
    assert second == "edge b -> c carries nothing: name what flows, such as [Hidden(), Labels()]"
    assert list(graph) == ["a", "b"]
    assert not graph.edges
    graph.add(toy("c", "text"), after={"a": [Labels(convert="max")]})


@pytest.mark.parametrize(
    ("edges", "problem"),
    [
        (Hidden(), "expected a list such as [Hidden(), Labels()], got Hidden(): put it into a list"),
        (Hidden, "expected a list such as [Hidden(), Labels()], got the class Hidden: put it into a list"),
        ("soft", "expected a list such as [Hidden(), Labels()], got 'soft': put it into a list"),
        ([Hidden(), Labels], "expected edges such as Hidden(), got the class Labels in the list"),
        (["soft"], "expected edges such as Hidden(), got 'soft' in the list"),
    ],
)
@pytest.mark.parametrize("upstream", ["pos", "later"])
def test_edges_that_are_no_list_of_edges(edges: Any, problem: str, upstream: str, jmt: TaskGraph, toy: Make) -> None:
    with pytest.raises(GraphError) as error:
        jmt.add(toy("more"), after={upstream: edges})
    assert error.value.problems == [f"edge {upstream} -> more: {problem}"]
    assert "more" not in jmt
    jmt.add(toy("more"))
    jmt.add_edge("pos", "more", edges=edges)
    assert problems_of(jmt) == [f"edge pos -> more: {problem}"]


def test_an_edge_to_a_task_that_comes_later_is_checked_when_it_comes(toy: Make, stack: Any) -> None:
    graph = TaskGraph(encoder=stack).add(toy("down"), after={"up": [Labels()]})
    with pytest.raises(GraphError, match="text rows do not become token rows"):
        graph.add(toy("up", "text"))
    assert graph.names() == ["down"]
    assert graph.add(toy("up")).validate().order() == ["up", "down"]


@st.composite
def dags(draw: st.DrawFn) -> tuple[list[str], Arcs]:
    """Names in the order of adding, and arcs between their places in a hidden topological order."""
    size = draw(st.integers(1, 8))
    names = draw(st.permutations([f"t{i}" for i in range(size)]))
    pairs = [(i, j) for j in range(size) for i in range(j)]
    return list(names), draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []


def build(names: list[str], arcs: Arcs, toy: Make) -> TaskGraph:
    graph = TaskGraph(encoder="e")
    for name in names:
        place = int(name[1:])
        graph.add(toy(name), after={f"t{i}": [Hidden()] for i, j in arcs if j == place})
    return graph


@settings(max_examples=200)
@given(dag=dags(), data=st.data())
def test_a_closure_is_what_networkx_calls_the_ancestors(
    dag: tuple[list[str], Arcs], data: st.DataObject, toy: Make
) -> None:
    graph = build(*dag, toy).validate()
    plain = nx.DiGraph((f"t{i}", f"t{j}") for i, j in dag[1])
    plain.add_nodes_from(dag[0])
    wanted = data.draw(st.lists(st.sampled_from(dag[0]), unique=True, min_size=1, max_size=3))
    above = set().union(*(nx.ancestors(plain, name) for name in wanted))
    part = graph.closure(wanted)
    assert set(part) == above | set(wanted)
    assert graph.ancestors(wanted) == above
    assert set(part.edges) == set(plain.subgraph(part).edges)
    assert part.encoder == "e"
    assert all(part.task(name) is graph.task(name) for name in part)
    assert all(list(part.edges_into(name)) == list(graph.edges_into(name)) for name in part)
    assert part.order() == [name for name in graph.order() if name in part]


@given(dag=dags())
def test_the_order_is_topological_and_always_the_same(dag: tuple[list[str], Arcs], toy: Make) -> None:
    orders = [build(*dag, toy).order() for _ in range(2)]
    assert orders[0] == orders[1]
    place = {name: i for i, name in enumerate(orders[0])}
    assert all(place[f"t{i}"] < place[f"t{j}"] for i, j in dag[1])
    if not dag[1]:
        assert orders[0] == dag[0]


def test_networkx_algorithms_work_on_a_graph(jmt: TaskGraph) -> None:
    for copy in (jmt.copy(), jmt.subgraph(["pos", "chunk", "parse"]), deepcopy(jmt), TaskGraph(jmt)):
        assert isinstance(copy, TaskGraph)
        assert copy.encoder == jmt.encoder
        assert copy.validate().order() == jmt.order()
        assert copy.edges_into("chunk") == jmt.edges_into("chunk")
    part = jmt.subgraph(["pos", "parse"])
    assert part.order() == ["pos", "parse"]
    back = jmt.reverse()
    assert isinstance(back, TaskGraph)
    assert back.order() == ["parse", "chunk", "pos"]
    assert nx.dag_longest_path(jmt) == ["pos", "chunk", "parse"]
    assert set(nx.transitive_reduction(jmt).edges) == {("pos", "chunk"), ("chunk", "parse")}
    assert nx.to_dict_of_lists(jmt) == {"pos": ["chunk", "parse"], "chunk": ["parse"], "parse": []}
    assert nx.is_isomorphic(nx.DiGraph(jmt), nx.DiGraph([("a", "b"), ("b", "c"), ("a", "c")]))


def test_a_copy_is_a_graph_of_its_own(jmt: TaskGraph, toy: Make) -> None:
    copy = jmt.copy()
    copy.add(toy("more"), after={"parse": [Candidates(2)]})
    assert "more" not in jmt


def test_what_is_pruned_is_all_that_lies_behind_candidates(toy: Make, stack: Any) -> None:
    graph = TaskGraph(encoder=stack).add(toy("find")).add(toy("aside"), after={"find": [Hidden()]})
    graph.add(toy("read"), after={"find": [Candidates(2)], "aside": [Hidden()]})
    assert graph.add(toy("rank"), after={"read": [Labels()]}).pruned() == {"read", "rank"}
    assert graph.closure(["aside"]).pruned() == set()


def test_an_encoder_is_conditioned_on_tasks_of_the_graph(toy: Make) -> None:
    class Conditioned:
        conditions = ("pos", "prase")

    graph = TaskGraph(encoder=Conditioned()).add(toy("pos"))
    assert problems_of(graph) == [
        "the encoder is conditioned on the task 'prase', which is not in the graph: add it, or leave it out there"
    ]
    assert graph.add(toy("prase")).validate() is graph
