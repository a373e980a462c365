"""Annotated Docs as a table, CoNLL-U, JSON, a DocBin or a page of displaCy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape as escape_html
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from spacy import displacy
from spacy.displacy.templates import TPL_PAGE
from spacy.tokens import Doc, DocBin, Span, Token

from cascade import docs as documents
from cascade.cli.console import as_text
from cascade.errors import ConfigError

Cell = Callable[[Token], str]
TaskKeys = frozenset[tuple[str, str]]
"""Tasks, each as (name of the pipe, name of the task)."""

_COLUMNS: Mapping[str, tuple[str, Cell]] = {
    "lemma": ("LEMMA", lambda token: token.lemma_),
    "tag": ("TAG", lambda token: token.tag_),
    "pos": ("POS", lambda token: token.pos_),
    "morph": ("MORPH", lambda token: str(token.morph)),
}
_ENTITY = "ENT_IOB"


def tables(docs: Iterable[Doc], console: Console) -> Iterator[str]:
    """A table for each sentence, with columns for what the Docs are annotated with.

    Args:
        docs: The Docs.
        console: Where the tables will go: it knows width and colours.
    """
    for doc in docs:
        drawn = [_table(sentence, _columns(doc)) for sentence in _sentences(doc)]
        if doc.cats:
            drawn.append(_categories(doc))
        yield from (as_text(table, console) for table in drawn)


def as_json(docs: Iterable[Doc], token_tasks: TaskKeys) -> Iterator[str]:
    """A JSON list with an object for each Doc; see `describe`."""
    before = "[\n"
    for doc in docs:
        yield before + json.dumps(describe(doc, token_tasks), ensure_ascii=False, default=float)
        before = ",\n"
    yield "\n]\n"


def docbin(docs: Iterable[Doc]) -> Iterator[bytes]:
    """The bytes of a DocBin, which keeps `doc._.cascade`."""
    yield DocBin(docs=docs, store_user_data=True).to_bytes()


def html(docs: Iterable[Doc]) -> Iterator[str]:
    """A page with the trees, entities and chunks of all Docs, as displaCy draws them.

    Raises:
        ConfigError: A Doc has none of these.
    """
    yield TPL_PAGE.format(content="\n".join(map(_figures, docs)), lang="en", dir="ltr").lstrip()


def describe(doc: Doc, token_tasks: TaskKeys = frozenset()) -> dict[str, Any]:
    """A Doc in plain Python; keys of annotation that it does not have are left out.

    Args:
        doc: The Doc.
        token_tasks: Tasks whose probabilities belong to tokens.

    Returns:
        `text`; `tokens`, whose `head` is the number of a token, from 0; `sentences`, `chunks` and `entities`; `cats`.
        All `start` and `end` are characters of the text.
    """
    known = {name: cell for name, (attribute, cell) in _COLUMNS.items() if doc.has_annotation(attribute)}
    tokens = [
        {"text": t.text, "start": t.idx, "end": t.idx + len(t), **{name: cell(t) for name, cell in known.items()}}
        for t in doc
    ]
    if doc.has_annotation("DEP"):
        for entry, token in zip(tokens, doc, strict=True):
            entry |= {"head": token.head.i, "dep": token.dep_}
    for entry, probabilities in zip(tokens, _probabilities(doc, token_tasks), strict=True):
        entry |= {"probabilities": probabilities} if probabilities else {}
    described: dict[str, Any] = {"text": doc.text, "tokens": tokens}
    if doc.has_annotation("SENT_START"):
        described["sentences"] = [{"start": s.start_char, "end": s.end_char} for s in doc.sents]
    if documents.CHUNKS in doc.spans:
        described["chunks"] = _spans(doc, doc.spans[documents.CHUNKS])
    if doc.has_annotation(_ENTITY):
        described["entities"] = _spans(doc, doc.ents)
    return {**described, "cats": doc.cats} if doc.cats else described


def _sentences(doc: Doc) -> Iterable[Span]:
    if len(doc) == 0:
        return []
    return doc.sents if doc.has_annotation("SENT_START") else [doc[:]]


def _columns(doc: Doc) -> dict[str, Cell]:
    columns: dict[str, Cell] = {"token": lambda token: token.text}
    columns |= {name: cell for name, (attribute, cell) in _COLUMNS.items() if doc.has_annotation(attribute)}
    if documents.CHUNKS in doc.spans:
        tags = _iob(doc.spans[documents.CHUNKS])
        columns["chunk"] = lambda token: tags.get(token.i, "O")
    if doc.has_annotation("DEP"):
        columns |= {"head": _head, "relation": lambda token: token.dep_}
    if doc.has_annotation(_ENTITY):
        entities = _iob(doc.ents)
        columns["entity"] = lambda token: entities.get(token.i, "O")
    return columns


def _iob(spans: Iterable[Span]) -> dict[int, str]:
    return {token.i: f"{'I' if k else 'B'}-{span.label_}" for span in spans for k, token in enumerate(span)}


def _head(token: Token) -> str:
    """The head's number in the sentence and its text."""
    return "0" if token.head.i == token.i else f"{token.head.i - token.sent.start + 1} {token.head.text}"


