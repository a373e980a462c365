from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from cascade.nn.encoders import Convolutional
from cascade.nn.encoders.convolutional import ConvolutionalEncoder, HashedParts, Window
from cascade.nn.encoders.words import HASHES, stable_hash, word_features
from cascade.nn.rows import Rows

PARENT = torch.tensor([0, 0, 0, 1, 3, 3])
ROWS = Rows(parent=PARENT, alive=torch.ones(6, dtype=torch.bool), size=4)
TEXTS = [["a", "b", "c"], ["d"], [], ["a", "e"]]


def build(**settings: float) -> ConvolutionalEncoder:
    sizes = {"width": 8, "depth": 3, "words": 6, "parts": 2, "characters": 5, "vocabulary": 10, "buckets": 40}
    encoder = Convolutional(**{**sizes, **settings}).build()  # type: ignore[arg-type]
    encoder.prepare(TEXTS)
    return encoder


def test_parts_are_sums_of_the_rows_that_both_halves_name() -> None:
    parts = HashedParts(buckets=17, width=3)
    got = parts(word_features([["Cats", "on"]]))
    assert got.shape == (2, 3 * (HASHES - 1))
    names = ["prefix C", "prefix Ca", "prefix Cat", "suffix ts", "suffix ats", "suffix Cats", "shape Xxxx"]
    for i, name in enumerate(["cats", *names]):
        low, high = stable_hash(name) % 2**32, (stable_hash(name) >> 32) % 2**32
        torch.testing.assert_close(got[0, 3 * i : 3 * i + 3], parts.weight[low % 17] + parts.weight[high % 17])


def test_a_layer_is_a_gated_window_of_three() -> None:
    encoder = build().eval()
    state = encoder.advance(encoder.embed(encoder.features(TEXTS), ROWS), 1)
    below, window = state.read(0), encoder.layers[0]
    assert isinstance(window, Window)
    nothing = torch.zeros(8)
    for i in range(6):
        before = below[i - 1] if i > 0 and PARENT[i - 1] == PARENT[i] else nothing
        after = below[i + 1] if i < 5 and PARENT[i + 1] == PARENT[i] else nothing
        values, gates = window.linear(torch.cat([before, below[i], after])).chunk(2)
        expected = below[i] + functional.layer_norm(values * gates.sigmoid(), (8,))
        torch.testing.assert_close(state.read(1)[i], expected)


def test_layer_i_sees_i_words_to_each_side() -> None:
    encoder = build().eval()
    rows = Rows(parent=torch.zeros(9, dtype=torch.long), alive=torch.ones(9, dtype=torch.bool), size=1)
    words = list("abcdefghi")
    plain = encoder.advance(encoder.embed(encoder.features([words]), rows), 3)
    words[4] = "zebra"
    other = encoder.advance(encoder.embed(encoder.features([words]), rows), 3)
    for layer in range(4):
        moved = (plain.read(layer) != other.read(layer)).any(1).nonzero().flatten()
        assert moved.tolist() == list(range(4 - layer, 5 + layer))


def test_word_dropout_gives_the_state_of_the_unknown_word() -> None:
    encoder = build(dropout=0.0).train()
    texts = [["a"] * 3000]
    rows = Rows(parent=torch.zeros(3000, dtype=torch.long), alive=torch.ones(3000, dtype=torch.bool), size=1)
    states = encoder.embed(encoder.features(texts), rows).read(0)
    known = encoder.eval().embed(encoder.features(texts), rows).read(0)
    encoder.embedding.vocabulary.fill([])
    unknown = encoder.embed(encoder.features(texts), rows).read(0)
    dropped = (states - known).abs().amax(1) > 1e-5
    torch.testing.assert_close(states[dropped], unknown[dropped])
    assert dropped.float().mean() == pytest.approx(0.25 / 2.25, abs=0.02)


def test_dropout_draws_anew_in_every_layer() -> None:
    encoder = build(dropout=0.5, alpha=0.0).train()
    features = encoder.features(TEXTS)
    one, two = (encoder.advance(encoder.embed(features, ROWS), 3) for _ in range(2))
    assert all(not torch.equal(one.read(i), two.read(i)) for i in range(4))
