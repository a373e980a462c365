from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from rich.console import Console
from spacy.tokens import Doc

from cascade import storage
from cascade.errors import TrainingError
from cascade.nn.node import NodeModule
from cascade.training import Batches, Corpus, Trainer, Unfreezing, gradients, optimizers, regularizers, schedules
from cascade.training.curves import Inverse, WarmupLinear
from cascade.training.sampling import LossDriven, Thompson
from cascade.training.updates import Updates
from tests.training.killing import Killed, kill, written

Make = Callable[..., Trainer]
MakeDocs = Callable[..., list[Doc]]

# What JMT does, and what a joint training does, with everything that a checkpoint has to keep.
JMT: dict[str, Any] = {
    "schedule": schedules.Successive(batches=Batches(docs=5), task_batches={"sents": Batches(docs=3)}),
    "optimizer": optimizers.SGD(rate=0.5, curve=Inverse(0.3)),
    "clips": {"tags": 1.0, "sents": 2.0},
    "average": None,
}
JOINT: dict[str, Any] = {
    "schedule": schedules.Joint(batches=Batches(words=30)),
    "optimizer": optimizers.Adam(rate=0.01, curve=WarmupLinear(0.2), weight_decay=0.01),
    "rates": {"encoder": 0.5},
    "accumulate": 2,
    "evaluate_steps": 1,
}
# What goes by the losses and scores of the past, and by the epoch.
SAMPLED: dict[str, Any] = {
    "schedule": schedules.Sampled(sampling=LossDriven(), batches=Batches(docs=3)),
    "optimizer": optimizers.Adam(rate=0.01, weight_decay=0.01),
    "joins": {"sents": 0.3},
    "join_warmup": 0.4,
    "unfreezing": Unfreezing(epochs_per_layer=2),
}
BANDIT: dict[str, Any] = {
    "schedule": schedules.Sampled(sampling=Thompson(main="sents", seed=5), batches=Batches(docs=8)),
    "optimizer": optimizers.SGD(rate=0.3, momentum=0.9),
}


def settings(base: dict[str, Any]) -> dict[str, Any]:
    own = [regularizers.Successive(strengths={"nodes.*.decoder.*": 1e-2}), regularizers.L2(strengths={"nodes.*": 1e-5})]
    return {"epochs": 4, "checkpoint_every": 2, **base, "regularizers": own}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where curves would have been drawn."""
    paths: list[Path] = []
    monkeypatch.setattr("cascade.training.run.draw_curves", lambda rows, path: paths.append(path) is None)
    return paths


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module", params=[JMT, JOINT, SAMPLED, BANDIT], ids=["jmt", "joint", "sampled", "bandit"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, trainer: Make) -> Any:
    """Settings, and what a run with them writes and returns when nothing interrupts it."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    scores = trainer(**settings(request.param)).fit(folder)
    return request.param, written(folder), scores


@pytest.mark.parametrize("after", [1, 3, 8])
def test_killed_and_resumed_it_ends_as_if_nothing_had_happened(
    trainer: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Any, after: int
) -> None:
    """Killed after an evaluation that no checkpoint has seen, or between two checkpoints: every file ends the same."""
    base, expected, scores = whole
    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        kill(patched, after)
        with pytest.raises(Killed):
            trainer(**settings(base)).fit(folder)
    assert written(folder) != expected
    # The process that goes on has drawn other random numbers before.
    torch.manual_seed(99)
    np.random.seed(99)
    assert trainer(**settings(base)).fit(folder, resume=True) == scores
    assert written(folder) == expected


CHILD = """
import runpy, sys
import torch
from tests.training.killing import kill_for_good
torch.set_num_threads(1)
kill_for_good(5)
runpy.run_path(sys.argv[1])["make_trainer"](epochs=2, checkpoint_every=2).fit(sys.argv[2])
"""


