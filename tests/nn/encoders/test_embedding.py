from __future__ import annotations

import pytest
import torch

from cascade.errors import ModelError
from cascade.nn.encoders import Embedding
from cascade.nn.encoders.embedding import EmbeddingEncoder
from cascade.nn.encoders.words import word_features
from cascade.nn.rows import Rows


@pytest.fixture
def encoder() -> EmbeddingEncoder:
    encoder = Embedding(words=4, characters=3, vocabulary=5, buckets=20).build()
    encoder.prepare([["a", "a", "b"], [], ["c", "a"]])
    return encoder.eval()


def tokens(n: int) -> Rows:
    return Rows(parent=torch.zeros(n, dtype=torch.long), alive=torch.ones(n, dtype=torch.bool), size=1)


def test_a_word_is_its_vector_beside_its_ngrams(encoder: EmbeddingEncoder) -> None:
    texts = [["a", "x", "a", "b"]]
    states = encoder.embed(encoder.features(texts), tokens(4)).read(0)
    part = encoder.embedding
    rows = part.vocabulary(word_features(texts))
    for token, kind in enumerate([0, 1, 0, 2]):
        assert torch.equal(states[token, :4], part.words.weight[rows[kind]])
        torch.testing.assert_close(states[token, 4:], part.characters(word_features(texts))[kind])
    assert torch.equal(states[1, :4], part.words.weight[0])


def test_word_dropout_takes_the_word_and_leaves_the_ngrams(encoder: EmbeddingEncoder) -> None:
    texts = [["b"] * 4000]
    calm = encoder.embed(encoder.features(texts), tokens(4000)).read(0)
    states = encoder.train().embed(encoder.features(texts), tokens(4000)).read(0)
    unknown = (states[:, :4] == encoder.embedding.words.weight[0]).all(1)
    assert torch.equal(states[:, 4:], calm[:, 4:])
    assert torch.equal(states[~unknown], calm[~unknown])
    assert unknown.float().mean() == pytest.approx(0.25 / 1.25, abs=0.03)


def test_a_word_vector_has_length_one_in_expectation() -> None:
    encoder = Embedding(words=50, vocabulary=2000).build()
    assert encoder.embedding.words.weight.norm(dim=1).mean().item() == pytest.approx(1, abs=0.02)


def test_words_begin_with_given_vectors(encoder: EmbeddingEncoder) -> None:
    before = encoder.embedding.words.weight.clone()
    given = torch.arange(12.0).reshape(3, 4)
    assert encoder.embedding.set_vectors(["c", "x", "a"], given) == 2
    states = encoder.embed(encoder.features([["a", "b", "c", "x"]]), tokens(4)).read(0)[:, :4]
    assert torch.equal(states[[0, 2]], given[[2, 0]])
    assert torch.equal(encoder.embedding.words.weight[0], before[0])
    assert encoder.embedding.words.weight.requires_grad
    assert (encoder.embedding.words.weight != before).any(dim=1).sum() == 2


@pytest.mark.parametrize("shape", [(2, 1), (2,), (3, 4), (2, 5)])
def test_vectors_of_another_shape(encoder: EmbeddingEncoder, shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"expected vectors of the shape \(2, 4\), got"):
        encoder.embedding.set_vectors(["a", "b"], torch.zeros(shape))


def test_there_is_no_layer_above(encoder: EmbeddingEncoder) -> None:
    state = encoder.embed(encoder.features([["a"]]), tokens(1))
    with pytest.raises(IndexError, match="layer 0 alone"):
        encoder.advance(state, 1)
