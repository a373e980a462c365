from __future__ import annotations

import itertools
import time
from functools import cache

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cascade.errors import ModelError
from cascade.nn.structs import trees

Heads = tuple[int, ...]


def reaches_root(heads: Heads) -> bool:
    for word in range(1, len(heads) + 1):
        for _ in heads:
            word = heads[word - 1] if word else 0
        if word:
            return False
    return True


def crosses(heads: Heads) -> bool:
    """An arc must dominate everything it spans: the definition of projectivity by yields."""
    for dependent, head in enumerate(heads, 1):
        for between in range(min(head, dependent) + 1, max(head, dependent)):
            ancestor = between
            while ancestor not in (0, head):
                ancestor = heads[ancestor - 1]
            if ancestor != head:
                return True
    return False


@cache
def all_trees(n: int, single_root: bool = True, projective: bool = False) -> list[Heads]:
    return [
        heads
        for heads in itertools.product(range(n + 1), repeat=n)
        if reaches_root(heads) and not (single_root and heads.count(0) != 1) and not (projective and crosses(heads))
    ]


def total(scores: NDArray[np.float64], heads: Heads | NDArray[np.int64]) -> float:
    return float(sum(scores[d, h] for d, h in enumerate(heads, 1)))


def draw_scores(n: int, seed: int) -> NDArray[np.float64]:
    """Scores of several kinds: continuous, full of ties, eager for many roots, far from 0."""
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(n + 1, n + 1)) * 3
    kind = seed % 4
    if kind == 1:
        scores = np.round(scores)
    elif kind == 2:
        scores[:, 0] += 10
    elif kind == 3:
        scores -= 1e4
    return scores


def random_tree(n: int, generator: np.random.Generator) -> Heads:
    order = generator.permutation(np.arange(1, n + 1))
    heads = np.zeros(n, dtype=np.int64)
    for i in range(1, n):
        heads[order[i] - 1] = order[generator.integers(i)]
    return tuple(heads.tolist())


def test_the_number_of_trees_is_the_known_one() -> None:
    """Cayley: n^(n-1) rooted trees, (n+1)^(n-1) with several roots; projective ones: OEIS A006013."""
    assert [len(all_trees(n)) for n in range(1, 6)] == [1, 2, 9, 64, 625]
    assert [len(all_trees(n, single_root=False)) for n in range(1, 6)] == [1, 3, 16, 125, 1296]
    assert [len(all_trees(n, projective=True)) for n in range(1, 6)] == [1, 2, 7, 30, 143]


@pytest.mark.parametrize("n", range(1, 6))
def test_treeness_and_projectivity_of_every_head_assignment(n: int) -> None:
    table = np.array(list(itertools.product(range(n + 1), repeat=n)))
    lengths = np.full(len(table), n)
    for single_root in (True, False):
        expected = set(all_trees(n, single_root))
        found = table[trees.are_trees(table, lengths, single_root=single_root)]
        assert set(map(tuple, found.tolist())) == expected
    trees_only = np.array(all_trees(n))
    flat = trees_only[trees.are_projective(trees_only)]
    assert set(map(tuple, flat.tolist())) == set(all_trees(n, projective=True))


def test_treeness_of_one_sentence() -> None:
    assert trees.is_tree([2, 0, 2])
    assert not trees.is_tree([0, 0])
    assert trees.is_tree([0, 0], single_root=False)
    assert not trees.is_tree([2, 1, 0])
    assert not trees.is_tree([0, 3])
    assert not trees.is_tree([0, -1])
    assert trees.is_tree([])
    chain = list(range(150))
    assert trees.is_tree(chain)
    assert not trees.is_tree([150, *chain[1:]])


@given(st.integers(1, 5), st.integers(0, 10_000))
def test_every_decoder_finds_the_best_tree(n: int, seed: int) -> None:
    scores = draw_scores(n, seed)
    found = {
        (True, False): trees.maximum_spanning_tree(scores),
        (False, False): trees.maximum_spanning_tree(scores, single_root=False),
        (True, True): trees.eisner(scores),
    }
    for (single_root, projective), heads in found.items():
        candidates = all_trees(n, single_root, projective)
        assert tuple(heads.tolist()) in candidates
        assert total(scores, heads) == pytest.approx(max(total(scores, tree) for tree in candidates))
    assert total(scores, trees.decode(scores)) == pytest.approx(total(scores, found[True, False]))
    assert total(scores, trees.decode(scores, projective=True)) == pytest.approx(total(scores, found[True, True]))


@pytest.mark.parametrize("seed", range(8))
def test_spanning_trees_agree_with_networkx(seed: int) -> None:
    n = 12
    scores = draw_scores(n, seed)

    def best(roots: range) -> float:
        graph = nx.DiGraph()
        for d, h in itertools.permutations(range(n + 1), 2):
            if d and (h or d in roots):
                graph.add_edge(h, d, weight=scores[d, h])
        tree = nx.maximum_spanning_arborescence(graph, preserve_attrs=False)
        return float(tree.size(weight="weight"))

    several = trees.maximum_spanning_tree(scores, single_root=False)
    assert total(scores, several) == pytest.approx(best(range(1, n + 1)))
    single = trees.maximum_spanning_tree(scores)
    assert trees.is_tree(single)
    assert total(scores, single) == pytest.approx(max(best(range(root, root + 1)) for root in range(1, n + 1)))


