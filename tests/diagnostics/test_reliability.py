from __future__ import annotations

import numpy as np
import pytest
import torch
from spacy.tokens import Doc, Span

from cascade import diagnostics
from cascade.diagnostics.reliability import Observed, adaptive_ece, classwise_ece, measures, observe
from cascade.diagnostics.running import parts_of
from cascade.docs import PAIR
from cascade.errors import ConfigError, DataError
from cascade.evaluation import Temperature
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.tasks import Chunking, Entailment, Parsing, Relatedness, Tagging, TextClassification
from tests import questions
from tests.diagnostics.made import ENCODER, VOCAB, accuracy, docs, obedient, random_weights

CHANCES = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])
LABELS = np.array([0, 2, 0, 2])


def test_measures_by_hand() -> None:
    found = measures(Observed(np.log(CHANCES), LABELS, np.zeros(4)), bins=2)
    assert found.accuracy == 0.75 and found.confidence == pytest.approx((0.7 + 0.8 + 0.5 + 0.6) / 4)
    # (0, 0.5]: 0.5, right. (0.5, 1]: 0.7, 0.8, 0.6, two of them right.
    assert found.ece == pytest.approx(1 / 4 * abs(1 - 0.5) + 3 / 4 * abs(2 / 3 - 0.7))
    assert found.diagram.counts.tolist() == [1, 3]
    # In order 0.5, 0.6 | 0.7, 0.8: both right, one of two right.
    assert found.adaptive_ece == pytest.approx(1 / 2 * abs(1 - 0.55) + 1 / 2 * abs(0.5 - 0.75))
    first = 3 / 4 * abs(1 / 3 - (0.1 + 0.5 + 0.2) / 3) + 1 / 4 * abs(1 - 0.7)
    second = 3 / 4 * abs(0 - (0.2 + 0.3 + 0.2) / 3) + 1 / 4 * abs(0 - 0.8)
    third = 3 / 4 * abs(1 / 3 - (0.1 + 0.1 + 0.2) / 3) + 1 / 4 * abs(1 - 0.6)
    assert found.classwise_ece == pytest.approx((first + second + third) / 3)
    rows = [0.3**2 + 0.2**2 + 0.1**2, 0.1**2 + 0.8**2 + 0.9**2, 0.5**2 + 0.3**2 + 0.2**2, 0.2**2 + 0.2**2 + 0.4**2]
    assert found.brier == pytest.approx(np.mean(rows))
    assert found.nll == pytest.approx(-np.mean(np.log([0.7, 0.1, 0.5, 0.6])))


def test_a_temperature_changes_confidence_and_no_answer() -> None:
    rows = Observed(np.log(CHANCES), LABELS, np.zeros(4))
    plain, hot = measures(rows), measures(rows, Temperature(value=3.0))
    assert hot.accuracy == plain.accuracy and hot.confidence < plain.confidence


def test_adaptive_bins() -> None:
    assert adaptive_ece([0.2, 0.9], [0, 1], bins=15) == pytest.approx((0.2 + 0.1) / 2)
    assert adaptive_ece([0.8] * 10, [1] * 8 + [0] * 2, bins=1) == pytest.approx(0)
    assert np.isnan(adaptive_ece([], []))
    with pytest.raises(ConfigError, match="1 or more bins"):
        adaptive_ece([0.5], [1], bins=0)


def test_classwise_is_zero_for_right_shares() -> None:
    chances = np.tile([0.25, 0.75], (4, 1))
    assert classwise_ece(chances, np.array([0, 1, 1, 1])) == pytest.approx(0)


def test_what_is_observed_is_what_is_predicted() -> None:
    model = obedient()
    parts = parts_of(model, docs(), 6)
    found = observe(model, parts)["up"]
    ordered = [doc for part in parts for doc in part.docs]
    assert found.docs.tolist() == [i for i, doc in enumerate(ordered) for _ in doc]
    probability = np.concatenate([own["up"]["probability"] for own in model.predict(ordered)])
    np.testing.assert_allclose(np.exp(found.logits).max(axis=1), probability, rtol=1e-5)
    assert measures(found).accuracy == pytest.approx(accuracy(model, "up", docs()))