def test_a_process_that_is_killed_for_good(trainer: Make, tmp_path: Path) -> None:
    helper = str(Path(__file__).with_name("conftest.py"))
    child = subprocess.run([sys.executable, "-c", CHILD, helper, str(tmp_path / "b" / "run")], check=False)
    assert child.returncode == -9
    trainer(epochs=2, checkpoint_every=2).fit(tmp_path / "b" / "run", resume=True)
    trainer(epochs=2, checkpoint_every=2).fit(tmp_path / "a" / "run")
    assert written(tmp_path / "b" / "run") == written(tmp_path / "a" / "run")


def test_a_run_that_is_over_stays_over(trainer: Make, tmp_path: Path) -> None:
    scores = trainer().fit(tmp_path)
    before = written(tmp_path)
    again = trainer()
    assert again.fit(tmp_path, resume=True) == scores
    assert written(tmp_path) == before


def test_resuming_in_an_empty_folder_starts(trainer: Make, tmp_path: Path) -> None:
    trainer(epochs=1).fit(tmp_path, resume=True)
    assert len(lines(tmp_path)) == 1


def test_a_run_is_not_overwritten(trainer: Make, tmp_path: Path) -> None:
    trainer(epochs=1).fit(tmp_path)
    before = written(tmp_path)
    with pytest.raises(TrainingError, match="holds a run already"):
        trainer(epochs=1).fit(tmp_path)
    with pytest.raises(TrainingError, match=r"epochs: was 1, is 2"):
        trainer(epochs=2).fit(tmp_path, resume=True)
    assert written(tmp_path) == before


def test_it_learns_from_partial_annotation_empty_docs_and_all(trainer: Make, docs: MakeDocs, tmp_path: Path) -> None:
    empty, space = Doc(docs(1)[0].vocab), Doc(docs(1)[0].vocab, words=["\n"], spaces=[False])
    corpora = [
        Corpus(train=[*docs(40, sentences=False), empty, space], dev=[*docs(8, seed=1, sentences=False), empty]),
        Corpus(train=[*docs(30, seed=2, tags=False), empty], dev=[*docs(8, seed=3, tags=False), space]),
    ]
    made = trainer(corpora=corpora, epochs=8, optimizer=optimizers.Adam(rate=0.03))
    scores = made.fit(tmp_path)
    assert scores["tag_acc"] > 0.95
    assert scores["sents_f"] > 0.9
    saved = storage.load(tmp_path / "best")
    assert storage.read_meta(tmp_path / "best")["scores"] == {"dev": scores}
    for name, weight in made.model.state_dict().items():
        assert torch.equal(weight, saved.state_dict()[name]), name


def test_every_evaluation_is_a_line(trainer: Make, tmp_path: Path, drawn: list[Path]) -> None:
    trainer(epochs=3).fit(tmp_path)
    rows = lines(tmp_path)
    assert [(row["epoch"], row["step"]) for row in rows] == [(1, 5), (2, 10), (3, 15)]
    for row in rows:
        assert set(row["losses"]) == set(row["main"]) == {"tags", "sents"}
        assert row["keys"] == {"tags": "tag_acc", "sents": "sents_f"}
        assert row["score"] == pytest.approx((row["scores"]["tags"]["tag_acc"] + row["scores"]["sents"]["sents_f"]) / 2)
    assert drawn == [tmp_path / "curves.png"]


def test_curves_that_cannot_be_written_leave_the_training_as_it_is(
    trainer: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(rows: object, path: Path) -> bool:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("cascade.training.run.draw_curves", full)
    made = trainer(epochs=1, console=Console())
    assert made.fit(tmp_path) == storage.read_meta(tmp_path / "best")["scores"]["dev"]
    printed = capsys.readouterr().out
    assert f"no curves drawn: cannot write {tmp_path / 'curves.png'}: No space left on device\n" in printed
    saved = storage.load(tmp_path / "best").state_dict()
    assert all(torch.equal(weight, saved[name]) for name, weight in made.model.state_dict().items())


def scripted(monkeypatch: pytest.MonkeyPatch, scores: list[float]) -> None:
    """Let the evaluations have these scores."""
    remaining = iter(scores)
    monkeypatch.setattr("cascade.training.run.score_tasks", lambda model, dev: {"tags": {"tag_acc": next(remaining)}})


def test_it_stops_when_patience_is_at_an_end(trainer: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.3, 0.5, 0.4, 0.5, 0.9])
    assert trainer(epochs=9, patience=2).fit(tmp_path) == {"tag_acc": 0.5}
    assert len(lines(tmp_path)) == 4
    assert storage.read_meta(tmp_path / "best")["scores"] == {"dev": {"tag_acc": 0.5}}
    assert trainer(epochs=9, patience=2).fit(tmp_path, resume=True) == {"tag_acc": 0.5}
    assert len(lines(tmp_path)) == 4


