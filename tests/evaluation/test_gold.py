from __future__ import annotations

import spacy
from spacy.tokens import Doc

from cascade.evaluation import gold_tasks
from cascade.tasks.sentences import Sentences
from cascade.tasks.tagging import Tagging

VOCAB = spacy.blank("en").vocab
TASKS = [Tagging("tags"), Tagging("pos", attribute="POS"), Sentences("sents")]


def test_the_tasks_of_a_doc_in_the_order_given() -> None:
    words = ["a", "b"]
    assert gold_tasks(Doc(VOCAB, words=words), TASKS) == ()
    assert gold_tasks(Doc(VOCAB, words=words, tags=["X", "Y"]), TASKS) == ("tags",)
    full = Doc(VOCAB, words=words, tags=["X", "Y"], sent_starts=[True, False])
    assert gold_tasks(full, TASKS) == ("tags", "sents")
    assert gold_tasks(full, TASKS[::-1]) == ("sents", "tags")


def test_a_doc_without_words_has_no_gold_for_tokens() -> None:
    assert gold_tasks(Doc(VOCAB), TASKS) == ()
    assert gold_tasks(Doc(VOCAB, words=["\n", " "], tags=["_SP", "_SP"], sent_starts=[True, False]), TASKS) == ()
