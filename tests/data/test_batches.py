from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from spacy.tokens import Doc
from spacy.vocab import Vocab

from cascade import docs as documents
from cascade.data.batches import Batch, Texts, by_length, collate
from cascade.docs import PAIR, passage_of, set_passages
from cascade.graph import Unit, View
from cascade.nn.rows import MISSING, Rows

VOCAB = Vocab()


@dataclass
class Lengths:
    """Gold is the length of every word, where `doc.user_data` says that there is gold."""

    name: str = "lengths"
    unit: Unit = "token"
    view: View = "apart"

    def blank(self, rows: int) -> dict[str, Any]:
        return {"label": np.full(rows, MISSING)}

    def targets(self, doc: Doc) -> dict[str, Any] | None:
        words = [token for token in doc if not token.text.isspace()]
        return {"label": np.array([len(token) for token in words])} if doc.user_data.get("gold") else None


def doc_of(text: str, *, gold: bool = False) -> Doc:
    doc = Doc(VOCAB, words=text.replace("|", "").replace("_", "\n").split(" ") if text else [])
    doc.user_data["gold"] = gold
    return doc


def pair_of(first: str, second: str) -> Doc:
    doc = doc_of(f"{first} {second}")
    cut = len(first.split())
    doc.spans[PAIR] = [doc[:cut], doc[cut:]]
    return doc


def features(texts: Texts) -> dict[View, dict[str, torch.Tensor]]:
    seen.append(texts)
    sizes = torch.tensor([len(word) for text in texts.words for word in text], dtype=torch.long)
    return {"apart": {"sizes": sizes}, "together": {"first": torch.tensor(texts.pairs, dtype=torch.long)}}


seen: list[Texts] = []


@pytest.fixture
def docs() -> list[Doc]:
    return [doc_of("a _ bb", gold=True), doc_of(""), pair_of("ccc a", "_ dd"), doc_of("_"), doc_of("eeee")]


def make(docs: Sequence[Doc], *tasks: Lengths) -> Batch:
    seen.clear()
    return collate(docs, features, tasks)


def test_rows_of_every_unit(docs: list[Doc]) -> None:
    batch = make(docs)
    assert seen == [
        Texts([["a", "bb"], [], ["ccc", "a"], ["dd"], [], ["eeee"]], pairs=[2], questions=[], hidden=[False] * 6)
    ]
    assert batch.features["apart"]["sizes"].tolist() == [1, 2, 3, 1, 2, 4]
    parents = {unit: (rows.parent.tolist(), rows.size) for unit, rows in batch.rows.items()}
    assert parents == {
        "token": ([0, 0, 2, 2, 3, 5], 6),
        "text": ([0, 1, 2, 2, 3, 4], 5),
        "pair": ([2], 5),
        "span": ([], 6),
    }
    assert all(rows.alive.all() for rows in batch.rows.values())
    assert batch.pairs.tolist() == [[2, 3]]
    assert batch.counts == {"token": [2, 0, 3, 0, 1], "text": [1, 1, 2, 1, 1], "pair": [0, 0, 1, 0, 0]}


@pytest.mark.parametrize("unit", ["token", "text", "pair"])
def test_splitting_gives_every_doc_its_rows(unit: Unit, docs: list[Doc]) -> None:
    batch = make(docs)
    values = np.arange(2 * len(batch.rows[unit])).reshape(-1, 2)
    parts = batch.split(unit, values, batch.rows[unit])
    assert [len(part) for part in parts] == batch.counts[unit]
    assert np.array_equal(np.concatenate(parts), values)


def test_targets_stand_beside_rows_and_are_missing_elsewhere(docs: list[Doc]) -> None:
    batch = make(docs, Lengths())
    assert batch.targets["lengths"]["label"].tolist() == [1, 2, MISSING, MISSING, MISSING, MISSING]
    assert make(docs[1:], Lengths()).targets == {}


def test_a_doc_without_rows_of_the_unit_has_no_gold(docs: list[Doc]) -> None:
    empty = doc_of("_", gold=True)
    assert make([empty], Lengths()).targets == {}
    assert make([empty, docs[0]], Lengths(unit="pair")).targets == {}


