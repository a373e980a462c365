from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from spacy.tokens import Doc

from cascade.errors import TrainingError
from cascade.training import Batches, Trainer, sampling, schedules
from cascade.training.autosem import Mixture, autosem
from cascade.training.folder import RunFolder
from cascade.training.history import History

Make = Callable[..., Trainer]
MakeDocs = Callable[..., list[Doc]]
THOMPSON = sampling.Thompson(main="sents")


def find(trainer: Make, folder: Path, *, keep: float = 0.0) -> tuple[Mixture, list[dict[str, int]]]:
    """A small search, and the ratios that it trained with."""
    asked: list[dict[str, int]] = []
    batches = Batches(docs=8)

    def mixing(ratio: dict[str, int]) -> Trainer:
        asked.append(ratio)
        return trainer(schedule=schedules.Mixed(ratio=ratio, batches=batches, length=2), epochs=1)

    selection = trainer(schedule=schedules.Sampled(sampling=THOMPSON, batches=batches, length=2), epochs=3)
    return autosem(selection, mixing, folder, keep=keep, rounds=2, largest=2), asked


def test_both_stages(trainer: Make, tmp_path: Path) -> None:
    found, asked = find(trainer, tmp_path)
    rows = RunFolder(tmp_path / "selection").metrics.rows()
    history = History(scores=[row["main"] for row in rows])
    assert len(rows) == 3
    assert found.utilities == THOMPSON.utilities(["tags", "sents"], history)
    assert found.tasks == ("sents", "tags")
    assert asked[0] == {"sents": 1, "tags": 1}
    assert list(found.tried) == [tuple(ratio.values()) for ratio in asked]
    for ratio, score in found.tried.items():
        (row,) = RunFolder(tmp_path / "mixing" / "-".join(map(str, ratio))).metrics.rows()
        assert row["main"]["sents"] == score
    assert found.tried[tuple(found.ratio.values())] == max(found.tried.values())
    assert found.folder == tmp_path / "mixing" / "-".join(map(str, found.ratio.values()))


def test_called_again_it_trains_nothing(trainer: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = find(trainer, tmp_path)
    monkeypatch.setattr("cascade.training.updates.Updates.take", None)
    assert find(trainer, tmp_path)[0] == first


def test_tasks_of_little_use_are_left_out(trainer: Make, tmp_path: Path) -> None:
    found, asked = find(trainer, tmp_path, keep=0.99)
    assert found.tasks == ("sents",)
    assert asked == [found.ratio] == [{"sents": 1}]


def test_stage_one_needs_the_bandit(trainer: Make, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"the schedule of selection has to be Sampled\(sampling=Thompson"):
        autosem(trainer(), lambda ratio: trainer(), tmp_path)
