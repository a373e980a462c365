"""What a pipeline is expected to reach, at least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pytest

from tests.bench.settings import CHUNKS, GOLD, PREDICTED, RAW, SICK, TREES, TWITTER, UNER

PEER = "peer"
SPEED = "nlp.pipe on EWT test"
ENGLISH = (*TREES, CHUNKS, UNER, TWITTER)
PIPELINES = {"en_cascade_sm": ENGLISH, "en_cascade_md": ENGLISH, "jmt_md": (SICK,)}
"""The pipelines that are measured, each with its settings."""
MEGABYTES = {"en_cascade_sm": 20, "en_cascade_md": 30, "en_cascade_qa": 30}
"""The most that a pipeline's weights and assets may take."""

Measured = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Figures by pipeline, by setting and by name."""


@dataclass(frozen=True)
class Bar:
    """One of the figures that a pipeline has to reach.

    Args:
        pipeline: The pipeline.
        setting: What it is measured on.
        figure: What is measured.
        value: The bar.
        over: What the bar is relative to: nothing, or the same figure of the peer, as a sum or as a multiple of it.
        most: Whether it may be reached at most, as an error.
        unmet: What was found instead, where the bar is known not to be met; the test is then expected to fail.
    """

    pipeline: str
    setting: str
    figure: str
    value: float
    over: Literal["nothing", "sum", "multiple"] = "nothing"
    most: bool = False
    unmet: str = ""

    def __str__(self) -> str:
        return f"{self.pipeline}, {self.setting}, {self.figure}" + ", beside the peer" * (self.over != "nothing")

    def needed(self, measured: Measured) -> float:
        """What has to be reached, beside what the peer has."""
        if self.over == "nothing":
            return self.value
        peer = measured[PEER][self.setting][self.figure]
        return peer + self.value if self.over == "sum" else peer * self.value

    def is_met(self, measured: Measured) -> bool:
        """Whether it is reached."""
        found = measured[self.pipeline][self.setting][self.figure]
        needed = self.needed(measured)
        return found <= needed if self.most else found >= needed


SM, MD = "en_cascade_sm", "en_cascade_md"
BARS = (
    Bar(SM, PREDICTED, "tag_acc", 0.945),
    Bar(SM, PREDICTED, "pos_acc", 0.955),
    Bar(SM, PREDICTED, "lemma_acc", 0.95),
    Bar(SM, PREDICTED, "dep_uas", 0.865),
    Bar(SM, PREDICTED, "dep_las", 0.83),
    Bar(SM, PREDICTED, "sents_f", 0.76),
    Bar(SM, RAW, "dep_las", 0.03, over="sum"),
    Bar(SM, CHUNKS, "chunk_f", 0.945, unmet="94.37"),
    Bar(SM, UNER, "ents_f", 0.55),
    Bar(SM, SPEED, "words_per_second", 1.5, over="multiple"),
    Bar(MD, GOLD, "tag_acc", 0.961),
    Bar(MD, GOLD, "pos_acc", 0.967),
    Bar(MD, GOLD, "lemma_acc", 0.965),
    Bar(MD, GOLD, "dep_uas", 0.915),
    Bar(MD, GOLD, "dep_las", 0.893),
    Bar(MD, CHUNKS, "chunk_f", 0.963, unmet="95.56"),
    Bar(MD, UNER, "ents_f", 0.72),
    Bar(MD, SPEED, "words_per_second", 0.4, over="multiple"),
    Bar("jmt_md", SICK, "relatedness_mse", 0.225, most=True),
    Bar("jmt_md", SICK, "entailment_acc", 0.862),
    # Ahead of the peer wherever both have a figure.
    *(
        Bar(name, setting, figure, 0.0, over="sum")
        for name in (SM, MD)
        for setting, figures in {
            PREDICTED: ("tag_acc", "pos_acc", "morph_acc", "dep_uas", "dep_las", "sents_f"),
            GOLD: ("dep_uas", "dep_las"),
            RAW: ("tag_acc", "pos_acc", "morph_acc", "sents_f"),
        }.items()
        for figure in figures
    ),
)

QA = "en_cascade_qa"
READING, OPEN = "SQuAD v1.1 test articles, gold paragraph", "SQuAD v1.1 test articles, all paragraphs"
UNANSWERABLE = "SQuAD v2.0 test articles, gold paragraph"
PRUNED = "SQuAD v1.1 test articles, 30 passages, beside reading all"
HAYSTACK = "SQuAD v1.1 test articles, 30 passages, beside transformers-haystack"
ANSWERING = (
    Bar(QA, READING, "best_em", 0.62),
    Bar(QA, READING, "best_f1", 0.75, unmet="74.2"),
    Bar(QA, OPEN, "recall@1", 0.88),
    Bar(QA, OPEN, "recall@5", 0.97),
    Bar(QA, OPEN, "best_f1", 0.60),
    Bar(QA, UNANSWERABLE, "f1_gain", 0.0001),
    Bar(QA, UNANSWERABLE, "ece", 0.06, most=True),
    Bar(QA, UNANSWERABLE, "brier_gain", 0.0001),
    Bar(QA, UNANSWERABLE, "aurc_gain", 0.0001),
    Bar(QA, PRUNED, "times_faster", 1.5),
    Bar(QA, PRUNED, "f1_lost", 0.005, most=True),
    Bar(QA, HAYSTACK, "times_faster", 1.5),
    Bar(QA, HAYSTACK, "f1_gain", 0.0),
)
"""What the cascade that answers questions is expected to reach; a gain has to be above 0."""


def cases(bars: Sequence[Bar]) -> list[object]:
    """The bars as parameters of a test, those that are known not to be met as expected failures."""
    return [
        pytest.param(bar, id=str(bar), marks=pytest.mark.xfail(reason=bar.unmet) if bar.unmet else ()) for bar in bars
    ]
