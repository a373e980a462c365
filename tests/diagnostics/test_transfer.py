from __future__ import annotations

from pathlib import Path

import pytest

from cascade import storage
from cascade.diagnostics import grids
from cascade.diagnostics.ablate import Row
from cascade.diagnostics.comparing import Gap
from cascade.diagnostics.transfer import Transfer, transfer
from tests.diagnostics.trainings import small_config, work_here


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grids, "run_all", work_here)


def test_every_task_beside_its_baseline(tmp_path: Path) -> None:
    lines: list[str] = []
    test = {"paths.dev": str(tmp_path / "other.conllu")}
    short = {"cascade.trainer.epochs": 1}
    config, out = small_config(tmp_path), tmp_path / "out"
    found = transfer(config, out, seeds=2, test=test, overrides=short, told=lines.append)
    assert [line.split(" ", 1)[1] for line in lines[:4]] == [
        f"{name}, seed 0: done" for name in ("cascade", "sents alone", "tag alone", "chunk alone")
    ]
    assert len(lines) == 8 and not found.failures and not found.without
    keys = [(own.single.split, own.single.task, list(own.baseline)) for own in found.tasks]
    tasks = [("sents", ["sents"]), ("tag", ["tag"]), ("chunk", ["sents", "chunk"])]
    assert keys == [(split, *task) for split in ("dev", "test") for task in tasks]
    for own in found.tasks:
        delta = own.cascade.delta
        assert delta is not None and delta.value == pytest.approx(own.cascade.mean - own.single.mean)
        assert own.single.delta is None and own.single.metric == own.cascade.metric
    models = {path.name: storage.load(path / "0" / "best") for path in out.iterdir()}
    sizes = {name: sum(p.numel() for p in model.parameters()) for name, model in models.items()}
    assert found.cascade is not None and found.separate is not None
    assert (found.cascade.models, found.separate.models) == (1, 3)
    assert found.cascade.parameters == sizes.pop("cascade")
    assert found.separate.parameters == sum(sizes.values())
    assert found.cascade.bytes >= 4 * found.cascade.parameters
    assert min(found.cascade.words_per_second, found.separate.words_per_second) > 0
    again = transfer(config, out, seeds=2, test=test, overrides=short, told=lines.append)
    assert len(lines) == 8 and again.tasks == found.tasks


def test_what_cannot_be_without_all_others_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cascade.diagnostics.transfer.alone", lambda graph, name: graph.closure([name]))
    found = transfer(small_config(tmp_path), tmp_path / "out", seeds=1, overrides={"cascade.trainer.epochs": 1})
    assert list(found.without) == ["chunk"]
    assert [own.single.task for own in found.tasks] == ["sents", "tag"]


@pytest.mark.parametrize(
    ("delta", "verdict"),
    [
        (Gap(value=-0.2, low=-0.3, high=-0.1), "negative transfer"),
        (Gap(value=0.2, low=0.1, high=0.3), "positive transfer"),
        (Gap(value=-0.2, low=-0.5, high=0.1), "unclear"),
        (Gap(value=-0.2), "unclear"),
        (None, "unclear"),
    ],
)
def test_negative_transfer_is_below_0_with_its_whole_interval(delta: Gap | None, verdict: str) -> None:
    row = Row(variant="", split="dev", task="tag", metric="acc", scores={}, mean=0.5, deviation=None, delta=delta)
    assert Transfer(baseline=["tag"], single=row, cascade=row).verdict == verdict
