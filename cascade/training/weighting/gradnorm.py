"""Weights that are learned so that all tasks pull equally hard on what they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cascade.errors import TrainingError
from cascade.model import CascadeModel
from cascade.training import processes
from cascade.training.gradients.flow import task_gradients
from cascade.training.history import History
from cascade.training.weighting.base import Weighting, require_several

LEAST = 1e-3
"""No weight falls below it: a task whose weight were negative would be unlearned."""
NEVER = -1.0
"""Stands for the squared norm of a gradient that has never been there."""


@dataclass(kw_only=True)
class GradNorm(Weighting):
    """Has all tasks pull on shared parameters as hard as they lag behind (Chen et al. 2018, section 3, algorithm 1).

    A task's pull is G_i = w_i ||grad L_i||, the norm over all parameters that two or more losses reach, and it should
    be mean(G) r_i^alpha: r_i = (L_i / L_i(0)) / mean(L / L(0)) says how far the task lags behind the others. After
    every batch, Adam moves w down the gradient of sum_i |G_i - mean(G) r_i^alpha|, whose targets count as constants;
    that is sign(G_i - mean(G) r_i^alpha) ||grad L_i||, so no second derivative is needed. Then w is scaled so that its
    sum is the number of tasks, as at the beginning, when every weight is 1.

    A batch that carries some tasks only measures these: of the others, the norms and losses of the last batch that had
    them stand, and all weights are moved. So the method works under every schedule, also one that goes task by task.
    Tasks that share nothing, or have not been seen yet, keep their weight. L_i(0) is the first loss above 0. Each task
    of a batch costs one more backward pass.

    Args:
        alpha: How strongly tasks are pulled to one pace; 0 makes all pulls equal.
        rate: Learning rate of the weights.
    """

    alpha: float = 1.5
    rate: float = 0.025

    def begin(self, model: CascadeModel) -> None:
        """Start with equal weights.

        Raises:
            TrainingError: There is one task only, a setting makes no sense, all that tasks share is frozen, or several
                processes train the model.
        """
        require_several(model, "GradNorm")
        if processes.number() > 1:
            raise TrainingError(
                "weighting: GradNorm moves its weights after every batch, so that several processes would part ways: "
                "train in one process, or take another weighting"
            )
        if not (self.alpha >= 0 and self.rate > 0):
            raise TrainingError(f"weighting: alpha= has to be 0 or more, rate= above 0, got {self.alpha}, {self.rate}")
        self._tasks = model.graph.order()
        self._parameters = list(model.parameters())
        _require_shared(model)
        number, device = len(self._tasks), model.device
        self._weights = torch.ones(number, device=device)
        self._first = torch.zeros(number, device=device)
        self._last = torch.zeros(number, device=device)
        self._squares = torch.full((number, len(self._parameters)), NEVER, device=device)
        self._adam = torch.optim.Adam([self._weights], lr=self.rate)

    def weigh(self, losses: Mapping[str, Tensor], history: History) -> dict[str, Tensor]:
        """w_i L_i; then the weights are moved, for the next batch."""
        # A copy, since autograd keeps the weights of this batch while they are moved.
        weights = dict(zip(self._tasks, self._weights.clone(), strict=True))
        for task, loss in losses.items():
            self._measure(self._tasks.index(task), loss)
        self._move()
        return {task: weights[task] * loss for task, loss in losses.items()}

    def _measure(self, task: int, loss: Tensor) -> None:
        """Note a loss and the squared norms of its gradient, parameter by parameter."""
        value = loss.detach()
        self._last[task] = value
        self._first[task] = torch.where(self._first[task] > 0, self._first[task], value)
        row = torch.full_like(self._squares[task], NEVER)
        for i, gradient in task_gradients({"": loss}, self._parameters)[""].items():
            row[i] = gradient.square().sum()
        # A parameter that an earlier batch had the task reach stays one that it reaches.
        self._squares[task] = row.where(row >= 0, self._squares[task].clamp(max=0.0))

    def _norms(self) -> Tensor:
        """||grad L_i|| over what two or more losses reach; 0 for a task that reaches none of it. Shape: [tasks]."""
        shared = (self._squares >= 0).sum(0) >= 2
        return self._squares[:, shared].clamp(min=0.0).sum(1).sqrt()

    def _move(self) -> None:
        """One step of the weights of all tasks that pull on something shared."""
        norms = self._norms()
        pulling = (norms > 0) & (self._last > 0)
        if pulling.sum() < 2:
            return
        before = self._weights.clone()
        self._weights.grad = self._gradient(norms, pulling)
        self._adam.step()
        moved = self._weights.clamp(min=LEAST)
        scale = before[pulling].sum() / moved[pulling].sum()
        self._weights.copy_(torch.where(pulling, moved * scale, before))

    def _gradient(self, norms: Tensor, pulling: Tensor) -> Tensor:
        """Of sum_i |G_i - mean(G) r_i^alpha| by the weights. Shape: [tasks]."""
        pulls = self._weights * norms
        losses = self._last / self._first.where(pulling, 1.0)
        targets = pulls[pulling].mean() * (losses / losses[pulling].mean()) ** self.alpha
        return (torch.sign(pulls - targets) * norms).where(pulling, 0.0)

    def state_dict(self) -> dict[str, Tensor]:
        """Weights, first and last losses, squared norms, and Adam's moments."""
        moments = {f"adam.{key}": tensor for key, tensor in self._adam.state[self._weights].items()}
        return {**self._noted(), **moments}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take up what `state_dict` gave."""
        for key, tensor in self._noted().items():
            tensor.copy_(state[key])
        moments = {key.removeprefix("adam."): tensor for key, tensor in state.items() if key.startswith("adam.")}
        self._adam.load_state_dict({**self._adam.state_dict(), "state": {0: moments} if moments else {}})

    def _noted(self) -> dict[str, Tensor]:
        return {"weights": self._weights, "first": self._first, "last": self._last, "squares": self._squares}


def _require_shared(model: CascadeModel) -> None:
    """Check that something which several tasks read is trained: the encoder, or a task that has others downstream."""
    upstream = [task for task in model.graph.order() if model.graph.out_degree(task)]
    modules = [model.encoder, *(model.node(task) for task in upstream)]
    if not any(p.requires_grad for module in modules for p in module.parameters()):
        raise TrainingError(
            "weighting: GradNorm goes by the parameters that several tasks share, but all of them are frozen: train "
            "the encoder or an upstream task, or take another weighting"
        )
