"""Reports as pictures; needs the extra `plots`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cascade.diagnostics.affinity import AffinityReport
from cascade.diagnostics.conflict import Conflict
from cascade.diagnostics.domains import Shift
from cascade.diagnostics.injection import Propagation
from cascade.diagnostics.liveness import EdgeReport
from cascade.diagnostics.reliability import Calibration, Measures
from cascade.diagnostics.transfer import Transfer
from cascade.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 3
_INCHES = 3.6


def require_plots(path: Path) -> None:
    """See that a picture can be drawn, before anything long begins.

    Args:
        path: Where it is to go.

    Raises:
        ConfigError: matplotlib is not installed, the folder is not there, or the name is not that of a PNG.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"a plot needs matplotlib ({error}): pip install 'cascade-nlp[plots]'") from error
    if path.suffix.lower() != ".png" or path.is_dir():
        raise ConfigError(f"cannot draw {path}: name a file that ends in .png")
    if not path.parent.is_dir():
        raise ConfigError(f"cannot draw {path}: there is no folder {path.parent}")


def draw_edges(reports: Sequence[EdgeReport], path: Path) -> None:
    """How far each edge moves predictions, and what its ablation costs.

    Args:
        reports: The edges.
        path: The PNG.

    Raises:
        ConfigError: See `require_plots`, or the file cannot be written.
    """
    figure = _figure(path, width=2.8 * _INCHES, height=1.0 + 0.35 * max(4, len(reports)))
    left, right = figure.subplots(1, 2, sharey=True)
    names = [f"{own.upstream} → {own.downstream}: {own.kind}" for own in reports]
    colours = ["tab:blue" if own.alive else "tab:red" for own in reports]
    rows = np.arange(len(reports))
    left.barh(rows, [own.perturbation or 0.0 for own in reports], color=colours)
    left.set(title="predictions moved by perturbation", yticks=rows, yticklabels=names, xlim=(0, None))
    left.invert_yaxis()
    right.barh(rows, [(own.score or 0.0) - (own.ablated or 0.0) for own in reports], color=colours)
    right.axvline(0.0, color="black", linewidth=0.8)
    right.set(title="score lost without the edge")
    _write(figure, path)


def draw_propagation(entries: Sequence[Propagation], path: Path) -> None:
    """What each task scores over the share of wrong labels upstream; dashed with what the model predicts there.

    Args:
        entries: The pairs of tasks.
        path: The PNG.

    Raises:
        ConfigError: See `draw_edges`.
    """
    pairs = [own for own in entries if own.upstream is not None]
    tasks = list(dict.fromkeys(own.downstream for own in pairs))

    def draw(axes: Axes, task: str) -> None:
        for own in (each for each in pairs if each.downstream == task):
            shares, values = [0.0, *own.corrupted], [own.gold, *own.corrupted.values()]
            (line,) = axes.plot(shares, values, marker="o", label=own.upstream)
            axes.axhline(own.predicted, color=line.get_color(), linestyle="--", linewidth=0.8)
            axes.set(ylabel=own.metric)
        axes.set(title=task, xlabel="share of wrong labels upstream")
        axes.legend(title="upstream")

    _write(_grid(path, tasks, draw), path)


