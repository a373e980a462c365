from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.answering.risk import expected_scores, overlaps
from cascade.data.answers import exact_match, overlap_f1, token_f1

PHRASES = st.lists(st.lists(st.sampled_from(["ferry", "north", "pier"]), max_size=4), max_size=6)


@given(PHRASES)
def test_overlaps_by_brute_force(answers: list[list[str]]) -> None:
    expected = np.array([[overlap_f1(one, other) for other in answers] for one in answers])
    assert overlaps(answers) == pytest.approx(expected.reshape(len(answers), len(answers)))


def test_the_expected_score_by_hand() -> None:
    shares = np.array([0.4, 0.3, 0.3])
    overlap = overlaps([["ferry"], ["north", "ferry"], ["north", "ferry", "line"]])
    f1 = [0.4 + 0.3 * 2 / 3 + 0.3 / 2, 0.4 * 2 / 3 + 0.3 + 0.3 * 4 / 5, 0.4 / 2 + 0.3 * 4 / 5 + 0.3]
    assert expected_scores(shares, overlap, 0.0) == pytest.approx(shares)
    assert expected_scores(shares, overlap, 1.0) == pytest.approx(f1)
    assert expected_scores(shares, overlap, 0.5) == pytest.approx((shares + f1) / 2)
    assert [int(np.argmax(expected_scores(shares, overlap, part))) for part in (0.0, 0.5, 1.0)] == [0, 0, 1]


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_it_is_the_mean_over_what_may_be_right(seed: int, part: float) -> None:
    rng = np.random.default_rng(seed)
    texts = list({" ".join(rng.choice(["ferry", "north", "pier"], size=size)) for size in rng.integers(1, 4, size=6)})
    shares = rng.dirichlet(np.ones(len(texts)))
    expected = [
        sum(
            share * ((1 - part) * exact_match(given, [right]) + part * token_f1(given, [right]))
            for right, share in zip(texts, shares, strict=True)
        )
        for given in texts
    ]
    assert expected_scores(shares, overlaps([text.split() for text in texts]), part) == pytest.approx(
        np.array(expected)
    )
