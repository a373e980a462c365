"""Fitting: the settings of answering out of questions with gold answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from cascade.answering.abstention import BestF1, Conformal, Rule
from cascade.answering.aggregation import Aggregation, Evidence, fit_aggregation
from cascade.answering.candidates import Labelled
from cascade.answering.confidence import Calibration, Method, answer_features, fit_calibration, none_features
from cascade.answering.fusion import Fusion, fit_fusion
from cascade.answering.settings import Answering
from cascade.data.answers import NORMALIZERS, exact_match, token_f1
from cascade.errors import ConfigError, DataError

_DEFAULT = BestF1()


def fit(
    questions: Sequence[Labelled],
    *,
    rule: Rule = _DEFAULT,
    calibration: Method = "platt",
    fusion: Fusion | None = None,
    aggregation: Aggregation | None = None,
    normalizer: str = "squad",
) -> Answering:
    """Fits fusion, aggregation, calibration and limits, each on what those before it give.

    Fusion and aggregation are fitted to F1, confidence to exact match; the best answer is the one whose exact match and
    F1 can be expected to be highest together. Settings that are to serve questions with a
    given paragraph and questions over many passages are fitted on both together.

    Args:
        questions: Questions that no model was trained on; those without candidates say nothing.
        rule: Chooses the limits.
        calibration: How probabilities are calibrated; see `fit_calibration`.
        fusion: Taken as it is; fitted when None.
        aggregation: Taken as it is; fitted when None.
        normalizer: Makes answers comparable.

    Raises:
        DataError: No question has a candidate.
        ConfigError: The rule gives a guarantee, which takes questions that nothing was fitted on, or a name is unknown.
    """
    if isinstance(rule, Conformal):
        raise ConfigError(
            "a conformal limit holds only of questions that nothing else was fitted on: fit with another rule, then "
            "call abstaining(other_questions, rule) on the result"
        )
    questions = [question for question in questions if len(question.candidates)]
    if not questions:
        raise DataError("expected questions with candidates to fit answering on, got none")
    f1, em = (partial(measure, normalize=NORMALIZERS[normalizer]) for measure in (token_f1, exact_match))
    grades = [question.graded(f1) for question in questions]
    fusion = fusion or fit_fusion([question.candidates for question in questions], grades)
    fused = Answering(fusion=fusion, aggregation=aggregation or Aggregation(), normalizer=normalizer)
    found = [fused.evidence(question.candidates) for question in questions]
    aggregation = aggregation or fit_aggregation([one for one, _ in found], grades, top=fused.aggregation.top)
    right = [question.graded(em) for question in questions]
    confidence, no_answer = _calibrations(questions, found, aggregation, right, calibration)
    fitted = replace(fused, aggregation=aggregation, confidence=confidence, no_answer=no_answer)
    return fitted.abstaining(questions, rule)


def _calibrations(
    questions: Sequence[Labelled],
    found: Sequence[tuple[Evidence, float]],
    aggregation: Aggregation,
    right: Sequence[np.ndarray],
    method: Method,
) -> tuple[Calibration, Calibration]:
    """Of the confidence of the best answers, and of no answer; the latter only where some questions have none."""
    answers, nones, correct = [], [], []
    for question, (evidence, none), grade in zip(questions, found, right, strict=True):
        shares = evidence.support.sum() * aggregation.mix(evidence)
        best, passages = int(np.argmax(aggregation.worth(evidence))), question.candidates.passages
        every = answer_features(shares, none, passages)
        answers.append({name: values[best] for name, values in every.items()})
        nones.append({name: values[0] for name, values in none_features(float(shares.max()), none, passages).items()})
        correct.append(float(grade[evidence.group == best].max()))
    unanswerable = np.array([not question.answers for question in questions], dtype=float)
    confidence = fit_calibration(_table(answers), np.array(correct), method=method)
    if 0 < unanswerable.sum() < len(unanswerable):
        return confidence, fit_calibration(_table(nones), unanswerable, method=method)
    return confidence, Calibration()


def _table(rows: Sequence[dict[str, float]]) -> dict[str, np.ndarray]:
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
