"""Formats, on Docs whose annotation is known."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin

from cascade import docs as documents
from cascade.cli import formats
from cascade.cli.console import result_console
from cascade.data import read_conllu
from cascade.errors import ConfigError


@pytest.fixture
def doc(treebank: Path) -> Doc:
    """Three sentences with every kind of annotation, as a cascade would leave it."""
    documents.register()
    doc = next(read_conllu(treebank, vocab=spacy.blank("en").vocab, sentences=3))
    doc._.cascade["cascade"] = {
        "tag": {"probabilities": np.linspace(0.5, 1, len(doc), dtype=np.float32)},
        "chunk": {"probabilities": np.ones(len(doc)), "spans": [(2, 4, "NP", 0.25)]},
        "topic": {"probabilities": np.ones(3)},
    }
    return doc


@pytest.fixture
def bare() -> Doc:
    return spacy.blank("en")("No annotation here [bold].")


def cells(table: str) -> list[list[str]]:
    """The rows of a table that is drawn with rich's boxes."""
    rows = [line.replace("┃", "│").split("│")[1:-1] for line in table.splitlines()]
    return [[cell.strip() for cell in row] for row in rows if row]


def test_a_table_for_each_sentence_with_what_is_annotated(doc: Doc) -> None:
    first, second, _ = formats.tables([doc], result_console(file=True))
    assert cells(first)[:2] == [
        ["", "token", "lemma", "tag", "pos", "morph", "chunk", "head", "relation", "entity"],
        ["1", "Mara", "Mara", "NNP", "PROPN", "Number=Sing", "B-NP", "2 mends", "nsubj", "B-PER"],
    ]
    assert cells(first)[4] == ["4", "clocks", "clock", "NNS", "NOUN", "Number=Plur", "I-NP", "2 mends", "obj", "O"]
    assert cells(second)[2] == ["2", "tick", "tick", "VBP", "VERB", "", "B-VP", "0", "ROOT", "O"]


def test_a_table_has_no_columns_without_annotation_and_no_white_space(bare: Doc) -> None:
    spaced = spacy.blank("en")(" a\n\nb ")
    plain, other = formats.tables([bare, spaced, Doc(bare.vocab)], result_console(file=True))
    assert cells(plain)[0] == ["", "token"]
    assert "[" in plain and "bold" in plain
    assert [row[1] for row in cells(other)[1:]] == ["a", "b"]


def test_categories_have_a_table_of_their_own(bare: Doc) -> None:
    bare.cats = {"low": 0.25, "high": 0.75}
    _, categories = formats.tables([bare], result_console(file=True))
    assert cells(categories) == [["category", "value"], ["high", "0.750"], ["low", "0.250"]]


def test_json_is_one_list_whatever_the_number_of_docs(doc: Doc) -> None:
    for number in (1, 2, 3):
        assert len(json.loads("".join(formats.as_json([doc] * number, frozenset())))) == number


def test_offsets_in_json_are_those_of_the_text(doc: Doc) -> None:
    described = formats.describe(doc)
    text = described["text"]
    spans = [*described["tokens"], *described["chunks"], *described["entities"]]
    assert all(text[span["start"] : span["end"]] == span["text"] for span in spans)
    assert [text[s["start"] : s["end"]] for s in described["sentences"]] == [s.text for s in doc.sents]


def test_json_has_heads_and_probabilities_of_token_tasks(doc: Doc) -> None:
    described = formats.describe(doc, frozenset({("cascade", "tag")}))
    assert [token["head"] for token in described["tokens"]] == [token.head.i for token in doc]
    assert [token["dep"] for token in described["tokens"]] == [token.dep_ for token in doc]
    found = [token["probabilities"]["tag"] for token in described["tokens"]]
    assert found[0] == 0.5 and found[-1] == 1 and all(a < b for a, b in pairwise(found))
    assert [chunk.get("probability") for chunk in described["chunks"]][:4] == [None, None, 0.25, None]


def test_probabilities_pass_over_white_space() -> None:
    doc = spacy.blank("en")("a  b")
    doc._.cascade["cascade"] = {"tag": {"probabilities": np.array([0.25, 0.75])}}
    found = [token.get("probabilities") for token in formats.describe(doc, frozenset({("cascade", "tag")}))["tokens"]]
    assert found == [{"tag": 0.25}, None, {"tag": 0.75}]


def test_json_leaves_out_what_is_not_annotated(bare: Doc) -> None:
    described = formats.describe(bare)
    assert described.keys() == {"text", "tokens"}
    assert described["tokens"][0] == {"text": "No", "start": 0, "end": 2}


def test_a_docbin_keeps_everything(doc: Doc) -> None:
    (data,) = formats.docbin([doc])
    (back,) = DocBin().from_bytes(data).get_docs(doc.vocab)
    assert [t.tag_ for t in back] == [t.tag_ for t in doc]
    assert formats.describe(back, frozenset({("cascade", "tag")})) == formats.describe(
        doc, frozenset({("cascade", "tag")})
    )


def test_html_draws_trees_entities_and_chunks(doc: Doc) -> None:
    page = "".join(formats.html([doc, doc]))
    assert page.startswith("<!DOCTYPE html>") and page.count("<html") == 1
    assert (
        page.count('class="displacy"') == 6 and page.count('class="entities"') == 2 and page.count('class="spans"') == 2
    )


def test_html_without_entities_is_the_text(bare: Doc) -> None:
    bare.set_ents([], default="outside")
    bare_page = "".join(formats.html([bare]))
    assert "<p>No annotation here [bold].</p>" in bare_page


def test_html_says_when_there_is_nothing_to_draw(bare: Doc) -> None:
    with pytest.raises(ConfigError, match="nothing to draw for 'No annotation.*trees, chunks and entities"):
        list(formats.html([bare]))
