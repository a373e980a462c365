from __future__ import annotations

from pathlib import Path

import pytest
import torch
from spacy.tokens import Doc

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.training.regularizers import load_fisher, measure_fisher, save_fisher


def test_of_a_linear_softmax_by_hand(model: CascadeModel, docs) -> None:
    """For logits W h + b, the gradient of -log p(y) is (p - y) h^T and p - y; dropout has no part in it."""
    texts = docs(5, seed=7)
    model.train()
    found = measure_fisher(model, texts, ["tags"])
    assert model.training
    weight, bias = (torch.zeros_like(getattr(model.node("tags").decoder.output, n)) for n in ("weight", "bias"))
    model.eval()
    for doc in texts:
        batch = model.batch([doc], targets=["tags"])
        with torch.no_grad():
            output = model(batch, ["tags"])["tags"]
        gap = output.scores["logits"].softmax(-1)
        gap[torch.arange(len(doc)), batch.targets["tags"]["label"]] -= 1
        states = output.scores["hidden"]
        mean = sum(torch.outer(g, h) for g, h in zip(gap, states, strict=True)) / len(doc)
        weight += len(doc) * mean**2 / len(texts)
        bias += len(doc) * gap.mean(0) ** 2 / len(texts)
    torch.testing.assert_close(found["nodes.tags.decoder.output.weight"], weight, rtol=1e-4, atol=1e-9)
    torch.testing.assert_close(found["nodes.tags.decoder.output.bias"], bias, rtol=1e-4, atol=1e-9)
    assert not found["nodes.sents.decoder.output.weight"].any()
    assert found["encoder.embedding.words.weight"].any()
    assert all(p.grad is None for p in model.parameters())


def test_tasks_add_up_and_docs_without_gold_do_not_count(model: CascadeModel, docs) -> None:
    both, bare = docs(3), docs(2, seed=5, tags=False, sentences=False)
    together = measure_fisher(model, [*both, *bare, Doc(both[0].vocab)])
    apart = [measure_fisher(model, both, [task]) for task in ("tags", "sents")]
    for name, own in together.items():
        torch.testing.assert_close(own, apart[0][name] + apart[1][name])


def test_rows_without_gold_do_not_count(model: CascadeModel, docs) -> None:
    """The loss is a mean over the rows with gold: so n * g^2 of the others has no part in it."""
    whole = docs(1)[0]
    part = Doc(whole.vocab, words=[t.text for t in whole], tags=[t.tag_ if t.i < 2 else "" for t in whole])
    name, found = "nodes.tags.decoder.output.bias", measure_fisher(model, [part], ["tags"])
    loss = model.eval().losses(model.batch([part], targets=["tags"]), ["tags"])["tags"]
    (gradient,) = torch.autograd.grad(loss, [dict(model.named_parameters())[name]])
    torch.testing.assert_close(found[name], 2 * gradient**2)


def test_what_is_not_trained_is_left_out(model: CascadeModel, docs) -> None:
    model.encoder.requires_grad_(False)
    assert all(name.startswith("nodes.") for name in measure_fisher(model, docs(1)))


def test_without_gold_there_is_none(model: CascadeModel, docs) -> None:
    with pytest.raises(TrainingError, match="none of 2 Docs has gold for task 'sents'"):
        measure_fisher(model, docs(2, sentences=False))


def test_the_file(model: CascadeModel, docs, tmp_path: Path) -> None:
    found = measure_fisher(model, docs(2))
    save_fisher(found, tmp_path / "fisher.safetensors")
    read = load_fisher(tmp_path / "fisher.safetensors")
    assert found.keys() == read.keys() and all(torch.equal(found[name], read[name]) for name in found)
    with pytest.raises(TrainingError, match="cannot write"):
        save_fisher(found, tmp_path / "none" / "fisher")
    (tmp_path / "text").write_text("no tensors")
    for broken in ("text", "absent"):
        with pytest.raises(TrainingError, match=f"cannot read the Fisher information in .*{broken}"):
            load_fisher(tmp_path / broken)
