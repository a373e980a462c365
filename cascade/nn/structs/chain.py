"""Linear-chain conditional random fields over the groups of flat rows (Lafferty et al. 2001).

A sequence of tags y scores ``start[y1] + sum_t emissions[t, yt] + sum_t transitions[y(t-1), yt] + end[yT]``. All of it
is computed in log space, sums in double precision where the device has it, and vectorised over groups and tags: each
step takes one row of every group that still has one.

Everywhere: ``emissions`` is ``[n, C]``, and every group of the ``n`` rows is one sequence. A function takes
`Potentials`, what a chain scores besides its emissions; `LinearChain` brings its own.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cascade.nn.rows import MISSING, Rows
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

    def cooled(self, temperature: Tensor) -> Potentials:
        """Divided by a temperature; what is not allowed stays so."""
        return Potentials(*(torch.where(own <= FORBIDDEN, own, own / temperature) for own in self))


def log_partition(emissions: Tensor, rows: Rows, potentials: Potentials) -> Tensor:
    """Log of the summed exponentiated scores of all tag sequences, ``[groups]`` (forward algorithm)."""
    emissions = _widen(emissions)
    if not len(rows):
        return emissions.new_zeros(0)
    last = _forward(emissions, rows, potentials).index_select(0, rows.last)
    return (last + potentials.end).logsumexp(dim=1).to(emissions.dtype)


def score(emissions: Tensor, tags: Tensor, rows: Rows, potentials: Potentials) -> Tensor:
    """Score of one complete tag sequence a group.

    Args:
        emissions: ``[n, C]``.
        tags: ``[n]``, complete.
        rows: The n rows.
        potentials: Scores of transitions, starts and ends.

    Returns:
        Scores ``[groups]``.
    """
    chosen = _widen(emissions).gather(1, tags[:, None]).squeeze(1)
    steps = torch.where(rows.position == 0, potentials.start[tags], potentials.transitions[tags.roll(1), tags])
    total = chosen.new_zeros(len(rows.lengths)).index_add(0, rows.group, chosen + steps)
    return total + potentials.end[tags[rows.last]]


def nll(emissions: Tensor, tags: Tensor, rows: Rows, potentials: Potentials) -> Tensor:
    """Negative log likelihood of complete or partial annotation, as the mean over annotated tokens.

    Where tags are missing, the likelihood is that of all completions together (Tsuboi et al. 2008, "Training
    Conditional Random Fields Using Incomplete Annotations"). The mean per token keeps the loss on the scale of a cross
    entropy, whatever the length and number of the sequences.

    Args:
        emissions: ``[n, C]``.
        tags: ``[n]``, with `MISSING` where there is no gold.
        rows: The n rows.
        potentials: Scores of transitions, starts and ends.

    Returns:
        A scalar; 0 where nothing is annotated.
    """
    known = tags != MISSING
    annotated = _groups_with(known, rows)[rows.group]
    emissions, tags, known, rows = emissions[annotated], tags[annotated], known[annotated], rows.only(annotated)
    gold = score(emissions, tags.masked_fill(~known, 0), rows, potentials)
    partial = _groups_with(~known, rows)
    if partial.any():
        kept = partial[rows.group]
        fits = _fitting(emissions[kept], tags[kept], known[kept])
        gold = gold.index_copy(0, partial.nonzero().squeeze(1), log_partition(fits, rows.only(kept), potentials))
    return (log_partition(emissions, rows, potentials) - gold).sum() / known.sum().clamp(min=1)


def _groups_with(chosen: Tensor, rows: Rows) -> Tensor:
    """Groups that have a chosen row. Shape: [groups], bool."""
    return torch.zeros_like(rows.lengths, dtype=torch.bool).index_fill(0, rows.group[chosen], True)


def _fitting(emissions: Tensor, tags: Tensor, known: Tensor) -> Tensor:
    """Emissions of which only those that fit the annotation are left."""
    gold = tags.masked_fill(~known, 0).unsqueeze(1)
    fits = torch.zeros_like(emissions, dtype=torch.bool).scatter_(1, gold, True) | ~known.unsqueeze(1)
    return _widen(emissions).masked_fill(~fits, _CONTRADICTED)


@torch.no_grad()
def viterbi(emissions: Tensor, rows: Rows, potentials: Potentials) -> Tensor:
    """The best tag sequence of each group, ``[n]`` of int64 (Viterbi 1967)."""
    if not len(rows):
        return rows.parent.new_zeros(0)
    first, *rest = rows.steps.split(_widen(emissions))
    best = [potentials.start + first]
    for emission in rest:
        best.append((best[-1][: len(emission), :, None] + potentials.transitions).amax(1) + emission)
    path = [(best[-1] + potentials.end).argmax(1)]
    for sums in best[-2::-1]:
        onward = torch.cat([potentials.transitions.T[path[-1]], potentials.end.expand(len(sums) - len(path[-1]), -1)])
        path.append((sums + onward).argmax(1))
    return rows.steps.join(path[::-1])


def marginals(emissions: Tensor, rows: Rows, potentials: Potentials) -> Tensor:
    """Probability of each tag at each row, ``[n, C]`` (forward-backward algorithm).

    It can be differentiated as often as one likes, so that soft labels of a chain carry gradient.
    """
    return posterior(emissions, rows, potentials).marginals


class Posterior(NamedTuple):
    """What the forward-backward algorithm finds.

    Attributes:
        marginals: Probability of each tag at each row; ``[n, C]``.
        continuations: Log of the summed exponentiated scores of all that can follow each tag; ``[n, C]``.
    """

    marginals: Tensor
    continuations: Tensor


def posterior(emissions: Tensor, rows: Rows, potentials: Potentials) -> Posterior:
    """Run forward-backward once, for `marginals` and `conditionals`."""
    emissions = _widen(emissions)
    if not len(rows):
        return Posterior(emissions, emissions)
    forward, backward = _forward(emissions, rows, potentials), _backward(emissions, rows, potentials)
    return Posterior((forward + backward).softmax(dim=1).to(emissions.dtype), backward.to(emissions.dtype))


def conditionals(emissions: Tensor, tags: Tensor, rows: Rows, potentials: Potentials, continuations: Tensor) -> Tensor:
    """Probability of each tag given the tag before it; a stretch of them multiplies to that of the stretch.

    Args:
        emissions: ``[n, C]``.
        tags: ``[n]``, complete.
        rows: The n rows.
        potentials: Scores of transitions, starts and ends.
        continuations: Those of `posterior`.

    Returns:
        Probabilities ``[n]``.
    """
    before = torch.where(rows.position[:, None] == 0, potentials.start, potentials.transitions[tags.roll(1)])
    scores = before + _widen(emissions) + continuations
    return scores.log_softmax(dim=1).gather(1, tags[:, None]).squeeze(1).exp()


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


def _forward(emissions: Tensor, rows: Rows, potentials: Potentials) -> Tensor:
    """Log sums ``[n, C]`` over all beginnings that end in a tag."""
    first, *rest = rows.steps.split(_double(emissions))
    weights = _double(potentials.transitions).exp()
    sums = [_double(potentials.start) + first]
    for emission in rest:
        sums.append(_advance(sums[-1][: len(emission)], weights) + emission)
    return rows.steps.join(sums)


def _backward(emissions: Tensor, rows: Rows, potentials: Potentials) -> Tensor:
    """Log sums ``[n, C]`` over all continuations after a tag."""
    first, *rest = rows.steps.split(_double(emissions))
    weights, end = _double(potentials.transitions).exp().T, _double(potentials.end)
    sums = [end.expand(len(rest[-1] if rest else first), -1)]
    for emission, size in zip(rest[::-1], rows.steps.sizes[-2::-1], strict=True):
        onward = _advance(sums[-1] + emission, weights)
        sums.append(torch.cat([onward, end.expand(size - len(onward), -1)]))
    return rows.steps.join(sums[::-1])


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

    def log_partition(self, emissions: Tensor, rows: Rows) -> Tensor:
        """See `log_partition`; ``[groups]``."""
        return log_partition(emissions, rows, self.potentials)

    def score(self, emissions: Tensor, tags: Tensor, rows: Rows) -> Tensor:
        """See `score`; ``[groups]``."""
        return score(emissions, tags, rows, self.potentials)

    def nll(self, emissions: Tensor, tags: Tensor, rows: Rows) -> Tensor:
        """See `nll`; a scalar."""
        return nll(emissions, tags, rows, self.potentials)

    def viterbi(self, emissions: Tensor, rows: Rows) -> Tensor:
        """See `viterbi`; ``[n]``."""
        return viterbi(emissions, rows, self.potentials)

    def marginals(self, emissions: Tensor, rows: Rows) -> Tensor:
        """See `marginals`; ``[n, C]``."""
        return marginals(emissions, rows, self.potentials)

    def posterior(self, emissions: Tensor, rows: Rows) -> Posterior:
        """See `posterior`."""
        return posterior(emissions, rows, self.potentials)

    def conditionals(self, emissions: Tensor, tags: Tensor, rows: Rows, continuations: Tensor) -> Tensor:
        """See `conditionals`; ``[n]``."""
        return conditionals(emissions, tags, rows, self.potentials, continuations)
