"""Scores of whole pipelines, against rules whose mistakes are known."""

from __future__ import annotations

import time

import numpy as np
import pytest
import spacy
from spacy.attrs import SENT_START
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from cascade.docs import PAIR, assign
from cascade.evaluation import evaluate_pipeline, timed_pipe

WORDS = ["Clocks", "tick", ".", "They", "do", "n't", "lie", "."]
SPACES = [True, False, True, True, False, True, False, False]
TAGS = ["NNS", "VBP", ".", "PRP", "VBP", "RB", "VB", "."]
STARTS = [0, 3]


class Rules:
    """Tags every token, keeps what it was given, and scores tags and boundaries with spaCy."""

    def __init__(self, tag: str) -> None:
        self.tag, self.seen, self.pairs = tag, [], []

    def __call__(self, doc: Doc) -> Doc:
        self.seen.append([token.is_sent_start for token in doc])
        self.pairs.append([span.text for span in doc.spans.get(PAIR, ())])
        assert not any(token.tag_ for token in doc)
        for token in doc:
            token.tag_ = self.tag
        return doc

    def score(self, examples: list[Example], **_: object) -> dict[str, object]:
        tags = spacy.scorer.Scorer.score_token_attr(examples, "tag")
        return {**tags, "sents_f": 0.5, "cats_score": None, "tag_per_type": {"NNS": {"f": np.float32(1), "p": None}}}


@pytest.fixture
def nlp() -> Language:
    return spacy.blank("en")


def with_rules(nlp: Language, tag: str) -> Rules:
    rules = Rules(tag)
    Language.component("rules", func=rules)
    nlp.add_pipe("rules")
    return rules


@pytest.fixture
def gold(nlp: Language) -> Doc:
    doc = Doc(nlp.vocab, words=WORDS, spaces=SPACES, tags=TAGS)
    starts = np.where([i in STARTS for i in range(len(doc))], 1, -1)
    assign(doc, [SENT_START], starts.astype(np.int64).astype(np.uint64))
    return doc


def test_gold_tokens_are_annotated_without_gold(nlp: Language, gold: Doc) -> None:
    rules = with_rules(nlp, "VBP")
    found = evaluate_pipeline(nlp, [gold, gold])
    assert found.scores["tag_acc"] == 2 / 8
    assert (found.docs, found.words) == (2, 16)
    assert rules.seen[0] == [True] + [None] * 7
    assert gold[0].tag_ == "NNS"


def test_scores_are_plain_numbers_where_there_is_gold(nlp: Language, gold: Doc) -> None:
    with_rules(nlp, "VBP")
    scores = dict(evaluate_pipeline(nlp, [gold]).scores)
    assert scores.pop("words_per_second") > 0
    assert scores == {"tag_acc": 0.25, "sents_f": 0.5, "tag_per_type": {"NNS": {"f": 1.0}}}
    assert type(scores["tag_per_type"]["NNS"]["f"]) is float


def test_gold_sentences_are_set_and_not_scored(nlp: Language, gold: Doc) -> None:
    rules = with_rules(nlp, "VBP")
    assert "sents_f" not in evaluate_pipeline(nlp, [gold], sentences="gold").scores
    assert rules.seen == [[i in STARTS for i in range(len(WORDS))]]


def test_raw_text_is_scored_where_tokens_align(nlp: Language) -> None:
    gold = Doc(nlp.vocab, words=["Clocks", "don", "'t", "lie"], spaces=[True, False, True, False], tags=["A"] * 4)
    with_rules(nlp, "A")
    found = evaluate_pipeline(nlp, [gold], tokens="raw")
    assert found.words == 4  # Clocks do n't lie
    assert found.scores["token_acc"] == 3 / 4  # of the tokens made, n't covers parts of two
    assert found.scores["tag_acc"] == pytest.approx(6 / 7)  # of 4 gold tags 3 are found, none is wrong


def test_gold_sentences_of_raw_text_start_at_the_same_character(nlp: Language) -> None:
    gold = Doc(nlp.vocab, words=["Clocks.", "They", "lie"], tags=["A"] * 3, sent_starts=[True, True, False])
    rules = with_rules(nlp, "A")
    evaluate_pipeline(nlp, [gold], tokens="raw", sentences="gold")
    assert rules.seen == [[True, False, True, False]]  # Clocks . They lie


def test_unknown_boundaries_stay_unknown(nlp: Language) -> None:
    rules = with_rules(nlp, "A")
    evaluate_pipeline(nlp, [Doc(nlp.vocab, words=["a", "b"], tags=["A", "A"])], sentences="gold")
    assert rules.seen == [[True, None]]


def test_joined_tags_are_cut(nlp: Language, gold: Doc) -> None:
    with_rules(nlp, "VBP__Tense=Pres")
    assert evaluate_pipeline(nlp, [gold]).scores["tag_acc"] == 0.0
    assert evaluate_pipeline(nlp, [gold], tag_separator="__").scores["tag_acc"] == 0.25


@pytest.mark.parametrize("tokens", ["gold", "raw"])
def test_pairs_stay_pairs(nlp: Language, gold: Doc, tokens: str) -> None:
    rules = with_rules(nlp, "A")
    gold.spans[PAIR] = [Span(gold, 0, 3), Span(gold, 3, 8)]
    evaluate_pipeline(nlp, [gold], tokens=tokens)
    assert rules.pairs == [["Clocks tick.", "They don't lie."]]


def test_empty_docs_and_no_docs(nlp: Language, gold: Doc) -> None:
    with_rules(nlp, "VBP")
    assert evaluate_pipeline(nlp, [Doc(nlp.vocab), gold], sentences="gold").words == 8
    assert evaluate_pipeline(nlp, []).words == 0


def test_time_is_that_of_the_pipeline(nlp: Language, gold: Doc) -> None:
    Language.component("slow", func=lambda doc: time.sleep(0.05) or doc)
    nlp.add_pipe("slow")
    docs, seconds = timed_pipe(nlp, [gold, gold])
    assert docs == [gold, gold]
    assert 0.1 <= seconds < 1
    assert evaluate_pipeline(nlp, [gold]).scores["words_per_second"] <= len(gold) / 0.05
