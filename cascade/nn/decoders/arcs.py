"""Dependency arcs: who is the head of whom, and by which relation, inside every group of rows.

Arc scores have the shape [groups, dependents, heads]; head 0 is the root, head h the h-th row of the group.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from cascade.nn.decoders.base import Decoder
from cascade.nn.rows import Rows

LOWEST = -1e9
"""Score of what cannot be a head; finite, so that no gradient becomes NaN."""


class ArcDecoder(Decoder):
    """Scores arcs at once and relations for chosen heads only."""

    classes: int

    @abstractmethod
    def relations(self, scores: dict[str, Tensor], rows: Rows, heads: Tensor) -> Tensor:
        """Score the relations of arcs.

        Args:
            scores: What `forward` returned.
            rows: The rows, grouped by segment.
            heads: Place of each row's head in its group, from 1; 0 is the root. Shape: [n].

        Returns:
            Shape: [n, classes].
        """

    @abstractmethod
    def expected_relations(self, scores: dict[str, Tensor], rows: Rows) -> Tensor:
        """The relation distribution with the head summed out, sum_h p(h) p(relation | h). Shape: [n, classes]."""


def possible(rows: Rows) -> Tensor:
    """Which heads exist: the root and the other rows of the group. Shape: [groups, longest, 1 + longest], bool."""
    mask = rows.mask
    heads = torch.cat([mask.new_ones(len(mask), 1), mask], dim=1)[:, None, :]
    itself = torch.zeros(rows.longest, rows.longest + 1, dtype=torch.bool, device=mask.device)
    itself.fill_diagonal_(False)
    itself[:, 1:].fill_diagonal_(True)
    return heads & ~itself


def with_root(root: Tensor, padded: Tensor) -> Tensor:
    """Put the root's states before those of the rows. Shapes: [width], [groups, n, width] to [groups, 1 + n, width]."""
    return torch.cat([root.to(padded.dtype).expand(len(padded), 1, -1), padded], dim=1)


def _pick(heads: Tensor, rows: Rows, states: Tensor) -> Tensor:
    """States of the heads of all rows. Shapes: [n], [groups, 1 + longest, width] to [n, width]."""
    return states[rows.group, heads]


class Biaffine(ArcDecoder):
    """Deep biaffine attention (Dozat and Manning 2017, sections 3.1 and 3.2, equations 6 to 9).

    Biases as in SuPar: on the dependent's side of arcs, on both sides of relations; weights begin at zero.

    Args:
        width: Width of the incoming states.
        arcs: Width of the arc representations.
        relations: Width of the relation representations.
        classes: Number of relations.
        dropout: Share of the inputs, and of the units of each representation, dropped in training; the same units at
            all rows of a group.
    """

    def __init__(self, width: int, *, arcs: int, relations: int, classes: int, dropout: float = 0.33) -> None:
        super().__init__()
        self.sizes = [arcs, arcs, relations, relations]
        self.hidden_width, self.classes, self.dropout = sum(self.sizes), classes, dropout
        self.root = nn.Parameter(torch.zeros(width))
        self.project = nn.Linear(width, sum(self.sizes))
        nn.init.orthogonal_(self.project.weight)
        nn.init.zeros_(self.project.bias)
        self.arc = nn.Parameter(torch.zeros(arcs + 1, arcs))
        self.relation = nn.Parameter(torch.zeros(classes, relations + 1, relations + 1))

    def forward(self, states: Tensor, rows: Rows) -> dict[str, Tensor]:
        """Score arcs.

        Returns:
            `arcs`: [groups, longest, 1 + longest]; `dependents` and `heads`, the relation representations:
            [groups, longest, relations] and [groups, 1 + longest, relations]; `hidden`: [n, hidden_width].
        """
        padded = with_root(self.root, rows.pad(self._drop(states, rows)))
        hidden = nn.functional.leaky_relu(self.project(padded), 0.1)
        parts = [self._drop_shared(part) for part in torch.split(hidden, self.sizes, dim=-1)]
        dependent, head = parts[0][:, 1:], parts[1]
        arcs = _biased(dependent) @ self.arc @ head.transpose(1, 2)
        arcs = arcs.float().masked_fill(~possible(rows), LOWEST)
        flat = rows.flatten(hidden[:, 1:]).float()
        return {"arcs": arcs, "dependents": parts[2][:, 1:], "heads": parts[3], "hidden": flat}

    def relations(self, scores: dict[str, Tensor], rows: Rows, heads: Tensor) -> Tensor:
        """Score the relations of arcs; see `ArcDecoder`."""
        dependent = _biased(rows.flatten(scores["dependents"]))
        head = _biased(_pick(heads, rows, scores["heads"]))
        classes, inner, outer = self.relation.shape
        turned = (dependent @ self.relation.permute(1, 0, 2).reshape(inner, -1)).view(-1, classes, outer)
        return (turned @ head[:, :, None].to(turned.dtype)).squeeze(-1).float()

    def expected_relations(self, scores: dict[str, Tensor], rows: Rows) -> Tensor:
        """Sum the head out; see `ArcDecoder`."""
        dependent, head = _biased(scores["dependents"]), _biased(scores["heads"])
        logits = torch.einsum("gdi,cij,ghj->gdhc", dependent, self.relation.to(dependent.dtype), head).float()
        expected = torch.einsum("gdh,gdhc->gdc", scores["arcs"].softmax(-1), logits.softmax(-1))
        return rows.flatten(expected)

    def _drop(self, states: Tensor, rows: Rows) -> Tensor:
        if not self.training or self.dropout == 0:
            return states
        kept = torch.rand(len(rows.lengths), states.shape[-1], device=states.device) >= self.dropout
        return states * kept[rows.group] / (1 - self.dropout)

    def _drop_shared(self, part: Tensor) -> Tensor:
        if not self.training or self.dropout == 0:
            return part
        kept = torch.rand(len(part), 1, part.shape[-1], device=part.device) >= self.dropout
        return part * kept / (1 - self.dropout)


