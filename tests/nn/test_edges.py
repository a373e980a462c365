from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cascade.graph import Labels, Scheduled, Source
from cascade.nn.edges import Distributions, LabelEmbedding, Mixture

P = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
GOLD = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
L = torch.tensor([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])


def embedding(edge: Labels) -> LabelEmbedding:
    module = LabelEmbedding(edge, classes=3)
    module.embeddings.data.copy_(L)
    return module


def test_soft_labels_by_hand() -> None:
    embedded = embedding(Labels(width=2)).eval()(Distributions(P), epoch=0)
    torch.testing.assert_close(embedded, torch.tensor([[23.5, 47.0], [81.1, 162.2]]))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("soft", P),
        ("hard", torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])),
        ("straight_through", torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])),
        ("gold", GOLD),
    ],
)
def test_every_source(source: Source, expected: Tensor) -> None:
    labels = Distributions(P, GOLD, torch.tensor([True, True]))
    assert torch.equal(labels.choose(source), expected)
    for edge, training in ((Labels(source=source, width=2), True), (Labels(predict=source, width=2), False)):
        module = embedding(edge).train(training)
        torch.testing.assert_close(module(labels, epoch=0), expected @ L)


def test_rows_without_gold_fall_back_to_the_prediction() -> None:
    partial = Distributions(P, GOLD, torch.tensor([False, True])).choose("gold")
    assert torch.equal(partial, torch.stack([P[0], GOLD[1]]))
    assert torch.equal(Distributions(P).choose("gold"), P)


def gradient(edge: Labels, known: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """That of the sum of the embedded first column, with respect to p and to the label embeddings."""
    soft, module = P.clone().requires_grad_(), embedding(edge).train()
    module(Distributions(soft, GOLD, known), epoch=0)[:, 0].sum().backward()
    assert module.embeddings.grad is not None
    return torch.zeros_like(P) if soft.grad is None else soft.grad, module.embeddings.grad[:, 0]


def test_gradients_by_hand() -> None:
    through = L[:, 0].expand(2, 3)
    for source, own, embeddings in (
        ("soft", through, P.sum(0)),
        ("straight_through", through, torch.tensor([1.0, 0.0, 1.0])),
        ("hard", torch.zeros(2, 3), torch.tensor([1.0, 0.0, 1.0])),
    ):
        found = gradient(Labels(source=source, width=2))  # type: ignore[arg-type]
        torch.testing.assert_close(found, (own, embeddings))


def test_gold_has_no_gradient_where_it_is_known() -> None:
    own, embeddings = gradient(Labels(source="gold", width=2), torch.tensor([True, False]))
    torch.testing.assert_close(own, torch.stack([torch.zeros(3), L[:, 0]]))
    torch.testing.assert_close(embeddings, GOLD[0] + P[1])


def test_detached_labels_still_teach_the_embeddings() -> None:
    own, embeddings = gradient(Labels(width=2, detach=True))
    assert not own.any()
    torch.testing.assert_close(embeddings, P.sum(0))


@pytest.mark.parametrize(("epoch", "share"), [(0, 1.0), (1, 0.75), (3, 0.25), (4, 0.0), (9, 0.0)])
def test_a_schedule_draws_row_by_row_with_a_falling_share(epoch: int, share: float) -> None:
    soft = torch.tensor([[0.6, 0.4]]).expand(4000, 2)
    gold = torch.tensor([[0.0, 1.0]]).expand(4000, 2)
    labels = Distributions(soft, gold, torch.ones(4000, dtype=torch.bool))
    module = LabelEmbedding(Labels(source=Scheduled(first="gold", then="hard", epochs=4), width=2), 2).train()
    module.embeddings.data.copy_(torch.eye(2))
    drawn = module(labels, epoch)
    assert set(map(tuple, drawn.tolist())) <= {(0.0, 1.0), (1.0, 0.0)}
    assert abs(drawn[:, 1].mean().item() - share) < 0.03
    assert torch.equal(module.eval()(labels, epoch), soft)


def test_embeddings_begin_as_in_jmt() -> None:
    bound = (6 / (40 + 60)) ** 0.5
    begun = LabelEmbedding(Labels(width=40), classes=60).embeddings
    assert 0.95 * bound < begun.abs().max() <= bound


def test_a_mixture_by_hand() -> None:
    mixture = Mixture(2)
    layers = [torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 6.0]])]
    assert torch.equal(mixture(layers), torch.tensor([[2.0, 4.0]]))
    mixture.weights.data = torch.tensor([1.0, 3.0]).log()
    mixture.scale.data.fill_(10.0)
    torch.testing.assert_close(mixture(layers), torch.tensor([[25.0, 50.0]]))


def test_what_counts_as_predicted_may_be_several_labels_or_none() -> None:
    several = Distributions(P, decide=lambda p: (p >= 0.25).float())
    assert torch.equal(several.choose("hard"), (P >= 0.25).float())
    soft = P.clone().requires_grad_()
    through = Distributions(soft, decide=lambda p: (p >= 0.25).float()).choose("straight_through")
    assert torch.equal(through, (P >= 0.25).float()) and through.requires_grad
