from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from spacy.tokens import Doc
from spacy.vocab import Vocab

from cascade import evaluate
from cascade.diagnostics import forgetting
from cascade.evaluation import interval, permutation_test
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding
from cascade.tasks import Sentences, Tagging
from cascade.training import Corpus

WORDS = {"dogs": "N", "cats": "N", "sleep": "V", "run": "V"}


@pytest.fixture
def docs(vocab: Vocab) -> list[Doc]:
    generator = torch.Generator().manual_seed(1)
    drawn = [[list(WORDS)[i] for i in torch.randint(4, (n,), generator=generator)] for n in (3, 6, 9, 2, 5)]
    return [Doc(vocab, words=words, tags=[WORDS[word] for word in words]) for words in drawn]


@pytest.fixture
def model(docs: list[Doc]) -> CascadeModel:
    """Tags, all of which it takes for nouns."""
    graph = TaskGraph(encoder=Embedding(words=4, characters=4, vocabulary=9, buckets=9)).add(Tagging("tags", hidden=4))
    return biased(CascadeModel(graph).initialize(docs), 0)


def biased(model: CascadeModel, label: int) -> CascadeModel:
    made = deepcopy(model)
    with torch.no_grad():
        made.node("tags").decoder.output.bias[label] += 100
    return made


def test_before_after_and_doc_by_doc(model: CascadeModel, docs: list[Doc]) -> None:
    after = biased(biased(model, 1), 1)
    (found,) = forgetting(model, after, [Corpus(train=[], dev=docs, name="old"), Corpus(train=docs, name="new")])
    assert (found.corpus, found.task, found.metric, found.docs) == ("old", "tags", "tag_acc", len(docs))
    assert found.before == pytest.approx(evaluate(model, docs)["tag_acc"])
    assert found.after == pytest.approx(evaluate(after, docs)["tag_acc"]) == pytest.approx(1 - found.before)
    assert found.delta == pytest.approx(found.after - found.before)
    nouns = [sum(token.tag_ == "N" for token in doc) / len(doc) for doc in docs]
    verbs = [1 - share for share in nouns]
    gaps = [after - before for before, after in zip(nouns, verbs, strict=True)]
    assert found.by_doc == pytest.approx(interval(gaps))
    assert found.p == found.adjusted == pytest.approx(permutation_test(nouns, verbs))


def test_new_tasks_and_corpora_without_gold_are_passed_over(model: CascadeModel, docs: list[Doc], vocab: Vocab) -> None:
    graph = model.graph.closure(["tags"]).add(Sentences("sents", hidden=4))
    both = [Doc(vocab, words=[t.text for t in d], tags=[t.tag_ for t in d]) for d in docs]
    for doc in both:
        for token in doc:
            token.is_sent_start = token.i == 0
    larger = CascadeModel(graph).initialize(both)
    bare = [Doc(vocab, words=["dogs"])]
    found = forgetting(model, larger, [Corpus(train=[], dev=both), Corpus(train=[], dev=bare, name="bare")])
    assert [(change.corpus, change.task) for change in found] == [("corpus", "tags")]
