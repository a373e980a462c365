from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from spacy.tokens import Doc

from cascade import diagnostics
from cascade.diagnostics.liveness import EdgeReport, movement
from cascade.errors import DataError
from cascade.graph import Candidates, Edge, Hidden, Labels, Scheduled, Segments, TaskGraph
from cascade.model import CascadeModel
from cascade.tasks import Entailment, Parsing, Relatedness, Sentences, Tagging
from tests import questions
from tests.diagnostics.made import ENCODER, VOCAB, accuracy, docs, masked, obedient, pair, random_weights, tagged
from tests.toys import Rerank, Retrieve, pair_of

LIVE: list[Edge] = [
    Hidden(),
    Labels(width=4),
    Labels(width=4, source="straight_through"),
    Labels(width=4, source=Scheduled(first="gold", then="soft")),
]
STIFF: list[Edge] = [
    Hidden(detach=True),
    Labels(width=4, detach=True),
    Labels(width=4, source="hard", predict="hard"),
    Labels(width=4, source="gold"),
    Labels(width=4, source="gold", predict="gold"),
    Labels(width=4, source=Scheduled(first="soft", then="gold")),
]


def one(model: CascadeModel, given: list[Doc]) -> EdgeReport:
    (report,) = diagnostics.edges(model, given)
    return report


@pytest.mark.parametrize("edge", LIVE, ids=lambda edge: edge.describe())
def test_a_live_edge(edge: Edge) -> None:
    found = one(pair(edge), docs())
    assert (found.upstream, found.downstream, found.kind) == ("up", "down", type(edge).__name__)
    assert found.alive and found.differentiable
    assert found.gradient_norm > 1e-4 and found.perturbation > 1e-3 and found.noise == 0.0


@pytest.mark.parametrize("edge", STIFF, ids=lambda edge: edge.describe())
def test_an_edge_without_gradient_is_alive_by_perturbation(edge: Edge) -> None:
    found = one(pair(edge), docs())
    assert found.alive and not found.differentiable
    assert found.gradient_norm == 0.0 and found.perturbation > 1e-3


@pytest.mark.parametrize("edge", [*LIVE, *STIFF], ids=lambda edge: edge.describe())
def test_an_edge_that_the_decoder_ignores_is_dead(edge: Edge) -> None:
    model = pair(edge)
    with torch.no_grad():
        model.node("down").decoder.hidden.weight[:, 8:] = 0.0  # the encoder's states come first
    found = one(model, docs())
    assert found.alive is False
    assert found.gradient_norm == 0.0 and found.perturbation == 0.0 and found.score == found.ablated


@pytest.mark.parametrize("edge", [LIVE[1], *STIFF[1:]], ids=lambda edge: edge.describe())
def test_an_edge_without_label_embeddings_is_dead(edge: Edge) -> None:
    model = pair(edge)
    (carrier,) = model.node("down").early.carriers
    torch.nn.init.zeros_(carrier.embedding.embeddings)
    assert one(model, docs()).alive is False


def test_a_dead_edge_beside_a_live_one_of_the_same_bundle() -> None:
    twice = Labels(width=4)
    model = pair(Hidden(), twice, twice, Labels(width=4))
    carriers = model.node("down").early.carriers
    torch.nn.init.zeros_(carriers[2].embedding.embeddings)
    assert [found.alive for found in diagnostics.edges(model, docs())] == [True, True, False, True]


def test_gradient_that_should_flow_and_does_not_is_no_life() -> None:
    model = pair(Hidden())
    (carrier,) = model.node("down").early.carriers
    carrier.register_forward_hook(lambda _, __, states: states.detach())
    found = one(model, docs())
    assert found.perturbation > 1e-3 and found.gradient_norm == 0.0 and found.alive is False


def test_frozen_parameters_are_due_no_gradient() -> None:
    found = one(pair(Hidden()).requires_grad_(False), docs())
    assert found.alive and not found.differentiable


def test_the_gradient_of_a_single_edge_is_that_of_the_loss() -> None:
    model = pair(Labels(width=4))
    found = one(model, docs())
    loss = model.train().losses(model.batch(docs(), targets=["up", "down"]), ["down"])["down"]
    expected = torch.autograd.grad(loss, [*model.node("up").parameters()])
    assert found.gradient_norm == pytest.approx(float(torch.cat([g.flatten() for g in expected]).norm()), rel=1e-5)


def test_the_gradient_of_one_edge_of_several_is_its_own() -> None:
    model = pair(Hidden(), Labels(width=4))
    together = diagnostics.edges(model, docs())
    for alone, other in ((0, 1), (1, 0)):
        hook = model.node("down").early.carriers[other].register_forward_hook(lambda _, __, out: out.detach())
        assert diagnostics.edges(model, docs())[alone].gradient_norm == pytest.approx(together[alone].gradient_norm)
        hook.remove()


def test_where_upstream_makes_nothing_of_its_states_the_gradient_is_that_below() -> None:
    words = Doc(VOCAB, words=["a", "b", "c"], tags=["A", "B", "C"], heads=[1, 1, 1], deps=["x", "ROOT", "y"])
    graph = TaskGraph(encoder=ENCODER).add(Parsing("up", decoder="selection", hidden=5, dropout=0.0))
    graph.add(Tagging("down", hidden=5), after={"up": [Hidden()]})
    found = one(random_weights(CascadeModel(graph).initialize([words])), [words])
    assert found.gradient_norm > 1e-4 and found.alive


def test_scores_with_and_without_the_edge() -> None:
    model, given = obedient(), docs()
    found = one(model, given)
    assert found.metric == "pos_acc"
    assert found.score == pytest.approx(accuracy(model, "up", given))  # it says what it hears
    assert found.ablated == pytest.approx(6 / 14)  # and NOUN when it hears nothing


