from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import spacy

from cascade.cli.corpora import warn_of_reuse
from cascade.components.questions import questions
from cascade.training import Corpus

NLP = spacy.blank("en")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The same two questions about each of three articles, beside a split of these."""
    articles = [
        {
            "title": name,
            "paragraphs": [
                {
                    "context": f"{name} mends clocks.",
                    "qas": [
                        {"id": f"{name}-{number}", "question": text, "answers": []}
                        for number, text in enumerate(("Who mends them?", "When?"))
                    ],
                }
            ],
        }
        for name in ("Mara", "Ilse", "Pim")
    ]
    (tmp_path / "split.json").write_text(json.dumps({"train": ["Mara", "Ilse"], "dev": ["Pim"]}))
    (tmp_path / "asked.json").write_text(json.dumps({"data": articles}))
    return tmp_path / "asked.json"


def corpus(file: Path, titles: str | None, **dev: Any) -> Corpus:
    """What the shipped configs make of one path."""
    train = questions(str(file), titles=titles, part="train")
    parts = (train, questions(str(file), titles=titles, part="dev", **dev))
    return Corpus(name="squad", **{k: list(p.read(NLP)) for k, p in zip(("train", "dev"), parts, strict=True)})


def test_a_file_that_is_split_by_titles_is_no_reuse(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Though the questions have the same words."""
    warn_of_reuse([corpus(file, str(file.parent / "split.json"))])
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("dev", [{}, {"limit": 3}, {"limit": 3, "negatives": 2}])
def test_a_file_that_is_not_split_is(file: Path, dev: dict[str, int], capsys: pytest.CaptureFixture[str]) -> None:
    warn_of_reuse([Corpus(name="other", train=[NLP("a")]), corpus(file, None, **dev)])
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"warning: corpus 'squad': all of its {dev.get('limit', 6)} dev Docs are trained on too")
    assert said.endswith("--paths.dev FILE")


def test_some_texts_may_be_in_both(capsys: pytest.CaptureFixture[str]) -> None:
    warn_of_reuse([Corpus(train=[NLP("Yes."), NLP("No.")], dev=[NLP("Yes."), NLP("Perhaps.")])])
    warn_of_reuse([Corpus(train=[NLP("Yes.")])])
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("command", ["check", "train"])
def test_commands_warn(run, command: str, config: Path, treebank: Path, tmp_path: Path) -> None:
    output = ["--output", tmp_path / "run", "--cascade.trainer.epochs", "1"] if command == "train" else []
    assert "--paths.dev FILE" in run(command, config, "--paths.dev", treebank, *output).stderr
