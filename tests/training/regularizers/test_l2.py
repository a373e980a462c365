from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from cascade.model import CascadeModel
from cascade.training.regularizers import L2
from tests.training.regularizers.diamonds import added


def test_l2_is_over_the_matrices_that_the_step_needs(diamond: CascadeModel) -> None:
    regularizer = L2(strengths={"nodes.*.recurrent.*": 1e-2, "nodes.*.decoder.*": 1e-1})
    regularizer.begin(diamond, sweeps=True)

    def expected(nodes: Iterable[str]) -> Tensor:
        total = torch.zeros(())
        for node in nodes:
            for name, p in diamond.nodes[node].named_parameters():
                if p.dim() == 2:
                    total += (1e-2 if name.startswith("recurrent.") else 1e-1) * (p**2).sum()
        return total.detach()

    torch.testing.assert_close(added(regularizer, ["low"]).detach(), expected(["low"]))
    torch.testing.assert_close(added(regularizer, ["right"]).detach(), expected(["low", "right"]))
    torch.testing.assert_close(added(regularizer, ["left", "right"]).detach(), expected(["low", "left", "right"]))
