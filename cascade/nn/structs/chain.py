"""Linear-chain conditional random fields over padded batches (Lafferty et al. 2001).

A sequence of tags y scores ``start[y1] + sum_t emissions[t, yt] + sum_t transitions[y(t-1), yt] + end[yT]``. All of it
is computed in log space, sums in double precision where the device has it, and vectorised over rows and tags.

Everywhere: ``emissions`` is ``[n, L, C]``; ``mask`` is boolean ``[n, L]``, true on the first tokens of a row and false
on its padding; a row of length zero is legal, has one (empty) sequence of score 0, and gives no loss. A function takes
`Potentials`, what a chain scores besides its emissions; `LinearChain` brings its own.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cascade.nn.rows import MISSING
from cascade.nn.structs.iobes import Allowed

FORBIDDEN = -1e4
"""Score of a transition, start or end that is not allowed: finite, because -inf makes NaN gradients."""

_CONTRADICTED = -1e6
"""Score of a tag that partial annotation rules out."""


class Potentials(NamedTuple):
    """What a chain scores besides its emissions.

    Attributes:
        transitions: ``[C, C]``, from row to column.
        start: ``[C]``.
        end: ``[C]``.
    """

    transitions: Tensor
    start: Tensor
    end: Tensor


def log_partition(emissions: Tensor, mask: Tensor, potentials: Potentials) -> Tensor:
    """Log of the summed exponentiated scores of all tag sequences, ``[n]`` (forward algorithm)."""
    if not mask.shape[1]:
        return emissions.new_zeros(len(mask))
    emissions = _prepare(emissions, mask)
    last = _forward(emissions, mask, potentials)[-1]
    return (last + potentials.end).logsumexp(dim=1).masked_fill(~mask[:, 0], 0.0).to(emissions.dtype)


def score(emissions: Tensor, tags: Tensor, mask: Tensor, potentials: Potentials) -> Tensor:
    """Score of one complete tag sequence a row.

    Args:
        emissions: ``[n, L, C]``.
        tags: ``[n, L]``, complete within the mask.
        mask: ``[n, L]``.
        potentials: Scores of transitions, starts and ends.

    Returns:
        Scores ``[n]``.
    """
    if not mask.shape[1]:
        return emissions.new_zeros(len(mask))
    tags = tags.masked_fill(~mask, 0)
    chosen = _prepare(emissions, mask).gather(2, tags.unsqueeze(2)).squeeze(2)
    steps = potentials.transitions[tags[:, :-1], tags[:, 1:]].masked_fill(~mask[:, 1:], 0.0)
    total = chosen.sum(1) + steps.sum(1)
    last = tags.gather(1, (mask.sum(1, keepdim=True) - 1).clamp(min=0)).squeeze(1)
    return (total + potentials.start[tags[:, 0]] + potentials.end[last]).masked_fill(~mask[:, 0], 0.0)


def nll(emissions: Tensor, tags: Tensor, mask: Tensor, potentials: Potentials) -> Tensor:
    """Negative log likelihood of complete or partial annotation, as the mean over annotated tokens.

    Where tags are missing, the likelihood is that of all completions together (Tsuboi et al. 2008, "Training
    Conditional Random Fields Using Incomplete Annotations"). The mean per token keeps the loss on the scale of a cross
    entropy, whatever the length and number of the sequences.

    Args:
        emissions: ``[n, L, C]``.
        tags: ``[n, L]``, with `MISSING` where there is no gold.
        mask: ``[n, L]``.
        potentials: Scores of transitions, starts and ends.

    Returns:
        A scalar; 0 where nothing is annotated.
    """
    known = mask & (tags != MISSING)
    annotated = known.any(dim=1)
    emissions, tags, mask, known = emissions[annotated], tags[annotated], mask[annotated], known[annotated]
    gold = score(emissions, tags.masked_fill(~known, 0), mask, potentials)
    partial = (mask & ~known).any(dim=1).nonzero().squeeze(1)
    if len(partial):
        fits = _fitting(emissions[partial], tags[partial], known[partial])
        gold = gold.index_copy(0, partial, log_partition(fits, mask[partial], potentials))
    return (log_partition(emissions, mask, potentials) - gold).sum() / known.sum().clamp(min=1)


def _fitting(emissions: Tensor, tags: Tensor, known: Tensor) -> Tensor:
    """Emissions of which only those that fit the annotation are left."""
    gold = tags.masked_fill(~known, 0).unsqueeze(2)
    fits = torch.zeros_like(emissions, dtype=torch.bool).scatter_(2, gold, True) | ~known.unsqueeze(2)
    return _widen(emissions).masked_fill(~fits, _CONTRADICTED)


@torch.no_grad()
def viterbi(emissions: Tensor, mask: Tensor, potentials: Potentials) -> Tensor:
    """The best tag sequence of each row, ``[n, L]`` of int64, with 0 on the padding (Viterbi 1967)."""
    if not mask.shape[1]:
        return torch.zeros_like(mask, dtype=torch.long)
    first, *rest = _prepare(emissions, mask).unbind(1)
    best, into = potentials.start + first, potentials.transitions.T
    stay = torch.arange(emissions.shape[2], device=emissions.device).expand(len(mask), -1)
    origins = []
    for emission, alive in zip(rest, mask.T[1:, :, None], strict=True):
        reached, origin = (best.unsqueeze(1) + into).max(dim=2)
        best = torch.where(alive, reached + emission, best)
        origins.append(torch.where(alive, origin, stay))
    path = [(best + potentials.end).argmax(dim=1, keepdim=True)]
    for origin in reversed(origins):
        path.append(origin.gather(1, path[-1]))
    return torch.cat(path[::-1], dim=1).masked_fill(~mask, 0)


def marginals(emissions: Tensor, mask: Tensor, potentials: Potentials) -> Tensor:
    """Probability of each tag at each token, ``[n, L, C]``, with 0 on the padding (forward-backward algorithm).

    It can be differentiated as often as one likes, so that soft labels of a chain carry gradient.
    """
    return posterior(emissions, mask, potentials).marginals


class Posterior(NamedTuple):
    """What the forward-backward algorithm finds.

    Attributes:
        marginals: Probability of each tag at each token, 0 on the padding; ``[n, L, C]``.
        continuations: Log of the summed exponentiated scores of all that can follow each tag; ``[n, L, C]``.
    """

    marginals: Tensor
    continuations: Tensor


def posterior(emissions: Tensor, mask: Tensor, potentials: Potentials) -> Posterior:
    """Run forward-backward once, for `marginals` and `conditionals`."""
    if not mask.shape[1]:
        return Posterior(emissions, emissions)
    emissions = _prepare(emissions, mask)
    forward = torch.stack(_forward(emissions, mask, potentials), dim=1)
    backward = torch.stack(_backward(emissions, mask, potentials), dim=1)
    marginals = (forward + backward).softmax(dim=2).masked_fill(~mask.unsqueeze(2), 0.0)
    return Posterior(marginals.to(emissions.dtype), backward.to(emissions.dtype))


def conditionals(
    emissions: Tensor, tags: Tensor, mask: Tensor, potentials: Potentials, continuations: Tensor
) -> Tensor:
    """Probability of each tag given the tag before it; a stretch of them multiplies to that of the stretch.

    Args:
        emissions: ``[n, L, C]``.
        tags: ``[n, L]``, complete within the mask.
        mask: ``[n, L]``.
        potentials: Scores of transitions, starts and ends.
        continuations: Those of `posterior`.

    Returns:
        Probabilities ``[n, L]``, 1 on the padding.
    """
    if not mask.shape[1]:
        return emissions.new_ones(mask.shape)
    tags = tags.masked_fill(~mask, 0)
    before = torch.cat([potentials.start.expand(len(mask), 1, -1), potentials.transitions[tags[:, :-1]]], dim=1)
    scores = before + _prepare(emissions, mask) + continuations
    chosen = scores.log_softmax(dim=2).gather(2, tags.unsqueeze(2)).squeeze(2)
    return chosen.exp().masked_fill(~mask, 1.0)


def _widen(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _double(tensor: Tensor) -> Tensor:
    """In double precision, which keeps apart what single precision would take for 0; Apple's GPUs do not have it."""
    return _widen(tensor) if tensor.device.type == "mps" else tensor.double()


def _advance(sums: Tensor, weights: Tensor) -> Tensor:
    """Log of ``exp(sums) @ weights``: one step of all chains with one exp a tag instead of one a pair of tags.

    Tags that lie too far below the best for their sum to be held are raised to what can be held.
    """
    limit = torch.finfo(sums.dtype).tiny
    highest = sums.detach().amax(dim=-1, keepdim=True)
    reached = (sums - highest).clamp(min=math.log(limit) + 1.0).exp() @ weights
    return reached.clamp(min=limit).log() + highest


def _prepare(emissions: Tensor, mask: Tensor) -> Tensor:
    return _widen(emissions).masked_fill(~mask.unsqueeze(2), 0.0)


def _forward(emissions: Tensor, mask: Tensor, potentials: Potentials) -> list[Tensor]:
    """Log sums ``[n, C]`` over all beginnings that end in a tag; padding repeats the last token's."""
    first, *rest = _double(emissions).unbind(1)
    weights = _double(potentials.transitions).exp()
    sums = [_double(potentials.start) + first]
    for emission, alive in zip(rest, mask.T[1:, :, None], strict=True):
        sums.append(torch.where(alive, _advance(sums[-1], weights) + emission, sums[-1]))
    return sums


def _backward(emissions: Tensor, mask: Tensor, potentials: Potentials) -> list[Tensor]:
    """Log sums ``[n, C]`` over all continuations after a tag; padding holds the end scores."""
    weights, end = _double(potentials.transitions).exp().T, _double(potentials.end)
    sums = [end.expand(len(mask), -1)]
    for emission, alive in zip(_double(emissions).unbind(1)[:0:-1], mask.T[1:, :, None].flip(0), strict=True):
        sums.append(torch.where(alive, _advance(sums[-1] + emission, weights), end))
    return sums[::-1]


class LinearChain(nn.Module):
    """The scores of a linear chain, learned or merely constrained.

    With ``learned=False`` the module has no parameters: its Viterbi then gives the best legal sequence under the scores
    of a classifier (logits or log probabilities alike).

    Args:
        size: Number of tags, C.
        allowed: The legal sequences; without it, all are.
        learned: Whether transitions, starts and ends have scores of their own; they begin at 0.
    """

    allowed_transitions: Tensor
    allowed_starts: Tensor
    allowed_ends: Tensor

    def __init__(self, size: int, *, allowed: Allowed | None = None, learned: bool = True) -> None:
        super().__init__()
        shapes = {"transitions": (size, size), "starts": (size,), "ends": (size,)}
        for name, shape in shapes.items():
            legal = torch.ones(shape, dtype=torch.bool) if allowed is None else torch.from_numpy(getattr(allowed, name))
            self.register_buffer(f"allowed_{name}", legal.clone())
        make = nn.Parameter if learned else nn.Buffer
        self.transitions = make(torch.zeros(size, size))
        self.start = make(torch.zeros(size))
        self.end = make(torch.zeros(size))

    @property
    def potentials(self) -> Potentials:
        """The scores with what is not allowed put at `FORBIDDEN`, in single precision at least."""
        return Potentials(
            _widen(self.transitions).masked_fill(~self.allowed_transitions, FORBIDDEN),
            _widen(self.start).masked_fill(~self.allowed_starts, FORBIDDEN),
            _widen(self.end).masked_fill(~self.allowed_ends, FORBIDDEN),
        )

    def log_partition(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """See `log_partition`; ``[n]``."""
        return log_partition(emissions, mask, self.potentials)

    def score(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """See `score`; ``[n]``."""
        return score(emissions, tags, mask, self.potentials)

    def nll(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """See `nll`; a scalar."""
        return nll(emissions, tags, mask, self.potentials)

    def viterbi(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """See `viterbi`; ``[n, L]``."""
        return viterbi(emissions, mask, self.potentials)

    def marginals(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """See `marginals`; ``[n, L, C]``."""
        return marginals(emissions, mask, self.potentials)

    def posterior(self, emissions: Tensor, mask: Tensor) -> Posterior:
        """See `posterior`."""
        return posterior(emissions, mask, self.potentials)

    def conditionals(self, emissions: Tensor, tags: Tensor, mask: Tensor, continuations: Tensor) -> Tensor:
        """See `conditionals`; ``[n, L]``."""
        return conditionals(emissions, tags, mask, self.potentials, continuations)
