from __future__ import annotations

from cascade.graph import Candidates, TaskGraph
from cascade.nn.encoders import Embedding
from cascade.tasks import Reading, Reranking, Retrieval, Tagging, Task
from cascade.tasks.checks import problems


def graph_of(*tasks: Task) -> TaskGraph:
    graph = TaskGraph(encoder=Embedding())
    for task in tasks:
        graph.add(task)
    return graph


def test_graphs_of_tasks_that_go_together() -> None:
    assert problems(graph_of(Tagging("tag"), Tagging("other"))) == []
    chain = graph_of(Retrieval("find")).add(Reading("read"), after={"find": [Candidates(2)]})
    assert problems(chain.add(Reranking("rank"), after={"read": [Candidates(2)]})) == []


def test_every_problem_is_named() -> None:
    found = problems(graph_of(Tagging("train"), Tagging("keys"), Retrieval("find"), Reranking("rank")))
    assert [problem.split(":")[0] for problem in found] == [
        "task 'train' is called like a method of torch modules",
        "task 'keys' is called like a method of torch modules",
        "find, rank read the passages of a question, train, keys the Doc itself",
        "task 'rank' is about spans, but nothing upstream proposes any",
    ]


def test_spans_are_proposed_once() -> None:
    graph = graph_of(Reading("one"), Reading("two"))
    graph.add(Reranking("rank"), after={"one": [Candidates(2)], "two": [Candidates(2)]})
    assert problems(graph) == ["task 'rank' is behind several tasks that propose spans: keep one of them"]
