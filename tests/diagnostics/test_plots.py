from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from cascade import diagnostics
from cascade.diagnostics import plots
from cascade.errors import ConfigError
from cascade.model import CascadeModel
from tests.diagnostics.made import docs, obedient, tagged

Case = tuple[Callable[[Sequence[Any], Path], None], Callable[[CascadeModel], Sequence[Any]]]
CASES: dict[str, Case] = {
    "edges": (plots.draw_edges, lambda model: diagnostics.edges(model, docs())),
    "edges without gold": (plots.draw_edges, lambda model: diagnostics.edges(model, [tagged("AB", pos=False)])),
    "propagation": (plots.draw_propagation, lambda model: diagnostics.propagation(model, docs())),
    "nothing": (plots.draw_propagation, lambda _: []),
    "calibration": (plots.draw_calibration, lambda model: diagnostics.calibration(model, docs())),
    "many": (plots.draw_calibration, lambda model: diagnostics.calibration(model, docs(), fit=docs()) * 2),
    "shift": (plots.draw_shift, lambda model: diagnostics.shift(model, docs(), docs()[:2], resamples=3)),
    "one side": (
        plots.draw_shift,
        lambda model: diagnostics.shift(model, docs(), [tagged("AB", pos=False)], resamples=3),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_picture_is_drawn(case: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw, measure = CASES[case]
    draw(measure(obedient()), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match=r"pip install 'cascade-nlp\[plots\]'"):
        plots.require_plots(tmp_path / "a.png")


@pytest.mark.parametrize(("name", "said"), [("a.txt", "ends in .png"), ("nix/a.png", "there is no folder")])
def test_places_where_no_picture_can_be(name: str, said: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(ConfigError, match=said):
        plots.require_plots(tmp_path / name)
