from __future__ import annotations

from cascade.evaluation.tables import columns, join, means

TABLE = {"q1": {"em": 1.0, "has": 1.0}, "q2": {"em": 0.0}, "q3": {"em": 0.5, "has": 0.0}, "q4": {}}


def test_means_are_over_the_questions_that_have_the_metric() -> None:
    assert means(TABLE) == {"em": 0.5, "has": 0.5}
    assert columns(TABLE)["has"] == {"q1": 1.0, "q3": 0.0}


def test_nothing_has_no_mean() -> None:
    assert means({}) == means({"q": {}}) == columns({}) == join() == {}


def test_join_keeps_every_question_and_leaves_its_parts_alone() -> None:
    first, second = {"a": {"em": 1.0}}, {"a": {"em": 0.0, "mrr": 0.5}, "b": {"mrr": 1.0}}
    assert join(first, second) == {"a": {"em": 0.0, "mrr": 0.5}, "b": {"mrr": 1.0}}
    assert first == {"a": {"em": 1.0}}
