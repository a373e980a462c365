from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cascade.nn.rows import MISSING
from cascade.nn.structs import chain
from cascade.nn.structs.chain import LinearChain, Potentials
from cascade.nn.structs.iobes import Iobes

LENGTHS = [4, 1, 0, 3]
C = 3


def problem(
    lengths: list[int] = LENGTHS, size: int = C, seed: int = 0, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor, Potentials]:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return 2 * torch.randn(*shape, generator=generator, dtype=dtype)

    longest = max(lengths, default=0)
    mask = torch.arange(longest) < torch.tensor(lengths).unsqueeze(1)
    return draw(len(lengths), longest, size), mask, Potentials(draw(size, size), draw(size), draw(size))


def weigh(emissions: Tensor, tags: tuple[int, ...], potentials: Potentials) -> Tensor:
    """The definition of the score, term by term."""
    total = torch.zeros((), dtype=emissions.dtype)
    for t, tag in enumerate(tags):
        total = total + emissions[t, tag] + (potentials.transitions[tags[t - 1], tag] if t else potentials.start[tag])
    return total + potentials.end[tags[-1]] if tags else total


def enumerate_row(emissions: Tensor, length: int, potentials: Potentials) -> tuple[list[tuple[int, ...]], Tensor]:
    sequences = list(itertools.product(range(emissions.shape[1]), repeat=length))
    return sequences, torch.stack([weigh(emissions, tags, potentials) for tags in sequences])


@pytest.mark.parametrize("seed", range(3))
def test_all_sequences_by_brute_force(seed: int) -> None:
    emissions, mask, potentials = problem(seed=seed)
    log_partition = chain.log_partition(emissions, mask, potentials)
    best, marginals = chain.viterbi(emissions, mask, potentials), chain.marginals(emissions, mask, potentials)
    for i, length in enumerate(LENGTHS):
        sequences, scores = enumerate_row(emissions[i], length, potentials)
        assert log_partition[i].item() == pytest.approx(scores.logsumexp(0).item())
        assert tuple(best[i, :length].tolist()) == sequences[int(scores.argmax())]
        for t, tag in itertools.product(range(length), range(C)):
            chosen = torch.tensor([tags[t] == tag for tags in sequences])
            assert marginals[i, t, tag].item() == pytest.approx(scores.softmax(0)[chosen].sum().item())
    assert not best[~mask].any()
    assert not marginals[~mask].any()


def test_score_is_its_definition() -> None:
    emissions, mask, potentials = problem()
    tags = torch.randint(C, mask.shape).masked_fill(~mask, MISSING)
    expected = [weigh(emissions[i], tuple(tags[i, :n].tolist()), potentials) for i, n in enumerate(LENGTHS)]
    torch.testing.assert_close(chain.score(emissions, tags, mask, potentials), torch.stack(expected))


@pytest.mark.parametrize("seed", range(3))
def test_conditionals_by_brute_force(seed: int) -> None:
    emissions, mask, potentials = problem(seed=seed)
    tags = torch.randint(C, mask.shape)
    continuations = chain.posterior(emissions, mask, potentials).continuations
    found = chain.conditionals(emissions, tags, mask, potentials, continuations)
    for i, length in enumerate(LENGTHS):
        sequences, scores = enumerate_row(emissions[i], length, potentials)
        for t in range(length):
            given_before, both = (
                torch.tensor([s[start:stop] == tuple(tags[i, start:stop].tolist()) for s in sequences])
                for start, stop in ((max(t - 1, 0), t), (max(t - 1, 0), t + 1))
            )
            expected = scores[both].logsumexp(0) - scores[given_before].logsumexp(0)
            assert found[i, t].item() == pytest.approx(expected.exp().item())
    assert (found[~mask] == 1).all()


