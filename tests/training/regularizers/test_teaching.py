from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from torch.nn import functional

from cascade.data.batches import Batch
from cascade.errors import TrainingError
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.nn.encoders import Embedding
from cascade.tasks import Parsing, Tagging, TextClassification
from cascade.training.regularizers.teaching import Teaching, divergence, teachable


@given(st.floats(0.5, 8.0), st.integers(0, 1000))
def test_the_divergence_is_that_of_torch_on_softened_logits(temperature: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    taught, learned = (4 * torch.randn(5, 7, generator=generator) for _ in range(2))
    softened = [(each / temperature).log_softmax(-1) for each in (learned, taught)]
    expected = temperature**2 * functional.kl_div(*softened, log_target=True, reduction="none").sum(-1, keepdim=True)
    found = divergence(taught.softmax(-1), learned.softmax(-1), temperature)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_classes_without_a_chance_cost_nothing() -> None:
    taught = torch.tensor([[0.25, 0.75, 0.0, 0.0]])
    learned = torch.tensor([[0.5, 0.5, 0.0]], requires_grad=True)
    expected = 0.25 * torch.tensor(0.5).log() + 0.75 * torch.tensor(1.5).log()
    found = divergence(taught, learned, 1.0)
    torch.testing.assert_close(found.squeeze(), expected)
    found.sum().backward()
    assert torch.isfinite(learned.grad).all()


def said(model: CascadeModel, docs: list[Doc], tasks: list[str]) -> tuple[Batch, dict[str, Output]]:
    batch = model.batch(docs)
    return batch, model(batch, tasks)


def test_a_model_is_at_one_with_itself_and_gets_gradient_elsewhere(model: CascadeModel, docs) -> None:
    teacher, tasks = deepcopy(model), ["tags", "sents"]
    teaching = Teaching(teacher, model.eval(), tasks, "old")
    texts = docs(3)
    assert float(teaching.loss(texts, said(model, texts, tasks)[1], tasks, 2.0).detach()) == pytest.approx(0, abs=1e-5)
    with torch.no_grad():
        for p in model.parameters():
            p += 0.3 * torch.randn_like(p)
    loss = teaching.loss(texts, said(model, texts, tasks)[1], tasks, 2.0)
    loss.backward()
    assert float(loss.detach()) > 0 and model.nodes["tags"].decoder.output.weight.grad.abs().sum() > 0
    assert not teacher.training and all(p.grad is None and not p.requires_grad for p in teacher.parameters())


def test_labels_are_aligned_by_name(docs) -> None:
    graph = TaskGraph(encoder=Embedding(words=4, characters=4, vocabulary=8, buckets=8)).add(Tagging("tags", hidden=4))
    texts = docs(2)
    teacher = CascadeModel(graph).initialize(texts, labels={"tags": ("V", "X", "N", "D")})
    student = CascadeModel(graph).initialize(texts, labels={"tags": ("D", "N", "V")})
    with torch.no_grad():
        old = teacher.eval()(teacher.batch(texts), ["tags"])["tags"].scores["logits"][:, [3, 2, 0]]
        outputs = student.eval()(student.batch(texts), ["tags"])
        found = Teaching(teacher, student, ["tags"], "t").loss(texts, outputs, ["tags"], 1.0)
    new = outputs["tags"].scores["logits"].log_softmax(-1)
    expected = functional.kl_div(new, old.log_softmax(-1), log_target=True, reduction="batchmean")
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_heads_and_labels_that_do_not_exclude_each_other(model: CascadeModel, graph, vocab) -> None:
    encoder = Embedding(words=4, characters=4, vocabulary=8, buckets=8)
    texts = [Doc(vocab, words=["a", "b", "c"], heads=[1, 1, 1], deps=["x", "ROOT", "y"]), Doc(vocab, words=["a", "b"])]
    texts[0].cats, texts[1].cats = {"fun": 1.0, "sad": 0.0}, {"fun": 1.0, "sad": 1.0}
    made = TaskGraph(encoder=encoder).add(Parsing("parse", hidden=4, relations=4))
    made.add(TextClassification("cats", hidden=4, exclusive=False))
    teacher, student = (CascadeModel(made).initialize(texts).eval() for _ in range(2))
    for m in (teacher, student):
        for p in m.parameters():
            torch.nn.init.normal_(p)
    with torch.no_grad():
        old, new = said(teacher, texts, ["parse", "cats"])[1], said(student, texts, ["parse", "cats"])[1]
        teaching = Teaching(teacher, student, ["parse", "cats"], "t")
        heads = functional.kl_div(
            new["parse"].scores["arcs"].log_softmax(-1),
            old["parse"].scores["arcs"].log_softmax(-1),
            log_target=True,
            reduction="batchmean",
        )
        p, q = (m.task("parse").distribution(o["parse"]) for m, o in ((teacher, old), (student, new)))
        relations = (p * (p.log() - q.log())).sum(-1).mean()
        torch.testing.assert_close(teaching.loss(texts, new, ["parse"], 1.0), heads + relations, rtol=1e-3, atol=1e-4)
        p, q = (o["cats"].scores["logits"].sigmoid() for o in (old, new))
        cross = functional.binary_cross_entropy(q, p, reduction="none") - functional.binary_cross_entropy(
            p, p, reduction="none"
        )
        torch.testing.assert_close(teaching.loss(texts, new, ["cats"], 1.0), cross.sum(-1).mean(), rtol=1e-3, atol=1e-4)


def test_misfits_are_named(model: CascadeModel, docs) -> None:
    other = CascadeModel(model.graph.closure(["tags"])).initialize(docs(3), labels={"tags": ("D", "N")})
    with pytest.raises(TrainingError) as caught:
        Teaching(other, model, ["tags", "sents", "ner"], "runs/x")
    assert "runs/x is to teach 'tags', but does not know the labels V (1 of 3)" in str(caught.value)
    assert "runs/x is to teach 'sents', but runs/x has tags" in str(caught.value)
    assert "runs/x is to teach 'ner', but the graph has tags, sents" in str(caught.value)
    assert teachable(model) == ["tags", "sents"]
