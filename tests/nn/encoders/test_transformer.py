from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import AutoModel

from cascade.errors import ModelError
from cascade.nn.encoders import LoRA, State, Transformer
from cascade.nn.encoders.transformer import TransformerEncoder
from cascade.nn.precision import has_bf16

TEXTS = [["The", "cat", "catting"], [], ["on", " "], ["the", "mat", "of", "the", "cats"]]
Encode = Callable[..., State]


def build(name: str, **settings: Any) -> TransformerEncoder:
    return Transformer(name, **{"bf16": False, **settings}).build().eval()


@pytest.mark.parametrize(
    ("model_type", "settings"),
    [
        ("bert", {}),
        ("bert", {"attn_implementation": "eager"}),
        ("electra", {"embedding_size": 4}),
        ("roberta", {}),
        ("xlm-roberta", {}),
        ("camembert", {}),
        ("distilbert", {}),
    ],
)
def test_blocks_one_by_one_are_the_models_own_forward_pass(
    tiny: Callable[..., str], encode: Encode, model_type: str, settings: dict[str, Any]
) -> None:
    folder = tiny(model_type, **settings)
    encoder = build(folder)
    model = AutoModel.from_pretrained(folder).eval()
    features = encoder.features(TEXTS)
    with torch.no_grad():
        whole = model(input_ids=features["ids"], attention_mask=features["mask"], output_hidden_states=True)
        real = features["mask"].bool()
        for layer in range(3):
            ours = encode(encoder, TEXTS, layer).carry.states
            torch.testing.assert_close(ours[real], whole.hidden_states[layer][real])


@pytest.mark.parametrize("model_type", ["bert", "distilbert"])
def test_dropout_is_the_models_own_unless_it_is_set(tiny: Callable[..., str], encode: Encode, model_type: str) -> None:
    folder = tiny(model_type)
    settings = ({"attention_dropout": 0.0, "hidden_dropout": 0.0}, {"hidden_dropout": 0.0}, {"attention_dropout": 0.0})
    for setting in settings:
        encoder = build(folder, **setting)
        calm = encode(encoder, TEXTS, 2).read(2)
        same = torch.equal(encode(encoder.train(), TEXTS, 2).read(2), calm)
        assert same == (len(setting) == 2)


def test_layers_are_looked_up_when_none_are_named(tiny_bert: str) -> None:
    assert Transformer(tiny_bert).layers == 2
    assert Transformer("a/model/that/is/gone", layers=3).depth == 3
    with pytest.raises(ModelError):
        Transformer("a/model/that/is/gone")


def test_fewer_layers_are_the_lowest(tiny_bert: str, encode: Encode) -> None:
    one, two = build(tiny_bert, layers=1), build(tiny_bert)
    assert len(one.widths) == 2
    assert torch.equal(encode(one, TEXTS, 1).read(1), encode(two, TEXTS, 1).read(1))


def test_tokens_without_pieces_are_zero(tiny_bert: str, encode: Encode) -> None:
    state = encode(build(tiny_bert), TEXTS, 2)
    assert all((state.read(layer) == 0).all(1).tolist() == [False] * 4 + [True] + [False] * 5 for layer in range(3))


def test_windows_that_do_not_overlap_are_texts_of_their_own(tiny_bert: str, encode: Encode) -> None:
    words = list("abcdefghijkl")
    long = encode(build(tiny_bert, window=6, stride=4), [words], 2).read(2)
    short = encode(build(tiny_bert), [words[:4], words[4:8], words[8:]], 2).read(2)
    torch.testing.assert_close(long, short)


def test_overlapping_windows_keep_the_states_farthest_from_an_edge(tiny_bert: str, encode: Encode) -> None:
    words = list("abcdefgh")
    long = encode(build(tiny_bert, window=8, stride=2), [words], 2).read(2)
    first, second = (encode(build(tiny_bert), [words[i : i + 6]], 2).read(2) for i in (0, 2))
    torch.testing.assert_close(long, torch.cat([first[:4], second[2:]]))


def test_texts_longer_than_the_model_reads(tiny_bert: str, encode: Encode) -> None:
    state = encode(build(tiny_bert, window=512), [["catting"] * 100, ["a"]], 2)
    assert state.carry.states.shape[1] == 24
    assert (state.read(2) != 0).any(1).all()


def test_a_window_without_room(tiny_bert: str) -> None:
    with pytest.raises(ModelError, match="window=2"):
        build(tiny_bert, window=2)


def test_narrowing_trims_the_padding(tiny_bert: str, encode: Encode) -> None:
    encoder = build(tiny_bert)
    state = encode(encoder, TEXTS, 1)
    state = encoder.narrow(state, state.rows.parent == 2)
    assert state.carry.states.shape == (1, 4, 8)


