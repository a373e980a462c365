from __future__ import annotations

import pytest

from cascade.errors import TrainingError
from cascade.tasks.adversary import Adversary
from cascade.tasks.sentences import Sentences
from cascade.tasks.tagging import Tagging
from cascade.training.scoring import main_score, total_score

TASKS = {"tags": Tagging("tags"), "sents": Sentences("sents")}
SCORES = {"tags": {"tag_acc": 0.9}, "sents": {"sents_p": 0.2, "sents_r": 0.4, "sents_f": 0.3}}


def test_the_main_score_is_what_the_task_says_or_the_first() -> None:
    assert main_score(TASKS["sents"], SCORES["sents"]) == ("sents_f", 0.3)
    assert main_score(TASKS["tags"], SCORES["tags"]) == ("tag_acc", 0.9)
    assert main_score(TASKS["tags"], {"tag_acc": None}) == ("tag_acc", 0.0)


def test_without_weights_it_is_the_mean_of_the_main_scores() -> None:
    assert total_score(SCORES, TASKS, {}) == pytest.approx((0.9 + 0.3) / 2)
    assert total_score({"tags": SCORES["tags"]}, TASKS, {}) == pytest.approx(0.9)
    assert total_score({}, TASKS, {}) is None


def test_an_adversary_does_not_count() -> None:
    tasks, scores = {**TASKS, "foe": Adversary("foe")}, {**SCORES, "foe": {"foe_acc": 1.0}}
    assert total_score(scores, tasks, {}) == total_score(SCORES, TASKS, {})
    assert total_score({"foe": scores["foe"]}, tasks, {}) is None
    assert total_score(scores, tasks, {"foe_acc": 1.0}) == 1.0


def test_weights_give_a_weighted_mean() -> None:
    weights = {"tag_acc": 3.0, "sents_r": 1.0}
    assert total_score(SCORES, TASKS, weights) == pytest.approx((3 * 0.9 + 0.4) / 4)
    assert total_score({**SCORES, "tags": {"tag_acc": None}}, TASKS, weights) == pytest.approx(0.1)


def test_a_weight_for_nothing_is_an_error() -> None:
    with pytest.raises(TrainingError, match=r"names dep_lass, but the tasks give sents_f.*tag_acc"):
        total_score(SCORES, TASKS, {"dep_lass": 1.0})
