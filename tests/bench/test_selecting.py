from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from rich.table import Table
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from cascade.model import CascadeModel
from cascade.training import Corpus, sampling
from cascade.training.history import History
from tests.bench import selecting
from tests.bench.selecting import MAIN, PARSE, POS, SHUFFLED, SYSTEMS, TASKS, Plan

PLAN = Plan(steps=6, draws=3, length=1, rounds=2)
WORDS = (["Mara", "mends", "clocks"], ["Odo", "winds", "watches"], ["Ida", "texts", "pals"])


def tree(vocab: Vocab, words: list[str]) -> Doc:
    tags, pos = ["NNP", "VBZ", "NNS"], ["PROPN", "VERB", "NOUN"]
    return Doc(vocab, words=words, tags=tags, pos=pos, heads=[1, 1, 1], deps=["nsubj", "ROOT", "obj"])


@pytest.fixture
def corpora(vocab: Vocab) -> dict[str, Corpus]:
    chunks = [Doc(vocab, words=words) for words in WORDS]
    for doc in chunks:
        doc.spans["chunks"] = [Span(doc, 0, 1, label="NP"), Span(doc, 1, 3, label="VP")]
    trees = [selecting.untagged(tree(vocab, words)) for words in WORDS]
    return {
        MAIN: Corpus(name=MAIN, train=chunks, dev=chunks),
        POS: Corpus(name="trees", train=trees),
        SHUFFLED: Corpus(name=SHUFFLED, train=selecting.shuffled(trees)),
    }


@pytest.fixture
def small(corpora: dict[str, Corpus], monkeypatch: pytest.MonkeyPatch) -> None:
    """Hand-made data."""
    monkeypatch.setattr(selecting, "read", lambda plan: (corpora, corpora[MAIN].dev))


def shown(table: Table) -> list[list[str]]:
    """Its lines."""
    return [list(row) for row in zip(*(column.cells for column in table.columns), strict=True)]


def test_shuffled_tags_are_the_same_at_other_words(vocab: Vocab) -> None:
    trees = [tree(vocab, words) for words in WORDS * 5]
    dealt = selecting.shuffled(trees)
    before, after = ([t.pos_ for doc in trees for t in doc], [t.tag_ for doc in dealt for t in doc])
    assert Counter(before) == Counter(after) and before != after
    assert [[t.text for t in doc] for doc in dealt] == [[t.text for t in doc] for doc in trees]
    assert [[t.tag_ for t in doc] for doc in selecting.shuffled(trees)] == [[t.tag_ for t in doc] for doc in dealt]
    assert not any(doc.has_annotation("POS") or doc.has_annotation("DEP") for doc in dealt)


def test_every_task_learns_from_its_own_corpus(corpora: dict[str, Corpus]) -> None:
    graph = selecting.make_graph(TASKS)
    docs = [doc for corpus in selecting.chosen(corpora, TASKS) for doc in corpus.train]
    model = CascadeModel(graph).initialize(docs)
    assert model.labels[POS] == model.labels[SHUFFLED] == ("NOUN", "PROPN", "VERB")
    gold = {
        name: {task for doc in corpus.train for task in TASKS if model.task(task).targets(doc) is not None}
        for name, corpus in corpora.items()
    }
    assert gold == {MAIN: {MAIN}, POS: {POS, PARSE}, SHUFFLED: {SHUFFLED}}
    assert selecting.chosen(corpora, [MAIN, PARSE, POS]) == [corpora[MAIN], corpora[POS]]


@pytest.mark.usefixtures("small")
def test_what_is_done_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {system: selecting.run(system, 0, tmp_path, PLAN) for system in SYSTEMS}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{system}-0.json" for system in SYSTEMS)
    told = found["autosem"]
    assert sum(told["draws"].values()) == PLAN.draws and told["draws"][MAIN] >= 1
    assert set(told["utilities"]) == set(told["ratio"]) == set(TASKS)
    assert 1 <= len(told["tried"]) <= PLAN.rounds and max(one["dev"] for one in told["tried"]) == told["dev"]
    monkeypatch.setattr(selecting, "trainer", None)
    assert {system: selecting.run(system, 0, tmp_path, PLAN) for system in SYSTEMS} == found


def test_draws_are_those_that_the_schedule_has_seen() -> None:
    bandit = sampling.Thompson(main=MAIN, seed=3)
    scores = [{MAIN: score} for score in (0.2, 0.1, 0.1, 0.3, 0.2, 0.4)]
    found = selecting.drawn_tasks(bandit, scores)
    assert sum(found["draws"].values()) == 6 and sum(found["rewards"].values()) == 4
    plain = sampling.Thompson(main=MAIN, seed=3, decay=0.0)
    found, arms = selecting.drawn_tasks(plain, scores), plain.arms(TASKS, History(scores=scores))
    # Without decay an arm counts: one and its rewards, one and what is left of its draws.
    assert arms == {t: (1 + found["rewards"][t], 1 + found["draws"][t] - found["rewards"][t]) for t in TASKS}


def test_what_is_given_and_to_whom_the_least() -> None:
    runs = [
        {
            "draws": dict(zip(TASKS, draws, strict=True)),
            "rewards": dict(zip(TASKS, (2, 3, 1, 0), strict=True)),
            "utilities": dict(zip(TASKS, (0.5, 0.8, 0.6, 0.2), strict=True)),
            "ratio": dict(zip(TASKS, ratio, strict=True)),
        }
        for draws, ratio in (((4, 3, 2, 1), (2, 1, 1, 0)), ((2, 5, 1, 2), (1, 1, 0, 0)))
    ]
    found = selecting.given(runs)
    assert found[MAIN] == pytest.approx({"drawn": 0.3, "rewarded": 4 / 6, "utility": 0.5, "share": 0.5})
    assert found[SHUFFLED] == pytest.approx({"drawn": 0.15, "rewarded": 0, "utility": 0.2, "share": 0})
    assert selecting.least(found) == {
        "drawn": "parse, shuffled", "rewarded": SHUFFLED, "utility": SHUFFLED, "share": SHUFFLED
    }  # fmt: skip
    lines = shown(selecting.allocation(found, ""))
    assert lines[1] == [POS, "40.0", "75.0", "80.0", "37.5"]
    assert lines[-1] == ["least", "parse, shuffled", SHUFFLED, SHUFFLED, SHUFFLED]


def test_scores_beside_the_main_task_alone() -> None:
    found = {
        "single": [{"dev": 0.8, "test": 0.7}, {"dev": 0.8, "test": 0.8}],
        "autosem": [{"dev": 0.9, "test": 0.71}, {"dev": 0.7, "test": 0.83}],
    }
    told = selecting.comparison(found)
    assert told["single"] == pytest.approx({"dev": 80, "test": 75})
    assert told["autosem"]["gain"] == pytest.approx(2)
    assert told["autosem"]["interval"] == pytest.approx([2 - 12.706, 2 + 12.706], abs=1e-3)
    assert shown(selecting.scores(told, "")) == [
        ["single", "80.00", "75.00", ""],
        ["autosem", "80.00", "77.00", "+2.00 (-10.71 to +14.71)"],
    ]


@pytest.mark.usefixtures("small")
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [str(tmp_path), "--seeds", "1", "--steps", "6", "--system", "uniform", "--system", "single"]
    selecting.main(given)
    report = json.loads((tmp_path / "report.json").read_text())
    assert list(report["scores"]) == ["single", "uniform"] and report["plan"]["steps"] == 6
    assert "1% of train of CoNLL-2000" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="holds results of"):
        selecting.main([*given, "--draws", "7"])
