from __future__ import annotations

import json
import random

import numpy as np
import torch

from cascade.training.randomness import generators, restore_generators


def draw() -> list[float]:
    return [random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), float(torch.rand(()))]


def test_what_is_drawn_once_is_drawn_again() -> None:
    draw()
    plain, tensors = generators()
    plain = json.loads(json.dumps(plain))
    first = [draw() for _ in range(5)]
    restore_generators(plain, {name: tensor.clone() for name, tensor in tensors.items()})
    assert [draw() for _ in range(5)] == first
