from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from sklearn.isotonic import IsotonicRegression
from spacy.tokens import Doc, Span
from torch.nn import functional

import cascade as cs
from cascade.diagnostics import calibrating
from cascade.diagnostics.calibrating import calibrate
from cascade.diagnostics.reliability import measures, observe
from cascade.diagnostics.running import outputs, parts_of
from cascade.errors import ConfigError, DataError
from cascade.evaluation import fit_temperature
from cascade.graph import Labels, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.recalibration import Recalibration
from cascade.tasks import Chunking, Parsing, Relatedness, Sentences, Tagging, TextClassification
from tests.diagnostics.made import ENCODER, VOCAB, docs, pair, random_weights

LETTERS = "ABC"


def annotated(seed: int, words: int = 12) -> Doc:
    """A Doc of random words with random gold for tags, sentences, chunks, a tree and topics."""
    rng = np.random.default_rng(seed)
    tags = [LETTERS[i] for i in rng.integers(3, size=words)]
    text = [f"{tag.lower()}{rng.integers(4)}" for tag in tags]
    heads = [0, *(int(rng.integers(i)) for i in range(1, words))]
    doc = Doc(VOCAB, words=text, tags=tags, heads=heads, deps=["ROOT", *("xy"[i % 2] for i in range(1, words))])
    doc.spans["chunks"] = [Span(doc, i, i + 2, label=LETTERS[int(rng.integers(2))]) for i in range(0, words - 2, 4)]
    doc.cats = {label: float(rng.random() < share) for label, share in zip("XYZ", (0.5, 0.3, 0.1), strict=True)}
    return doc


HELD_OUT, OTHERS = [annotated(i) for i in range(12)], [annotated(100 + i) for i in range(6)]


def everything() -> CascadeModel:
    """Every kind of task that can be calibrated, with random weights that are far too sure."""
    graph = TaskGraph(encoder=ENCODER).add(Tagging("tag", hidden=5))
    graph.add(Chunking("chunk", hidden=5), after={"tag": [Labels(width=4)]})
    graph.add(Parsing("parse", hidden=5, relations=4), after={"chunk": [Labels(width=4)]})
    graph.add(TextClassification("topic", hidden=5, exclusive=False, threshold=0.3))
    return random_weights(CascadeModel(graph).initialize(HELD_OUT), std=1.5)


def mostly_right(model: CascadeModel) -> list[Doc]:
    """Docs whose gold is what a model predicts, but for some words, so that its best temperature is no limit."""
    found = docs()
    for doc, own in zip(found, model.predict(found), strict=True):
        for token, up, down in zip(doc, own["up"]["label"], own["down"]["label"], strict=True):
            shift = int(token.i % 5 == 2)
            token.tag_ = LETTERS[(up + shift) % 3]
            token.pos_ = ("NOUN", "VERB", "X")[(down + shift) % 3]
    return found


def test_a_temperature_is_that_of_the_highest_likelihood() -> None:
    model = pair(Labels(width=3), std=1.5)
    gold = mostly_right(model)
    parts = parts_of(model, gold, 4000)
    up = observe(model, parts)["up"]
    calibrate(model, gold)
    expected = fit_temperature(up.logits, up.labels).value
    assert 0.05 < expected < 50 and model.calibration["up"].temperature == pytest.approx(expected, rel=2e-3)
    calibrated = model.calibration.pop("down").temperature
    # What is downstream is fitted on what calibrated upstream tasks bring.
    logits, label = outputs(model, parts[0], ["down"])["down"].scores["logits"], parts[0].batch.targets["down"]["label"]
    best = minimize_scalar(
        lambda log: functional.cross_entropy(logits / np.exp(log), label).item(), bounds=(-4, 4), method="bounded"
    )
    assert calibrated == pytest.approx(np.exp(best.x), rel=5e-3)


def test_no_task_predicts_otherwise() -> None:
    """Without edges, so that nothing comes from upstream: tags, chunks, trees, topics above a threshold."""
    model = everything()
    for node in ("chunk", "parse"):
        for carrier in model.node(node).early.carriers:
            torch.nn.init.zeros_(carrier.embedding.embeddings)
    threshold = model.task("topic").threshold
    before = model.predict(OTHERS)
    report = calibrate(model, HELD_OUT, check=OTHERS)
    assert [own.task for own in report.fitted] == ["tag", "chunk", "parse", "topic"]
    assert all(own.temperature > 1.2 for own in report.fitted)
    moved = model.task("topic").threshold
    assert moved != threshold and report.fitted[3].threshold == moved
    for old, new in zip(before, model.predict(OTHERS), strict=True):
        for name, key in (("tag", "label"), ("chunk", "label"), ("parse", "head"), ("parse", "label")):
            assert old[name][key].tolist() == new[name][key].tolist(), name
        chances = [own["topic"]["probability"] for own in (old, new)]
        assert np.array_equal(chances[0] >= threshold, chances[1] >= moved) and not np.allclose(*chances)
    for own in report.effects:
        assert own.before is not None and own.after is not None and own.after.nll < own.before.nll, own.task
        assert own.after.accuracy == own.before.accuracy or own.task in ("topic", "parse", "chunk")
    assert [own.task for own in report.effects] == ["tag", "chunk", "parse", "parse heads", "topic"]
    scored = [own for own in report.effects if own.metric]
    assert all(own.score_before == own.score_after for own in scored)


def test_what_is_reported_is_what_diagnostics_then_see() -> None:
    model = everything()
    report = calibrate(model, HELD_OUT, check=OTHERS)
    found = observe(model, parts_of(model, OTHERS, 4000))
    for own in report.effects:
        assert own.after.nll == pytest.approx(measures(found[own.task]).nll)