class HeadSelection(ArcDecoder):
    """Head selection by a bilinear score (Hashimoto et al. 2017, section 2.4).

    m(t, j) = h_t . (W_d h_j) with a learned root vector; relations from [h_t; h_head] by a ReLU layer.

    Args:
        width: Width of the incoming states.
        hidden: Width of the relation classifier's hidden layer.
        classes: Number of relations.
        dropout: Share of the classifier's inputs and hidden values dropped in training.
    """

    def __init__(self, width: int, *, hidden: int, classes: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.hidden_width, self.classes = width, classes
        self.root = nn.Parameter(torch.zeros(width))
        self.arc = nn.Parameter(torch.zeros(width, width))
        self.hidden = nn.Linear(2 * width, hidden)
        self.output = nn.Linear(hidden, classes)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, rows: Rows) -> dict[str, Tensor]:
        """Score arcs.

        Returns:
            `arcs`: [groups, longest, 1 + longest]; `states`, with the root: [groups, 1 + longest, width];
            `hidden`: [n, width].
        """
        padded = with_root(self.root, rows.pad(states))
        arcs = padded[:, 1:] @ self.arc @ padded.transpose(1, 2)
        return {"arcs": arcs.float().masked_fill(~possible(rows), LOWEST), "states": padded, "hidden": states}

    def relations(self, scores: dict[str, Tensor], rows: Rows, heads: Tensor) -> Tensor:
        """Score the relations of arcs; see `ArcDecoder`."""
        own, head = rows.flatten(scores["states"][:, 1:]), _pick(heads, rows, scores["states"])
        return self._classify(torch.cat([own, head], dim=-1))

    def expected_relations(self, scores: dict[str, Tensor], rows: Rows) -> Tensor:
        """Sum the head out; see `ArcDecoder`."""
        states, n = scores["states"], rows.longest
        own = states[:, 1:, None].expand(-1, -1, n + 1, -1)
        logits = self._classify(torch.cat([own, states[:, None].expand(-1, n, -1, -1)], dim=-1))
        expected = torch.einsum("gdh,gdhc->gdc", scores["arcs"].softmax(-1), logits.softmax(-1))
        return rows.flatten(expected)

    def _classify(self, states: Tensor) -> Tensor:
        hidden = self.hidden(self.dropout(states)).relu()
        classified: Tensor = self.output(self.dropout(hidden)).float()
        return classified


def _biased(states: Tensor) -> Tensor:
    return torch.cat([states, torch.ones_like(states[..., :1])], dim=-1)
