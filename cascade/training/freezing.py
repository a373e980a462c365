"""A part of the graph that training leaves as it is, and the proof that it did."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from hashlib import blake2b

import torch
from torch import Tensor, nn

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.training.corpus import Corpus

PROBED = 8
"""Docs of every corpus on which outputs are compared."""


class Frozen:
    """Some tasks, all their ancestors, and the encoder up to the highest layer that these read.

    From `__init__` to `release` none of it needs a gradient, and `hold` keeps it in evaluation mode: no dropout, no
    word dropout, edges from the source that they have at prediction. What encoder layers share among them, such as one
    dropout for all, is held too; so is what frozen tasks have in common with others in a conditioned encoder.

    Args:
        model: An initialized model.
        tasks: Names.
        corpora: Where the Docs are from on which outputs are compared.
    """

    def __init__(self, model: CascadeModel, tasks: Iterable[str], corpora: Sequence[Corpus]) -> None:
        self.model, self.tasks = model, frozen_tasks(model, tasks)
        self._docs = [doc for corpus in corpora for doc in (*corpus.train[:PROBED], *corpus.dev[:PROBED])]
        self._modules = [module for name in self.tasks for module in model.node(name).modules()]
        self._modules += _held(model.encoder, {name for name in _tensors(model.encoder) if self._belongs(name)})
        self._released = [tensor for tensor in self._tensors().values() if tensor.requires_grad]
        self._digests = self._measure()
        for parameter in self._released:
            parameter.requires_grad_(False)
        self.hold()

    @property
    def digest(self) -> str:
        """Of all weights as they were."""
        return blake2b("".join(self._digests[name] for name in self._tensors()).encode(), digest_size=16).hexdigest()

    def hold(self) -> None:
        """Put all of it into evaluation mode, whatever mode the model is in."""
        for module in self._modules:
            module.training = False

    def release(self) -> None:
        """Let parameters need gradients again."""
        for parameter in self._released:
            parameter.requires_grad_()

    def verify(self) -> None:
        """Compare weights and outputs with what they were, bit by bit.

        Raises:
            TrainingError: They differ.
        """
        now = self._measure()
        changed = [name for name, digest in self._digests.items() if now[name] != digest]
        if changed:
            more = f" and {len(changed) - 6} more" if len(changed) > 6 else ""
            raise TrainingError(
                f"frozen= {', '.join(self.tasks)}: not what it was before training: {', '.join(changed[:6])}{more}; "
                "something changes weights without a gradient, or passes by evaluation mode"
            )

    def _tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers by their names in the model; buffers are others on another device."""
        own = {f"encoder.{name}": t for name, t in _tensors(self.model.encoder).items() if self._belongs(name)}
        nodes = {task: _tensors(self.model.node(task)) for task in self.tasks}
        return own | {f"nodes.{task}.{name}": t for task, node in nodes.items() for name, t in node.items()}

    def _belongs(self, name: str) -> bool:
        """Whether the frozen tasks need a tensor of the encoder."""
        encoder, layer = self.model.encoder, self.model.encoder.layer_of(name)
        if layer is not None:
            return layer <= max(self.model.node(task).highest for task in self.tasks)
        others = {task for task in encoder.conditions if task not in self.tasks}
        return len(others) < len(encoder.conditions) and others.isdisjoint(name.split("."))

    def _measure(self) -> dict[str, str]:
        """Digests of tensors and outputs by name; on the CPU, where the same is computed every time."""
        device, training = self.model.device, self.model.training
        self.model.to("cpu").eval()
        try:
            with torch.inference_mode():
                return {**{name: _digest([t]) for name, t in self._tensors().items()}, **self._outputs()}
        finally:
            self.model.to(device).train(training)

    def _outputs(self) -> dict[str, str]:
        made = self.model(self.model.batch(self._docs), self.tasks)
        return {f"the output of {task}": _digest(made[task].scores.values()) for task in self.tasks}


def frozen_tasks(model: CascadeModel, tasks: Iterable[str]) -> list[str]:
    """Tasks and all their ancestors, in graph order."""
    named = list(tasks)
    wanted = {*named, *model.graph.ancestors(named)}
    return [name for name in model.graph.order() if name in wanted]


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name; what is shared has several."""
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _held(encoder: nn.Module, frozen: Collection[str]) -> Iterator[nn.Module]:
    """The parts of an encoder whose tensors are all frozen; a part without any goes with the part that it is in.

    Args:
        encoder: The encoder; what it has beside its parts, such as a dropout, is held.
        frozen: Names of tensors.
    """

    def walk(module: nn.Module, prefix: str, held: bool) -> Iterator[nn.Module]:
        for name, child in module.named_children():
            names = [f"{prefix}{name}.{tensor}" for tensor in _tensors(child)]
            own = all(tensor in frozen for tensor in names) if names else held
            if own:
                yield child
            yield from walk(child, f"{prefix}{name}.", own)

    if all(name in frozen for name in _tensors(encoder)):
        yield encoder
    yield from walk(encoder, "", True)


def _digest(tensors: Iterable[Tensor]) -> str:
    digest = blake2b(digest_size=16)
    for tensor in tensors:
        digest.update(str((tuple(tensor.shape), tensor.dtype)).encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
