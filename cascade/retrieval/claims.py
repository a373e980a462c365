"""Claims as Docs: each with abstracts in which evidence is looked for, and the sentences that are evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from spacy.language import Language
from spacy.tokens import Doc

from cascade import docs as documents
from cascade.data.scifact import LABELS, Abstract, Claim
from cascade.docs import Passage, passage_of
from cascade.retrieval.index import Index
from cascade.retrieval.locating import locate
from cascade.retrieval.questions import question_doc


def claimed(
    nlp: Language, claims: Sequence[Claim], abstracts: Mapping[str, Abstract], *, cited: bool = True, retrieved: int = 0
) -> Iterator[Doc]:
    """Claims with abstracts, the gold rationale sentences as answers, and what these say of the claim.

    Args:
        nlp: Its tokenizer splits the claims.
        claims: The claims.
        abstracts: The corpus.
        cited: Whether a claim comes with the abstracts that it cites; they are then the first ones. Their annotators
            found no other evidence there, while of other abstracts this is not known.
        retrieved: Abstracts of the highest BM25 score that it comes with besides.

    Yields:
        Docs; an answer is a whole sentence, also one in an abstract that the claim does not come with. Where there is
        evidence, `doc.cats` has 1.0 for one of [`LABELS`][cascade.data.scifact.LABELS] and 0.0 for the other.
        `doc.user_data["id"]` is the claim's id.
    """
    passages = {id: passage_of(abstract.text, id=id) for id, abstract in abstracts.items()}
    found = _retrieved(claims, passages, retrieved) if retrieved else [()] * len(claims)
    for claim, hits in zip(claims, found, strict=True):
        first = claim.cited if cited else ()
        others = [id for id in hits if id not in claim.cited or not cited]
        doc = question_doc(nlp, claim.text, [passages[id] for id in (*first, *others[:retrieved])])
        doc.user_data["id"] = claim.id
        spans = [(id, abstracts[id].sentences[i]) for id, numbers in claim.rationales.items() for i in numbers]
        documents.set_answers(doc, [locate(passages[id], *span) for id, span in spans])
        if claim.label is not None:
            doc.cats = {label: float(label == claim.label) for label in LABELS}
        yield doc


def _retrieved(claims: Sequence[Claim], passages: Mapping[str, Passage], number: int) -> list[tuple[str, ...]]:
    """Ids of the abstracts that BM25 finds for every claim, also where all that it cites are among them."""
    deepest = number + max((len(claim.cited) for claim in claims), default=0)
    with TemporaryDirectory() as folder:
        added = ((id, "", [passage]) for id, passage in passages.items())
        with Index.build(Path(folder) / "index", added, encoder=None) as index:
            hits = index.search_batch([claim.text for claim in claims], deepest)
    return [tuple(hit.passage.id for hit in own) for own in hits]
