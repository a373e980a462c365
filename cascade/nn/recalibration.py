"""What is done to a task's scores at prediction so that its probabilities are right as often as they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

Method = Literal["temperature", "isotonic"]

_SLOPE = 1e-4  # lest a level piece of a curve make two probabilities equal
_LEAST = 1e-6
_AHEAD = 1e-5  # by which the most probable label stays so, in nats


@dataclass(frozen=True)
class Curve:
    """A probability that rises with another: straight lines between points.

    Args:
        given: Where the points are, from 0 to 1, ascending.
        becomes: What they become, ascending too.
    """

    given: tuple[float, ...]
    becomes: tuple[float, ...]

    @classmethod
    def through(cls, given: Sequence[float], becomes: Sequence[float]) -> Curve:
        """The curve through points that never fall, level outside of them but for a slope of 0.0001 everywhere."""
        places = np.array([0.0, *given, 1.0])
        heights = np.array([becomes[0], *becomes, becomes[-1]])
        inner = (places > 0) & (places < 1)
        inner[[0, -1]] = True
        risen = _LEAST + (1 - 2 * _LEAST - _SLOPE) * heights[inner] + _SLOPE * places[inner]
        return cls(tuple(places[inner].tolist()), tuple(risen.tolist()))

    def __call__(self, chances: Tensor) -> Tensor:
        """What probabilities become, in double precision where the device has it; of the same shape."""
        chances = (chances.float() if chances.device.type == "mps" else chances.double()).contiguous()
        places, heights = (chances.new_tensor(own) for own in (self.given, self.becomes))
        right = torch.searchsorted(places, chances).clamp(1, len(places) - 1)
        share = (chances - places[right - 1]) / (places[right] - places[right - 1])
        return torch.lerp(heights[right - 1], heights[right], share)


@dataclass(frozen=True, kw_only=True)
class Recalibration:
    """How the scores of a task are calibrated; the order of its labels in a row stays.

    Args:
        temperature: What scores are divided by (Guo et al. 2017, section 4.2).
        curve: What becomes of the probability of every label, the same for all of them, so that the most probable one
            stays (Zhang et al. 2020, ICML, section 3); None where the temperature does all.
        edges: Whether `Labels` edges out of the task weigh label embeddings by the calibrated probabilities.
    """

    temperature: float = 1.0
    curve: Curve | None = None
    edges: bool = True

    def exclusive(self, logits: Tensor) -> Tensor:
        """Logits of labels that exclude each other. Shape: [rows, labels]."""
        if self.curve is None:
            return logits / self.temperature
        logs = self.curve(logits.float().softmax(-1)).log()
        return logs.scatter_add(1, logits.argmax(-1, keepdim=True), logs.new_full((len(logs), 1), _AHEAD)).float()

    def separate(self, logits: Tensor) -> Tensor:
        """Log odds of labels that do not. Shape: [rows, labels]."""
        if self.curve is None:
            return logits / self.temperature
        return self.curve(logits.float().sigmoid()).logit().float()

    def chance(self, probability: float) -> float:
        """What becomes of the probability that the answer to a question of yes or no is yes."""
        if not 0 < probability < 1:
            return probability
        yes = torch.tensor(probability, dtype=torch.float64)
        return ((yes.logit() / self.temperature).sigmoid() if self.curve is None else self.curve(yes)).item()

    def undone(self, probability: float) -> float:
        """What `chance` has made this probability of."""
        if self.curve is None:
            return Recalibration(temperature=1 / self.temperature).chance(probability)
        return float(np.interp(probability, self.curve.becomes, self.curve.given))

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        curve = self.curve and [list(self.curve.given), list(self.curve.becomes)]
        return {"temperature": self.temperature, "curve": curve, "edges": self.edges}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Recalibration:
        """What `to_json` has written.

        Raises:
            KeyError: A value is missing.
            TypeError: A value is of another type.
            ValueError: A value is out of its range.
        """
        points, temperature = values["curve"], float(values["temperature"])
        if not temperature > 0:
            raise ValueError(f"expected a temperature above 0, got {temperature}")
        curve = None if points is None else Curve(*(tuple(map(float, own)) for own in points))
        return cls(temperature=temperature, curve=curve, edges=bool(values["edges"]))
