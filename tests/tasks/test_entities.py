from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import pytest
import torch
from seqeval.metrics import f1_score
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from cascade.nn.decoders.base import Output
from cascade.nn.decoders.chain import CrfTagger
from cascade.nn.rows import MISSING, Rows
from cascade.nn.structs.iobes import Iobes
from cascade.tasks import Entities
from tests.layouts import layout_of

Triple = tuple[int, int, str]
TEXT = "Ada Lovelace met Babbage in London"


def tagged(doc: Doc, *ents: Triple, missing: list[Triple] | None = None) -> Doc:
    spans = [[Span(doc, start, end, label) for start, end, label in group] for group in (ents, missing or [])]
    doc.set_ents(spans[0], missing=spans[1])
    return doc


def triples(doc: Doc) -> list[Triple]:
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents]


@pytest.fixture
def docs(nlp: Language, pair: Callable[..., Doc]) -> list[Doc]:
    return [
        tagged(nlp.make_doc(TEXT), (0, 2, "PER"), (3, 4, "PER"), (5, 6, "LOC")),
        tagged(nlp.make_doc("New  York City is \n large"), (0, 4, "LOC")),
        tagged(nlp.make_doc("Nothing here")),
        nlp.make_doc(""),
        tagged(pair("Ada slept", "London woke"), (0, 1, "PER"), (2, 3, "LOC")),
    ]


def test_labels_and_targets(docs: list[Doc], built: Callable[..., Any]) -> None:
    task = built(Entities("ner"), docs=docs).task("ner")
    assert task.vocabulary == Iobes(["LOC", "PER"]).tags
    found = [task.targets(doc) for doc in docs]
    tags = [found_ and [task.vocabulary[i] for i in found_["label"]] for found_ in found]
    assert tags == [
        ["B-PER", "E-PER", "O", "S-PER", "O", "S-LOC"],
        ["B-LOC", "I-LOC", "E-LOC", "O", "O"],
        ["O", "O"],
        None,
        ["S-PER", "O", "S-LOC", "O"],
    ]


def test_missing_is_not_outside(nlp: Language, docs: list[Doc], built: Callable[..., Any]) -> None:
    task = built(Entities("ner"), docs=docs).task("ner")
    assert task.targets(nlp.make_doc(TEXT)) is None
    partial = tagged(nlp.make_doc(TEXT), (0, 2, "PER"), missing=[(3, 6, "")])
    assert (task.targets(partial)["label"] == MISSING).tolist() == [False, False, False, True, True, True]
    blocked = nlp.make_doc(TEXT)
    blocked.set_ents([], blocked=[blocked[0:2]])
    assert task.targets(blocked)["label"].tolist() == [0] * 6


@pytest.mark.parametrize("decoder", ["crf", "softmax"])
def test_round_trip(decoder: Any, docs: list[Doc], perfect: Callable[..., Any]) -> None:
    copies, results = perfect(Entities("ner", decoder=decoder), docs)
    assert [triples(copy) for copy in copies] == [triples(doc) for doc in docs]
    assert all(copy.has_annotation("ENT_IOB") for copy in copies)
    assert [p for *_, p in results[0]["spans"]] == pytest.approx([1.0] * 3, abs=1e-4)


def test_existing_entities_stay_without_overwrite(nlp: Language, docs: list[Doc], built: Callable[..., Any]) -> None:
    task = built(Entities("ner"), docs=docs).task("ner")
    label = task.targets(docs[0])["label"]
    predictions = {"label": label, "probability": label * 0 + 0.5, "step": label * 0 + 0.5}
    doc = tagged(nlp.make_doc(TEXT), (1, 3, "ORG"))
    doc.set_ents(doc.ents, blocked=[doc[5:6]])
    result = task.annotate(doc, predictions, overwrite=False)
    assert triples(doc) == [(1, 3, "ORG"), (3, 4, "PER")]
    assert (doc[5].ent_iob_, doc[5].ent_type_) == ("B", "")
    assert result["spans"] == [[0, 2, "PER", 0.25], [3, 4, "PER", 0.5], [5, 6, "LOC", 0.5]]
    task.annotate(doc, predictions)
    assert triples(doc) == triples(docs[0])


def test_scores_are_those_of_seqeval_where_everything_is_annotated(docs: list[Doc], nlp: Language) -> None:
    found = tagged(nlp.make_doc(TEXT), (0, 2, "PER"), (3, 4, "LOC"), (4, 6, "LOC"))
    scheme = Iobes(["LOC", "PER"])
    gold, guess = ([scheme.tags[t] for t in scheme.encode(triples(doc), 6)] for doc in (docs[0], found))
    scores = Entities("ner").score([Example(found, docs[0])])
    assert scores["ents_f"] == pytest.approx(f1_score([gold], [guess]))
    assert (scores["ents_p"], scores["ents_r"]) == pytest.approx((1 / 3, 1 / 3))
    assert scores["ents_per_type"]["PER"] == pytest.approx({"p": 1.0, "r": 0.5, "f": 2 / 3})


