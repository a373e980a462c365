"""Readers of questions and claims for `[corpora]`: every example carries the passages that may answer it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Literal

from spacy.language import Language
from spacy.tokens import Doc

from cascade.components.readers import Reader, named
from cascade.config import shipped_file
from cascade.data import downloads, read_fairytaleqa, read_qed, read_split, read_squad, read_subjqa
from cascade.data.scifact import read_abstracts, read_claims
from cascade.data.squad import Article
from cascade.data.squad import questions as questions_of
from cascade.errors import ConfigError, DataError
from cascade.retrieval.claims import claimed
from cascade.retrieval.questions import asked

Format = Literal["squad", "fairytaleqa", "subjqa", "qed"]
Unanswerable = Literal["all", "none", "only"]

_FORMATS: Mapping[str, Callable[..., tuple[Article, ...]]] = {
    "squad": read_squad,
    "fairytaleqa": read_fairytaleqa,
    "subjqa": read_subjqa,
    "qed": read_qed,
}


def questions(
    path: str | None,
    format: Format = "squad",
    titles: str | None = None,
    part: str | None = None,
    negatives: int = 0,
    unanswerable: Unanswerable = "all",
    limit: int | None = None,
    distant: bool = False,
) -> Reader:
    """Questions with their passage, gold answers and hard negatives; see `cascade.retrieval.questions.asked`.

    Args:
        path: The file.
        format: How it is written; see `cascade.data.read_squad` and the other readers of that name.
        titles: A file with titles by part, which `part` chooses from; see `cascade.data.read_split`. It may lie beside
            a shipped config, see `cascade.config.shipped_file`. Questions about other articles are left out, and their
            paragraphs are no negatives either. None for all articles, whatever the part.
        part: The part.
        negatives: Paragraphs that a question gets beside its own.
        unanswerable: Whether questions without an answer are read: `all` questions, `none` of these, or these `only`.
        limit: How many questions are read at most, drawn by chance and always the same.
        distant: Whether every mention of an answer is gold; see `asked`.

    Raises:
        ConfigError: There is no path, or there are titles but no part.
    """
    file = named(path)
    if titles is not None and part is None:
        raise ConfigError(f"titles need a part, such as train or dev, got titles = {titles!r} and none")

    def read(nlp: Language) -> Iterator[Doc]:
        articles = _FORMATS[format](downloads.resolve(file))
        if titles is not None and part is not None:
            wanted = _titles(titles, part)
            articles = tuple(article for article in articles if article.title in wanted)
        chosen = _chosen(articles, unanswerable, limit)
        if not any(questions_of(chosen)):
            chosen_by = f"titles = {titles!r}, part = {part!r}, unanswerable = {unanswerable!r}, limit = {limit}"
            raise DataError(f"expected questions with {chosen_by}, got none; change one of these", path=file)
        return asked(nlp, chosen, negatives=negatives, pool=articles, distant=distant)

    return Reader(read=read)


def claims(
    path: str | None,
    corpus: str | None,
    cited: bool = True,
    retrieved: int = 0,
    begin: float = 0.0,
    end: float = 1.0,
) -> Reader:
    """Claims of SciFact with abstracts and gold evidence; see `cascade.retrieval.claims.claimed`.

    Args:
        path: The file of the claims.
        corpus: The file of the abstracts.
        cited: Whether a claim comes with the abstracts that it cites.
        retrieved: Abstracts that it comes with besides, found by BM25.
        begin: See `Reader`.
        end: See `Reader`.

    Raises:
        ConfigError: There is no path, or the shares leave nothing.
    """
    file, library = named(path), named(corpus)

    def read(nlp: Language) -> Iterator[Doc]:
        abstracts = read_abstracts(downloads.resolve(library))
        made = read_claims(downloads.resolve(file), abstracts)
        return claimed(nlp, made, abstracts, cited=cited, retrieved=retrieved)

    return Reader(read=read, begin=begin, end=end)


def _titles(titles: str, part: str) -> frozenset[str]:
    parts = read_split(downloads.resolve(shipped_file(titles)))
    if part not in parts:
        raise ConfigError(f"{titles}: there is no part {part!r}; expected one of {', '.join(parts)}")
    return parts[part]


def _chosen(articles: tuple[Article, ...], unanswerable: Unanswerable, limit: int | None) -> tuple[Article, ...]:
    """The articles with all their paragraphs, but only the questions wanted."""
    kind = {"all": (False, True), "none": (False,), "only": (True,)}[unanswerable]
    ids = [question.id for _, question in questions_of(articles) if question.is_impossible in kind]
    kept = set(ids if limit is None or limit >= len(ids) else random.Random(0).sample(ids, limit))
    return tuple(
        replace(
            article,
            paragraphs=tuple(
                replace(paragraph, questions=tuple(each for each in paragraph.questions if each.id in kept))
                for paragraph in article.paragraphs
            ),
        )
        for article in articles
    )
