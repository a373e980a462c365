"""AutoSeM: which auxiliary tasks help a main one, and in what ratio to mix them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cascade.errors import TrainingError
from cascade.training.folder import RunFolder
from cascade.training.history import History
from cascade.training.mixing import Ratio, search
from cascade.training.sampling import Thompson
from cascade.training.schedules import Sampled
from cascade.training.trainer import Trainer


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """What `autosem` has found.

    Args:
        utilities: How likely it is that a task does not harm the main one, by task; see `Thompson.utilities`.
        tasks: The main task, then those that were kept.
        tried: The main task's best score by ratio of these, in the order of trial.
        runs: The folder of their runs.
    """

    utilities: dict[str, float]
    tasks: tuple[str, ...]
    tried: dict[Ratio, float]
    runs: Path

    @property
    def folder(self) -> Path:
        """The run of the best ratio; with `best_by_task`, the model of the best score is in it."""
        return _place(self.runs, self.ratio)

    @property
    def ratio(self) -> dict[str, int]:
        """The best ratio, as the schedule `Mixed` takes it."""
        best = max(self.tried, key=self.tried.__getitem__)
        return dict(zip(self.tasks, best, strict=True))


def autosem(
    selection: Trainer,
    mixing: Callable[[dict[str, int]], Trainer],
    output_dir: str | Path,
    *,
    keep: float = 0.5,
    rounds: int = 10,
    largest: int = 5,
    seed: int = 0,
) -> Mixture:
    """Choose auxiliary tasks, then search for the ratio in which to mix them (Guo et al. 2019, stages 1 and 2).

    Called again with the same folder, it goes on where it was.

    Args:
        selection: The trainer of stage 1; its schedule is `Sampled(sampling=Thompson(main=...))`.
        mixing: Makes a trainer of stage 2, of a new model, whose schedule is `Mixed` with the ratio that it is given.
        output_dir: Where the runs go: `selection`, and one in `mixing` for every ratio.
        keep: Auxiliary tasks are kept whose utility is above this.
        rounds: Ratios that are tried at most; the first five are not chosen by what others have scored.
        largest: The largest number in a ratio.
        seed: What the first ratios are drawn from.

    Raises:
        TrainingError: `selection` has another schedule, or a run fails.
    """
    sampling = selection.schedule.sampling if isinstance(selection.schedule, Sampled) else None
    if not isinstance(sampling, Thompson):
        raise TrainingError("autosem: the schedule of selection has to be Sampled(sampling=Thompson(main=...))")
    main, folder = sampling.main, Path(output_dir)
    utilities = sampling.utilities(selection.model.graph.order(), _run(selection, folder / "selection"))
    tasks = (main, *(task for task, utility in utilities.items() if task != main and utility > keep))

    runs = folder / "mixing"

    def best(ratio: dict[str, int]) -> float:
        return max(scores[main] for scores in _run(mixing(ratio), _place(runs, ratio)).scores)

    tried = search(best, tasks, rounds=rounds, largest=largest, seed=seed)
    return Mixture(utilities=utilities, tasks=tasks, tried=tried, runs=runs)


def _place(runs: Path, ratio: Mapping[str, int]) -> Path:
    return runs / "-".join(map(str, ratio.values()))


def _run(trainer: Trainer, folder: Path) -> History:
    """Train, or go on, and tell what every evaluation has scored."""
    trainer.fit(folder, resume=True)
    return History(scores=[row["main"] for row in RunFolder(folder).metrics.rows()])