def test_docs_without_gold_do_not_count(nlp: Language) -> None:
    found = tagged(nlp.make_doc(TEXT), (0, 2, "PER"))
    assert set(Entities("ner").score([Example(found, nlp.make_doc(TEXT))]).values()) == {None}


@pytest.mark.parametrize("masked", [[(1, 3, "")], [(0, 1, ""), (3, 4, "")], []])
def test_masked_tokens_may_have_any_legal_tag(nlp: Language, masked: list[Triple], built: Callable[..., Any]) -> None:
    doc = tagged(nlp.make_doc("Ada likes New York"), missing=masked)
    task = built(Entities("ner"), docs=[tagged(nlp.make_doc(TEXT), (0, 2, "PER"), (5, 6, "LOC"))]).task("ner")
    decoder, states = task.build(3, task.vocabulary), torch.randn(4, 3)
    assert isinstance(decoder, CrfTagger)
    torch.nn.init.normal_(decoder.chain.transitions)
    rows = Rows(parent=torch.zeros(4, dtype=torch.long), alive=torch.ones(4, dtype=torch.bool), size=1)
    scores = decoder(states, rows)
    output = Output(
        rows=rows,
        hidden=states,
        scores=scores,
        decoder=decoder,
        candidates=torch.zeros(4),
        layout=layout_of(rows),
    )
    gold = task.targets(doc)["label"]
    assert task.loss(output, {"label": torch.from_numpy(gold)}).item() == pytest.approx(
        -log_likelihood(scores["logits"], decoder.chain.transitions, task.vocabulary, gold.tolist())
        / int((gold != MISSING).sum()),
        rel=1e-4,
    )


def log_likelihood(logits: Any, transitions: Any, tags: tuple[str, ...], gold: list[int]) -> float:
    """Of all legal sequences that have the gold tags, among all legal sequences."""

    def legal(sequence: tuple[int, ...]) -> bool:
        names = ["O", *(tags[tag] for tag in sequence), "O"]
        return all(b[0] in "IE" and a[1:] == b[1:] if a[0] in "BI" else b[0] not in "IE" for a, b in pairwise(names))

    def weight(sequence: tuple[int, ...]) -> Any:
        return sum(logits[i, tag] for i, tag in enumerate(sequence)) + sum(
            transitions[a, b] for a, b in pairwise(sequence)
        )

    sequences = list(filter(legal, product(range(len(tags)), repeat=len(gold))))
    weights = torch.stack([weight(sequence) for sequence in sequences])
    fits = [all(g in (MISSING, tag) for g, tag in zip(gold, sequence, strict=True)) for sequence in sequences]
    return (weights[torch.tensor(fits)].logsumexp(0) - weights.logsumexp(0)).item()


@pytest.mark.parametrize(
    ("found", "precision", "recall"),
    [
        ([(0, 2, "PER"), (5, 6, "LOC")], 1.0, 1.0),
        ([(0, 2, "PER"), (3, 4, "PER")], 1.0, 0.5),
        ([(0, 2, "PER"), (2, 4, "PER"), (5, 6, "LOC")], 1.0, 1.0),
        ([(0, 2, "PER"), (4, 5, "LOC")], 0.5, 0.5),
    ],
)
def test_what_is_found_in_masked_tokens_is_neither_right_nor_wrong(
    nlp: Language, found: list[Triple], precision: float, recall: float
) -> None:
    gold = tagged(nlp.make_doc(TEXT), (0, 2, "PER"), (5, 6, "LOC"), missing=[(3, 4, "")])
    scores = Entities("ner").score([Example(tagged(nlp.make_doc(TEXT), *found), gold)])
    assert (scores["ents_p"], scores["ents_r"]) == (precision, recall)


def test_a_small_model_learns_from_partial_gold(
    nlp: Language, docs: list[Doc], overfit: Callable[..., Any], predict: Callable[..., Any]
) -> None:
    partial = [*docs[1:], tagged(nlp.make_doc(TEXT), (0, 2, "PER"), (5, 6, "LOC"), missing=[(2, 3, "")])]
    model = overfit(Entities("ner", hidden=16), docs=partial)
    copies = predict(model, partial)
    assert model.task("ner").score([Example(c, d) for c, d in zip(copies, partial, strict=True)])["ents_f"] == 1.0
