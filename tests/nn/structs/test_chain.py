from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cascade.nn.rows import MISSING, Rows
from cascade.nn.structs import chain
from cascade.nn.structs.chain import LinearChain, Potentials
from cascade.nn.structs.iobes import Iobes

LENGTHS = [4, 1, 0, 3]
C = 3


def rows_of(lengths: list[int]) -> Rows:
    parent = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths, dtype=torch.long))
    return Rows(parent=parent, alive=torch.ones(len(parent), dtype=torch.bool), size=len(lengths))


def problem(
    lengths: list[int] = LENGTHS, size: int = C, seed: int = 0, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Rows, Potentials]:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return 2 * torch.randn(*shape, generator=generator, dtype=dtype)

    return draw(sum(lengths), size), rows_of(lengths), Potentials(draw(size, size), draw(size), draw(size))


def weigh(emissions: Tensor, tags: tuple[int, ...], potentials: Potentials) -> Tensor:
    """The definition of the score, term by term."""
    total = torch.zeros((), dtype=emissions.dtype)
    for t, tag in enumerate(tags):
        total = total + emissions[t, tag] + (potentials.transitions[tags[t - 1], tag] if t else potentials.start[tag])
    return total + potentials.end[tags[-1]]


def enumerate_group(emissions: Tensor, potentials: Potentials) -> tuple[list[tuple[int, ...]], Tensor]:
    sequences = list(itertools.product(range(emissions.shape[1]), repeat=len(emissions)))
    return sequences, torch.stack([weigh(emissions, tags, potentials) for tags in sequences])


def by_group(values: Tensor, rows: Rows) -> list[Tensor]:
    return list(values.split(rows.lengths.tolist()))


@pytest.mark.parametrize("seed", range(3))
def test_all_sequences_by_brute_force(seed: int) -> None:
    emissions, rows, potentials = problem(seed=seed)
    log_partition = chain.log_partition(emissions, rows, potentials)
    best, marginals = chain.viterbi(emissions, rows, potentials), chain.marginals(emissions, rows, potentials)
    groups = zip(*(by_group(values, rows) for values in (emissions, best, marginals)), log_partition, strict=True)
    for own, path, chances, total in groups:
        sequences, scores = enumerate_group(own, potentials)
        assert total.item() == pytest.approx(scores.logsumexp(0).item())
        assert tuple(path.tolist()) == sequences[int(scores.argmax())]
        for t, tag in itertools.product(range(len(own)), range(C)):
            chosen = torch.tensor([tags[t] == tag for tags in sequences])
            assert chances[t, tag].item() == pytest.approx(scores.softmax(0)[chosen].sum().item())


def test_score_is_its_definition() -> None:
    emissions, rows, potentials = problem()
    tags = torch.randint(C, (len(rows),))
    groups = zip(by_group(emissions, rows), by_group(tags, rows), strict=True)
    expected = [weigh(own, tuple(path.tolist()), potentials) for own, path in groups]
    torch.testing.assert_close(chain.score(emissions, tags, rows, potentials), torch.stack(expected))


@pytest.mark.parametrize("seed", range(3))
def test_conditionals_by_brute_force(seed: int) -> None:
    emissions, rows, potentials = problem(seed=seed)
    tags = torch.randint(C, (len(rows),))
    continuations = chain.posterior(emissions, rows, potentials).continuations
    found = chain.conditionals(emissions, tags, rows, potentials, continuations)
    for own, path, chances in zip(*(by_group(values, rows) for values in (emissions, tags, found)), strict=True):
        sequences, scores = enumerate_group(own, potentials)
        for t in range(len(own)):
            given_before, both = (
                torch.tensor([s[start:stop] == tuple(path[start:stop].tolist()) for s in sequences])
                for start, stop in ((max(t - 1, 0), t), (max(t - 1, 0), t + 1))
            )
            expected = scores[both].logsumexp(0) - scores[given_before].logsumexp(0)
            assert chances[t].item() == pytest.approx(expected.exp().item())


