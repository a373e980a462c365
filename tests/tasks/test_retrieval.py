from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from spacy.training import Example

from cascade import docs as documents
from cascade.errors import GraphError
from cascade.evaluation import bare_copy
from cascade.nn.decoders.base import Classifier, Output
from cascade.nn.rows import MISSING, Rows
from cascade.tasks import Retrieval
from tests.layouts import layout_of
from tests.questions import BOAT, CLOCK, LAMP, NLP, asked, chain, model_of, question

DECODER = Classifier(2, hidden=2, classes=2)


def output_of(odds: Sequence[float], passages: Sequence[int], alive: Sequence[bool] | None = None) -> Output:
    """Log odds of passages, so many a question; the logits are only their difference apart."""
    parent = torch.tensor([i for i, n in enumerate(passages) for _ in range(n)], dtype=torch.long)
    left = torch.ones(len(parent), dtype=torch.bool) if alive is None else torch.tensor(alive)
    rows = Rows(parent=parent, alive=left, size=len(passages))
    shift = torch.linspace(-1, 2, len(odds))
    logits = torch.stack([shift, shift + torch.tensor(odds, requires_grad=True)], dim=1).reshape(-1, 2)
    layout = layout_of(rows, "text")
    return Output(
        rows=rows, hidden=logits, scores={"logits": logits}, decoder=DECODER, candidates=logits[:, 0], layout=layout
    )


def labels(*values: int) -> dict[str, torch.Tensor]:
    return {"label": torch.tensor(values, dtype=torch.long)}


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_targets() -> None:
    task = Retrieval("r")
    found = [targets["label"].tolist() for doc in asked() if (targets := task.targets(doc)) is not None]
    assert found == [[0, 1, 0], [1, 1], [1], [0, 0, 0]]
    assert task.targets(asked()[4]) is None
    assert task.targets(NLP.make_doc("plain")) is None
    assert task.targets(question("q", [], [])) is not None


def test_the_loss_of_passages_alone_by_hand() -> None:
    output = output_of([2.0, -1.0, 0.5, 3.0], [3, 1])
    expected = (softplus(-2.0) + softplus(-1.0) + softplus(0.5)) / 3
    loss = Retrieval("r", compared="alone").loss(output, labels(1, 0, 0, MISSING))
    assert loss.item() == pytest.approx(expected)


def test_the_loss_within_a_question_by_hand() -> None:
    """-log of the share that the right passages have together, over questions that have any."""
    odds = [2.0, -1.0, 0.5, 3.0, 1.0, 0.0]
    output, gold = output_of(odds, [3, 2, 1]), labels(1, 0, 1, 0, 0, MISSING)
    alone = Retrieval("r", compared="alone").loss(output, gold).item()
    exp = [math.exp(value) for value in odds]
    within = -math.log((exp[0] + exp[2]) / (exp[0] + exp[1] + exp[2]))
    assert Retrieval("r").loss(output, gold).item() == pytest.approx(alone + within)
    answered = output_of(odds[3:], [2, 1])
    assert Retrieval("r").loss(answered, labels(1, 0, 1)).item() == pytest.approx(
        (softplus(-3) + softplus(1) + softplus(0)) / 3 + (-math.log(exp[3] / (exp[3] + exp[4])) + 0.0) / 2
    )


def test_a_pruned_passage_counts_nowhere() -> None:
    task = Retrieval("r")
    pruned = task.loss(output_of([2.0, 9.0, -1.0], [3], [True, False, True]), labels(1, 1, 0))
    assert pruned.item() == pytest.approx(task.loss(output_of([2.0, -1.0], [2]), labels(1, 0)).item())


@pytest.mark.parametrize("compared", ["alone", "within_question"])
def test_without_gold_or_passages_the_loss_is_zero_and_has_a_gradient(compared: Any) -> None:
    task = Retrieval("r", compared=compared)
    for odds, passages, gold in (([1.0, 2.0], [2], [MISSING, MISSING]), ([], [0, 0], []), ([], [], [])):
        loss = task.loss(output_of(odds, passages), labels(*gold))
        assert loss.item() == 0
        loss.backward()


def test_the_loss_of_large_odds_is_finite() -> None:
    output = output_of([1e4, -1e4, 0.0], [3])
    loss = Retrieval("r").loss(output, labels(0, 1, 0))
    loss.backward()
    assert loss.isfinite()


def test_predictions_are_log_odds() -> None:
    with torch.no_grad():
        found = Retrieval("r").decode(output_of([2.0, -1.0], [2]))
    np.testing.assert_allclose(found["score"], [2.0, -1.0], atol=1e-6)
    np.testing.assert_allclose(found["probability"], [1 / (1 + math.exp(-2)), 1 / (1 + math.exp(1))], atol=1e-6)


def scored(scores: Sequence[float] | None, texts: list[str], gold: list[tuple[int, str]] | None) -> Example:
    reference = question("who", texts, gold)
    predicted = bare_copy(reference)
    if scores is not None:
        found = np.array(scores, dtype=np.float32)
        kept = Retrieval("r").annotate(predicted, {"score": found, "probability": found})
        assert np.array_equal(kept["probabilities"], found)
        assert [p.id for p in documents.passages(predicted)] == [f"p{i}" for i in range(len(texts))]
    return Example(predicted, reference)


def test_scores() -> None:
    first = scored([3, 2, 1], [LAMP, CLOCK, BOAT], [(0, "mara"), (2, "mara")])
    third = scored([1, 2, 3], [LAMP, CLOCK, BOAT], [(0, "mara")])
    tied = scored([1, 1], [CLOCK, LAMP], [(1, "mara")])
    others = [scored([1, 2], [LAMP, BOAT], []), scored([1], [LAMP], None), scored(None, [LAMP], [(0, "mara")])]
    task = Retrieval("r")
    assert task.score([first, *others]) == {"r_mrr": 1.0, "r_recall@1": 1.0}
    assert task.score([third, tied]) == {"r_mrr": pytest.approx((1 / 3 + 1 / 2) / 2), "r_recall@1": 0.0}
    assert task.score(others) == {"r_mrr": None, "r_recall@1": None}


def test_a_doc_that_is_no_question_stays_as_it_is() -> None:
    doc = NLP.make_doc("plain")
    before = doc.to_bytes()
    Retrieval("r").annotate(doc, {"score": np.zeros(0), "probability": np.zeros(0)})
    assert doc.to_bytes() == before


@pytest.mark.parametrize("settings", [{"pool": "sum"}, {"compared": "with"}, {"hidden": 0}, {"dropout": 1.0}])
def test_wrong_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(GraphError, match=next(iter(settings))):
        Retrieval("r", **settings)


def test_the_search_has_a_say_in_what_is_kept_and_none_in_the_score() -> None:
    doc = question("Who mends it?", [CLOCK, BOAT, LAMP])
    documents.set_stage(doc, documents.SEARCH, {"scores": [4.0, 1.0, 2.0]})
    for prior, best in ((0.0, None), (1e4, 0)):
        model = model_of(chain(k=1))
        model.task("retrieve").prior = prior
        found = model.predict([doc])[0]
        own = found["retrieve"]["score"]
        kept = set(found["read"]["text"].tolist())
        assert kept == {int(own.argmax()) if best is None else best}
        np.testing.assert_array_equal(own, model_of(chain(k=1)).predict([doc])[0]["retrieve"]["score"])
