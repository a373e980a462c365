"""Decoders of tag sequences that follow a scheme: a constrained classifier, and a linear-chain CRF."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from cascade.nn.decoders.base import Classifier
from cascade.nn.rows import MISSING, Rows
from cascade.nn.structs import chain
from cascade.nn.structs.chain import LinearChain, Posterior, Potentials
from cascade.nn.structs.iobes import Allowed

Scores = Mapping[str, Tensor]


class ConstrainedTagger(Classifier):
    """A classifier of single rows; the best legal sequence is sought inside every group.

    Args:
        width: Width of the incoming states.
        hidden: Width of the hidden layer.
        allowed: The legal sequences, which also say how many tags there are.
        dropout: Share of inputs and hidden values dropped in training.
    """

    learned = False

    def __init__(self, width: int, *, hidden: int, allowed: Allowed, dropout: float = 0.0) -> None:
        classes = len(allowed.starts)
        super().__init__(width, hidden=hidden, classes=classes, dropout=dropout)
        self.chain = LinearChain(classes, allowed=allowed, learned=self.learned)

    def loss(self, scores: Scores, tags: Tensor, rows: Rows) -> Tensor:
        """Mean loss per row with gold; 0 where there is none.

        Args:
            scores: What `forward` gave.
            tags: Gold, `MISSING` where unknown. Shape: [n].
            rows: The rows.
        """
        total = functional.cross_entropy(scores["logits"], tags, ignore_index=MISSING, reduction="sum")
        return total / (tags != MISSING).sum().clamp(min=1)

    def cooled(self, scores: Scores, temperature: float, rows: Rows) -> dict[str, Tensor]:
        """The scores of all sequences divided by a temperature, so that the best one stays the best."""
        return {**scores, "logits": scores["logits"] / temperature}

    def marginals(self, scores: Scores, rows: Rows) -> Tensor:
        """Probability of every tag at every row. Shape: [n, tags]."""
        return scores["logits"].softmax(-1)

    def best(self, scores: Scores, rows: Rows) -> Tensor:
        """The best legal sequence of every group (Viterbi). Shape: [n], int64."""
        return self.chain.viterbi(scores["logits"], rows)

    def conditionals(self, scores: Scores, tags: Tensor, rows: Rows) -> Tensor:
        """Probability of every tag given the tag before it, which here does not count. Shape: [n]."""
        return self.marginals(scores, rows).gather(1, tags[:, None]).squeeze(1)


class CrfTagger(ConstrainedTagger):
    """A linear-chain conditional random field over the logits of a classifier (Lafferty et al. 2001).

    Outside of training, what `cascade.nn.structs.chain.posterior` finds is among its scores, so that edges and decoding
    share one pass of forward-backward.

    Args:
        width: Width of the incoming states.
        hidden: Width of the hidden layer.
        allowed: The legal sequences, which also say how many tags there are.
        dropout: Share of inputs and hidden values dropped in training.
    """

    learned = True

    def forward(self, states: Tensor, rows: Rows) -> dict[str, Tensor]:
        """Score rows; `logits`, and outside of training `marginals` and `continuations`, have the shape [n, tags]."""
        scores = super().forward(states, rows)
        if not self.training:
            scores |= self.posterior(scores, rows)._asdict()
        return scores

    def posterior(self, scores: Scores, rows: Rows) -> Posterior:
        """Marginals, with gradient, and continuations. Shape of both: [n, tags]."""
        if "continuations" in scores:
            return Posterior(scores["marginals"], scores["continuations"])
        return chain.posterior(scores["logits"], rows, self._potentials(scores))

    def cooled(self, scores: Scores, temperature: float, rows: Rows) -> dict[str, Tensor]:
        """The scores of all sequences, emissions and transitions alike, divided by a temperature."""
        kept = {key: score for key, score in scores.items() if key not in Posterior._fields}
        cooled = {**super().cooled(kept, temperature, rows), "temperature": self.chain.start.new_tensor(temperature)}
        return cooled | self.posterior(cooled, rows)._asdict()

    def best(self, scores: Scores, rows: Rows) -> Tensor:
        """The best legal sequence of every group (Viterbi). Shape: [n], int64."""
        return chain.viterbi(scores["logits"], rows, self._potentials(scores))

    def loss(self, scores: Scores, tags: Tensor, rows: Rows) -> Tensor:
        """Negative log likelihood per row with gold; see `cascade.nn.structs.chain.nll`."""
        return chain.nll(scores["logits"], self._inside(tags, rows), rows, self._potentials(scores))

    def marginals(self, scores: Scores, rows: Rows) -> Tensor:
        """Probability of every tag at every row, with gradient. Shape: [n, tags]."""
        return self.posterior(scores, rows).marginals

    def conditionals(self, scores: Scores, tags: Tensor, rows: Rows) -> Tensor:
        """Probability of every tag given the tag before it. Shape: [n]."""
        continuations = self.posterior(scores, rows).continuations
        return chain.conditionals(scores["logits"], tags, rows, self._potentials(scores), continuations)

    def _potentials(self, scores: Scores) -> Potentials:
        potentials = self.chain.potentials
        return potentials.cooled(scores["temperature"]) if "temperature" in scores else potentials

    def _inside(self, tags: Tensor, rows: Rows) -> Tensor:
        """Gold without the tags at the edges of a group that cannot stand there: of a span that the group cuts in two.

        No sequence that the chain allows has them, so that they would cost as much as all other gold together.
        """
        if not len(rows):
            return tags
        known = tags != MISSING
        ids = tags.where(known, 0)
        first, last = rows.position == 0, rows.position == rows.lengths[rows.group] - 1
        illegal = (first & ~self.chain.allowed_starts[ids]) | (last & ~self.chain.allowed_ends[ids])
        return torch.where(known & illegal, MISSING, tags)
