"""A cascade as a thinc model: what spaCy saves, averages and optimizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from spacy.tokens import Doc
from thinc.api import Model, NumpyOps
from thinc.compat import has_cupy_gpu
from thinc.shims import Shim
from thinc.util import torch2xp, xp2torch
from torch import Tensor

from cascade import storage
from cascade.model import CascadeModel


class CascadeShim(Shim):
    """Lets thinc save, average and optimize a cascade.

    thinc's own shim for torch pickles weights, leaves a model in training mode, and never finds the averages that its
    optimizer keeps under `(id, name)`; this one does none of that.

    Args:
        module: The cascade; None until one is loaded.
    """

    def __init__(self, module: CascadeModel | None) -> None:
        super().__init__(module)

    @property
    def module(self) -> CascadeModel | None:
        """The cascade."""
        module: CascadeModel | None = self._model
        return module

    @module.setter
    def module(self, module: CascadeModel | None) -> None:
        self._model = module

    def finish_update(self, optimizer: Any) -> None:
        """One step of thinc's optimizer; the gradients are gone afterwards.

        Args:
            optimizer: Called with a key, weights and their gradient, it returns new ones or changes them in place.
        """
        for name, parameter in self._parameters():
            if parameter.grad is not None:
                weights, _ = optimizer((self.id, name), _flat(parameter), _flat(parameter.grad))
                _overwrite(parameter, weights)
                # Not zeroed in place: rehearsal keeps the array until later.
                parameter.grad = None

    @contextmanager
    def use_params(self, params: Mapping[Any, Any]) -> Iterator[None]:
        """Put averages in the place of the weights for a while.

        Args:
            params: Arrays by (id of the shim, name of the parameter), among others.
        """
        swapped = [(p, params[self.id, name]) for name, p in self._parameters() if (self.id, name) in params]
        before = [parameter.detach().clone() for parameter, _ in swapped]
        try:
            for parameter, average in swapped:
                _overwrite(parameter, average)
            yield
        finally:
            for (parameter, _), weights in zip(swapped, before, strict=True):
                parameter.data.copy_(weights)

    def to_device(self, device_type: str, device_id: int) -> None:
        """Move the cascade to `cpu` or to the `gpu` of that number."""
        if self.module is not None:
            self.module.to("cpu" if device_type == "cpu" else f"cuda:{device_id}")

    def to_bytes(self) -> bytes:
        """The cascade as `cascade.storage` has it; empty while there are no weights."""
        return storage.to_bytes(self.module) if self.module is not None and self.module.initialized else b""

    def from_bytes(self, data: bytes) -> CascadeShim:
        """Take the cascade of which `to_bytes` made these bytes; a device chosen before is kept.

        Raises:
            ModelError: See `cascade.storage.from_bytes`.
        """
        if data:
            self.module = storage.from_bytes(data)
        return self

    def _parameters(self) -> list[tuple[str, Tensor]]:
        return [] if self.module is None else list(self.module.named_parameters())


def make_model(module: CascadeModel | None) -> Model[Sequence[Doc], list[Any]]:
    """The thinc model of a cascade; it maps Docs to what `CascadeModel.predict` gives.

    Args:
        module: The cascade; None until one is loaded.
    """
    return Model("cascade", _forward, shims=[CascadeShim(module)])


def _forward(
    model: Model[Sequence[Doc], list[Any]], docs: Sequence[Doc], is_train: bool
) -> tuple[list[Any], Callable[[Any], list[Any]]]:
    module = model.shims[0].module  # type: ignore[attr-defined]
    return module.predict(docs), _no_gradient


def _no_gradient(_: Any) -> list[Any]:
    """What comes before a cascade are Docs."""
    return []


def _flat(tensor: Tensor) -> Any:
    """An array of one axis, since thinc's optimizers cannot take scalars; on the CPU it shares the tensor's memory."""
    return torch2xp(tensor.detach().reshape(-1), ops=None if has_cupy_gpu else NumpyOps())


def _overwrite(parameter: Tensor, values: Any) -> None:
    with torch.no_grad():
        parameter.copy_(xp2torch(values, device=parameter.device).reshape(parameter.shape))
