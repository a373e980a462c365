"""Looking on while a model is trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor

from cascade.model import CascadeModel
from cascade.training.randomness import generators, restore_generators
from cascade.training.schedules import Step

Losses = Callable[[Step], Mapping[str, Tensor]]
"""Gives the losses of a batch by task, with their graph, as training computes them."""


class Observer(ABC):
    """Looks on while a model is trained: a run comes out bit-identical with it and without it.

    Random numbers are as if nobody had looked. All else is the observer's to leave as it was: it computes gradients by
    `torch.autograd.grad`, which leaves none in the parameters, and puts back the parameters that it moves.
    """

    @abstractmethod
    def observe(self, model: CascadeModel, losses: Losses, number: int) -> None:
        """An update of the weights is about to be made.

        Args:
            model: The model, in training.
            losses: Gives losses of batches of one's own.
            number: Of the update in the run, from 1; a resumed run goes on with that of its checkpoint, and may so see
                updates again that it had seen.
        """


@contextmanager
def undisturbed() -> Iterator[None]:
    """Random numbers afterwards are as if nothing had been drawn."""
    plain, tensors = generators()
    try:
        yield
    finally:
        restore_generators(plain, tensors)
