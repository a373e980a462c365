"""Dependency arcs: who is the head of whom, and by which relation, inside every group of rows.

Arc scores have the shape [n, 1 + longest]: a line for every dependent, in which 0 is the root and h the h-th row of the
dependent's group. States of heads stand in one table, the roots of all groups first, then the rows.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from cascade.nn.decoders.base import Decoder
from cascade.nn.precision import lowered
from cascade.nn.rows import Rows

LOWEST = -1e9
"""Score of what cannot be a head; finite, so that no gradient becomes NaN."""

BLOCK = 512
"""Rows whose relations are scored together, so that what lies between stays in the processor's cache."""


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

    @staticmethod
    def cooled(scores: Mapping[str, Tensor], temperature: float) -> dict[str, Tensor]:
        """The scores of arcs and, when they are made, of relations divided by a temperature; the best stay the best."""
        arcs = scores["arcs"]
        divided = torch.where(arcs <= LOWEST, arcs, arcs / temperature)
        return {**scores, "arcs": divided, "temperature": arcs.new_tensor(temperature)}


def possible(rows: Rows) -> Tensor:
    """Which heads exist: the root and the other rows of the group. Shape: [n, 1 + longest], bool."""
    places = torch.arange(rows.longest + 1, device=rows.parent.device)
    return (places <= rows.lengths[rows.group, None]) & (places != rows.position[:, None] + 1)


def score_arcs(dependents: Tensor, heads: Tensor, rows: Rows) -> Tensor:
    """Inner products of the rows with all heads that exist, in single precision.

    Args:
        dependents: Shape: [n, width].
        heads: The roots' and the rows'. Shape: [groups + n, width].
        rows: The rows.

    Returns:
        `LOWEST` where no head is. Shape: [n, 1 + longest].
    """
    parts = []
    for grid in rows.grids:
        places = torch.cat([grid.groups[:, None], grid.cells + len(rows.lengths)], dim=1)
        scores = _take(dependents, grid.cells) @ _take(heads, places).mT
        parts.append(functional.pad(scores.float().flatten(0, 1), (0, rows.longest + 1 - places.shape[1])))
    if not parts:
        return dependents.new_zeros(0, 1, dtype=torch.float32)
    return torch.cat(parts).index_select(0, rows.gridded).masked_fill(~possible(rows), LOWEST)


def pick(heads: Tensor, states: Tensor, rows: Rows) -> Tensor:
    """States of the heads of all rows.

    Args:
        heads: Place of each row's head in its group, from 1; 0 is the root. Shape: [n].
        states: The roots' and the rows'. Shape: [groups + n, width].
        rows: The rows.

    Returns:
        Shape: [n, width].
    """
    itself = torch.arange(len(rows), device=heads.device) - rows.position
    return states.index_select(0, torch.where(heads == 0, rows.group, len(rows.lengths) + itself + heads - 1))


