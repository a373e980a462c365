"""Questions with passages and answers, made by hand, and small models that answer them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import spacy
import torch
from spacy.tokens import Doc
from torch import Tensor

from cascade import docs as documents
from cascade.docs import Passage, passage_of
from cascade.graph import Candidates, Edge, Hidden, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Transformer
from cascade.retrieval.locating import locate
from cascade.tasks import Reading, Reranking, Retrieval, Task
from cascade.testing import tiny_transformer

documents.register()
NLP = spacy.blank("en")
Edges = Mapping[str, Mapping[str, Sequence[Edge]]]

LAMP, CLOCK, BOAT = "the lamp was lit by mara at nine", "old clocks tick", "no boat left, said mara. mara slept"


def question(text: str, passages: Sequence[str], answers: Sequence[tuple[int, str]] | None = None) -> Doc:
    """A question; answers are the number of a passage and what stands in it, at its first place there."""
    doc = NLP.make_doc(text)
    found = [passage_of(passage, id=f"p{i}") for i, passage in enumerate(passages)]
    documents.set_passages(doc, found)
    if answers is not None:
        documents.set_answers(doc, [_answer(found[i], wanted) for i, wanted in answers])
    return doc


def _answer(passage: Passage, wanted: str) -> documents.Answer:
    first = passage.text.index(wanted)
    return locate(passage, first, first + len(wanted))


def asked() -> list[Doc]:
    """Questions with one answer, with two mentions of it, with none, and without gold."""
    return [
        question("who lit the lamp", [CLOCK, LAMP, BOAT], [(1, "mara")]),
        question("who slept", [BOAT, LAMP], [(0, "mara. mara"), (0, "mara"), (1, "mara")]),
        question("what ticks", [CLOCK], [(0, "old clocks")]),
        question("who left", [BOAT, CLOCK, LAMP], []),
        question("who knows", [LAMP, BOAT]),
    ]


def odd() -> list[Doc]:
    """No passages, empty ones, such without words, with one word, with many; no question; an empty one, a long one."""
    made = [
        question("who", []),
        question("who", [""]),
        question("who", [" \n", "", LAMP]),
        question("who", ["mara"], [(0, "mara")]),
        question("", [LAMP, CLOCK], [(0, "mara")]),
        question("why " * 300, [LAMP]),
        question("who", [" ".join(f"w{i}" for i in range(200)), "x"]),
        question(" ", ["\u200b a \u200b"]),
    ]
    return [*made, NLP.make_doc("plain text"), NLP.make_doc("")]


def chain(*, k: int = 2, spans: int = 3, gold: bool = False, layers: Sequence[int] = (1, 2, 3)) -> TaskGraph:
    """Retrieve -> read -> rerank."""
    return graph_of(
        Retrieval("retrieve", layer=layers[0], hidden=8),
        Reading("read", layer=layers[1], spans=4, beam=5, longest=4),
        Reranking("rerank", layer=layers[2], hidden=8, longest=4),
        read={"retrieve": [Candidates(k, gold=gold)]},
        rerank={"read": [Hidden(), Candidates(spans, gold=gold)]},
        depth=max(layers),
    )


def graph_of(*tasks: Task, depth: int = 3, encoder: Any = None, **after: Mapping[str, Sequence[Edge]]) -> TaskGraph:
    """A graph over a transformer that reads 48 pieces at a time."""
    graph = TaskGraph(encoder=encoder or Transformer("tiny", layers=depth, stride=24, bf16=False))
    for task in tasks:
        graph.add(task, after=after.get(task.name))
    return graph


def model_of(graph: TaskGraph, *, seed: int = 0, std: float | None = 0.3) -> CascadeModel:
    """A model with random weights, its heads all alike random."""
    torch.manual_seed(seed)
    model = CascadeModel(graph)
    docs = asked()
    labels = {name: tuple(model.task(name).labels(docs)) for name in graph.names()}
    model.build(labels, assets=tiny_transformer(graph.encoder.depth))
    for parameter in model.nodes.parameters():
        if std is not None:
            torch.nn.init.normal_(parameter, std=std)
    return model.eval()


class Watch:
    """Which windows every block of a transformer reads, and how often texts are cut into pieces."""

    def __init__(self, model: CascadeModel) -> None:
        self.cut = 0
        self.windows: Counter[int] = Counter()
        encoder: Any = model.encoder
        asked = encoder.asked

        def watched(*arguments: Any) -> Any:
            self.cut += 1
            return asked(*arguments)

        encoder.asked = watched
        for number, block in enumerate(encoder.blocks):
            block.register_forward_pre_hook(lambda _, inputs, number=number: self._note(number, inputs[0]))

    def _note(self, number: int, states: Tensor) -> None:
        self.windows[number] += len(states)
