"""The one interface of all encoders: a stack of numbered layers that is climbed only as far as the tasks need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from cascade.graph import View
from cascade.nn.rows import Rows

Features = Mapping[str, Tensor]
"""What an encoder makes of a batch of texts before any parameter is touched; indices, never floats with gradient."""


class EncoderSpec(Protocol):
    """A specification that a graph holds; frozen dataclasses with a registry name."""

    @property
    def depth(self) -> int:
        """Number of the highest layer; layer 0 is the input."""

    def build(self, assets: Mapping[str, bytes] | None = None) -> Encoder:
        """Make the module. Its parameters' shapes follow from the specification and the assets alone.

        Args:
            assets: What `Encoder.assets` of a saved encoder returned; its weights are loaded afterwards. None for a new
                encoder, which may then read what its specification names, such as a pretrained model.
        """


@dataclass(frozen=True)
class State:
    """How far a batch has climbed.

    Args:
        rows: Token rows that are still alive, grouped by text.
        index: Their places among all token rows; None while none has been pruned. Shape: [len(rows)].
        total: Number of all token rows.
        layers: Per layer reached: its states and the `index` it was computed for. Shape of the states: [rows, width].
        carry: What the encoder needs to go on from the highest layer, such as its padded form.
        condition: The task on which the parameters of the layers depend; None where they are those that all share.
    """

    rows: Rows
    index: Tensor | None
    total: int
    layers: tuple[tuple[Tensor, Tensor | None], ...] = ()
    carry: Any = None
    condition: str | None = None

    def read(self, layer: int) -> Tensor:
        """States of a layer for all token rows, zero where a row had been pruned before. Shape: [total, width]."""
        states, index = self.layers[layer]
        if index is None:
            return states
        return states.new_zeros(self.total, states.shape[1]).index_copy(0, index, states)

    def reached(self, states: Tensor, carry: Any = None) -> State:
        """The same batch one layer higher.

        Args:
            states: Shape: [rows, width].
            carry: See the class.
        """
        return replace(self, layers=(*self.layers, (states, self.index)), carry=carry)


class Encoder(nn.Module, ABC):
    """A stack of numbered layers over the tokens of texts."""

    widths: tuple[int, ...]
    """Width of each layer, from 0."""
    views: tuple[View, ...] = ("apart", "masked")
    """How it can read the two texts of a pair."""
    conditions: tuple[str, ...] = ()
    """Tasks for which its layers from 1 on have other parameters, all or some; other tasks share them all."""
    towers: tuple[str, ...] = ()
    """Towers that the layers from 1 on hold side by side, all of one width; none by default."""
    mask: str = "\ufffc"
    """The word that stands for one that is not shown; it is read like any other that the training texts lack."""
    batch: int = 8000
    """Words of a batch with which it predicts fastest on a CPU."""

    def prepare(self, texts: Iterable[Sequence[str]]) -> None:  # noqa: B027
        """Learn what has to be counted before training, such as a vocabulary. Called once, by initialization.

        Args:
            texts: The training texts, each a sequence of words without whitespace tokens.
        """

    def assets(self) -> dict[str, bytes]:
        """Files, by name, that a saved encoder is rebuilt from beside its specification and its weights."""
        return {}

    def layer_of(self, parameter: str) -> int | None:
        """The layer that a parameter is part of; None for what stands beside the layers, such as what is a task's own.

        Part N of `layers` or of `blocks` makes layer N + 1, and all else layer 0; an encoder that calls its parts
        otherwise overrides this.

        Args:
            parameter: Its name, as in `named_parameters`.
        """
        stack, *path = parameter.split(".")
        return int(path[0]) + 1 if stack in ("layers", "blocks") else 0

    @abstractmethod
    def features(self, texts: Sequence[Sequence[str]]) -> Features:
        """Turn words into indices.

        Args:
            texts: The texts of a batch; any may be empty.
        """

    def joined(self, texts: Sequence[Sequence[str]], pairs: Sequence[int]) -> Features:
        """Turn words into indices for the view `together`: both texts of a pair in one window, and no other text.

        Args:
            texts: The texts of a batch; any may be empty.
            pairs: Places of the first texts of sentence pairs; the second follows it.
        """
        raise NotImplementedError

    def asked(self, texts: Sequence[Sequence[str]], questions: Sequence[Sequence[str]]) -> Features:
        """Turn words into indices for the view `asked`: every text in one window with the question about it.

        Args:
            texts: The passages of a batch; any may be empty.
            questions: The question about each.
        """
        raise NotImplementedError

    @abstractmethod
    def embed(self, features: Features, rows: Rows) -> State:
        """Layer 0.

        Args:
            features: Of the texts of the batch.
            rows: Token rows, grouped by text.
        """

    @abstractmethod
    def step(self, state: State) -> State:
        """One layer higher."""

    @abstractmethod
    def narrow(self, state: State, keep: Tensor) -> State:
        """Go on with some of the texts only.

        Args:
            state: The batch so far.
            keep: Rows of `state.rows` that stay; whole texts at a time. Shape: [len(state.rows)], bool.
        """

    def portions(self, state: State) -> list[State]:
        """A batch in parts that are quicker one after another than all at once; as a whole by default.

        Args:
            state: The batch at layer 0.
        """
        return [state]

    def advance(self, state: State, layer: int) -> State:
        """Climb until a layer is reached; nothing happens when it has been reached before."""
        while len(state.layers) <= layer:
            state = self.step(state)
        return state


def narrowed(state: State, keep: Tensor, carry: Any) -> State:
    """The bookkeeping of `Encoder.narrow`; how `carry` is narrowed is the encoder's own affair.

    Args:
        state: The batch so far.
        keep: Rows of `state.rows` that stay. Shape: [len(state.rows)], bool.
        carry: The narrowed carry.
    """
    places = torch.arange(state.total, device=keep.device) if state.index is None else state.index
    return replace(state, rows=state.rows.only(keep), index=places[keep], carry=carry)
