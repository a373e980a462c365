from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from cascade.diagnostics.cells import Measured
from cascade.diagnostics.comparing import Gap, corrected, gap, student
from cascade.evaluation import holm, permutation_test


def measured(score: float, docs: Sequence[float] | None = None) -> Measured:
    return Measured(metrics={"tag": "acc"}, scores={"tag": score}, docs={} if docs is None else {"tag": docs})


def test_student_is_scipys_paired_test() -> None:
    first, second = [0.50, 0.55, 0.61, 0.58], [0.54, 0.57, 0.60, 0.66]
    found, p = student(np.subtract(second, first))
    theirs = stats.ttest_rel(second, first)
    low, high = theirs.confidence_interval()
    assert p == pytest.approx(theirs.pvalue)
    assert found == pytest.approx((np.mean(second) - np.mean(first), low, high))


def test_student_of_equal_differences() -> None:
    assert student([0.0, 0.0]) == ((0.0, 0.0, 0.0), 1.0)
    assert student([0.1, 0.1])[1] == 0.0


def test_gap_pairs_seeds_and_docs() -> None:
    first = {0: measured(0.5, [0.2, 0.8, 0.5]), 1: measured(0.6, [0.4, 0.8, 0.6]), 2: measured(0.1)}
    second = {1: measured(0.7, [0.9, 0.9, 0.3]), 0: measured(0.8, [0.9, 0.7, 0.8])}
    found = gap(first, second, "tag")
    assert found is not None and found.value == pytest.approx(0.2)
    assert found.p == pytest.approx(stats.ttest_rel([0.8, 0.7], [0.5, 0.6]).pvalue)
    assert found.docs_p == permutation_test([0.3, 0.8, 0.55], [0.9, 0.8, 0.55])


def test_gap_with_little_to_go_by() -> None:
    assert gap({0: measured(0.5)}, {1: measured(0.5)}, "tag") is None
    assert gap({0: measured(0.5)}, {0: measured(0.75)}, "tag") == Gap(value=0.25)
    other = gap({0: measured(0.5, [1.0])}, {0: measured(0.75, [1.0, 0.5])}, "tag")
    assert other is not None and other.docs_p is None


def test_corrected_after_holm_where_there_is_a_value() -> None:
    gaps = [Gap(value=0.1, p=0.01, docs_p=0.04), Gap(value=0.1), Gap(value=0.1, p=0.03)]
    found = corrected(gaps)
    assert [each.adjusted for each in found] == [*holm([0.01, 0.03])[:1], None, holm([0.01, 0.03])[1]]
    assert [each.docs_adjusted for each in found] == [0.04, None, None]
    assert not any(math.isnan(each.value) for each in found)
