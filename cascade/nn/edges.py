"""Edges as modules: what becomes of an upstream node's output on its way into a downstream decoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from cascade.graph import Labels, Scheduled, Source


def most_probable(distribution: Tensor) -> Tensor:
    """1 for the most probable label of every row, else 0. Shapes: [rows, labels]."""
    return functional.one_hot(distribution.argmax(-1), distribution.shape[-1]).to(distribution.dtype)


@dataclass(frozen=True)
class Distributions:
    """What `Labels` edges may read of an upstream node.

    Args:
        soft: Its predicted distribution. Shape: [rows, labels].
        gold: The distribution that gold stands for; None without any. Shape: [rows, labels].
        known: Rows that have gold. Shape: [rows], bool.
        decide: Makes of the predicted distribution what counts as predicted. Shapes: [rows, labels].
    """

    soft: Tensor
    gold: Tensor | None = None
    known: Tensor | None = None
    decide: Callable[[Tensor], Tensor] = most_probable

    def choose(self, source: Source) -> Tensor:
        """The distribution of a source; rows without gold fall back to the predicted one. Shape: [rows, labels]."""
        if source == "soft":
            return self.soft
        if source == "gold":
            if self.gold is None or self.known is None:
                return self.soft
            return torch.where(self.known[:, None], self.gold.to(self.soft.dtype), self.soft)
        hard = self.decide(self.soft)
        return hard if source == "hard" else hard + (self.soft - self.soft.detach())


class LabelEmbedding(nn.Module):
    """Label embeddings weighted by a distribution (Hashimoto et al. 2017, equation 1).

    Args:
        edge: The edge's specification.
        classes: Number of upstream labels.
    """

    def __init__(self, edge: Labels, classes: int) -> None:
        super().__init__()
        self.edge, self.width = edge, edge.width
        bound = (6 / (edge.width + classes)) ** 0.5
        self.embeddings = nn.Parameter(torch.empty(classes, edge.width).uniform_(-bound, bound))

    def forward(self, labels: Distributions, epoch: int) -> Tensor:
        """Embed.

        Args:
            labels: What the upstream node offers.
            epoch: Epoch of training, from 0, for scheduled sources.

        Returns:
            Shape: [rows, width].
        """
        distribution = self._distribution(labels, epoch)
        return (distribution.detach() if self.edge.detach else distribution) @ self.embeddings

    def _distribution(self, labels: Distributions, epoch: int) -> Tensor:
        if not self.training:
            return labels.choose(self.edge.predict)
        source = self.edge.source
        if not isinstance(source, Scheduled):
            return labels.choose(source)
        share = max(0.0, 1.0 - epoch / source.epochs)
        first, then = labels.choose(source.first), labels.choose(source.then)
        drawn = torch.rand(len(first), 1, device=first.device) < share
        return torch.where(drawn, first, then)


class Mixture(nn.Module):
    """A learned mix of encoder layers (Peters et al. 2018, equation 1).

    Args:
        layers: How many layers are mixed.
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(layers))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, layers: list[Tensor]) -> Tensor:
        """Mix; shape of each layer and of the result: [rows, width]."""
        return _weighted(layers, self.scale * self.weights.softmax(0))


class LayerStitch(nn.Module):
    """Layers added with weights that are learned without constraint: sum_m beta_m h_m (Ruder et al. 2019, section 2).

    Args:
        layers: How many layers are added, 2 or more.
        balanced: Whether the weights begin alike, as 1 / layers; else the last one as 0.9, the others as 0.1 together.
    """

    def __init__(self, layers: int, *, balanced: bool) -> None:
        super().__init__()
        weights = [1 / layers] * layers if balanced else [*[0.1 / (layers - 1)] * (layers - 1), 0.9]
        self.weights = nn.Parameter(torch.tensor(weights))

    def forward(self, layers: list[Tensor]) -> Tensor:
        """Add; shape of each layer and of the result: [rows, width]."""
        return _weighted(layers, self.weights)


def _weighted(layers: list[Tensor], weights: Tensor) -> Tensor:
    first, *others = layers
    mixed = first * weights[0]
    for layer, weight in zip(others, weights[1:], strict=True):
        mixed = torch.addcmul(mixed, layer, weight)  # a product with stacked layers would first have to copy them
    return mixed
