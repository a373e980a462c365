"""The configs of `pipelines/` that ask: their split of articles, and the overrides that their model cards name."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import spacy

from cascade.cli.overrides import parse_overrides
from cascade.components.questions import questions
from cascade.config import read_config, shipped_file
from cascade.data import read_split
from cascade.errors import ConfigError
from cascade.model import CascadeModel
from cascade.registry import from_config, graph_from_config

ROOT = Path(__file__).parents[2] / "pipelines"
SPLIT = "en_cascade_qa/split.json"


def test_the_split_of_the_articles_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parts = read_split(shipped_file(SPLIT))
    assert {name: len(titles) for name, titles in parts.items()} == {"train": 34, "dev": 4, "test": 10}
    for name in ("en_cascade_qa", "re3qa"):
        assert read_config(name)["paths"]["split"] == SPLIT


def test_the_reader_finds_the_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = {"question": "Is it?", "answers": []}
    articles = [
        {"title": title, "paragraphs": [{"context": "It is.", "qas": [{**asked, "id": title}]}]}
        for title in ("Warsaw", "Oxygen", "Elsewhere")
    ]
    (tmp_path / "asked.json").write_text(json.dumps({"data": articles}))

    def ids(**settings: Any) -> list[str]:
        return [e.reference.user_data["id"] for e in questions("asked.json", **settings)(spacy.blank("en"))]

    assert ids(titles=SPLIT, part="dev") == ["Warsaw"]
    assert ids(titles=SPLIT, part="train") == ["Oxygen"]
    assert ids(titles=None, part="train") == ["Warsaw", "Oxygen", "Elsewhere"], "--paths.split null reads a whole file"
    with pytest.raises(ConfigError, match="titles need a part"):
        questions("asked.json", titles=SPLIT)


def ablations(name: str) -> list[Mapping[str, Any]]:
    """The overrides in the table of a model card."""
    cells = re.findall(r"^\|[^|]*\| *`(--[^`]+)` *\|", (ROOT / name / "README.md").read_text(), flags=re.MULTILINE)
    return [parse_overrides(shlex.split(cell)) for cell in cells]


def test_the_card_of_re3qa_names_its_ablations() -> None:
    assert len(ablations("re3qa")) >= 10


@pytest.mark.parametrize("overrides", [{}, *ablations("re3qa")], ids=lambda o: "-".join(o) or "none")
def test_an_ablation_of_re3qa_changes_what_it_says_and_builds(overrides: Mapping[str, Any]) -> None:
    plain, config = read_config("re3qa"), read_config("re3qa", overrides)
    for key, value in overrides.items():
        before, after = plain, config
        for part in key.split("."):
            before, after = before[part], after[part]
        assert after == value != before, f"{key} changes nothing"
    graph = graph_from_config(config["components"]["cascade"]["graph"])
    assert CascadeModel(graph).graph.order() == ["retrieve", "read", "rerank"]
    for split in ("train", "dev"):
        assert callable(from_config(config["corpora"][split]))
    assert callable(from_config(config["cascade"]["trainer"]))


def test_scifact_goes_through_its_rationales() -> None:
    config = read_config("scifact")
    graph = graph_from_config(config["components"]["cascade"]["graph"])
    assert graph.order() == ["retrieve", "rationale", "label"]
    assert list(graph.edges) == [("retrieve", "rationale"), ("rationale", "label")]
    assert callable(from_config(config["cascade"]["trainer"]))
    train, dev = (from_config(config["corpora"][split]) for split in ("train", "dev"))
    assert (train.begin, train.end, dev.begin, dev.end) == (0.0, 0.9, 0.9, 1.0)
