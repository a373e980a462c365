from __future__ import annotations

import pytest
import torch
from spacy.tokens import Doc
from torch import Tensor

from cascade.diagnostics.tampering import ablated, perturbed, places
from cascade.graph import Candidates, Hidden, Labels, TaskGraph
from cascade.model import CascadeModel
from tests.diagnostics.made import ENCODER, VOCAB, docs, pair, random_weights
from tests.toys import Rerank, Retrieve, pair_of


def carried(model: CascadeModel) -> list[Tensor]:
    """What the edges into `down` bring."""
    seen: list[Tensor] = []
    hooks = [
        carrier.register_forward_hook(lambda _, __, out: seen.append(out))
        for carrier in model.node("down").early.carriers
    ]
    with torch.no_grad():
        model(model.batch(docs()), ["down"])
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("number", [0, 1, 2])
def test_only_one_edge_is_perturbed_or_cut(number: int) -> None:
    model = pair(Hidden(), Labels(width=3), Labels(width=3, predict="hard"))
    place = places(model, "down")[number]
    plain = carried(model)
    with perturbed(model, place, seed=1):
        noisy, again = carried(model), carried(model)
    with ablated(model, place):
        without = carried(model)
    for i, before in enumerate(plain):
        assert torch.equal(noisy[i], before) == (i != number)
        assert torch.equal(noisy[i], again[i])
        assert torch.equal(without[i], torch.zeros_like(before) if i == number else before)


def test_perturbed_labels_are_labels() -> None:
    model = pair(Labels(width=3))
    (carrier,) = model.node("down").early.carriers
    with perturbed(model, places(model, "down")[0], seed=0):
        (noisy,) = carried(model)
    assert all(any(torch.equal(row, own) for own in carrier.embedding.embeddings) for row in noisy)


def diamond() -> tuple[CascadeModel, list[Doc]]:
    """Two tasks that both read the candidates of `up`, one upstream of the other."""
    given = [
        pair_of(Doc(VOCAB, words=["a", "b", "x", "c", "d"]), 3, 0),
        pair_of(Doc(VOCAB, words=["d", "a", "x", "b", "c"]), 2, 1),
        pair_of(Doc(VOCAB, words=["c", "x", "b", "d"]), 2, 1),
    ]
    graph = TaskGraph(encoder=ENCODER).add(Retrieve("up", hidden=4))
    graph.add(Rerank("mid", hidden=4), after={"up": [Candidates(2)]})
    graph.add(Rerank("down", hidden=4), after={"mid": [Labels(width=3)], "up": [Candidates(1)]})
    return random_weights(CascadeModel(graph).initialize(given)), given


def test_candidates_are_perturbed_for_one_reader_alone() -> None:
    model, given = diamond()
    (place,) = (own for own in places(model, "down") if isinstance(own.edge, Candidates))
    batch = model.batch(given)
    with torch.no_grad():
        plain = model(batch, ["down"])
        with perturbed(model, place, seed=0):
            noisy = model(batch, ["down"])
        again = model(batch, ["down"])
    assert torch.equal(noisy["mid"].candidates, plain["mid"].candidates)
    assert not torch.equal(noisy["down"].candidates, plain["down"].candidates)
    assert torch.equal(again["down"].candidates, plain["down"].candidates)
    assert "keep" not in vars(model.task("up"))


def test_without_candidates_nothing_is_pruned_and_no_score_added() -> None:
    model, given = diamond()
    (place,) = (own for own in places(model, "down") if isinstance(own.edge, Candidates))
    bundle = model.graph.edges_into("down")
    with torch.no_grad(), ablated(model, place):
        made = model(model.batch(given), ["down"])
    assert made["down"].rows.alive.all()
    assert torch.equal(made["down"].candidates, made["mid"].candidates)
    assert model.graph.edges_into("down") == bundle
