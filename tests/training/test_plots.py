from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cascade.training import Trainer
from cascade.training.folder import RunFolder
from cascade.training.plots import draw_curves

ROWS = [
    {"step": 5, "losses": {"tags": 2.0}, "main": {"tags": 0.3}},
    {"step": 9, "losses": {"tags": 1.0, "sents": 3.0}, "main": {"tags": 0.4}},
]


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], []])
def test_a_picture_is_drawn(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    pytest.importorskip("matplotlib")
    assert draw_curves(rows, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_training_can_be_drawn(trainer: Callable[..., Trainer], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    trainer(epochs=2).fit(tmp_path / "run")
    assert draw_curves(RunFolder(tmp_path / "run").metrics.rows(), tmp_path / "curves.png")


def test_without_matplotlib_nothing_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert not draw_curves(ROWS, tmp_path / "curves.png")
    assert not list(tmp_path.iterdir())