def test_batches_without_words() -> None:
    for docs in ([], [doc_of("")], [doc_of("_"), doc_of("")]):
        batch = make(docs, Lengths())
        assert len(batch.rows["token"]) == 0
        assert len(batch.rows["text"]) == len(docs)
        assert batch.pairs.shape == (0, 2)
        assert [len(part) for part in batch.split("token", np.zeros(0), batch.rows["token"])] == [0] * len(docs)


def test_moving_keeps_everything(docs: list[Doc]) -> None:
    batch = make(docs, Lengths())
    moved = batch.to(torch.device("cpu"))
    assert moved.counts == batch.counts
    assert torch.equal(moved.pairs, batch.pairs)
    assert {unit: rows.parent.tolist() for unit, rows in moved.rows.items()} == {
        unit: rows.parent.tolist() for unit, rows in batch.rows.items()
    }
    meta = batch.to(torch.device("meta"))
    tensors = [
        meta.pairs,
        *(part for view in meta.features.values() for part in view.values()),
        *meta.targets["lengths"].values(),
    ]
    tensors += [tensor for rows in meta.rows.values() for tensor in (rows.parent, rows.alive)]
    assert {tensor.device.type for tensor in tensors} == {"meta"}


def question_of(text: str, *passages: str) -> Doc:
    doc = doc_of(text, gold=True)
    set_passages(doc, [passage_of(passage) for passage in passages])
    return doc


@pytest.fixture
def questions() -> list[Doc]:
    asked = [question_of("who _ is", "a b.", "", "c"), question_of("what"), doc_of("plain"), question_of("", "dd")]
    pair = question_of("one two", "e")
    pair.spans[PAIR] = [pair[:1], pair[1:]]
    return [*asked, pair]


def ask(docs: Sequence[Doc], *tasks: Any) -> Batch:
    seen.clear()
    return collate(docs, features, tasks, asked=True)


def test_the_texts_of_a_question_are_its_passages(questions: list[Doc]) -> None:
    batch = ask(questions)
    words = [["a", "b", "."], [], ["c"], ["dd"], ["e"]]
    assert seen == [
        Texts(
            words, pairs=[], questions=[["who", "is"]] * 3 + [[], ["one", "two"]], hidden=[False] * sum(map(len, words))
        )
    ]
    assert batch.counts == {"token": [4, 0, 0, 1, 1], "text": [3, 0, 0, 1, 1], "pair": [0] * 5}
    assert batch.rows["text"].parent.tolist() == [0, 0, 0, 3, 4]
    assert (len(batch.rows["span"]), batch.rows["span"].size) == (0, 5)
    assert batch.pairs.shape == (0, 2)


def test_spans_go_to_the_docs_of_their_texts(questions: list[Doc]) -> None:
    rows = Rows(parent=torch.tensor([0, 0, 2, 4]), alive=torch.ones(4, dtype=torch.bool), size=5)
    parts = ask(questions).split("span", np.array([[1], [2], [3], [4]]), rows)
    assert [part.tolist() for part in parts] == [[[1], [2], [3]], [], [], [], [[4]]]
    none = Rows(parent=rows.parent[:0], alive=rows.alive[:0], size=5)
    assert [len(part) for part in ask(questions).split("span", np.zeros(0), none)] == [0] * 5


def test_gold_of_spans_is_told_by_words(questions: list[Doc]) -> None:
    @dataclass
    class Spans(Lengths):
        unit: Unit = "span"

        def targets(self, doc: Doc) -> dict[str, Any] | None:
            return {"label": np.arange(4)} if len(doc) == 3 else None

    assert ask(questions, Spans()).targets["lengths"]["label"].tolist() == [0, 1, 2, 3, MISSING, MISSING]
    assert ask(questions[1:], Spans()).targets == {}


def test_docs_of_like_length_go_together() -> None:
    docs = [doc_of("a b c"), doc_of("a"), question_of("who", "a b", "c"), question_of("who"), doc_of("a b")]
    sizes = [documents.size(doc) for doc in docs]
    assert list(by_length(sizes, 6)) == [[3, 1, 4], [0], [2]]
    assert list(by_length(sizes, 1)) == [[3], [1], [4], [0], [2]]
    assert list(by_length(sizes, 1000)) == [[3, 1, 4, 0, 2]]
    assert list(by_length([], 5)) == []