def draw_calibration(entries: Sequence[Calibration], path: Path) -> None:
    """Reliability diagrams, before and after temperature scaling.

    Args:
        entries: The tasks.
        path: The PNG.

    Raises:
        ConfigError: See `draw_edges`.
    """

    def draw(axes: Axes, own: Calibration) -> None:
        axes.plot([0, 1], [0, 1], color="gray", linewidth=0.8)
        _reliability(axes, own.before, f"as it is, ECE {own.before.ece:.3f}")
        if own.after is not None:
            _reliability(axes, own.after, f"T = {own.temperature:.2f}, ECE {own.after.ece:.3f}")
        axes.set(title=own.task, xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
        axes.legend(loc="upper left")

    _write(_grid(path, entries, draw), path)


def draw_shift(entries: Sequence[Shift], path: Path) -> None:
    """Scores and calibration errors inside and outside, with their intervals.

    Args:
        entries: The tasks.
        path: The PNG.

    Raises:
        ConfigError: See `draw_edges`.
    """
    figure = _figure(path, width=2.8 * _INCHES, height=_INCHES)
    for axes, key in zip(figure.subplots(1, 2), ("score", "ece"), strict=True):
        for offset, side in ((-0.12, "inside"), (0.12, "outside")):
            found = [(i, getattr(getattr(own, side), key, None)) for i, own in enumerate(entries)]
            points = [(i + offset, each.value, each.low, each.high) for i, each in found if each is not None]
            places, values, low, high = np.array(points).reshape(-1, 4).T
            axes.vlines(places, low, high, color="black", linewidth=0.8)
            axes.scatter(places, values, label=side)
        axes.set(title=key, xticks=range(len(entries)))
        axes.set_xticklabels([own.task for own in entries], rotation=45, ha="right")
        axes.legend()
    _write(figure, path)


def draw_transfer(entries: Sequence[Transfer], path: Path) -> None:
    """How far each task of a cascade is above or below its single-task baseline, with 95 % intervals.

    Args:
        entries: The tasks.
        path: The PNG.

    Raises:
        ConfigError: See `draw_edges`.
    """
    figure = _figure(path, width=1.8 * _INCHES, height=1.0 + 0.4 * max(4, len(entries)))
    axes = figure.subplots()
    for row, own in enumerate(entries):
        delta, colour = own.cascade.delta, "tab:red" if own.verdict == "negative transfer" else "tab:blue"
        if delta is not None:
            axes.barh(row, delta.value, color=colour)
            axes.hlines(row, delta.low or delta.value, delta.high or delta.value, color="black", linewidth=1.5)
    names = [f"{own.single.task}: {own.single.metric}, {own.single.split}" for own in entries]
    axes.set(title="cascade less single task", yticks=np.arange(len(entries)), yticklabels=names)
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.invert_yaxis()
    _write(figure, path)


def draw_conflict(entries: Sequence[Conflict], path: Path) -> None:
    """Cosines of gradients over the course of training, and their means.

    Args:
        entries: The pairs of tasks.
        path: The PNG.

    Raises:
        ConfigError: See `draw_edges`.
    """
    figure = _figure(path, width=3.2 * _INCHES, height=1.3 * _INCHES)
    left, right = figure.subplots(1, 2)
    for own in entries:
        left.plot(own.updates, own.cosines, marker=".", linewidth=0.8, label=f"{own.first}, {own.second}")
    left.axhline(0.0, color="black", linewidth=0.8)
    left.set(title="cosine of gradients", xlabel="update", ylim=(-1, 1))
    left.legend(fontsize="small")
    pairs = {(own.first, own.second): own.mean for own in entries}
    tasks = list(dict.fromkeys(name for pair in pairs for name in pair))
    _matrix(right, tasks, {**pairs, **{(b, a): value for (a, b), value in pairs.items()}}, 1.0, "{:+.2f}")
    right.set(title="mean")
    _write(figure, path)


def draw_affinity(found: AffinityReport, path: Path) -> None:
    """Affinities as a matrix.

    Args:
        found: The report.
        path: The PNG.

    Raises:
        ConfigError: See `draw_edges`.
    """
    figure = _figure(path, width=1.8 * _INCHES, height=1.6 * _INCHES)
    values = {(own.source, own.target): 100 * own.mean for own in found.pairs}
    axes = figure.subplots()
    _matrix(axes, found.tasks, values, max(map(abs, values.values()), default=0.0) or 1.0, "{:+.2g}")
    axes.set(title="by how many % a step for one task betters another", xlabel="betters", ylabel="step for")
    _write(figure, path)


def _matrix(axes: Axes, names: Sequence[str], values: Mapping[tuple[str, str], float], limit: float, form: str) -> None:
    """Numbers of pairs, in colours from -limit to limit."""
    table = np.array([[values.get((row, column), np.nan) for column in names] for row in names])
    axes.imshow(table, cmap="RdBu", vmin=-limit, vmax=limit)
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            axes.text(column, row, form.format(value), ha="center", va="center", fontsize="small")
    axes.set(xticks=range(len(names)), yticks=range(len(names)), yticklabels=names)
    axes.set_xticklabels(names, rotation=45, ha="right")


def _reliability(axes: Axes, measured: Measures, label: str) -> None:
    filled = measured.diagram.counts > 0
    axes.plot(measured.diagram.confidence[filled], measured.diagram.accuracy[filled], marker=".", label=label)


def _grid(path: Path, items: Sequence[Any], draw: Callable[[Axes, Any], None]) -> Figure:
    """A figure with a part for each item."""
    columns = min(_COLUMNS, max(1, len(items)))
    rows = max(1, -(-len(items) // columns))
    figure = _figure(path, width=columns * _INCHES, height=rows * _INCHES)
    parts = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
    for axes, item in zip(parts, items, strict=False):
        draw(axes, item)
    for axes in parts[len(items) :]:
        axes.set_axis_off()
    return figure


def _figure(path: Path, *, width: float, height: float) -> Figure:
    require_plots(path)
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _write(figure: Figure, path: Path) -> None:
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror or error}") from error
