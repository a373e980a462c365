from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from torch import Tensor

from cascade.diagnostics.thresholds import GRID, best_threshold, fit_threshold
from cascade.nn.decoders.base import Output
from cascade.nn.rows import MISSING, Rows
from cascade.tasks import Sentences, TextClassification


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=12))
def test_the_best_threshold_by_trying_all(drawn: list[tuple[int, bool]]) -> None:
    chances, right = np.array([c / 10 for c, _ in drawn]), np.array([r for _, r in drawn])
    found = best_threshold(chances, right)
    if not right.any():
        assert found is None
        return
    assert found is not None
    scores = [f1_score(right, chances >= threshold, zero_division=0) for threshold in chances]
    assert f1_score(right, chances >= found) == pytest.approx(max(scores))
    assert not np.isin(found, chances) and np.array_equal(chances >= found, chances > found)


def output(logits: Tensor) -> Output:
    rows = Rows(torch.arange(len(logits)), torch.ones(len(logits), dtype=torch.bool), len(logits))
    return Output(rows, logits, {"logits": logits}, None, torch.zeros(len(logits)), None)  # type: ignore[arg-type]


def topics(**settings: object) -> TextClassification:
    task = TextClassification("topic", exclusive=False, **settings)  # type: ignore[arg-type]
    task.vocabulary = ("A", "B", "C")
    return task


CHANCES = torch.tensor([[0.9, 0.2, 0.4], [0.6, 0.3, 0.1], [0.3, 0.1, 0.2], [0.1, 0.05, 0.6]])
GOLD = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, MISSING], [MISSING, 0, 0]])


def test_each_label_has_its_own() -> None:
    batches = [(output(CHANCES[i : i + 2].logit()), {"label": GOLD[i : i + 2]}) for i in (0, 2)]
    task = topics(threshold=0.7)
    assert fit_threshold(task, batches, "label") == pytest.approx((0.45, 0.15, 0.7))  # C is never right


def test_one_for_all_has_the_best_mean() -> None:
    task, known = topics(), GOLD != MISSING
    found = fit_threshold(task, [(output(CHANCES.logit()), {"label": GOLD})], "common")

    def mean(threshold: float) -> float:
        columns = zip(GOLD.T, CHANCES.ge(threshold).T, known.T, strict=True)
        return float(np.mean([f1_score(g[k], p[k], zero_division=0) for g, p, k in columns]))

    assert isinstance(found, float) and mean(found) == max(map(mean, GRID))


def test_sentences_have_that_of_their_starts() -> None:
    logits = torch.tensor([[0.0, 2.0], [0.0, -1.0], [0.0, -2.0], [0.0, 5.0]])
    gold = {"label": torch.tensor([1, 1, 0, MISSING])}
    found = fit_threshold(Sentences("sents"), [(output(logits), gold)], "common")
    chances = logits.softmax(-1)[:, 1]
    assert found == pytest.approx(((chances[1] + chances[2]) / 2).item())
