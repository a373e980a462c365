"""Pairs that a pretrained encoder reads apart for one task and together for another, in one cascade."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from spacy.tokens import Doc
from spacy.vocab import Vocab

from cascade.graph import Candidates, Hidden, Labels, Mix, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Transformer
from cascade.tasks import Entailment, Relatedness, Tagging
from tests.toys import Retrieve, pair_of

VOCAB = Vocab()


def doc(text: str, cut: int | None = None, *, right: int = 0) -> Doc:
    """A Doc with tags; a pair of the words before and after the cut, if there is one."""
    made = Doc(VOCAB, words=text.split(), tags=["XY"[i % 2] for i in range(len(text.split()))])
    if cut is not None:
        cats = {"relatedness": 3.0, "ENTAILMENT": 1.0, "NEUTRAL": 0.0, "CONTRADICTION": 0.0}
        pair_of(made, cut, right).cats.update(cats)
    return made


def mixed() -> list[Doc]:
    """Plain Docs and pairs, empty ones and one that does not fit into a window among them."""
    return [doc("the cat"), doc("a b c d", 2), doc(""), doc("the " * 30, 14), doc("a b", 0), doc("cat mat", 1)]


def predictions_of_each(model: CascadeModel, docs: list[Doc]) -> None:
    for alone, found in zip(docs, model.predict(docs), strict=True):
        own = model.predict([alone])[0]
        assert own.keys() == found.keys()
        for task, arrays in own.items():
            for key, values in arrays.items():
                np.testing.assert_allclose(values, found[task][key], atol=1e-4)


@pytest.fixture
def model(tiny_bert: str) -> CascadeModel:
    graph = TaskGraph(encoder=Transformer(tiny_bert, bf16=False)).add(Tagging("tag", layer=1))
    graph.add(Relatedness("rel", layer=Mix()))
    edges = {"rel": [Hidden()], "tag": [Labels(convert="mean")]}
    graph.add(Entailment("ent", layer=2, view="together"), after=edges)
    return CascadeModel(graph).initialize(mixed()).eval()


def test_a_doc_is_read_alike_whatever_the_others_of_its_batch(model: CascadeModel) -> None:
    predictions_of_each(model, mixed())


def test_batches_train_with_and_without_pairs(model: CascadeModel) -> None:
    for docs in (mixed(), [doc("the cat")], [doc("a b c d", 2)], [doc("")]):
        batch = model.train().batch(docs, targets=["tag", "rel", "ent"])
        for tasks in (["tag"], ["ent"], ["tag", "rel", "ent"]):
            for loss in model.losses(batch, tasks).values():
                assert torch.isfinite(loss)
                loss.backward(retain_graph=True)


@pytest.mark.parametrize("k", [1, 2])
def test_both_views_are_pruned(tiny_bert: str, k: int) -> None:
    graph = TaskGraph(encoder=Transformer(tiny_bert, bf16=False)).add(Retrieve("ret", layer=0))
    graph.add(Entailment("ent", layer=2, view="together"), after={"ret": [Candidates(k)]})
    graph.add(Tagging("tag", layer=2), after={"ret": [Candidates(k)]})
    docs = [doc("a b c d", 2), doc("the cat a mat", 3, right=1)]
    predictions_of_each(CascadeModel(graph).initialize(docs).eval(), docs)
