from __future__ import annotations

import pytest
import spacy
from spacy.language import Language

from cascade import docs as documents
from cascade.data.scifact import Abstract, Claim
from cascade.retrieval.claims import claimed

TEXTS = {
    "7": ["Tea", "Hot tea cools slowly.", "Cups of tea leak."],
    "12": ["Salt", "Salt melts ice.", "Salt rusts spoons."],
    "3": ["Spoons", "Spoons of salt rust.", "Nobody stirs ice."],
    "9": ["Kites", "Kites need wind."],
}


def abstract(id: str, title: str, *sentences: str) -> Abstract:
    text = f"{title}\n{' '.join(sentences)}"
    places = tuple((text.index(sentence), text.index(sentence) + len(sentence)) for sentence in sentences)
    return Abstract(id=id, text=text, sentences=places)


ABSTRACTS = {id: abstract(id, *texts) for id, texts in TEXTS.items()}
CLAIMS = (
    Claim(id="1", text="Salt rusts spoons", cited=("12", "9"), rationales={"12": (0, 1)}, label="SUPPORT"),
    Claim(id="2", text="Kites melt ice", cited=("3",), rationales={}, label=None),
    Claim(id="3", text="Hot tea never cools", cited=("7",), rationales={"7": (0,)}, label="CONTRADICT"),
)


@pytest.fixture(scope="module")
def nlp() -> Language:
    return spacy.blank("en")


def test_what_a_claim_cites(nlp: Language) -> None:
    docs = list(claimed(nlp, CLAIMS, ABSTRACTS))
    assert [(doc.text, doc.user_data["id"]) for doc in docs] == [(claim.text, claim.id) for claim in CLAIMS]
    assert [[p.id for p in documents.passages(doc)] for doc in docs] == [["12", "9"], ["3"], ["7"]]
    answers = [[(a.text, a.passage) for a in documents.answers(doc) or []] for doc in docs]
    assert answers == [
        [("Salt melts ice.", "12"), ("Salt rusts spoons.", "12")],
        [],
        [("Hot tea cools slowly.", "7")],
    ]
    assert [doc.cats for doc in docs] == [
        {"SUPPORT": 1.0, "CONTRADICT": 0.0},
        {},
        {"SUPPORT": 0.0, "CONTRADICT": 1.0},
    ]
    for doc in docs:
        texts = {passage.id: passage.text for passage in documents.passages(doc)}
        assert all(texts[a.passage][a.first : a.last] == a.text for a in documents.answers(doc) or [])


def test_abstracts_that_are_found_come_after_those_cited(nlp: Language) -> None:
    salt, kites, _ = claimed(nlp, CLAIMS, ABSTRACTS, retrieved=1)
    assert [p.id for p in documents.passages(salt)] == ["12", "9", "3"]
    first, found = (p.id for p in documents.passages(kites))
    assert first == "3" and found in {"9", "12"}


def test_abstracts_that_are_found_alone(nlp: Language) -> None:
    docs = list(claimed(nlp, CLAIMS, ABSTRACTS, cited=False, retrieved=2))
    found = [[p.id for p in documents.passages(doc)] for doc in docs]
    assert [len(ids) for ids in found] == [2, 2, 1]  # no more abstracts speak of tea
    assert set(found[0]) == {"12", "3"} and found[2] == ["7"]
    assert len(documents.answers(docs[0]) or []) == 2


def test_evidence_that_is_not_found_stays_evidence(nlp: Language) -> None:
    lost = Claim(id="4", text="Kites need salt", cited=("7",), rationales={"7": (1,)}, label="SUPPORT")
    (doc,) = claimed(nlp, [lost], ABSTRACTS, cited=False, retrieved=1)
    assert [answer.passage for answer in documents.answers(doc) or []] == ["7"]
    assert "7" not in [passage.id for passage in documents.passages(doc)]
