from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cascade import storage
from cascade.config import corpora_from_config, read_config, trainer_from_config
from cascade.diagnostics import cells, grids
from cascade.diagnostics.ablate import AS_IT_IS, grid, varied
from cascade.diagnostics.cells import Cell
from cascade.errors import ConfigError
from cascade.evaluation import score_tasks
from tests.diagnostics.trainings import small_config, work_here

NO_LABELS = {"components.*.graph.edges.*.*.labels": None}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return small_config(tmp_path)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grids, "run_all", work_here)


def test_every_combination_has_a_name() -> None:
    rates = {"cascade.trainer.optimizer.rate": [0.1, 0.2]}
    assert varied({}, rates) == {f"rate={r}": {"cascade.trainer.optimizer.rate": r} for r in (0.1, 0.2)}
    both = varied({"no labels": NO_LABELS}, rates)
    assert list(both) == ["rate=0.1", "rate=0.2", "no labels, rate=0.1", "no labels, rate=0.2"]
    assert both["no labels, rate=0.2"] == {**NO_LABELS, "cascade.trainer.optimizer.rate": 0.2}
    assert varied({"no labels": NO_LABELS}, {}) == {AS_IT_IS: {}, "no labels": NO_LABELS}
    shown = varied({}, {"a.b": [None, True, {"@cascade_edges": "x.v1"}, "text"]})
    assert list(shown) == ["b=null", "b=true", "b=x.v1", "b=text"]
    with pytest.raises(ConfigError, match="nothing varies"):
        varied({}, {})
    with pytest.raises(ConfigError, match="two values look alike"):
        varied({}, {"a.b": [1, "1"]})


@pytest.mark.usefixtures("here")
def test_a_grid(config: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    out = tmp_path / "grid"
    test = {"paths.dev": str(tmp_path / "other.conllu")}
    found = grid(config, {"all": {}, "no labels": NO_LABELS}, out, seeds=2, test=test, told=lines.append)
    assert lines == [
        f"{i}/4 {v}, seed {s}: done"
        for i, (s, v) in enumerate([(0, "all"), (0, "no labels"), (1, "all"), (1, "no labels")], 1)
    ]
    assert not found.failures and found.baseline == "all"
    keys = [(row.split, row.variant, row.task) for row in found.rows]
    tasks = ("sents", "tag", "chunk")
    assert keys == [(s, v, t) for s in ("dev", "test") for v in ("all", "no labels") for t in tasks]
    assert all((row.delta is None) == (row.variant == "all") for row in found.rows)
    # What a cell says is what its best model scores, and a plain training gives that very model.
    model = storage.load(out / "no_labels" / "1" / "best")
    assert [type(e).__name__ for e in model.graph.edges_into("chunk")["tag"]] == ["Hidden"]
    docs = [doc for c in corpora_from_config(read_config(config, test)) for doc in c.dev]
    row = next(r for r in found.rows if (r.split, r.variant, r.task) == ("test", "no labels", "tag"))
    assert row.scores[1] == score_tasks(model, docs)["tag"]["tag_acc"]
    plain = trainer_from_config(read_config(config, {"system.seed": 1}))
    plain.fit(tmp_path / "plain")
    weights = [folder / "best" / storage.WEIGHTS for folder in (tmp_path / "plain", out / "all" / "1")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert not (out / "all" / "1" / "last").exists()


def test_a_grid_that_is_killed_goes_on(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dying(folders: Sequence[Path], jobs: int, ended: Callable[[Path, str | None], None]) -> dict[Path, str]:
        Cell(folders[0]).work()
        raise KeyboardInterrupt

    variants = {"all": {}, "slow": {"cascade.trainer.optimizer.rate": 1e-3}}
    monkeypatch.setattr(grids, "run_all", dying)
    with pytest.raises(KeyboardInterrupt):
        grid(config, variants, tmp_path / "grid", seeds=1)
    done = tmp_path / "grid" / "all" / "0" / cells.TRAINED
    before = done.stat().st_mtime_ns
    worked: list[Path] = []
    monkeypatch.setattr(grids, "run_all", lambda f, *rest: worked.extend(f) or work_here(f, *rest))
    first = grid(config, variants, tmp_path / "grid", seeds=1)
    assert worked == [tmp_path / "grid" / "slow" / "0"] and done.stat().st_mtime_ns == before
    worked.clear()
    assert grid(config, variants, tmp_path / "grid", seeds=1) == first and not worked
    # More seeds, and a test, add to what is there.
    more = grid(config, variants, tmp_path / "grid", seeds=2, test={"paths.dev": str(tmp_path / "other.conllu")})
    assert len(worked) == 4 and done.stat().st_mtime_ns == before
    assert {row.split for row in more.rows} == {"dev", "test"}


def test_everything_wrong_is_told_before_anything_is_trained(config: Path, tmp_path: Path) -> None:
    variants = {
        "typo": {"cascade.trainer.epoch": 3},
        "cycle": {"components.cascade.graph.edges.tag.chunk.h": {"@cascade_edges": "cascade.Hidden.v1"}},
        "stranger": {"cascade.trainer.rates.parse": 3.0},
        "no file": {"paths.train": "nowhere.conllu"},
    }
    with pytest.raises(ConfigError) as caught:
        grid(config, variants, tmp_path / "grid", test={"paths.dev": "nothing.conllu"})
    for part in (
        "typo: the config has no cascade.trainer.epoch: the nearest are cascade.trainer.epochs",
        "cycle: ",
        "stranger: rates= names parse",
        "no file: ",
        "nowhere.conllu",
        "test: ",
    ):
        assert part in str(caught.value), part
    assert not (tmp_path / "grid").exists()
    with pytest.raises(ConfigError, match="there is no variant 'none' for a baseline, only 'all'"):
        grid(config, {"all": {}}, tmp_path / "grid", baseline="none")
    with pytest.raises(ConfigError, match="one seed or more"):
        grid(config, {"all": {}}, tmp_path / "grid", seeds=[])
    with pytest.raises(ConfigError, match="differ in more than signs"):
        grid(config, {"a b": {}, "a/b": {}}, tmp_path / "grid")


@pytest.mark.usefixtures("here")
def test_a_failure_does_not_hold_up_the_others(config: Path, tmp_path: Path) -> None:
    diverging = {
        "cascade.trainer.optimizer": {"@cascade_optimizers": "cascade.SGD.v1", "rate": 1e30},
        "cascade.trainer.clip": None,
    }
    found = grid(config, {"all": {}, "wild": diverging}, tmp_path / "grid", seeds=1)
    assert list(found.failures) == [("wild", 0)] and "lower the learning rate" in found.failures["wild", 0]
    assert {row.variant for row in found.rows} == {"all"}


@pytest.mark.usefixtures("here")
def test_another_grid_in_the_folder_is_refused(config: Path, tmp_path: Path) -> None:
    grid(config, {"all": {}}, tmp_path / "grid", seeds=1)
    with pytest.raises(ConfigError, match=r"holds another training, which differs in cascade\.trainer\.epochs"):
        grid(config, {"all": {"cascade.trainer.epochs": 3}}, tmp_path / "grid", seeds=1)


@pytest.mark.usefixtures("here")
def test_a_variant_may_take_a_task_out(config: Path, tmp_path: Path) -> None:
    graph = "components.cascade.graph"
    without = {f"{graph}.tasks.tag": None, f"{graph}.edges.*.tag": None, "cascade.trainer.rates": {}}
    found = grid(config, {"all": {}, "no tags": without}, tmp_path / "grid", seeds=1)
    assert [row.task for row in found.rows if row.variant == "no tags"] == ["sents", "chunk"]