def test_it_stops_within_an_epoch_too(trainer: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.5, 0.4, 0.9])
    trainer(epochs=9, patience=1, evaluate_steps=2).fit(tmp_path)
    assert [(row["epoch"], row["step"]) for row in lines(tmp_path)] == [(0, 2), (0, 4)]
    trainer(epochs=9, patience=1, evaluate_steps=2).fit(tmp_path, resume=True)
    assert len(lines(tmp_path)) == 2


def test_weights_choose_the_best_model(trainer: Make, tmp_path: Path) -> None:
    trainer(epochs=3, score_weights={"sents_r": 1.0}).fit(tmp_path)
    rows = lines(tmp_path)
    assert [row["score"] for row in rows] == [row["scores"]["sents"]["sents_r"] for row in rows]
    best = storage.read_meta(tmp_path / "best")["scores"]["dev"]["sents_r"]
    assert best == max(row["score"] for row in rows)


def test_without_dev_docs_the_newest_model_is_the_best(trainer: Make, docs: MakeDocs, tmp_path: Path) -> None:
    made = trainer(corpora=[Corpus(train=docs(8))], average=None)
    assert made.fit(tmp_path) == {}
    assert [row["score"] for row in lines(tmp_path)] == [None, None]
    last = storage.load(tmp_path / "best").state_dict()
    for name, weight in made.model.state_dict().items():
        assert torch.equal(weight, last[name])


def test_the_average_is_what_is_saved(trainer: Make, tmp_path: Path) -> None:
    trainer(epochs=1, average=0.9).fit(tmp_path / "average")
    trainer(epochs=1, average=None).fit(tmp_path / "plain")
    saved, plain = (storage.load(tmp_path / name / "best").state_dict() for name in ("average", "plain"))
    assert any(not torch.equal(saved[name], plain[name]) for name in plain)


