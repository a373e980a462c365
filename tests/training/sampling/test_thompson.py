from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from cascade.errors import TrainingError
from cascade.training.history import History
from cascade.training.sampling import Thompson

SIZES = {"main": 8, "good": 3, "bad": 2}


def seen(*scores: float) -> History:
    return History(epoch=len(scores), scores=[{"main": score, "good": 0.5} for score in scores])


def chosen(sampling: Thompson, history: History) -> str:
    """The task that has all draws."""
    (task,) = (task for task, share in sampling.shares(SIZES, history).items() if share)
    return task


def play(sampling: Thompson, helps: Callable[[str], bool], rounds: int) -> tuple[list[str], History]:
    """Choose, and let the main score rise or fall by what was chosen."""
    taken: list[str] = []
    scores = [0.5]
    for number in range(rounds):
        taken.append(chosen(sampling, seen(*scores[1:])))
        scores.append(scores[-1] + (0.01 if helps(taken[-1]) else -0.01) / (1 + number))
    return taken, seen(*scores[1:])


def test_arms_by_hand() -> None:
    """Scores 0.5, 0.6, 0.6, 0.4: rewards 1, 1, 1 and 0. Arms become (0.7 a + 0.3, 0.7 b + 0.3), and r or 1 - r more."""
    sampling, scores = Thompson(main="main", seed=3), (0.5, 0.6, 0.6, 0.4)
    arms = {task: [1.0, 1.0] for task in SIZES}
    for number, reward in enumerate([1, 1, 1, 0]):
        task = chosen(sampling, seen(*scores[:number]))
        for arm in arms.values():
            arm[:] = [0.7 * arm[0] + 0.3, 0.7 * arm[1] + 0.3]
        arms[task][0] += reward
        arms[task][1] += 1 - reward
        found = sampling.arms(SIZES, seen(*scores[: number + 1]))
        assert [value for t in SIZES for value in found[t]] == pytest.approx([v for t in SIZES for v in arms[t]])
    assert sampling.arms(SIZES, seen(0.5)) == {"main": (2.0, 1.0), "good": (1.0, 1.0), "bad": (1.0, 1.0)}
    assert sampling.utilities(SIZES, seen(0.5)) == pytest.approx({"main": 2 / 3, "good": 0.5, "bad": 0.5})


def test_the_main_task_is_first_and_the_order_of_tasks_does_not_count() -> None:
    sampling = Thompson(main="main")
    assert chosen(sampling, History()) == "main"
    backwards = dict(reversed(SIZES.items()))
    for number in range(1, 20):
        history = seen(*[0.5] * number)
        assert sampling.shares(backwards, history) == sampling.shares(SIZES, history)


def test_the_choice_holds_until_the_next_evaluation() -> None:
    sampling, scores = Thompson(main="main"), [{"main": 0.5}] * 3
    choices = {chosen(sampling, History(epoch=epoch, scores=scores)) for epoch in range(3, 9)}
    assert len(choices) == 1


def test_every_task_is_tried_and_seeds_differ() -> None:
    runs = [tuple(play(Thompson(main="main", seed=seed), lambda task: True, 30)[0]) for seed in range(4)]
    assert len(set(runs)) == 4
    assert set(runs[0]) == set(SIZES)


def test_an_arm_that_always_helps_gets_nearly_all_draws() -> None:
    taken, history = play(Thompson(main="main", decay=0.0), lambda task: task == "good", 100)
    assert Counter(taken)["good"] > 85
    assert Thompson(main="main", decay=0.0).utilities(SIZES, history)["good"] > 0.97


def test_what_is_forgotten_is_tried_again() -> None:
    """With decay an arm that always helps stands at Beta(1 + 1 / 0.3, 1) at most, whose expectation is 0.8125."""
    sampling = Thompson(main="main")
    taken, history = play(sampling, lambda task: task == "good", 150)
    counts = Counter(taken)
    assert counts["good"] > 90
    assert min(counts[task] for task in SIZES) > 5
    utilities = sampling.utilities(SIZES, history)
    assert max(utilities, key=utilities.__getitem__) == "good"
    assert utilities["good"] <= 0.8125
    assert max(utilities["main"], utilities["bad"]) <= 0.5


def test_a_main_task_without_scores() -> None:
    with pytest.raises(TrainingError, match="Thompson goes by the score of main: add dev Docs"):
        Thompson(main="main").shares(SIZES, History(scores=[{"good": 0.5}]))


def test_settings_that_make_no_sense() -> None:
    problems = Thompson(main="parse", decay=1.0).problems(["main"], within_epochs=True)
    assert problems == [
        "Thompson(main=) names parse, but the graph has main",
        "Thompson chooses among tasks, but the graph has only main",
        "decay= has to be 0 or more and below 1, got 1.0",
        "Thompson trains one task an epoch: evaluate at the end of epochs, without evaluate_steps=",
    ]
    assert not Thompson(main="main").problems(list(SIZES), within_epochs=False)


def test_a_main_task_without_training_docs() -> None:
    with pytest.raises(TrainingError, match="Thompson trains main first: add training Docs with gold for it"):
        Thompson(main="main").shares({"good": 3, "bad": 2}, History())
