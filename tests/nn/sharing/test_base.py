"""The contract that every scheme keeps, whatever a task has of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from cascade.errors import GraphError, ModelError
from cascade.nn.encoders import LoRA, Transformer
from cascade.nn.encoders.transformer import TransformerEncoder
from cascade.nn.sharing import Bottleneck, ConditionalNorm, Conditioning, HyperNetwork, LowRank, SelectiveDropout

Build = Callable[..., TransformerEncoder]
Read = Callable[..., Tensor]
Stir = Callable[[TransformerEncoder], TransformerEncoder]
TASKS = ("pos", "parse")
SCHEMES: dict[str, Conditioning] = {
    "bottleneck": Bottleneck(tasks=TASKS, reduction=4),
    "low-rank": LowRank(tasks=TASKS, rank=3),
    "hypernetwork": HyperNetwork(tasks=TASKS, reduction=4, size=6, hidden=5),
    "norm": ConditionalNorm(tasks=TASKS),
    "dropout": SelectiveDropout(tasks=TASKS),
}


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> Conditioning:
    return SCHEMES[request.param]


def trained(encoder: TransformerEncoder) -> int:
    return sum(p.numel() for p in encoder.parameters() if p.requires_grad)


@pytest.mark.parametrize("name", ["bottleneck", "low-rank", "norm"])
def test_what_is_new_changes_nothing(name: str, build: Build, read: Read) -> None:
    encoder, plain = build(conditioning=SCHEMES[name]), build()
    for task in (*TASKS, None):
        assert torch.equal(read(encoder, task), read(plain))


def test_tasks_differ_and_those_that_are_not_named_share_the_plain_blocks(
    scheme: Conditioning, build: Build, read: Read, stir: Stir
) -> None:
    encoder, plain = stir(build(conditioning=scheme)), build()
    assert encoder.conditions == TASKS
    assert torch.equal(read(encoder), read(plain))
    pos, parse = read(encoder, "pos"), read(encoder, "parse")
    real = read(plain).any(1)
    assert not (torch.isclose(pos, parse).all(1) & real).any()
    assert not (torch.isclose(pos, read(plain)).all(1) & real).any()
    assert torch.equal(read(encoder, "pos", 0), read(plain, None, 0))


@pytest.mark.parametrize("model_type", ["roberta", "electra", "distilbert"])
def test_other_architectures(
    model_type: str, scheme: Conditioning, tiny: Callable[..., str], build: Build, read: Read, stir: Stir
) -> None:
    folder = tiny(model_type)
    encoder = stir(build(folder, conditioning=scheme))
    assert torch.equal(read(encoder), read(build(folder)))
    assert not torch.allclose(read(encoder, "pos"), read(encoder, "parse"))


def test_a_loss_reaches_what_its_task_has_and_nothing_that_is_another_tasks(
    scheme: Conditioning, build: Build, read: Read, stir: Stir
) -> None:
    encoder = stir(build(conditioning=replace(scheme, train_body=True)))
    read(encoder, "pos").square().sum().backward()  # type: ignore[no-untyped-call]
    reached = {name for name, p in encoder.named_parameters() if p.grad is not None and p.grad.any()}
    assert any(name.startswith("blocks.0") for name in reached)
    assert not any(".parse." in name for name in reached)
    own = {name for name, _ in encoder.named_parameters() if name.startswith("conditioner.") and ".parse." not in name}
    assert own <= reached
    if isinstance(scheme, HyperNetwork):
        assert encoder.get_parameter("conditioner.tasks.weight").grad[1].eq(0).all()  # type: ignore[index]


def test_a_frozen_body_is_not_trained(scheme: Conditioning, build: Build, read: Read) -> None:
    encoder = build(conditioning=replace(scheme, train_body=False))
    assert not any(p.requires_grad for name, p in encoder.named_parameters() if not name.startswith("conditioner."))
    assert trained(build(conditioning=replace(scheme, train_body=True))) == trained(build()) + trained(encoder)


def test_number_of_trained_parameters(build: Build) -> None:
    width, inner, blocks, tasks = 8, 2, 2, 2
    adapter = 2 * width * inner + inner + width
    expected = {
        "bottleneck": tasks * blocks * (adapter + 2 * width),
        "low-rank": tasks * blocks * 4 * 3 * (width + width),
        "hypernetwork": (tasks + blocks) * 6 + (12 + 1) * 5 + (5 + 1) * 6 + 2 * 6 + (6 + 1) * (adapter + 2 * width),
        "norm": tasks * blocks * 2 * 2 * width,
    }
    assert {name: trained(build(conditioning=SCHEMES[name])) for name in expected} == expected


def test_a_state_that_is_narrowed_keeps_its_condition(
    scheme: Conditioning, build: Build, read: Read, rows: Callable[..., Any], stir: Stir
) -> None:
    encoder = stir(build(conditioning=scheme))
    texts = [["the", "cat"], ["on"]]
    state = replace(encoder.embed(encoder.features(texts), rows(texts)), condition="parse")
    whole = encoder.advance(state, 2).read(2)
    part = encoder.narrow(encoder.advance(state, 1), state.rows.parent == 1)
    torch.testing.assert_close(encoder.advance(part, 2).read(2)[2:], whole[2:])


def test_bf16(scheme: Conditioning, build: Build, read: Read) -> None:
    exact, quick = (build(conditioning=scheme, bf16=bf16) for bf16 in (False, True))
    quick.load_state_dict(exact.state_dict())
    states = read(quick, "pos")
    assert states.dtype == torch.float32
    torch.testing.assert_close(states, read(exact, "pos"), atol=0.15, rtol=0.15)


@pytest.mark.parametrize("fixed", [False, True])
def test_rebuilt(fixed: bool, scheme: Conditioning, tiny_bert: str, read: Read, stir: Stir) -> None:
    spec = Transformer(tiny_bert, bf16=False, conditioning=replace(scheme, train_body=False), fixed_body=fixed)
    encoder = stir(spec.build().eval())
    assert all(name.startswith("conditioner.") for name in encoder.state_dict()) == fixed
    again = spec.build(encoder.assets()).eval()
    again.load_state_dict(encoder.state_dict())
    for task in (*TASKS, None):
        assert torch.equal(read(again, task), read(encoder, task))


def test_a_fixed_body_with_lora_saves_the_updates_alone(tiny_bert: str, read: Read) -> None:
    spec = Transformer(tiny_bert, bf16=False, lora=LoRA(rank=2), fixed_body=True)
    encoder = spec.build().eval()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter)
    assert all("lora_" in name for name in encoder.state_dict())
    again = spec.build(encoder.assets()).eval()
    again.load_state_dict(encoder.state_dict())
    assert torch.equal(read(again), read(encoder))


def test_another_body_under_the_same_name(tiny: Callable[..., str]) -> None:
    assets = Transformer(tiny(), fixed_body=True).build().assets()
    other = Transformer(tiny(), fixed_body=True)
    with pytest.raises(ModelError, match="other embeddings"):
        other.build(assets)
    with pytest.raises(ModelError, match="other blocks"):
        other.build({**assets, **{k: v for k, v in other.build().assets().items() if k == "embeddings.sha256"}})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Bottleneck(tasks=()), "Bottleneck conditions no task"),
        (lambda: LowRank(tasks=("a", "a")), "LowRank has a task twice"),
        (lambda: Bottleneck(tasks=("a",), reduction=0), "reduction has to be 1 or more"),
        (lambda: LowRank(tasks=("a",), rank=0), "rank has to be 1 or more"),
        (lambda: HyperNetwork(tasks=("a",), size=0), "size has to be 1 or more"),
        (lambda: SelectiveDropout(tasks=("a",), share=0.0), "share has to be above 0"),
    ],
)
def test_specifications_that_cannot_be(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        make()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lora": LoRA()}, "Bottleneck does not go with lora, which all tasks share: use LowRank"),
        ({"layers": 0}, "layers=0"),
        ({"fixed_body": True, "conditioning": Bottleneck(tasks=("a",), train_body=True)}, "fixed_body, but"),
    ],
)
def test_settings_that_exclude_one_another(tiny_bert: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Transformer(tiny_bert, **{"conditioning": Bottleneck(tasks=("a",)), **settings})
