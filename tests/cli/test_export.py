from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from tests.cli.answering import Place, make_place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("answers"))


def test_transformers_loads_what_is_written(run, place: Place, tmp_path: Path) -> None:
    assert "README.md says what gets lost" in run("export", place.model, tmp_path / "out").stdout
    tokenizer, model = (k.from_pretrained(tmp_path / "out") for k in (AutoTokenizer, AutoModelForQuestionAnswering))
    assert model(**tokenizer("who?", "mara.", return_tensors="pt")).start_logits.shape == (1, 12)


def test_what_cannot_be_exported(run, place: Place, model: Path, tmp_path: Path) -> None:
    assert "reads answers" in run("export", model, tmp_path / "out", code=1).stderr
    assert "nix" in run("export", tmp_path / "nix", tmp_path / "out", code=1).stderr
    assert "is there already" in run("export", place.model, place.model, code=1).stderr
    assert not (tmp_path / "out").exists()
