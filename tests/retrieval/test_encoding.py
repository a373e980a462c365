from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from cascade.docs import words_of
from cascade.errors import ConfigError, ModelError
from cascade.nn.encoders import Convolutional, Encoder, State, Transformer
from cascade.nn.encoders.pretrained import MINILM_PACKAGE
from cascade.nn.rows import Rows
from cascade.retrieval.encoding import TextEncoder, mean_states, text_encoder
from cascade.retrieval.index import Index
from tests.retrieval.letters import transformer
from tests.retrieval.made import documents

TEXTS = ["The cat sat.", "", "A dog!", "the cat and the dog " * 20, "\n \t", "Why?"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return transformer(tmp_path_factory.mktemp("bert"))


@pytest.fixture
def exact(folder: str) -> Encoder:
    """The transformer in float32."""
    return Transformer(folder, bf16=False).build()


@pytest.fixture
def convolutional() -> Encoder:
    made = Convolutional(width=12, depth=2, words=4, parts=4, characters=4, vocabulary=50, buckets=50).build()
    made.prepare([words_of(text) for text in TEXTS])
    return made


def climbed(encoder: Encoder, words: Sequence[str], layer: int) -> State:
    """One text, read up to a layer."""
    parent = torch.zeros(len(words), dtype=torch.long)
    rows = Rows(parent=parent, alive=torch.ones(len(words), dtype=torch.bool), size=1)
    with torch.inference_mode():
        return encoder.eval().advance(encoder.embed(encoder.features([words]), rows), layer)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_the_mean_over_pieces_as_by_transformers(folder: str, exact: Encoder, layer: int) -> None:
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    for text in ("The cat sat.", "a dog!"):
        with torch.inference_mode():
            read = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True)
        mean = read.hidden_states[layer][0].mean(0)
        (found,) = TextEncoder(exact, layer=layer).encode([text])
        np.testing.assert_allclose(found, mean / mean.norm(), atol=1e-6)


def test_long_texts_are_read_in_windows(exact: Encoder) -> None:
    """Letter by letter: 22 of the 46 in a window, from 0, 22 and 24."""
    words = list("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst")
    exact.pieces.stride = 22  # type: ignore[union-attr]
    windows = [words[start : start + 22] for start in (0, 22, 24)]
    exact.eval()
    with torch.inference_mode():
        whole = mean_states(exact, [words], 2)[0]
    states = [climbed(exact, window, 2).carry.states[0] for window in windows]
    mean = torch.cat(states).mean(0)
    assert all(len(s) == 24 for s in states)
    torch.testing.assert_close(whole, mean / mean.norm())


def test_the_mean_over_words(convolutional: Encoder) -> None:
    """Encoders without pieces."""
    words = words_of(TEXTS[0])
    mean = climbed(convolutional, words, 1).read(1).mean(0)
    (found,) = TextEncoder(convolutional, layer=1).encode([TEXTS[0]])
    np.testing.assert_allclose(found, mean / mean.norm(), atol=1e-6)


def test_unit_length_in_the_order_of_the_texts(exact: Encoder, convolutional: Encoder) -> None:
    for encoder in (exact, convolutional):
        encoder.batch = 7
        made = TextEncoder(encoder)
        vectors = made.encode(TEXTS)
        assert vectors.dtype == np.float32 and vectors.shape == (len(TEXTS), encoder.widths[-1])
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1, 1, 0, 1], atol=1e-6)
        np.testing.assert_allclose(vectors, np.concatenate([made.encode([text]) for text in TEXTS]), atol=1e-5)
        assert made.encode([]).shape == (0, encoder.widths[-1])


def test_the_encoder_stays_as_it_was(exact: Encoder) -> None:
    exact.train()
    made = TextEncoder(exact)
    assert np.array_equal(made.encode(TEXTS), made.encode(TEXTS)), "dropout"
    assert exact.training and all(part.training for part in exact.modules())


def test_gradient_for_training(exact: Encoder) -> None:
    (mean_states(exact, [["cat"], []], 1) @ torch.ones(8)).sum().backward()  # type: ignore[no-untyped-call]
    moved = {name for name, p in exact.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert any(name.startswith("blocks.0.") for name in moved)
    assert not any(name.startswith("blocks.1.") for name in moved)


def test_fingerprints(exact: Encoder, folder: str, convolutional: Encoder) -> None:
    made = text_encoder(folder)
    assert made.fingerprint == TextEncoder(exact, name=folder).fingerprint, "by the weights, whatever the precision"
    name, _, rest = made.fingerprint.partition("/")
    assert (name, rest[:2], len(rest)) == (Path(folder).name, "2-", 14)
    assert (made.name, made.layer) == (folder, 2)
    assert text_encoder(folder, layer=1).fingerprint == TextEncoder(exact, layer=1, name=folder).fingerprint
    assert TextEncoder(convolutional).fingerprint.startswith("encoder/2-")


@pytest.mark.parametrize(("part", "same"), [("blocks.0", False), ("embeddings.0", False), ("blocks.1", True)])
def test_fingerprints_are_of_the_weights_in_use(exact: Encoder, part: str, same: bool) -> None:
    before = TextEncoder(exact, layer=1).fingerprint
    with torch.no_grad():
        next(exact.get_submodule(part).parameters()).add_(1e-3)
    assert (TextEncoder(exact, layer=1).fingerprint == before) is same


def test_fixed_embeddings_count(folder: str) -> None:
    fixed = Transformer(folder, fixed_embeddings=True).build()
    assert TextEncoder(fixed, name=folder).fingerprint == text_encoder(folder).fingerprint


def test_an_index_with_it(folder: str, tmp_path: Path) -> None:
    index = Index.build(tmp_path / "i", documents(), encoder=text_encoder(folder))
    (hit,) = index.search("No dog likes the bath.", 1, mode="dense")
    assert (hit.id, round(hit.score, 2)) == ("dogs#1", 1.0)


def test_threads(exact: Encoder) -> None:
    made, found = TextEncoder(exact.eval()), []
    threads = [Thread(target=lambda: found.append(made.encode(TEXTS))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and all(np.array_equal(vectors, found[0]) for vectors in found)


@pytest.mark.parametrize("layer", [-1, 3])
def test_a_layer_that_is_not_there(exact: Encoder, folder: str, layer: int) -> None:
    with pytest.raises(ConfigError, match=f"a layer from 0 to 2, got layer={layer}"):
        TextEncoder(exact, layer=layer)
    with pytest.raises(ConfigError, match=f"a layer from 0 to 2, got layer={layer}"):
        text_encoder(folder, layer=layer)


def test_no_such_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected a local folder"):
        text_encoder(str(tmp_path / "none"))


@pytest.mark.skipif(find_spec(MINILM_PACKAGE) is None, reason="the extra `minilm` is not installed")
def test_minilm_knows_what_is_meant() -> None:
    made = text_encoder("minilm")
    question, right, wrong = made.encode(
        ["Who mends shoes?", "The cobbler repairs boots in the old town.", "The harbour is full of fishing boats."]
    )
    assert made.fingerprint.startswith("minilm/6-") and question @ right > question @ wrong + 0.2
