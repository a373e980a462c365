"""The contract that every encoder keeps, whatever it is made of."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from cascade.nn.encoders import Convolutional, Embedding, Encoder, EncoderSpec, Recurrent, State, Transformer

TEXTS = [["The", "Cat", "sat"], [], ["on"], ["the", "mat", "of", "the", "cats", "."], ["A", " ", "cat"]]
TOKENS = sum(map(len, TEXTS))
SMALL: dict[str, Any] = {"words": 6, "characters": 5, "vocabulary": 8, "buckets": 50}
Encode = Callable[[Encoder, list[list[str]], int], State]


@pytest.fixture(params=["embedding", "recurrent", "convolutional", "transformer"])
def spec(request: pytest.FixtureRequest, tiny_bert: str) -> EncoderSpec:
    specs: dict[str, EncoderSpec] = {
        "embedding": Embedding(**SMALL),
        "recurrent": Recurrent(embedding=Embedding(**SMALL), width=4, depth=2, dropout=0.1),
        "convolutional": Convolutional(**SMALL, width=8, depth=3, parts=4, dropout=0.1),
        "transformer": Transformer(tiny_bert, bf16=False),
    }
    return specs[request.param]


@pytest.fixture
def encoder(spec: EncoderSpec) -> Encoder:
    encoder = spec.build()
    encoder.prepare(TEXTS)
    return encoder.eval()


@pytest.mark.parametrize("texts", [TEXTS, [], [[], []], [[], ["cat"]]])
@pytest.mark.parametrize("training", [False, True])
def test_every_layer_has_one_state_per_token(
    spec: EncoderSpec, encoder: Encoder, encode: Encode, texts: list[list[str]], training: bool
) -> None:
    encoder.train(training)
    state = encode(encoder, texts, spec.depth)
    assert len(encoder.widths) == spec.depth + 1 == len(state.layers)
    for layer, width in enumerate(encoder.widths):
        assert state.read(layer).shape == (sum(map(len, texts)), width)
        assert state.read(layer).dtype == torch.float32
        assert state.read(layer).isfinite().all()


def test_every_parameter_learns(spec: EncoderSpec, encoder: Encoder, encode: Encode) -> None:
    encode(encoder.train(), TEXTS, spec.depth).read(spec.depth).pow(3).sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_no_text_knows_of_another(spec: EncoderSpec, encoder: Encoder, encode: Encode) -> None:
    together = encode(encoder, TEXTS, spec.depth)
    for layer in range(spec.depth + 1):
        alone = [encode(encoder, [text], spec.depth).read(layer) for text in TEXTS]
        torch.testing.assert_close(together.read(layer), torch.cat(alone), atol=1e-5, rtol=0)


def test_climbing_is_lazy(spec: EncoderSpec, encoder: Encoder, encode: Encode, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    step = encoder.step
    monkeypatch.setattr(encoder, "step", lambda state: steps.append(len(state.layers)) or step(state))
    state = encode(encoder, TEXTS, 0)
    assert not steps
    half = spec.depth // 2
    for layer in (half, half, spec.depth, 0):
        state = encoder.advance(state, layer)
    assert steps == list(range(1, spec.depth + 1))


@pytest.mark.parametrize("kept", [[3], [0, 2, 4], [1], [], [0, 1, 2, 3, 4]])
@pytest.mark.parametrize("at", [0, 1])
def test_narrowing_is_running_the_rest_alone(
    spec: EncoderSpec, encoder: Encoder, encode: Encode, kept: list[int], at: int
) -> None:
    state = encode(encoder, TEXTS, min(at, spec.depth))
    whole = [state.read(layer) for layer in range(len(state.layers))]
    keep = torch.isin(state.rows.parent, torch.tensor(kept, dtype=torch.long))
    state = encoder.advance(encoder.narrow(state, keep), spec.depth)
    alone = encode(encoder, [TEXTS[i] for i in kept], spec.depth)
    assert len(state.rows) == int(keep.sum())
    for layer in range(spec.depth + 1):
        if layer < len(whole):
            assert torch.equal(state.read(layer), whole[layer])
        else:
            torch.testing.assert_close(state.read(layer)[keep], alone.read(layer), atol=1e-5, rtol=0)
            assert not state.read(layer)[~keep].any()


def test_narrowing_twice(spec: EncoderSpec, encoder: Encoder, encode: Encode) -> None:
    state = encode(encoder, TEXTS, 0)
    for dropped in (0, 3):
        state = encoder.narrow(state, state.rows.parent != dropped)
    state = encoder.advance(state, spec.depth)
    assert state.index is not None and state.index.tolist() == [3, 10, 11, 12]
    if spec.depth:
        alone = encode(encoder, [TEXTS[2], TEXTS[4]], spec.depth).read(spec.depth)
        torch.testing.assert_close(state.read(spec.depth)[state.index], alone, atol=1e-5, rtol=0)


def final(encoder: Encoder, encode: Encode, depth: int) -> Tensor:
    return encode(encoder.eval(), TEXTS, depth).read(depth)


def test_rebuilt_from_specification_assets_and_weights(spec: EncoderSpec, encoder: Encoder, encode: Encode) -> None:
    rebuilt = spec.build(encoder.assets())
    rebuilt.load_state_dict(encoder.state_dict())
    assert torch.equal(final(rebuilt, encode, spec.depth), final(encoder, encode, spec.depth))
    assert rebuilt.assets() == encoder.assets()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda encoder: pickle.loads(pickle.dumps(encoder))])
def test_copied_and_pickled(
    spec: EncoderSpec, encoder: Encoder, encode: Encode, copied: Callable[..., Encoder]
) -> None:
    assert torch.equal(final(copied(encoder), encode, spec.depth), final(encoder, encode, spec.depth))


def test_the_specification_is_data(spec: EncoderSpec) -> None:
    assert json.loads(json.dumps(dataclasses.asdict(spec)))  # type: ignore[call-overload]
    assert hash(spec) == hash(copy.deepcopy(spec))


def test_features_are_indices(encoder: Encoder) -> None:
    features = encoder.features(TEXTS)
    assert all(part.dtype == torch.long for part in features.values())
    again = encoder.features(TEXTS)
    assert all(torch.equal(part, again[name]) for name, part in features.items())