@given(
    st.lists(st.lists(st.sampled_from([MISSING, *range(C)]), max_size=4), min_size=1, max_size=3), st.integers(0, 99)
)
def test_partial_annotation_sums_over_its_completions(rows: list[list[int]], seed: int) -> None:
    emissions, mask, potentials = problem([len(row) for row in rows], seed=seed)
    tags = torch.full(mask.shape, MISSING)
    expected = 0.0
    for i, row in enumerate(rows):
        tags[i, : len(row)] = torch.tensor(row, dtype=torch.long)
        sequences, scores = enumerate_row(emissions[i], len(row), potentials)
        fits = [all(gold in (MISSING, tag) for gold, tag in zip(row, tags_, strict=True)) for tags_ in sequences]
        expected += (scores.logsumexp(0) - scores[torch.tensor(fits)].logsumexp(0)).item()
    annotated = sum(tag != MISSING for row in rows for tag in row)
    loss = chain.nll(emissions, tags, mask, potentials)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(expected / max(annotated, 1), abs=1e-9)


def test_the_loss_is_a_mean_per_token() -> None:
    emissions, mask, potentials = problem()
    tags = torch.randint(C, mask.shape)
    once = chain.nll(emissions, tags, mask, potentials)
    total = (chain.log_partition(emissions, mask, potentials) - chain.score(emissions, tags, mask, potentials)).sum()
    torch.testing.assert_close(once, total / sum(LENGTHS))
    twice = chain.nll(emissions.repeat(2, 1, 1), tags.repeat(2, 1), mask.repeat(2, 1), potentials)
    torch.testing.assert_close(once, twice)


def test_without_transitions_the_loss_is_the_cross_entropy_and_marginals_are_the_softmax() -> None:
    emissions, mask, _ = problem(dtype=torch.float32)
    plain, tags = LinearChain(C), torch.randint(C, mask.shape)
    expected = torch.nn.functional.cross_entropy(emissions[mask], tags[mask])
    torch.testing.assert_close(plain.nll(emissions, tags, mask), expected)
    torch.testing.assert_close(plain.marginals(emissions, mask)[mask], emissions[mask].softmax(-1))


def test_gradients() -> None:
    emissions, mask, potentials = problem()
    tags = torch.tensor([[0, MISSING, 2, 1], [2, 0, 0, 0], [1, 1, 1, 1], [MISSING, 1, MISSING, 0]])
    inputs = [tensor.requires_grad_() for tensor in (emissions, *potentials)]

    def loss(emissions: Tensor, *potentials: Tensor) -> Tensor:
        return chain.nll(emissions, tags, mask, Potentials(*potentials))

    def marginals(emissions: Tensor, *potentials: Tensor) -> Tensor:
        return chain.marginals(emissions, mask, Potentials(*potentials))

    for function in (loss, marginals):
        assert torch.autograd.gradcheck(function, inputs)
        assert torch.autograd.gradgradcheck(function, inputs)


def test_marginals_are_the_gradient_of_the_log_partition() -> None:
    emissions, mask, potentials = problem([7, 2, 5], size=4)
    emissions.requires_grad_()
    (gradient,) = torch.autograd.grad(chain.log_partition(emissions, mask, potentials).sum(), emissions)
    torch.testing.assert_close(chain.marginals(emissions, mask, potentials), gradient)


@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_rows_without_tokens(lengths: list[int]) -> None:
    emissions, mask, potentials = problem(lengths)
    tags = torch.zeros(mask.shape, dtype=torch.long)
    assert chain.log_partition(emissions, mask, potentials).tolist() == [0.0] * len(lengths)
    assert chain.score(emissions, tags, mask, potentials).tolist() == [0.0] * len(lengths)
    assert chain.nll(emissions, tags, mask, potentials).item() == 0.0
    assert chain.viterbi(emissions, mask, potentials).shape == mask.shape
    assert chain.marginals(emissions, mask, potentials).shape == emissions.shape
    assert chain.conditionals(emissions, tags, mask, potentials, emissions).shape == mask.shape


def test_padding_reaches_nothing() -> None:
    emissions, mask, potentials = problem()
    tags = torch.randint(C, mask.shape)
    expected = chain.nll(emissions, tags, mask, potentials)
    dirty = emissions.masked_fill(~mask.unsqueeze(2), float("nan")).requires_grad_()
    loss = chain.nll(dirty, tags.masked_fill(~mask, C + 7), mask, potentials)
    loss.backward()
    torch.testing.assert_close(loss, expected)
    assert dirty.grad is not None
    assert dirty.grad.isfinite().all()
    assert not dirty.grad[~mask].any()
    assert chain.marginals(dirty, mask, potentials).isfinite().all()