def test_the_epoch_reaches_scheduled_sources(trainer: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take, seen = Updates.take, []
    monkeypatch.setattr(Updates, "take", lambda self, *a, **k: seen.append(self.model.epoch) or take(self, *a, **k))
    trainer(epochs=2).fit(tmp_path)
    assert seen == [0] * 5 + [1] * 5


@pytest.fixture
def other_precision() -> Any:
    """Accelerate keeps one precision per process; the tests have more than one."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def test_bfloat16(
    trainer: Make, docs: MakeDocs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other_precision: None
) -> None:
    monkeypatch.setattr("cascade.training.device.has_bf16", lambda: True)
    corpora = [Corpus(train=docs(40), dev=docs(8, seed=1))]
    made = trainer(corpora=corpora, epochs=8, precision="bf16", optimizer=optimizers.Adam(rate=0.03))
    seen: set[tuple[bool, torch.dtype]] = set()
    forward = NodeModule.forward

    def watched(self: NodeModule, *arguments: Any) -> Any:
        output = forward(self, *arguments)
        seen.add((self.training, output.scores["logits"].dtype))
        return output

    monkeypatch.setattr(NodeModule, "forward", watched)
    scores = made.fit(tmp_path)
    assert seen == {(True, torch.bfloat16), (False, torch.float32)}
    assert {p.dtype for p in made.model.parameters()} == {torch.float32}
    assert scores["tag_acc"] > 0.95


def test_a_cpu_without_bfloat16_trains_in_float32_and_says_so(
    trainer: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cascade.training.device.has_bf16", lambda: False)
    trainer(epochs=1, precision="bf16", console=Console()).fit(tmp_path / "asked")
    assert capsys.readouterr().out.startswith("no bf16: this CPU does not have it, training goes on in float32\n")
    trainer(epochs=1, console=Console()).fit(tmp_path / "plain")
    assert "bf16" not in capsys.readouterr().out
    best = "best/model.safetensors"
    assert (tmp_path / "asked" / best).read_bytes() == (tmp_path / "plain" / best).read_bytes()


def test_another_precision_needs_another_process(
    trainer: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cascade.training.device.has_bf16", lambda: True)
    trainer(epochs=1).fit(tmp_path / "first")
    with pytest.raises(TrainingError, match="one precision in a process"):
        trainer(epochs=1, precision="bf16").fit(tmp_path / "second")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0, "patience": -1}, r"epochs= has to be 1 or more, got 0\npatience= has to be 1 or more"),
        ({"joins": {"parse": 0.5}}, "joins= names parse, but the graph has tags, sents"),
        ({"joins": {"tags": 1.0}}, "joins= has to be 0 or more and below 1, got tags=1.0"),
        ({"join_warmup": 0.1}, "join_warmup= is a share from 0 to 1, for tasks that joins= names, got 0.1"),
        ({"schedule": schedules.Mixed(ratio={"parse": 1})}, "ratio= names parse, but the graph has tags, sents"),
        ({**BANDIT, "evaluate_steps": 2}, "Thompson trains one task an epoch: evaluate at the end of epochs"),
        ({"unfreezing": Unfreezing(epochs_per_layer=0)}, "epochs_per_layer= has to be 1 or more, got 0"),
        ({"rates": {"parse": 2.0}}, "rates= names parse, but the graph has tags, sents"),
        ({"clips": {"tags": 1.0}}, "clips= needs a schedule that goes task by task"),
        ({"average": 1.0}, "average= is a decay"),
        ({"score_weights": {"tag_acc": 0.0}}, "score_weights= have to be positive"),
    ],
)
def test_settings_that_make_no_sense(trainer: Make, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        trainer(**wrong)


def test_a_gradient_method_that_has_nothing_to_do_is_an_error_before_training(trainer: Make, tmp_path: Path) -> None:
    """Two corpora of one task each: no batch carries two tasks, but two batches together do."""
    with pytest.raises(TrainingError, match="every update trains one task alone"):
        trainer(gradients=gradients.PCGrad()).fit(tmp_path / "a")
    assert not (tmp_path / "a").exists()
    trainer(gradients=gradients.PCGrad(), accumulate=3).fit(tmp_path / "b")


@pytest.mark.parametrize(
    "schedule",
    [schedules.Mixed(ratio={"sents": 1}), schedules.Joint(), schedules.Sampled(length=3), schedules.Successive()],
)
def test_epochs_without_a_step_are_an_error_before_training(
    trainer: Make, docs: MakeDocs, tmp_path: Path, schedule: schedules.Schedule
) -> None:
    model = trainer().model.initialize(docs(4))
    train = docs(4, sentences=False) if isinstance(schedule, schedules.Mixed) else []
    made = trainer(schedule=schedule, corpora=[Corpus(train=train, dev=docs(2))])
    made.model = model
    with pytest.raises(TrainingError, match=f"{type(schedule).__name__} finds nothing to train on"):
        made.fit(tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoint").exists()


def test_the_best_model_of_every_task_is_kept_where_that_is_asked_for(trainer: Make, tmp_path: Path) -> None:
    trainer(epochs=3, best_by_task=True).fit(tmp_path)
    for task in ("tags", "sents"):
        best = max(line["main"][task] for line in lines(tmp_path))
        key = lines(tmp_path)[0]["keys"][task]
        assert storage.read_meta(tmp_path / "best_by_task" / task)["scores"]["dev"][key] == pytest.approx(best)
    trainer(epochs=1).fit(tmp_path / "without")
    assert not (tmp_path / "without" / "best_by_task").exists()


def test_a_vote_needs_patience(trainer: Make) -> None:
    with pytest.raises(TrainingError, match="vote= needs patience="):
        trainer(vote=True)
