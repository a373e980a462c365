"""Test sets of retrieval: documents, queries, and which documents are relevant to which query."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cascade.data.squad import questions, read_split, read_squad


@dataclass(frozen=True)
class Testset:
    """What is searched, and what should be found; only queries to which something is judged relevant are in it.

    Args:
        documents: Texts by id; any may be empty.
        queries: Texts by id.
        relevance: Grades above 0 by query and document.
    """

    documents: Mapping[str, str]
    queries: Mapping[str, str]
    relevance: Mapping[str, Mapping[str, float]]


def cranfield(folder: Path) -> Testset:
    """Cranfield 1400 (Cleverdon 1967): 225 queries, which the judgements number in their order, not by their ids.

    The codes of the judgements go from 1, a complete answer, to 4, of minimum interest; the grade is 5 - code.
    Whatever is not from 1 to 4 is not relevant. Documents are title and abstract; two are empty.
    """
    queries = [text for _, text in smart(folder / "cranfield" / "cran.qry")]
    relevance: dict[str, dict[str, float]] = {}
    for line in (folder / "cranfield" / "cranqrel").read_text().splitlines():
        query, document, code = line.split()
        if 1 <= int(code) <= 4:
            relevance.setdefault(query, {})[document] = 5 - int(code)
    numbered = {str(number): text for number, text in enumerate(queries, start=1)}
    return _judged(dict(smart(folder / "cranfield" / "cran.all.1400")), numbered, relevance)


def cisi(folder: Path) -> Testset:
    """CISI (Fox 1983): 76 of its 112 queries have judgements, which are relevant or not."""
    relevance: dict[str, dict[str, float]] = {}
    for line in (folder / "cisi" / "CISI.REL").read_text().splitlines():
        query, document, *_ = line.split()
        relevance.setdefault(query, {})[document] = 1
    documents, queries = (dict(smart(folder / "cisi" / name)) for name in ("CISI.ALL", "CISI.QRY"))
    return _judged(documents, queries, relevance)


def scifact(folder: Path) -> Testset:
    """SciFact's 300 dev claims, to which the abstracts that they cite are relevant: the test set of BEIR."""
    with gzip.open(folder / "scifact" / "corpus.jsonl.gz", "rt", encoding="utf8") as lines:
        abstracts = {str(a["doc_id"]): " ".join([a["title"], *a["abstract"]]) for a in map(json.loads, lines)}
    claims = [json.loads(line) for line in (folder / "scifact" / "claims_dev.jsonl").read_text().splitlines()]
    relevance = {str(c["id"]): {str(document): 1.0 for document in c["cited_doc_ids"]} for c in claims}
    return _judged(abstracts, {str(c["id"]): c["claim"] for c in claims}, relevance)


def squad(folder: Path) -> Testset:
    """All paragraphs of SQuAD's dev set, and the questions about the ten test articles of the split."""
    articles = read_squad(folder / "squad_v1.1_dev" / "dev-v1.1.json")
    test = read_split(folder / "squad_split.json")["test"]
    contexts = [paragraph.context for article in articles for paragraph in article.paragraphs]
    number = {context: str(i) for i, context in enumerate(contexts)}
    asked = list(questions(article for article in articles if article.title in test))
    relevance = {question.id: {number[paragraph.context]: 1.0} for paragraph, question in asked}
    return _judged({i: context for context, i in number.items()}, {q.id: q.text for _, q in asked}, relevance)


TESTSETS: Mapping[str, Callable[[Path], Testset]] = {
    "Cranfield": cranfield,
    "CISI": cisi,
    "SciFact dev": scifact,
    "SQuAD test articles": squad,
}


def smart(path: Path) -> Iterator[tuple[str, str]]:
    """Ids and texts, title and body, of a file in the format of SMART.

    Args:
        path: Every record begins with `.I id`; `.T` and `.W` stand above title and body, other letters above the rest.
    """
    for record in f"\n{path.read_text(encoding='latin-1')}".split("\n.I ")[1:]:
        id, *lines = record.splitlines()
        kept, words = False, []
        for line in lines:
            if len(line.strip()) == 2 and line.startswith("."):
                kept = line.strip() in (".T", ".W")
            elif kept:
                words += line.split()
        yield id.strip(), " ".join(words)


def _judged(
    documents: Mapping[str, str], queries: Mapping[str, str], relevance: Mapping[str, Mapping[str, float]]
) -> Testset:
    return Testset(documents, {id: text for id, text in queries.items() if id in relevance}, relevance)