def test_constrained_decoding_without_learned_scores_finds_the_best_legal_sequence() -> None:
    scheme = Iobes(["NP"])
    decoder = LinearChain(len(scheme.tags), allowed=scheme.allowed, learned=False)
    assert not list(decoder.parameters())
    transitions, starts, ends = scheme.allowed
    logits, mask, _ = problem([4, 1, 2], size=len(scheme.tags), dtype=torch.float32)
    best = decoder.viterbi(logits, mask)
    for row, tags, length in zip(logits, best.tolist(), mask.sum(1).tolist(), strict=True):
        legal = [
            path
            for path in itertools.product(range(len(scheme.tags)), repeat=length)
            if starts[path[0]] and ends[path[-1]] and all(transitions[a, b] for a, b in itertools.pairwise(path))
        ]
        assert tuple(tags[:length]) == max(
            legal, key=lambda path: sum(row[t, tag].item() for t, tag in enumerate(path))
        )


def test_a_constrained_chain_trains_without_nan_and_gives_illegal_tags_no_mass() -> None:
    scheme = Iobes(["NP", "VP"])
    crf = LinearChain(len(scheme.tags), allowed=scheme.allowed)
    emissions, mask, _ = problem([5, 2, 0], size=len(scheme.tags), dtype=torch.float32)
    emissions = (20 * emissions).requires_grad_()
    tags = torch.full(mask.shape, MISSING)
    tags[0] = torch.from_numpy(scheme.encode([(1, 4, "VP")], 5))
    tags[1, 1] = scheme.tags.index("E-NP")
    crf.nll(emissions, tags, mask).backward()
    marginals = crf.marginals(emissions, mask)
    for gradient in (emissions.grad, crf.transitions.grad, crf.start.grad, crf.end.grad):
        assert gradient is not None
        assert gradient.isfinite().all()
    assert not crf.transitions.grad[~crf.allowed_transitions].any()
    torch.testing.assert_close(marginals.sum(2), mask.float())
    assert marginals[:2, 0, ~crf.allowed_starts].max() == 0.0


def test_gold_that_breaks_the_constraints_keeps_its_own_score() -> None:
    scheme = Iobes(["NP"])
    crf = LinearChain(len(scheme.tags), allowed=scheme.allowed).double()
    emissions, mask, _ = problem([3], size=len(scheme.tags))
    tags = torch.tensor([[scheme.tags.index(tag) for tag in ("O", "I-NP", "B-NP")]])
    expected = (crf.log_partition(emissions, mask) - crf.score(emissions, tags, mask)).sum() / 3
    torch.testing.assert_close(crf.nll(emissions, tags, mask), expected)


def test_half_precision_is_widened() -> None:
    emissions, mask, potentials = problem(dtype=torch.float32)
    single = Potentials(*(tensor.float() for tensor in potentials))
    tags = torch.randint(C, mask.shape)
    coarse = emissions.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = chain.nll(coarse, tags, mask, single)
        marginals = chain.marginals(coarse, mask, single)
    assert (loss.dtype, marginals.dtype) == (torch.float32, torch.float32)
    torch.testing.assert_close(loss, chain.nll(coarse.float(), tags, mask, single))
    assert LinearChain(C).bfloat16().marginals(coarse, mask).dtype == torch.float32


def test_a_chain_learns_a_rule_that_its_emissions_do_not_show_and_survives_saving() -> None:
    crf = LinearChain(2)
    emissions, mask = torch.zeros(1, 6, 2), torch.ones(1, 6, dtype=torch.bool)
    tags = torch.tensor([[0, 1, 0, 1, 0, 1]])
    optimizer = torch.optim.Adam(crf.parameters(), lr=0.2)
    for _ in range(30):
        optimizer.zero_grad()
        crf.nll(emissions, tags, mask).backward()
        optimizer.step()
    copy = LinearChain(2)
    copy.load_state_dict(crf.state_dict())
    assert copy.viterbi(emissions, mask).tolist() == tags.tolist()


def test_unknown_tags_are_refused() -> None:
    emissions, mask, potentials = problem()
    for tag in (C, -1):
        with pytest.raises(RuntimeError):
            chain.nll(emissions, torch.full(mask.shape, tag), mask, potentials)