def spread_heads(states: Tensor, rows: Rows) -> Tensor:
    """Every group's root before its rows. Shapes: [groups + n, width] to [groups, 1 + longest, width]."""
    roots, own = torch.split(states, [len(rows.lengths), len(rows)])
    return torch.cat([roots[:, None], rows.pad(own)], dim=1)


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
            `arcs`: [n, 1 + longest]; `dependents` and `heads`, the relation representations: [n, relations] and
            [groups + n, relations]; `hidden`: [n, hidden_width].
        """
        groups = len(rows.lengths)
        states = self._drop(states, rows.group, groups)
        own, roots = (functional.leaky_relu(self.project(each), 0.1) for each in (states, self.root[None]))
        members = torch.cat([torch.arange(groups, device=states.device), rows.group])
        dependent, head, related, relating = torch.split(own, self.sizes, dim=1)
        _, root, _, root_relating = torch.split(roots.expand(groups, -1), self.sizes, dim=1)
        dependent, related = (self._drop(part, rows.group, groups) for part in (dependent, related))
        tables = (torch.cat(parts) for parts in ((root, head), (root_relating, relating)))
        heads, relating = (self._drop(table, members, groups) for table in tables)
        arcs = score_arcs(_biased(dependent) @ self.arc, heads, rows)
        return {"arcs": arcs, "dependents": related, "heads": relating, "hidden": own}

    def relations(self, scores: dict[str, Tensor], rows: Rows, heads: Tensor) -> Tensor:
        """Score the relations of arcs; see `ArcDecoder`."""
        dependent, head = _biased(scores["dependents"]), _biased(pick(heads, scores["heads"], rows))
        classes, inner, outer = self.relation.shape
        table = lowered(self.relation.permute(1, 0, 2).reshape(inner, -1))
        blocks = [
            ((own @ table).view(-1, classes, outer) @ other[:, :, None]).squeeze(-1)
            for own, other in zip(torch.split(dependent, BLOCK), torch.split(head, BLOCK), strict=True)
        ]
        return _divided(torch.cat(blocks).float(), scores)

    def expected_relations(self, scores: dict[str, Tensor], rows: Rows) -> Tensor:
        """Sum the head out; see `ArcDecoder`."""
        dependent, head = _biased(rows.pad(scores["dependents"])), _biased(spread_heads(scores["heads"], rows))
        products = torch.einsum("gdi,cij,ghj->gdhc", dependent, self.relation.to(dependent.dtype), head)
        logits = _divided(products.float(), scores)
        return rows.flatten(torch.einsum("gdh,gdhc->gdc", rows.pad(scores["arcs"].softmax(-1)), logits.softmax(-1)))

    def _drop(self, states: Tensor, groups: Tensor, count: int) -> Tensor:
        """Drop the same units at all rows of a group; `groups` are those of the states, `count` is their number."""
        if not self.training or self.dropout == 0:
            return states
        kept = torch.rand(count, states.shape[-1], device=states.device) >= self.dropout
        return states * kept[groups] / (1 - self.dropout)


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
            `arcs`: [n, 1 + longest]; `states`, the roots' and the rows': [groups + n, width]; `hidden`: [n, width].
        """
        table = torch.cat([self.root.to(states.dtype).expand(len(rows.lengths), -1), states])
        return {"arcs": score_arcs(states @ self.arc, table, rows), "states": table, "hidden": states}

    def relations(self, scores: dict[str, Tensor], rows: Rows, heads: Tensor) -> Tensor:
        """Score the relations of arcs; see `ArcDecoder`."""
        states = torch.cat([scores["hidden"], pick(heads, scores["states"], rows)], dim=-1)
        return _divided(self._classify(states), scores)

    def expected_relations(self, scores: dict[str, Tensor], rows: Rows) -> Tensor:
        """Sum the head out; see `ArcDecoder`."""
        states, n = spread_heads(scores["states"], rows), rows.longest
        own = states[:, 1:, None].expand(-1, -1, n + 1, -1)
        both = torch.cat([own, states[:, None].expand(-1, n, -1, -1)], dim=-1)
        logits = _divided(self._classify(both), scores)
        return rows.flatten(torch.einsum("gdh,gdhc->gdc", rows.pad(scores["arcs"].softmax(-1)), logits.softmax(-1)))

    def _classify(self, states: Tensor) -> Tensor:
        hidden = self.hidden(self.dropout(states)).relu()
        classified: Tensor = self.output(self.dropout(hidden)).float()
        return classified


def _divided(logits: Tensor, scores: Mapping[str, Tensor]) -> Tensor:
    """By the temperature to which the scores are cooled, if to any."""
    return logits / scores["temperature"] if "temperature" in scores else logits


def _biased(states: Tensor) -> Tensor:
    return torch.cat([states, torch.ones_like(states[..., :1])], dim=-1)


def _take(states: Tensor, places: Tensor) -> Tensor:
    """States at places. Shapes: [n, width], [...] to [..., width]."""
    return states.index_select(0, places.flatten()).view(*places.shape, -1)
