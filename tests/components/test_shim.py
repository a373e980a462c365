from __future__ import annotations

import pickle
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam, Model

from cascade.components.pipe import CascadePipe
from cascade.components.shim import CascadeShim, make_model
from cascade.model import CascadeModel


def parameters(module: CascadeModel) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def test_the_thinc_model_predicts(model: CascadeModel, docs: list[Doc]) -> None:
    found = make_model(model).predict(docs)
    np.testing.assert_array_equal(found[0]["tag"]["label"], model.predict(docs)[0]["tag"]["label"])


def test_one_step_of_adam_is_torchs(model: CascadeModel, docs: list[Doc]) -> None:
    """The reference is torch's own Adam on a copy."""
    other = deepcopy(model)
    reference = torch.optim.Adam(other.parameters(), lr=0.01, eps=1e-12)
    ours: Any = Adam(0.01, L2=0.0, grad_clip=0.0, beta1=0.9, beta2=0.999, eps=1e-12)
    shim = CascadeShim(model)
    for _ in range(3):
        for module in (model, other):
            torch.manual_seed(0)
            torch.stack(
                list(module.losses(module.batch(docs, targets=["tag", "chunk"]), ["tag", "chunk"]).values())
            ).sum().backward()
        reference.step()
        reference.zero_grad()
        shim.finish_update(ours)
    for mine, theirs in zip(parameters(model), parameters(other), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_scalars_and_shared_parameters_are_updated_once() -> None:
    class Module(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))
            self.same = self.scale

    module: Any = Module()
    module.scale.grad = torch.ones(())
    keys: list[Any] = []

    def optimizer(key: Any, weights: Any, gradient: Any) -> Any:
        keys.append(key)
        return weights - gradient, gradient

    shim = CascadeShim(module)
    shim.finish_update(optimizer)
    assert keys == [(shim.id, "scale")]
    assert module.scale.item() == 0


def test_averages_take_the_place_of_weights_and_give_it_back(
    nlp: Language, pipe: CascadePipe, examples: list[Example]
) -> None:
    optimizer: Any = Adam(0.1, use_averages=True)
    for _ in range(3):
        nlp.update(examples, sgd=optimizer)
    raw = parameters(pipe.module)
    with nlp.use_params(optimizer.averages):
        for name, parameter in pipe.module.named_parameters():
            average = optimizer.averages.get((pipe.shim.id, name))
            if average is not None:
                np.testing.assert_array_equal(parameter.detach().numpy().reshape(-1), average)
        assert any(not torch.equal(a, b) for a, b in zip(parameters(pipe.module), raw, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(parameters(pipe.module), raw, strict=True))


def test_weights_come_back_after_an_error(model: CascadeModel) -> None:
    raw = parameters(model)
    shim = CascadeShim(model)
    zeros = {(shim.id, name): np.zeros(p.numel(), dtype="float32") for name, p in model.named_parameters()}
    with pytest.raises(RuntimeError, match="stop"), shim.use_params(zeros):
        assert not any(p.any() for p in model.parameters())
        raise RuntimeError("stop")
    assert all(torch.equal(a, b) for a, b in zip(parameters(model), raw, strict=True))


def test_params_of_others_change_nothing(model: CascadeModel) -> None:
    raw = parameters(model)
    with CascadeShim(model).use_params({(-1, "encoder"): np.zeros(3), "pytorch_1_x": np.zeros(3)}):
        assert all(torch.equal(a, b) for a, b in zip(parameters(model), raw, strict=True))


def test_bytes(model: CascadeModel) -> None:
    data = make_model(model).to_bytes()
    loaded: Model[Any, Any] = make_model(None).from_bytes(data)
    assert loaded.to_bytes() == data
    assert make_model(None).from_bytes(make_model(None).to_bytes()).shims[0].module is None  # type: ignore[attr-defined]


def test_pickles(model: CascadeModel, docs: list[Doc]) -> None:
    thinc_model = make_model(model)
    for other in (pickle.loads(pickle.dumps(thinc_model)), deepcopy(thinc_model), thinc_model.copy()):
        np.testing.assert_array_equal(
            other.predict(docs)[1]["parse"]["probability"], thinc_model.predict(docs)[1]["parse"]["probability"]
        )


def test_devices(model: CascadeModel) -> None:
    CascadeShim(model).to_device("cpu", -1)
    assert model.device == torch.device("cpu")
    CascadeShim(None).to_device("cpu", -1)
