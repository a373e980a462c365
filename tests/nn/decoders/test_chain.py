from __future__ import annotations

import itertools

import pytest
import torch

from cascade.nn.decoders.chain import ConstrainedTagger, CrfTagger
from cascade.nn.rows import MISSING, Rows
from cascade.nn.structs.iobes import Iobes

SCHEME = Iobes(["A", "B"])
TAGGERS = [ConstrainedTagger, CrfTagger]


def rows(*lengths: int) -> Rows:
    parent = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths, dtype=torch.long))
    return Rows(parent=parent, alive=torch.ones(len(parent), dtype=torch.bool), size=len(lengths))


def make(tagger: type[ConstrainedTagger]) -> ConstrainedTagger:
    made = tagger(6, hidden=5, allowed=SCHEME.allowed)
    if made.learned:
        torch.nn.init.normal_(made.chain.transitions)
    return made


def tags(*names: str) -> torch.Tensor:
    return torch.tensor([MISSING if name == "?" else SCHEME.tags.index(name) for name in names])


@pytest.mark.parametrize("tagger", TAGGERS)
def test_the_best_tags_are_legal_inside_every_group(tagger: type[ConstrainedTagger]) -> None:
    decoder, layout = make(tagger).eval(), rows(3, 0, 1, 4)
    best = decoder.best(decoder(20 * torch.randn(8, 6), layout), layout)
    transitions, starts, ends = SCHEME.allowed
    for group in best.split([3, 1, 4]):
        assert starts[group[0]]
        assert ends[group[-1]]
        assert transitions[group[:-1], group[1:]].all()


@pytest.mark.parametrize("tagger", TAGGERS)
def test_groups_do_not_reach_each_other(tagger: type[ConstrainedTagger]) -> None:
    decoder, states = make(tagger).eval(), torch.randn(7, 6)
    gold = tags("B-A", "E-A", "O", "S-B", "O", "?", "S-A")
    whole, parts = rows(3, 4), (rows(3), rows(4))
    scores = decoder(states, whole)
    alone = [decoder(part, layout) for part, layout in zip(states.split([3, 4]), parts, strict=True)]
    pairs = list(zip(alone, parts, strict=True))
    torch.testing.assert_close(decoder.marginals(scores, whole), torch.cat([decoder.marginals(*p) for p in pairs]))
    assert decoder.best(scores, whole).tolist() == torch.cat([decoder.best(*p) for p in pairs]).tolist()
    losses = [
        decoder.loss(*pair[:1], part, pair[1]) * count
        for pair, part, count in zip(pairs, gold.split([3, 4]), (3, 3), strict=True)
    ]
    torch.testing.assert_close(decoder.loss(scores, gold, whole), sum(losses) / 6)


@pytest.mark.parametrize("tagger", TAGGERS)
def test_conditionals_of_a_group_multiply_to_its_probability(tagger: type[ConstrainedTagger]) -> None:
    decoder, layout = make(tagger).eval(), rows(4)
    scores, gold = decoder(torch.randn(4, 6), layout), tags("B-B", "I-B", "E-B", "O")
    expected = (-4 * decoder.loss(scores, gold, layout)).exp()
    torch.testing.assert_close(decoder.conditionals(scores, gold, layout).prod(), expected)


@pytest.mark.parametrize("tagger", TAGGERS)
def test_training_and_evaluation_give_the_same(tagger: type[ConstrainedTagger]) -> None:
    decoder, states, layout = make(tagger), torch.randn(5, 6), rows(2, 3)
    gold = tags("S-A", "O", "B-A", "I-A", "E-A")
    trained, evaluated = decoder.train()(states, layout), decoder.eval()(states, layout)
    for method in (decoder.marginals, decoder.best):
        torch.testing.assert_close(method(trained, layout), method(evaluated, layout))
    for other in (decoder.loss, decoder.conditionals):
        torch.testing.assert_close(other(trained, gold, layout), other(evaluated, gold, layout))


@pytest.mark.parametrize("tagger", TAGGERS)
@pytest.mark.parametrize("training", [True, False])
def test_batches_without_rows(tagger: type[ConstrainedTagger], training: bool) -> None:
    decoder, layout, none = make(tagger).train(training), rows(0, 0), torch.zeros(0, dtype=torch.long)
    scores = decoder(torch.zeros(0, 6), layout)
    assert decoder.loss(scores, none, layout).item() == 0.0
    assert decoder.best(scores, layout).shape == decoder.conditionals(scores, none, layout).shape == (0,)
    assert decoder.marginals(scores, layout).shape == (0, len(SCHEME.tags))


def test_gold_that_a_group_cuts_in_two_is_left_open_at_the_cut() -> None:
    decoder, layout = make(CrfTagger).eval(), rows(2, 2, 1)
    scores = decoder(torch.randn(5, 6), layout)
    cut, opened = tags("B-A", "I-A", "I-A", "E-A", "I-B"), tags("B-A", "?", "?", "E-A", "?")
    torch.testing.assert_close(decoder.loss(scores, cut, layout), decoder.loss(scores, opened, layout))
    assert decoder.loss(scores, cut, layout) < 10


@pytest.mark.parametrize("tagger", TAGGERS)
@pytest.mark.parametrize("temperature", [0.4, 3.0])
def test_cooled_sequences_by_brute_force(tagger: type[ConstrainedTagger], temperature: float) -> None:
    """p(y) is in proportion to exp(score(y) / T) over all legal sequences, and the best of them stays."""
    decoder, layout = make(tagger).eval(), rows(3)
    scores = decoder(3 * torch.randn(3, 6), layout)
    cooled = decoder.cooled(scores, temperature, layout)
    assert torch.equal(decoder.best(cooled, layout), decoder.best(scores, layout))
    if tagger is ConstrainedTagger:
        torch.testing.assert_close(decoder.marginals(cooled, layout), (scores["logits"] / temperature).softmax(-1))
        return
    sequences = [torch.tensor(tags) for tags in itertools.product(range(len(SCHEME.tags)), repeat=3)]
    energies = torch.stack([decoder.chain.score(scores["logits"], tags, layout).squeeze() for tags in sequences])
    chances = torch.where(energies > -5000, energies / temperature, -torch.inf).softmax(0)
    marginals = torch.zeros(3, len(SCHEME.tags)).index_put(
        (torch.arange(3).repeat(len(sequences)), torch.cat(sequences)), chances.repeat_interleave(3), accumulate=True
    )
    torch.testing.assert_close(decoder.marginals(cooled, layout), marginals, rtol=1e-4, atol=1e-6)
    likeliest = sequences[int(chances.argmax())]
    torch.testing.assert_close(decoder.conditionals(cooled, likeliest, layout).prod(), chances.max())
    torch.testing.assert_close((-3 * decoder.loss(cooled, likeliest, layout)).exp(), chances.max())
