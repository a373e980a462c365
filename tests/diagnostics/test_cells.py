from __future__ import annotations

from pathlib import Path

import pytest

from cascade.config import corpora_from_config, read_config, trainer_from_config
from cascade.diagnostics.cells import Cell, measure, with_gold
from cascade.errors import ConfigError
from cascade.evaluation import score_tasks
from cascade.training import Corpus
from tests.diagnostics.trainings import small_config
from tests.training.conftest import make_docs


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return small_config(tmp_path)


def test_a_cell_goes_on_from_its_checkpoint(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = Cell(tmp_path / "whole"), Cell(tmp_path / "cut")
    for cell in (whole, cut):
        cell.prepare(read_config(config), None)
    whole.work()

    def stop(run: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("cascade.training.run.Run.evaluate", stop)
        with pytest.raises(KeyboardInterrupt):
            cut.work()
    cut.work()
    assert cut.trained().dev == whole.trained().dev


def test_a_folder_keeps_to_one_training(config: Path, tmp_path: Path) -> None:
    cell, settings = Cell(tmp_path / "cell"), read_config(config)
    cell.prepare(settings, None)
    cell.prepare(settings, settings)
    assert not cell.done(test=False)
    with pytest.raises(ConfigError, match=r"holds another training, which differs in paths\.dev, corpora\.dev\.path"):
        cell.prepare(read_config(config, {"paths.dev": "other"}), None)
    with pytest.raises(ConfigError, match="cannot write"):
        Cell(config / "cell").prepare(settings, None)


def test_another_test_is_another_result(config: Path, tmp_path: Path) -> None:
    cell, settings = Cell(tmp_path / "cell"), read_config(config, {"cascade.trainer.epochs": 1})
    cell.prepare(settings, settings)
    cell.work()
    assert cell.done(test=True) and cell.tested() == cell.trained().dev
    cell.prepare(settings, settings)
    assert cell.done(test=True)
    cell.prepare(settings, read_config(config, {"paths.dev": str(tmp_path / "other.conllu")}))
    assert cell.done(test=False) and not cell.done(test=True)


def test_corpora_without_gold_are_left_out(config: Path) -> None:
    settings = read_config(config)
    trainer = trainer_from_config(settings)
    useless = Corpus(train=make_docs(2, tags=False, sentences=False), name="useless")
    trainer.corpora = [*trainer.corpora, useless]
    assert [corpus.name for corpus in with_gold(trainer)] == ["corpus"]
    assert not trainer.model.initialized and trainer.model.labels["tag"] == ()
    trainer.model.initialize([doc for corpus in trainer.corpora for doc in corpus.train])
    assert with_gold(trainer) is trainer.corpora


def test_measured_on_all_docs_and_on_each(config: Path) -> None:
    settings = read_config(config)
    model = trainer_from_config(settings).model
    docs = [doc for corpus in corpora_from_config(settings) for doc in corpus.dev]
    model.initialize(docs)
    found, theirs = measure(model, docs), score_tasks(model, docs)
    assert found.metrics == {"sents": "sents_f", "tag": "tag_acc", "chunk": "chunk_f"}
    assert found.scores == {task: theirs[task][key] for task, key in found.metrics.items()}
    for task, each in found.docs.items():
        assert each == [score_tasks(model, [doc], [task])[task][found.metrics[task]] for doc in docs]
    assert "tag" in found.docs
