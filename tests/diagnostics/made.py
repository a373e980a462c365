"""Docs and small models whose edges do what the tests say, with weights set by hand."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from spacy.tokens import Doc
from spacy.vocab import Vocab

from cascade.graph import Edge, Hidden, Labels, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding
from cascade.tasks import AutoEncoding, MaskedLanguageModeling, Tagging

VOCAB = Vocab()
ENCODER = Embedding(words=4, characters=4, vocabulary=40, buckets=40, alpha=0.0)
UNIVERSAL = {"A": "NOUN", "B": "VERB", "C": "X"}
"""The part of speech that goes with each tag; both are in the order of the alphabet."""


def tagged(tags: str, *, pos: bool = True) -> Doc:
    """A word for each tag, with the part of speech that goes with it."""
    words = [f"{tag.lower()}{i}" for i, tag in enumerate(tags)]
    return Doc(VOCAB, words=words, tags=list(tags), pos=[UNIVERSAL[tag] for tag in tags] if pos else None)


def docs() -> list[Doc]:
    """Fourteen words, six of them of tag A, five B, three C."""
    return [tagged("AABBC"), tagged("ABAB"), tagged("C"), tagged("CABA")]


def pair(*edges: Edge, std: float = 0.4) -> CascadeModel:
    """Tags `up`, parts of speech `down`, some edges between them, and weights that are all alike random."""
    graph = TaskGraph(encoder=ENCODER).add(Tagging("up", hidden=5))
    graph.add(Tagging("down", attribute="POS", hidden=5), after={"up": edges})
    return random_weights(CascadeModel(graph).initialize(docs()), std=std)


def masked() -> CascadeModel:
    """Tags `up`, parts of speech `down` that read them and a masked language model, an autoencoder that reads tags."""
    graph = TaskGraph(encoder=ENCODER).add(Tagging("up", hidden=5))
    graph.add(MaskedLanguageModeling("words", share=0.9)).add(AutoEncoding("copy"), after={"up": [Labels(width=3)]})
    graph.add(Tagging("down", attribute="POS", hidden=5), after={"up": [Labels(width=3)], "words": [Hidden()]})
    return random_weights(CascadeModel(graph).initialize(docs()))


def random_weights(model: CascadeModel, *, std: float = 0.4) -> CascadeModel:
    """All weights drawn again, so that nothing is still by accident."""
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=std)
    return model.eval()


@torch.no_grad()
def obedient(edge: Labels | None = None) -> CascadeModel:
    """`down` says what goes with the label that `up` says, and NOUN when it hears nothing; the encoder says nothing."""
    graph = TaskGraph(encoder=ENCODER).add(Tagging("up", hidden=5))
    graph.add(Tagging("down", attribute="POS", hidden=3), after={"up": [edge or Labels(width=3)]})
    model = random_weights(CascadeModel(graph).initialize(docs()), std=2.0)
    decoder = model.node("down").decoder
    (carrier,) = model.node("down").early.carriers
    for own, value in ((carrier.embedding.embeddings, 1.0), (decoder.output.weight, 10.0)):
        own.copy_(value * torch.eye(3))
    decoder.hidden.weight.copy_(torch.cat([torch.zeros(3, 8), torch.eye(3)], dim=1))
    decoder.hidden.bias.zero_()
    decoder.output.bias.copy_(torch.tensor([0.1, 0.0, 0.0]))
    return model


def accuracy(model: CascadeModel, task: str, given: Sequence[Doc]) -> float:
    """How often a task is right, counted word by word."""
    found = [own[task]["label"].tolist() for own in model.predict(given, tasks=[task])]
    gold = [model.task(task).targets(doc)["label"].tolist() for doc in given]
    pairs = [(a, b) for one, other in zip(found, gold, strict=True) for a, b in zip(one, other, strict=True)]
    return sum(a == b for a, b in pairs) / len(pairs)