def _table(sentence: Span, columns: Mapping[str, Cell]) -> Table:
    table = Table("", header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold")
    for token in sentence:
        if not token.text.isspace():
            table.add_row(str(token.i - sentence.start + 1), *(escape(cell(token)) for cell in columns.values()))
    return table


def _categories(doc: Doc) -> Table:
    table = Table("category", "value", header_style="bold")
    for label, value in sorted(doc.cats.items(), key=lambda item: -item[1]):
        table.add_row(escape(label), f"{value:.3f}")
    return table


def _results(doc: Doc) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
    """What each task has left in `doc._.cascade`, by pipe and task."""
    for pipe, tasks in doc._.cascade.items() if Doc.has_extension("cascade") else ():
        for task, result in tasks.items():
            yield (pipe, task), result


def _probabilities(doc: Doc, token_tasks: TaskKeys) -> list[dict[str, float]]:
    """The probability of what each task predicted, for every token."""
    found: list[dict[str, float]] = [{} for _ in doc]
    for (pipe, task), result in _results(doc):
        if (pipe, task) in token_tasks:
            for i, value in zip(documents.tokens(doc), result["probabilities"], strict=True):
                found[int(i)][task] = float(value)
    return found


def _spans(doc: Doc, spans: Iterable[Span]) -> list[dict[str, Any]]:
    scores = {(s, e, label): p for _, result in _results(doc) for s, e, label, p in result.get("spans", ())}
    listed = []
    for span in spans:
        entry: dict[str, Any] = {"text": span.text, "start": span.start_char, "end": span.end_char}
        entry["label"] = span.label_
        score = scores.get((span.start, span.end, span.label_))
        listed.append(entry if score is None else {**entry, "probability": float(score)})
    return listed


def _figures(doc: Doc) -> str:
    parsed, chunked = doc.has_annotation("DEP"), documents.CHUNKS in doc.spans
    if len(doc) and not (parsed or chunked or doc.has_annotation(_ENTITY)):
        raise ConfigError(
            f"nothing to draw for {doc.text[:60]!r}: displaCy shows trees, chunks and entities, so choose tasks that "
            "predict them, or --format table"
        )
    drawn = [displacy.render(list(_sentences(doc)), style="dep", jupyter=False)] if parsed else []
    if doc.ents:
        drawn.append(displacy.render(doc, style="ent", jupyter=False))
    if doc.spans.get(documents.CHUNKS):
        drawn.append(displacy.render(doc, style="span", jupyter=False, options={"spans_key": documents.CHUNKS}))
    return "\n".join(drawn) or f"<p>{escape_html(doc.text)}</p>"