def test_calibrating_again_begins_anew() -> None:
    model = everything()
    first = deepcopy(calibrate(model, HELD_OUT).fitted)
    again = calibrate(model, HELD_OUT).fitted
    assert [own.temperature for own in again] == [own.temperature for own in first]
    assert again[3].threshold == pytest.approx(first[3].threshold)


def test_only_what_is_named_and_edges_that_do_not_want_it() -> None:
    model = everything()
    report = cs.calibrate(model, HELD_OUT, tasks=["chunk", "tag"], edges=False)
    assert [own.task for own in report.fitted] == ["tag", "chunk"] == [*model.calibration]
    assert not any(by.edges for by in model.calibration.values()) and report.effects == []


def test_isotonic_is_that_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrating, "ENOUGH", 12)
    model = pair(Labels(width=3), std=1.5)
    up = observe(model, parts_of(model, docs(), 4000))["up"]
    chances, right = np.exp(up.logits), np.eye(3)[up.labels]
    expected = IsotonicRegression(out_of_bounds="clip").fit(chances.ravel(), right.ravel()).predict(chances.ravel())
    report = calibrate(model, docs(), tasks=["up"], method="isotonic", check=docs())
    curve = model.calibration["up"].curve
    np.testing.assert_allclose(curve(torch.tensor(chances.ravel())), expected, atol=3e-4)
    expected = np.maximum(expected.reshape(-1, 3), 1e-6)
    found = np.exp(observe(model, parts_of(model, docs(), 4000))["up"].logits)
    np.testing.assert_allclose(found, expected / expected.sum(1, keepdims=True), atol=2e-3)
    (own,) = report.fitted
    assert (own.rows, own.temperature, own.points) == (14, None, len(curve.given))
    assert report.effects[0].after.accuracy == report.effects[0].before.accuracy
    assert report.effects[0].after.nll < report.effects[0].before.nll


def test_isotonic_of_labels_one_by_one_keeps_what_is_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrating, "ENOUGH", 12)
    model = everything()
    before = [own["topic"]["probability"] >= 0.3 for own in model.predict(OTHERS)]
    calibrate(model, HELD_OUT, tasks=["topic"], method="isotonic")
    after = [own["topic"]["probability"] >= model.task("topic").threshold for own in model.predict(OTHERS)]
    assert np.array_equal(before, after)


def test_sentences_move_their_threshold_and_their_segments_stay() -> None:
    graph = TaskGraph(encoder=ENCODER).add(Sentences("sents", hidden=5, threshold=0.22))
    texts = [annotated(i, words=20) for i in range(5)]
    model = random_weights(CascadeModel(graph).initialize(texts), std=1.5)
    before = [own["sents"]["label"].tolist() for own in model.predict(texts)]
    calibrate(model, texts)
    by, threshold = model.calibration["sents"], model.task("sents").threshold
    assert threshold == pytest.approx(Recalibration(temperature=by.temperature).chance(0.22))
    assert [own["sents"]["label"].tolist() for own in model.predict(texts)] == before


def test_thresholds_are_fitted_on_calibrated_probabilities() -> None:
    model = everything()
    report = calibrate(model, HELD_OUT, thresholds="label", check=HELD_OUT)
    fitted = report.fitted[3].threshold
    assert isinstance(fitted, tuple) and fitted == model.task("topic").threshold and len(fitted) == 3
    topic = next(own for own in report.effects if own.task == "topic")
    assert topic.metric == "cats_score" and topic.score_after == pytest.approx(topic.score_before, abs=0.02)
    scores = cs.evaluate(model, HELD_OUT, ["topic"])
    model.task("topic").threshold = 0.5
    assert scores["cats_macro_f"] >= cs.evaluate(model, HELD_OUT, ["topic"])["cats_macro_f"]


def test_where_no_temperature_is_better_it_stays() -> None:
    model = pair(Labels(width=3))
    torch.nn.init.zeros_(model.node("up").decoder.output.weight)
    torch.nn.init.zeros_(model.node("up").decoder.output.bias)
    calibrate(model, docs(), tasks=["up"])
    assert model.calibration["up"].temperature == 1.0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"tasks": ["tog"]}, ConfigError, "no task tog: it has tag, chunk, parse, topic"),
        (
            {"tasks": ["chunk"], "method": "isotonic"},
            ConfigError,
            r"does not fit the task 'chunk' \(Chunking\): choose",
        ),
        ({"tasks": ["topic"], "method": "isotonic"}, DataError, "wants 1,000 rows with gold or more, got 12 for topic"),
    ],
)
def test_what_cannot_be(options: dict[str, object], error: type[Exception], message: str) -> None:
    model = everything()
    with pytest.raises(error, match=message):
        calibrate(model, HELD_OUT, **options)
    assert model.calibration == {}


def test_tasks_without_gold() -> None:
    model = pair(Labels(width=3))
    bare = [Doc(VOCAB, words=["a0", "b1"], tags=["A", "B"])]
    assert [own.task for own in calibrate(model, bare).fitted] == ["up"]
    with pytest.raises(DataError, match="got 0 for down"):
        calibrate(model, bare, tasks=["down"])
    with pytest.raises(DataError, match="got none"):
        calibrate(model, [Doc(VOCAB, words=["a0"])])


def test_figures_that_are_means_of_probabilities_are_left_alone() -> None:
    model = CascadeModel(TaskGraph(encoder=ENCODER).add(Relatedness("related")))
    with pytest.raises(ConfigError, match="temperature calibration fits none of the tasks related"):
        calibrate(model, [])