def test_before_and_after() -> None:
    model = obedient()
    plain = diagnostics.calibration(model, docs())
    assert [own.task for own in plain] == ["up", "down"]
    assert all(own.temperature is None and own.after is None and own.rows == 14 for own in plain)
    fitted = diagnostics.calibration(model, docs(), fit=docs())
    for own in fitted:  # fitted on the same Docs, so that the likelihood can only rise
        assert own.after.nll <= own.before.nll + 1e-9 and own.after.accuracy == own.before.accuracy


def test_every_kind_of_task() -> None:
    torch.manual_seed(1)
    words = ["a", "b", "c", "d", "e"]
    doc = Doc(VOCAB, words=words, tags=list("ABABB"), heads=[1, 1, 1, 4, 4], deps=["x", "ROOT", "x", "y", "ROOT"])
    doc.spans["chunks"] = [Span(doc, 0, 2, label="NP")]
    doc.cats = {"p": 1.0, "q": 0.0, "r": 1.0}
    pair = Doc(VOCAB, words=words)
    pair.spans[PAIR] = [pair[:2], pair[2:]]
    pair.cats = {"relatedness": 3.0, "ENTAILMENT": 1.0, "NEUTRAL": 0.0, "CONTRADICTION": 0.0}
    graph = TaskGraph(encoder=ENCODER)
    tasks = [Tagging("tag"), Chunking("chunk"), Parsing("parse", hidden=4), Relatedness("rel"), Entailment("ent")]
    tasks.append(TextClassification("cats", exclusive=False, classes=("p", "q", "r")))
    for task in tasks:
        task.hidden = 4
        graph.add(task)
    model = random_weights(CascadeModel(graph).initialize([doc, pair]))
    found = {own.task: own for own in diagnostics.calibration(model, [doc, pair], fit=[doc, pair])}
    assert {name: own.rows for name, own in found.items()} == {
        "tag": 5, "chunk": 5, "parse": 5, "parse heads": 5, "ent": 1, "cats": 3
    }  # fmt: skip
    assert found["parse heads"].before.classwise_ece is None
    heads = observe(model, parts_of(model, [doc], 10))["parse heads"]
    assert heads.labels.tolist() == [2, 0, 2, 5, 0] and np.isneginf(heads.logits[range(5), range(1, 6)]).all()
    several = observe(model, parts_of(model, [doc], 10))["cats"]
    np.testing.assert_allclose(np.exp(several.logits).sum(axis=1), 1.0)
    np.testing.assert_allclose(np.exp(several.logits)[:, 1], model.predict([doc])[0]["cats"]["probability"][0])
    assert several.labels.tolist() == [1, 0, 1]


def test_batches_of_trees_of_other_lengths() -> None:
    def star(size: int) -> Doc:
        return Doc(VOCAB, words=["w"] * size, heads=[0] * size, deps=["ROOT", *["x"] * (size - 1)])

    model = CascadeModel(TaskGraph(encoder=ENCODER).add(Parsing("parse", hidden=4))).initialize([star(2), star(5)])
    found = observe(model, parts_of(model, [star(2), star(5)], 1))["parse heads"]
    assert found.logits.shape == (7, 6) and np.isneginf(found.logits[:2, 3:]).all()


def test_a_reader_has_a_distribution_over_passages_alone() -> None:
    found = diagnostics.calibration(questions.model_of(questions.chain()), questions.asked())
    assert [own.task for own in found] == ["retrieve"]


def test_without_gold() -> None:
    with pytest.raises(DataError, match="expected gold for up or down"):
        diagnostics.calibration(obedient(), [Doc(VOCAB, words=["a"])])
    pair = Doc(VOCAB, words=["a", "b"])
    pair.spans[PAIR], pair.cats = [pair[:1], pair[1:]], {"relatedness": 2.0}
    model = CascadeModel(TaskGraph(encoder=ENCODER).add(Relatedness("rel", hidden=4))).initialize([pair])
    with pytest.raises(DataError, match="a task with a distribution over labels among rel"):
        diagnostics.calibration(model, [pair])