def test_the_one_root_need_not_be_the_one_with_the_best_root_arc() -> None:
    scores = np.full((4, 4), -100.0)
    scores[1:, 0] = [10.0, 10.0, 9.0]
    scores[[1, 2], 3] = 8.0
    assert trees.maximum_spanning_tree(scores, single_root=False).tolist() == [0, 0, 0]
    assert trees.maximum_spanning_tree(scores).tolist() == [3, 3, 0]


@given(st.integers(1, 4), st.integers(0, 10_000), st.floats(0.1, 0.9))
def test_forbidden_arcs_are_used_as_little_as_can_be(n: int, seed: int, share: float) -> None:
    scores = draw_scores(n, seed)
    scores[np.random.default_rng(seed).random(scores.shape) < share] = -np.inf

    def rank(heads: Heads) -> tuple[int, float]:
        used = [scores[d, h] for d, h in enumerate(heads, 1)]
        allowed = [score for score in used if score > -np.inf]
        return len(allowed), round(sum(allowed), 6)

    assert rank(trees.maximum_spanning_tree(scores)) == max(map(rank, all_trees(n)))
    assert rank(trees.decode(scores)) == max(map(rank, all_trees(n)))
    assert rank(trees.eisner(scores)) == max(map(rank, all_trees(n, projective=True)))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=6), st.integers(0, 10_000), st.booleans())
def test_a_batch_gives_what_its_sentences_give(lengths: list[int], seed: int, projective: bool) -> None:
    sentences = [draw_scores(n, seed + i) for i, n in enumerate(lengths)]
    batch = np.full((sum(lengths), max(lengths) + 1), np.nan)
    places = np.split(np.arange(sum(lengths)), np.cumsum(lengths)[:-1])
    for own, scores in zip(places, sentences, strict=True):
        batch[own, : len(scores)] = scores[1:]
    heads = trees.decode_batch(batch, lengths, projective=projective)
    for own, scores in zip(places, sentences, strict=True):
        assert heads[own].tolist() == trees.decode(scores, projective=projective).tolist()
    as_tensor = trees.decode_batch(torch.from_numpy(batch), torch.tensor(lengths), projective=projective)
    assert (as_tensor == heads).all()


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_a_clear_tree_is_found_by_every_decoder(n: int) -> None:
    generator = np.random.default_rng(n)
    heads = random_tree(n, generator)
    scores = generator.normal(size=(n + 1, n + 1))
    scores[np.arange(1, n + 1), heads] += 20
    for decoder in (trees.greedy, trees.maximum_spanning_tree, trees.decode):
        assert tuple(decoder(scores).tolist()) == heads
    flat = trees.decode(scores, projective=True)
    assert trees.is_tree(flat)
    assert trees.are_projective(flat[None])[0]


def test_neither_input_nor_diagonal_nor_first_row_matter() -> None:
    scores = draw_scores(4, 2)
    noisy = scores.copy()
    noisy[0] = np.nan
    np.fill_diagonal(noisy, np.inf)
    before = noisy.copy()
    for decoder in (trees.greedy, trees.maximum_spanning_tree, trees.eisner, trees.decode):
        assert decoder(noisy).tolist() == decoder(scores).tolist()
    np.testing.assert_array_equal(noisy, before)


def test_half_precision_tensors_that_carry_gradient_are_welcome() -> None:
    scores = torch.randn(6, 5, dtype=torch.bfloat16, requires_grad=True)
    assert trees.decode_batch(scores, [4, 2]).shape == (6,)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("decoder", [trees.greedy, trees.maximum_spanning_tree, trees.eisner, trees.decode])
def test_scores_that_are_no_numbers_are_refused(decoder, bad: float) -> None:
    scores = draw_scores(3, 0)
    scores[2, 1] = bad
    with pytest.raises(ModelError, match="diverged"):
        decoder(scores)


@pytest.mark.parametrize("shape", [(3, 4), (0, 0), (3,)])
def test_scores_that_are_not_square_are_refused(shape: tuple[int, ...]) -> None:
    for decoder in (trees.greedy, trees.maximum_spanning_tree, trees.eisner, trees.decode):
        with pytest.raises(ModelError, match="square"):
            decoder(np.zeros(shape))


def test_nothing_to_decode() -> None:
    for decoder in (trees.greedy, trees.maximum_spanning_tree, trees.eisner, trees.decode):
        assert decoder(np.zeros((1, 1))).tolist() == []
    assert trees.decode_batch(np.zeros((0, 4)), []).shape == (0,)


@pytest.mark.bench
def test_speed() -> None:
    """Milliseconds, best of five: a sentence of 60 words, and 100 sentences of 30 words at once."""
    generator = np.random.default_rng(0)
    scores = draw_scores(60, 0)
    heads = np.array([random_tree(30, generator) for _ in range(100)])
    lengths = np.full(100, 30)

    def milliseconds(function, *arguments) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            function(*arguments)
            times.append(time.perf_counter() - start)
        return 1000 * min(times)

    assert milliseconds(trees.eisner, scores) < 50
    assert milliseconds(trees.maximum_spanning_tree, scores) < 5
    assert milliseconds(trees.are_trees, heads, lengths) < 2
