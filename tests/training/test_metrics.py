from __future__ import annotations

from pathlib import Path

import pytest

from cascade.errors import TrainingError
from cascade.training.metrics import Metrics


def test_lines_are_appended_and_cut(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path / "metrics.jsonl")
    assert metrics.rows() == []
    metrics.truncate(0)
    rows = [{"step": i, "score": 0.1 * i} for i in range(4)]
    for row in rows:
        metrics.append(row)
    assert metrics.rows() == rows
    metrics.truncate(9)
    assert metrics.rows() == rows
    metrics.truncate(2)
    assert metrics.rows() == rows[:2]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_line_cut_short_by_a_kill_is_dropped(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path / "metrics.jsonl")
    metrics.append({"step": 1})
    with metrics.path.open("a") as file:
        file.write('{"step": 2, "sc')
    metrics.truncate(1)
    metrics.append({"step": 2})
    assert metrics.rows() == [{"step": 1}, {"step": 2}]


def test_a_place_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"cannot write .*absent/metrics\.jsonl"):
        Metrics(tmp_path / "absent" / "metrics.jsonl").append({"step": 1})
