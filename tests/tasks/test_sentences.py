from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from cascade.nn.rows import MISSING
from cascade.tasks import Sentences


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


def test_a_small_model_learns_its_docs(
    docs: list[Doc], overfit: Callable[..., Any], predict: Callable[..., Any]
) -> None:
    model = overfit(Sentences("sents", hidden=16), docs=docs)
    examples = [Example(c, d) for c, d in zip(predict(model, docs), docs, strict=True)]
    assert model.task("sents").score(examples) == {"sents_p": 1.0, "sents_r": 1.0, "sents_f": 1.0}
    assert set(model.task("sents").score(examples[3:]).values()) == {None}