@given(
    st.lists(st.lists(st.sampled_from([MISSING, *range(C)]), max_size=4), min_size=1, max_size=3), st.integers(0, 99)
)
def test_partial_annotation_sums_over_its_completions(annotation: list[list[int]], seed: int) -> None:
    emissions, rows, potentials = problem([len(group) for group in annotation], seed=seed)
    tags = torch.tensor([tag for group in annotation for tag in group], dtype=torch.long)
    expected = 0.0
    for own, gold in zip(by_group(emissions, rows), filter(None, annotation), strict=True):
        sequences, scores = enumerate_group(own, potentials)
        fits = [all(known in (MISSING, tag) for known, tag in zip(gold, path, strict=True)) for path in sequences]
        expected += (scores.logsumexp(0) - scores[torch.tensor(fits)].logsumexp(0)).item()
    loss = chain.nll(emissions, tags, rows, potentials)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(expected / max(int((tags != MISSING).sum()), 1), abs=1e-9)


def test_the_loss_is_a_mean_per_token() -> None:
    emissions, rows, potentials = problem()
    tags = torch.randint(C, (len(rows),))
    once = chain.nll(emissions, tags, rows, potentials)
    total = (chain.log_partition(emissions, rows, potentials) - chain.score(emissions, tags, rows, potentials)).sum()
    torch.testing.assert_close(once, total / sum(LENGTHS))
    twice = chain.nll(emissions.repeat(2, 1), tags.repeat(2), rows_of(LENGTHS * 2), potentials)
    torch.testing.assert_close(once, twice)


def test_without_transitions_the_loss_is_the_cross_entropy_and_marginals_are_the_softmax() -> None:
    emissions, rows, _ = problem(dtype=torch.float32)
    plain, tags = LinearChain(C), torch.randint(C, (len(rows),))
    torch.testing.assert_close(plain.nll(emissions, tags, rows), torch.nn.functional.cross_entropy(emissions, tags))
    torch.testing.assert_close(plain.marginals(emissions, rows), emissions.softmax(-1))


def test_gradients() -> None:
    emissions, rows, potentials = problem()
    tags = torch.tensor([0, MISSING, 2, 1, 2, MISSING, 1, MISSING])
    inputs = [tensor.requires_grad_() for tensor in (emissions, *potentials)]

    def loss(emissions: Tensor, *potentials: Tensor) -> Tensor:
        return chain.nll(emissions, tags, rows, Potentials(*potentials))

    def marginals(emissions: Tensor, *potentials: Tensor) -> Tensor:
        return chain.marginals(emissions, rows, Potentials(*potentials))

    for function in (loss, marginals):
        assert torch.autograd.gradcheck(function, inputs)
        assert torch.autograd.gradgradcheck(function, inputs)


def test_marginals_are_the_gradient_of_the_log_partition() -> None:
    emissions, rows, potentials = problem([7, 2, 5], size=4)
    emissions.requires_grad_()
    (gradient,) = torch.autograd.grad(chain.log_partition(emissions, rows, potentials).sum(), emissions)
    torch.testing.assert_close(chain.marginals(emissions, rows, potentials), gradient)


@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_no_rows(lengths: list[int]) -> None:
    emissions, rows, potentials = problem(lengths)
    tags = torch.zeros(0, dtype=torch.long)
    assert chain.log_partition(emissions, rows, potentials).shape == (0,)
    assert chain.score(emissions, tags, rows, potentials).shape == (0,)
    assert chain.nll(emissions, tags, rows, potentials).item() == 0.0
    assert chain.viterbi(emissions, rows, potentials).shape == (0,)
    assert chain.marginals(emissions, rows, potentials).shape == emissions.shape
    assert chain.conditionals(emissions, tags, rows, potentials, emissions).shape == (0,)


def test_groups_without_gold_cost_nothing() -> None:
    emissions, rows, potentials = problem()
    emissions.requires_grad_()
    tags = torch.tensor([MISSING] * 4 + [0] + [1, MISSING, 2])
    chain.nll(emissions, tags, rows, potentials).backward()
    assert emissions.grad is not None
    assert not emissions.grad[:4].any()
    assert emissions.grad[4:].any(1).all()