def test_a_pair_read_together_is_the_models_own_forward_pass(tiny_bert: str, encode: Encode) -> None:
    encoder = build(tiny_bert)
    texts = [["a"], ["the", "cat"], ["b", "mat"]]
    features = encoder.joined(texts, [1])
    with torch.no_grad():
        whole = AutoModel.from_pretrained(tiny_bert).eval()(
            input_ids=features["ids"], token_type_ids=features["segment"]
        )
        state = encoder.advance(encoder.embed(features, encode(encoder, texts, 0).rows), 2)
    torch.testing.assert_close(state.read(2)[1:3], whole.last_hidden_state[0, 1:3])
    assert not state.read(2)[0].any(), "a text outside pairs is left out"
    assert not torch.allclose(state.read(2)[1:3], encode(encoder, texts, 2).read(2)[1:3])


def test_narrowing_a_pair_keeps_its_window(tiny_bert: str, encode: Encode) -> None:
    encoder = build(tiny_bert)
    texts = [["a"] * 9, ["b"], ["the", "cat"], ["b", "mat"]]
    state = encode(encoder, texts, 1, [0, 2])
    whole = encoder.advance(state, 2).read(2)
    rest = encoder.advance(encoder.narrow(state, state.rows.parent > 1), 2).read(2)
    torch.testing.assert_close(rest[10:], whole[10:])
    assert not rest[:10].any()


def test_case_starts_as_nothing_and_tells_capitals_apart(tiny_bert: str, encode: Encode) -> None:
    plain, cased = build(tiny_bert), build(tiny_bert, case=True)
    texts = [["The", "cat"], ["the", "cat"]]
    assert torch.equal(encode(cased, texts, 2).read(2), encode(plain, texts, 2).read(2))
    assert cased.case is not None
    torch.nn.init.normal_(cased.case.weight)
    states = encode(cased, texts, 0).read(0)
    assert not torch.equal(states[0], states[2])
    assert torch.equal(states[1], states[3])


def test_fixed_embeddings_are_not_saved_but_borrowed(tiny_bert: str, encode: Encode) -> None:
    spec = Transformer(tiny_bert, bf16=False, fixed_embeddings=True)
    encoder = spec.build().eval()
    assert not any(name.startswith("embeddings") for name in encoder.state_dict())
    assert not any(name.startswith("embeddings") for name, _ in encoder.named_parameters())
    again = spec.build(encoder.assets()).eval()
    again.load_state_dict(encoder.state_dict())
    assert torch.equal(encode(again, TEXTS, 2).read(2), encode(encoder, TEXTS, 2).read(2))
    assert torch.equal(encode(again, TEXTS, 2).read(2), encode(build(tiny_bert), TEXTS, 2).read(2))


def test_other_embeddings_under_the_same_name(tiny: Callable[..., str]) -> None:
    assets = Transformer(tiny(), fixed_embeddings=True).build().assets()
    with pytest.raises(ModelError, match="other embeddings"):
        Transformer(tiny(), fixed_embeddings=True).build(assets)


def test_lora_trains_the_attention_updates_alone(tiny_bert: str, encode: Encode) -> None:
    adapted, plain = build(tiny_bert, lora=LoRA(rank=2)), build(tiny_bert)
    assert torch.equal(encode(adapted, TEXTS, 2).read(2), encode(plain, TEXTS, 2).read(2))
    linears = ("self.query", "self.key", "self.value", "output.dense")
    assert {name for name, parameter in adapted.named_parameters() if parameter.requires_grad} == {
        f"blocks.{block}.attention.{linear}.lora_{side}.default.weight"
        for block in range(2)
        for linear in linears
        for side in "AB"
    }


def test_lora_is_rebuilt(tiny_bert: str, encode: Encode) -> None:
    spec = Transformer(tiny_bert, bf16=False, lora=LoRA(rank=2, alpha=3.0))
    encoder = spec.build().eval()
    for parameter in encoder.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter)
    again = spec.build(encoder.assets()).eval()
    again.load_state_dict(encoder.state_dict())
    states = encode(encoder, TEXTS, 2).read(2)
    assert torch.equal(encode(again, TEXTS, 2).read(2), states)
    assert not torch.equal(encode(build(tiny_bert), TEXTS, 2).read(2), states)


@pytest.mark.skipif(not has_bf16(), reason="this CPU has no bfloat16")
def test_bf16_computes_blocks_and_gives_float32(tiny_bert: str, encode: Encode) -> None:
    quick, exact = build(tiny_bert, bf16=True), build(tiny_bert)
    for layer in range(3):
        got, expected = encode(quick, TEXTS, layer).read(layer), encode(exact, TEXTS, layer).read(layer)
        assert got.dtype == torch.float32
        assert torch.equal(got, expected) == (layer == 0)
        torch.testing.assert_close(got, expected, atol=0.1, rtol=0.1)


def test_without_bf16_the_callers_precision_stands(tiny_bert: str, encode: Encode) -> None:
    encoder = build(tiny_bert)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        lowered = encode(encoder, TEXTS, 2).read(2)
    assert not torch.equal(lowered, encode(encoder, TEXTS, 2).read(2))
