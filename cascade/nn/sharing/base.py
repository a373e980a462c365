"""Sharing schemes: what a task has of its own in the blocks of a shared transformer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from torch import Tensor, nn

from cascade.errors import GraphError

if TYPE_CHECKING:
    from cascade.nn.encoders.pretrained import Pretrained


@dataclass(frozen=True, kw_only=True)
class Conditioning(ABC):
    """Specification of what tasks have of their own in the blocks of a transformer; see the classes made of it.

    Args:
        tasks: The tasks for which the blocks are conditioned, each with a pass of its own. All other tasks share one
            pass through the blocks as they are.
        train_body: Train embeddings and blocks too; without, nothing is trained in the encoder but what tasks have of
            their own.

    Raises:
        GraphError: No task is named, one is named twice, or a number is out of range.
    """

    tasks: tuple[str, ...]
    train_body: bool = False

    def __post_init__(self) -> None:
        name = type(self).__name__
        problems = [] if self.tasks else [f"{name} conditions no task: name some, such as tasks=('pos', 'parse')"]
        if len(set(self.tasks)) < len(self.tasks):
            problems.append(f"{name} has a task twice among tasks={self.tasks}")
        if problems := problems + self._problems():
            raise GraphError(problems)

    def _problems(self) -> list[str]:
        """What is wrong with the numbers."""
        return []

    @abstractmethod
    def build(self, parts: Pretrained) -> Conditioner:
        """Make the module.

        Args:
            parts: The transformer whose blocks are conditioned.
        """


class Conditioner(nn.Module):
    """What tasks have of their own in the blocks of a transformer."""

    def weights(self, number: int, block: nn.Module, condition: str) -> Mapping[str, Tensor]:
        """What takes the place of some of a block's parameters; nothing by default.

        Args:
            number: Of the block, from 0.
            block: The block.
            condition: The task.

        Returns:
            By the parameters' names in the block.
        """
        return {}

    def begin(self, blocks: Sequence[nn.Module], tasks: Iterable[str]) -> None:
        """Let tasks begin with blocks whose weights have been loaded; what is made without them stays by default.

        Args:
            blocks: The blocks.
            tasks: Those that are new to them.
        """

    def after(self, number: int, states: Tensor, condition: str) -> Tensor:
        """What the task makes of what a block gives; the same by default.

        Args:
            number: Of the block, from 0.
            states: Shape: [windows, longest, width].
            condition: The task.

        Returns:
            The same shape.
        """
        return states


def parameter(block: nn.Module, name: str) -> Tensor:
    """A parameter of a block, or the buffer that it has been fixed as."""
    owner, _, own = name.rpartition(".")
    return cast(Tensor, getattr(block.get_submodule(owner), own))