def test_constrained_decoding_without_learned_scores_finds_the_best_legal_sequence() -> None:
    scheme = Iobes(["NP"])
    decoder = LinearChain(len(scheme.tags), allowed=scheme.allowed, learned=False)
    assert not list(decoder.parameters())
    transitions, starts, ends = scheme.allowed
    logits, rows, _ = problem([4, 1, 2], size=len(scheme.tags), dtype=torch.float32)
    best = decoder.viterbi(logits, rows)
    for own, tags in zip(by_group(logits, rows), by_group(best, rows), strict=True):
        legal = [
            path
            for path in itertools.product(range(len(scheme.tags)), repeat=len(own))
            if starts[path[0]] and ends[path[-1]] and all(transitions[a, b] for a, b in itertools.pairwise(path))
        ]
        assert tuple(tags.tolist()) == max(
            legal, key=lambda path: sum(own[t, tag].item() for t, tag in enumerate(path))
        )


def test_a_constrained_chain_trains_without_nan_and_gives_illegal_tags_no_mass() -> None:
    scheme = Iobes(["NP", "VP"])
    crf = LinearChain(len(scheme.tags), allowed=scheme.allowed)
    emissions, rows, _ = problem([5, 2, 0], size=len(scheme.tags), dtype=torch.float32)
    emissions = (20 * emissions).requires_grad_()
    tags = torch.tensor([*scheme.encode([(1, 4, "VP")], 5), MISSING, scheme.tags.index("E-NP")])
    crf.nll(emissions, tags, rows).backward()
    marginals = crf.marginals(emissions, rows)
    for gradient in (emissions.grad, crf.transitions.grad, crf.start.grad, crf.end.grad):
        assert gradient is not None
        assert gradient.isfinite().all()
    assert not crf.transitions.grad[~crf.allowed_transitions].any()
    torch.testing.assert_close(marginals.sum(1), torch.ones(7))
    assert marginals[rows.first][:, ~crf.allowed_starts].max() == 0.0


def test_gold_that_breaks_the_constraints_keeps_its_own_score() -> None:
    scheme = Iobes(["NP"])
    crf = LinearChain(len(scheme.tags), allowed=scheme.allowed).double()
    emissions, rows, _ = problem([3], size=len(scheme.tags))
    tags = torch.tensor([scheme.tags.index(tag) for tag in ("O", "I-NP", "B-NP")])
    expected = (crf.log_partition(emissions, rows) - crf.score(emissions, tags, rows)).sum() / 3
    torch.testing.assert_close(crf.nll(emissions, tags, rows), expected)


def test_half_precision_is_widened() -> None:
    emissions, rows, potentials = problem(dtype=torch.float32)
    single = Potentials(*(tensor.float() for tensor in potentials))
    tags = torch.randint(C, (len(rows),))
    coarse = emissions.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = chain.nll(coarse, tags, rows, single)
        marginals = chain.marginals(coarse, rows, single)
    assert (loss.dtype, marginals.dtype) == (torch.float32, torch.float32)
    torch.testing.assert_close(loss, chain.nll(coarse.float(), tags, rows, single))
    assert LinearChain(C).bfloat16().marginals(coarse, rows).dtype == torch.float32


def test_a_chain_learns_a_rule_that_its_emissions_do_not_show_and_survives_saving() -> None:
    crf = LinearChain(2)
    emissions, rows = torch.zeros(6, 2), rows_of([6])
    tags = torch.tensor([0, 1, 0, 1, 0, 1])
    optimizer = torch.optim.Adam(crf.parameters(), lr=0.2)
    for _ in range(30):
        optimizer.zero_grad()
        crf.nll(emissions, tags, rows).backward()
        optimizer.step()
    copy = LinearChain(2)
    copy.load_state_dict(crf.state_dict())
    assert copy.viterbi(emissions, rows).tolist() == tags.tolist()


def test_unknown_tags_are_refused() -> None:
    emissions, rows, potentials = problem()
    for tag in (C, -1):
        with pytest.raises(RuntimeError):
            chain.nll(emissions, torch.full((len(rows),), tag), rows, potentials)
