from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import spacy
from spacy.tokens import DocBin
from typer.testing import Result

from cascade.cli import annotate as command
from cascade.data import read_conllu

TEXTS = ("Mara mends old clocks.", "They tick, in Oslo!")

Annotate = Callable[..., Result]


@pytest.fixture
def annotate(run, model: Path) -> Annotate:
    """Runs the command with the tiny model."""
    return lambda *arguments, **settings: run("annotate", "--model", model, *arguments, **settings)


def texts(result: Result) -> list[str]:
    return [doc["text"] for doc in json.loads(result.stdout)]


def test_json(annotate: Annotate) -> None:
    result = annotate(*TEXTS, "--format", "json")
    docs = json.loads(result.stdout)
    assert [doc["text"] for doc in docs] == list(TEXTS)
    assert result.stderr == ""
    tokens = docs[0]["tokens"]
    assert {"lemma", "tag", "pos", "morph", "head", "dep", "probabilities"} <= tokens[0].keys()
    tasks = {"sents", "tag", "pos", "morph", "lemma", "chunk", "ner", "parse"}
    assert all(token["probabilities"].keys() == tasks for token in tokens)
    assert all(0 < p <= 1 for token in tokens for p in token["probabilities"].values())
    assert {"sentences", "chunks", "entities"} <= docs[0].keys()


def test_only_the_wanted_tasks(annotate: Annotate) -> None:
    (doc,) = json.loads(annotate(TEXTS[0], "--tasks", "tag, chunk", "--format", "json").stdout)
    assert doc.keys() <= {"text", "tokens", "chunks"}
    assert doc["tokens"][0].keys() == {"text", "start", "end", "tag", "probabilities"}
    shown = annotate(TEXTS[0], "--tasks", "tag").stdout
    assert "tag" in shown and "lemma" not in shown and "chunk" not in shown


@pytest.mark.parametrize("names", ["tag,nix", "nix", ","])
def test_an_unknown_task_lists_the_known_ones(annotate: Annotate, names: str) -> None:
    result = annotate("x", "--tasks", names, code=1)
    assert "sents, tag, pos, morph, lemma, chunk, ner, parse" in result.stderr
    assert result.stdout == ""


def test_conllu_is_read_back(annotate: Annotate, tmp_path: Path) -> None:
    out = tmp_path / "out.conllu"
    assert annotate(*TEXTS, "--format", "conllu", "--output", out).stdout == ""
    docs = list(read_conllu(out, vocab=spacy.blank("en").vocab, sentences=1))
    assert " ".join(token.text for doc in docs for token in doc) == "Mara mends old clocks . They tick , in Oslo !"
    assert all(token.tag_ and token.dep_ for doc in docs for token in doc)


def test_a_docbin_is_read_back(annotate: Annotate, tmp_path: Path) -> None:
    out = tmp_path / "out.spacy"
    annotate(*TEXTS, "--format", "docbin", "--output", out)
    docs = list(DocBin().from_disk(out).get_docs(spacy.blank("en").vocab))
    assert [doc.text for doc in docs] == list(TEXTS)
    assert annotate(TEXTS[0], "--format", "docbin").stdout_bytes[:1] == out.read_bytes()[:1]


def test_a_docbin_is_not_printed_on_a_terminal(annotate: Annotate, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr(command, "sys", SimpleNamespace(stdout=terminal, stdin=sys.stdin))
    assert "--output FILE" in annotate("x", "--format", "docbin", code=2).stderr


def test_html(annotate: Annotate) -> None:
    page = annotate(TEXTS[0], "--format", "html").stdout
    assert "displacy" in page and page.count("</html>") == 1


def test_a_table_is_the_default(annotate: Annotate) -> None:
    shown = annotate(TEXTS[0]).stdout
    assert "relation" in shown and "clocks" in shown


@pytest.mark.parametrize("source", ["file", "-", "piped"])
def test_blank_lines_part_the_texts_of_a_file(annotate: Annotate, tmp_path: Path, source: str) -> None:
    content = "\n\nMara mends\nold clocks.\n \n\n\nThey tick.\r\n"
    file = tmp_path / "texts.txt"
    file.write_text(content, newline="")
    arguments = {"file": ["--input", file], "-": ["--input", "-"], "piped": []}[source]
    result = annotate(*arguments, "--format", "json", input=content)
    assert texts(result) == ["Mara mends\nold clocks.", "They tick."]


@pytest.mark.parametrize("arguments", [["", "  "], ["--input", "-"], []])
def test_empty_input_is_an_error(annotate: Annotate, arguments: list[str]) -> None:
    result = annotate(*arguments, code=1, input=" \n\n")
    assert "expected text, got none in " + ("TEXT" if "" in arguments else "standard input") in result.stderr


def test_bad_files_are_named(annotate: Annotate, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "latin.txt").write_bytes("Mara\nœuvre".encode("cp1252"))
    for name, says in [
        ("no.txt", "no such file"),
        ("empty.txt", "got none"),
        ("latin.txt", "latin.txt:2: expected UTF-8"),
    ]:
        result = annotate("--input", tmp_path / name, code=1)
        assert name in result.stderr and says in result.stderr


def test_input_that_is_no_text_of_the_terminal(annotate: Annotate) -> None:
    assert "standard input: expected utf-8 text" in annotate(code=1, input=b"Mara \xff").stderr


def test_text_and_input_exclude_each_other(annotate: Annotate) -> None:
    assert "not both" in annotate("x", "--input", "-", code=2).stderr


def test_a_terminal_without_text_is_wrong_usage(annotate: Annotate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True), stdout=sys.stdout))
    assert "--input FILE" in annotate(code=2).stderr


def test_a_place_that_cannot_be_written_is_an_error(annotate: Annotate, tmp_path: Path) -> None:
    result = annotate("x", "--output", tmp_path / "no" / "out.txt", code=1)
    assert "cannot write" in result.stderr and "no/out.txt" in result.stderr


def test_a_missing_model_lists_what_there_is(run, tmp_path: Path) -> None:
    result = run("annotate", "x", "--model", tmp_path / "nix", code=1)
    assert "no model" in result.stderr and "shipped ones" in result.stderr
    assert "Traceback" not in result.stderr


def test_weights_cut_short_are_an_error(run, model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "cut"
    copy.mkdir()
    for file in model.iterdir():
        (copy / file.name).write_bytes(file.read_bytes()[: 1000 if file.suffix == ".safetensors" else None])
    result = run("annotate", "x", "--model", copy, code=1)
    assert "model.safetensors is damaged or cut short (1000 bytes)" in result.stderr