def test_boundaries_of_segments() -> None:
    def sentences(*sizes: int) -> Doc:
        starts = np.cumsum([0, *sizes])
        heads = [int(start) for start, size in zip(starts, sizes, strict=False) for _ in range(size)]
        words = [f"w{i}" for i in range(len(heads))]
        deps = ["ROOT" if i == head else f"d{i % 2}" for i, head in enumerate(heads)]
        return Doc(VOCAB, words=words, heads=heads, deps=deps)

    given = [sentences(4, 3), sentences(5, 2, 4)]
    graph = TaskGraph(encoder=ENCODER).add(Sentences("up", hidden=4))
    graph.add(Parsing("down", hidden=4, relations=3, dropout=0.0), after={"up": [Segments(predict="gold")]})
    found = one(random_weights(CascadeModel(graph).initialize(given)), given)
    assert found.alive and not found.differentiable and found.gradient_norm == 0.0 and found.metric == "dep_las"


def texts() -> list[Doc]:
    made = [("a b x", "c d", 0), ("d a", "x b c", 1), ("c c b a", "a x", 1), ("b x", "d c b", 0)]
    return [pair_of(Doc(VOCAB, words=f"{one} {other}".split()), len(one.split()), right) for one, other, right in made]


def test_candidates() -> None:
    graph = TaskGraph(encoder=ENCODER).add(Retrieve("up", hidden=4))
    graph.add(Rerank("down", hidden=4), after={"up": [Candidates(2)]})
    found = one(random_weights(CascadeModel(graph).initialize(texts())), texts())
    assert found.alive and found.gradient_norm > 1e-4 and found.kind == "Candidates"


def test_candidates_that_prune_nothing_and_whose_scores_nobody_adds_are_dead() -> None:
    graph = TaskGraph(encoder=ENCODER).add(Retrieve("up", hidden=4))
    graph.add(Retrieve("down", hidden=4), after={"up": [Candidates(2)]})
    assert one(random_weights(CascadeModel(graph).initialize(texts())), texts()).alive is False


def test_edges_of_a_reader() -> None:
    found = diagnostics.edges(questions.model_of(questions.chain()), questions.asked())
    assert [(own.downstream, own.kind) for own in found] == [
        ("read", "Candidates"),
        ("rerank", "Hidden"),
        ("rerank", "Candidates"),
    ]
    assert all(own.alive and own.gradient_norm > 0 for own in found)


def test_without_gold_downstream_there_is_perturbation_alone() -> None:
    found = one(pair(Hidden()), [tagged("ABC", pos=False)])
    assert (found.gradient_norm, found.metric, found.score, found.ablated) == (None, None, None, None)
    assert found.alive and found.perturbation > 1e-3


def test_nothing_is_known_of_tasks_that_the_docs_are_not_about() -> None:
    graph = TaskGraph(encoder=ENCODER).add(Tagging("tag", hidden=4)).add(Relatedness("up", hidden=4))
    graph.add(Entailment("down", hidden=4), after={"up": [Labels(width=3)]})
    graph.add(Retrieve("first", hidden=4)).add(Rerank("second", hidden=4), after={"first": [Candidates(1)]})
    model = CascadeModel(graph).initialize(docs())
    pairwise, textwise = diagnostics.edges(model, docs())
    assert (pairwise.perturbation, pairwise.alive) == (None, None)  # no pair, no row
    assert (textwise.perturbation, textwise.alive) == (0.0, None)  # one text each, none to choose


def test_without_any_gold() -> None:
    with pytest.raises(DataError, match="expected gold for up or down in 1 Docs, got none"):
        diagnostics.edges(pair(Hidden()), [Doc(VOCAB, words=["x"])])


def test_labels_that_a_task_does_not_know_are_no_error() -> None:
    strange = Doc(VOCAB, words=["x", "y"], tags=["Z", "A"], pos=["ADV", "NOUN"])
    assert one(pair(Labels(width=4, predict="gold")), [strange]).alive is not None


def test_the_model_is_left_as_it_was() -> None:
    model = pair(Hidden(dropout=0.5), Labels(width=4)).train()
    model.epoch = 3
    before, state = {key: value.clone() for key, value in model.state_dict().items()}, torch.get_rng_state()
    first = diagnostics.edges(model, docs())
    assert first == diagnostics.edges(model, docs())
    assert model.training and model.epoch == 3
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_movement_by_hand() -> None:
    def predictions(label: list[int], probability: list[float]) -> dict[str, Any]:
        return {"t": {"label": np.array(label), "probability": np.array(probability)}}

    before = [predictions([0, 1, 2], [0.5, 0.5, -np.inf]), predictions([1], [0.2]), predictions([], [])]
    after = [predictions([0, 1, 0], [0.5, 0.3, -np.inf]), predictions([1, 1], [0.2, 0.2]), predictions([], [])]
    assert movement(before, after, "t") == pytest.approx((0 + 0.2 + 1 + 1 + 1) / 5)
    assert movement(before, before, "t") == 0.0
    assert movement(before[2:], after[2:], "t") is None
    assert movement([predictions([0], [0.0])], [predictions([0], [7.0])], "t") == 1.0


def test_an_edge_into_an_auxiliary_task_has_no_score() -> None:
    found = {(own.upstream, own.downstream): own for own in diagnostics.edges(masked(), docs())}
    assert {names: own.metric for names, own in found.items()} == {
        ("up", "down"): "pos_acc",
        ("words", "down"): "pos_acc",
        ("up", "copy"): None,
    }
    into = found["up", "copy"]
    assert (into.score, into.gradient_norm, into.alive) == (None, None, True)
