"""The aggregators of torchjd; needs the extra `gradients`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from cascade.errors import TrainingError
from cascade.training.gradients.base import Gradients


@dataclass(frozen=True, kw_only=True)
class Aggregator(Gradients):
    """One of torchjd's aggregators by its name, such as UPGrad (Quinton and Rey 2024).

    Those that remember earlier updates are not offered: a resumed run would go on differently.

    Args:
        name: Its name in `torchjd.aggregation`.
        settings: Its arguments; lists of numbers become tensors.

    Raises:
        TrainingError: torchjd or something that the aggregator needs is not installed, it has no such aggregator, or
            the settings do not fit.
    """

    name: str = "UPGrad"
    settings: Mapping[str, Any] = field(default_factory=dict)
    _made: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_made", _make(self.name, self.settings))

    def combine(self, gradients: Tensor) -> Tensor:
        """What the aggregator makes of them.

        Raises:
            TrainingError: It cannot combine so few.
        """
        try:
            combined: Tensor = self._made(gradients)
        except ValueError as error:
            raise TrainingError(
                f"torchjd's {self.name} cannot combine the gradients of {len(gradients)} tasks: {error}"
            ) from error
        return combined


def _make(name: str, settings: Mapping[str, Any]) -> Any:
    known = _aggregators()
    if name not in known:
        raise TrainingError(f"torchjd has no aggregator {name!r} that can be used here; it has {', '.join(known)}")
    try:
        return known[name](**{key: _restored(value) for key, value in settings.items()})
    except ImportError as error:
        raise TrainingError(f"torchjd's {name} lacks a library: {error}") from error
    except (TypeError, ValueError) as error:
        takes = inspect.signature(known[name])
        raise TrainingError(f"torchjd's {name}{takes} does not take {dict(settings)}: {error}") from error


def _aggregators() -> dict[str, type]:
    """Those without a memory, by name."""
    try:
        module = import_module("torchjd.aggregation")
    except ImportError as error:
        raise TrainingError("aggregators need torchjd: pip install cascade-nlp[gradients]") from error
    classes = {name: getattr(module, name) for name in sorted(module.__all__) if not name.endswith("Aggregator")}
    return {n: c for n, c in classes.items() if issubclass(c, module.Aggregator) and not hasattr(c, "reset")}


def _restored(value: Any) -> Any:
    return torch.tensor(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
