"""The curves of a run as a picture; needs the extra `plots`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def draw_curves(rows: Sequence[Mapping[str, Any]], path: Path) -> bool:
    """Draw the losses and the main scores of every task over the steps.

    Args:
        rows: The lines of `metrics.jsonl`.
        path: The PNG.

    Returns:
        Whether it was drawn; not without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, key, title in zip(figure.subplots(1, 2), ("losses", "main"), ("training loss", "dev score"), strict=True):
        for task in dict.fromkeys(name for row in rows for name in row[key]):
            points = [(row["step"], row[key][task]) for row in rows if task in row[key]]
            axes.plot(*zip(*points, strict=True), marker=".", label=task)
        axes.set(title=title, xlabel="step")
        if axes.lines:
            axes.legend()
    figure.savefig(path, dpi=120)
    return True
