from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from spacy.language import Language
from spacy.pipeline.senter import senter_score
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from cascade.errors import GraphError
from cascade.nn.rows import MISSING
from cascade.tasks import Sentences

vocabs = pytest.mark.parametrize("vocab", [Vocab(), spacy.blank("en").vocab], ids=["bare", "english"])


def split(doc: Doc, *starts: int, unknown: tuple[int, ...] = ()) -> Doc:
    for token in doc:
        if token.i not in unknown:
            token.is_sent_start = token.i in (0, *starts)
    return doc


@pytest.fixture
def docs(nlp: Language, pair: Callable[..., Doc]) -> list[Doc]:
    return [
        split(nlp.make_doc("It rains. \n Nobody  minds. They sing."), 4, 8),
        split(nlp.make_doc("\n It rains. Nobody sings."), 4),
        split(pair("It rains.", "They sing."), 3),
        nlp.make_doc(""),
        nlp.make_doc("Nobody knows."),
    ]


def sentences(doc: Doc) -> list[str]:
    return [sentence.text.strip() for sentence in doc.sents]


def test_targets(nlp: Language, docs: list[Doc]) -> None:
    task = Sentences("sents")
    found = [task.targets(doc) for doc in docs]
    assert found[0] is not None
    assert found[0]["label"].tolist() == [1, 0, 0, 1, 0, 0, 1, 0, 0]
    assert found[3] is None
    assert found[4] is None
    partial = task.targets(split(nlp.make_doc("a b c d"), 2, unknown=(1, 3)))
    assert partial is not None
    assert partial["label"].tolist() == [1, MISSING, 1, MISSING]


def test_round_trip(docs: list[Doc], perfect: Callable[..., Any]) -> None:
    copies, _ = perfect(Sentences("sents"), docs)
    assert [sentences(copy) for copy in copies[:3]] == [sentences(doc) for doc in docs[:3]]


def test_starts(docs: list[Doc], built: Callable[..., Any]) -> None:
    model = built(Sentences("sents"), docs=docs).eval()
    batch, task = model.batch(docs[:1], targets=["sents"]), model.task("sents")
    output = model(batch, ["sents"])["sents"]
    assert task.starts(output).tolist() == (output.scores["logits"][:, 1] > output.scores["logits"][:, 0]).tolist()
    starts, known = task.gold_starts({"label": torch.tensor([1, 0, MISSING])})
    assert starts.tolist() == [True, False, False]
    assert known.tolist() == [True, True, False]


def test_the_threshold_says_how_probable_a_start_has_to_be(docs: list[Doc], built: Callable[..., Any]) -> None:
    model = built(Sentences("sents"), docs=docs).eval()
    batch, task = model.batch(docs), model.task("sents")
    with torch.inference_mode():
        output = model(batch, ["sents"])["sents"]
    probabilities = output.scores["logits"].softmax(-1)
    for threshold in (0.0, 0.3, 0.5, 0.99):
        task.threshold = threshold
        found, starts = task.decode(output), probabilities[:, 1] > threshold
        assert task.starts(output).tolist() == found["label"].tolist() == starts.tolist()
        expected = torch.where(starts, probabilities[:, 1], probabilities[:, 0])
        np.testing.assert_array_equal(found["probability"], expected)
    with pytest.raises(GraphError, match=r"Sentences\('sents'\).*threshold"):
        Sentences("sents", threshold=1.0)


def test_a_small_model_learns_its_docs(
    docs: list[Doc], overfit: Callable[..., Any], predict: Callable[..., Any]
) -> None:
    model = overfit(Sentences("sents", hidden=16), docs=docs)
    examples = [Example(c, d) for c, d in zip(predict(model, docs), docs, strict=True)]
    assert model.task("sents").score(examples) == {"sents_p": 1.0, "sents_r": 1.0, "sents_f": 1.0}
    assert set(model.task("sents").score(examples[3:]).values()) == {None}


def bare(doc: Doc) -> Doc:
    return Doc(doc.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc])


def predicted(*starts: int) -> dict[str, np.ndarray]:
    return {"label": np.array(starts), "probability": np.ones(len(starts))}


@vocabs
def test_white_space_belongs_to_the_sentence_before_it_and_in_front_to_the_first(vocab: Vocab) -> None:
    doc = Doc(vocab, words=["\n", "It", "rains", "\n\n", " ", "Nobody", "minds", "\n"])
    Sentences("sents").annotate(doc, predicted(0, 0, 1, 0))
    assert [[t.i for t in sentence] for sentence in doc.sents] == [[0, 1, 2, 3, 4], [5, 6, 7]]
    assert all(token.is_sent_start is not None for token in doc)


@vocabs
def test_a_sentence_that_starts_with_white_space_starts_at_its_first_word(vocab: Vocab) -> None:
    doc = Doc(vocab, words=["a", "b", "\n", " ", "c", "d"], sent_starts=[1, -1, 1, 1, -1, -1])
    targets = Sentences("sents").targets(doc)
    assert targets is not None
    assert targets["label"].tolist() == [1, 0, 1, 0]


@vocabs
@pytest.mark.parametrize(("words", "boundaries"), [([], 0), (["\n"], 1), (["Hi"], 1), ([" ", "\n"], 1)])
def test_the_smallest_docs(words: list[str], boundaries: int, vocab: Vocab) -> None:
    doc, task = Doc(vocab, words=words), Sentences("sents")
    seen = sum(not word.isspace() for word in words)
    task.annotate(doc, predicted(*[0] * seen))
    assert len(list(doc.sents)) == boundaries
    assert task.targets(doc) is None, "a single token says nothing about boundaries"


def test_boundaries_that_are_set_stay_without_overwrite(nlp: Language) -> None:
    doc = split(nlp.make_doc("a b c d"), 2, unknown=(1, 3))
    Sentences("sents").annotate(doc, predicted(1, 1, 0, 0), overwrite=False)
    assert [token.is_sent_start for token in doc] == [True, True, True, False]
    Sentences("sents").annotate(doc, predicted(1, 1, 0, 0))
    assert [token.is_sent_start for token in doc] == [True, True, False, False]


def test_annotating_leaves_predictions_as_they_are(nlp: Language) -> None:
    predictions = predicted(0, 0)
    Sentences("sents").annotate(nlp.make_doc("a b"), predictions)
    assert predictions["label"].tolist() == [0, 0]


def test_scores_are_those_of_spacys_senter(docs: list[Doc]) -> None:
    task, examples = Sentences("sents"), []
    for doc, starts in zip(docs[:2], [(1, 0, 0, 1, 0, 1, 0, 0, 0), (1, 0, 0, 1, 0, 0)], strict=True):
        task.annotate(copy := bare(doc), predicted(*starts))
        examples.append(Example(copy, doc))
    examples += [Example(bare(docs[0]), docs[0]), Example(bare(docs[4]), docs[4])]
    theirs = senter_score(examples)
    assert 0 < theirs["sents_f"] < 1
    assert task.score(examples) == theirs
