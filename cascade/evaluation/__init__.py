"""How good a model is: predictions on bare copies of Docs, compared with the Docs' gold; figures, and their chance."""

from cascade.evaluation.answers import Threshold, abstained, best_threshold, score_answers
from cascade.evaluation.calibration import (
    Isotonic,
    Reliability,
    Temperature,
    brier,
    ece,
    fit_isotonic,
    fit_temperature,
    reliability,
)
from cascade.evaluation.evaluate import bare_copy, evaluate, flatten, predict_examples, score_tasks
from cascade.evaluation.gold import gold_tasks
from cascade.evaluation.pipeline import Evaluation, evaluate_pipeline, timed_pipe
from cascade.evaluation.ranking import ndcg, recall, reciprocal_rank, score_rankings
from cascade.evaluation.resampling import (
    Comparison,
    Interval,
    compare,
    holm,
    interval,
    interval_of,
    intervals,
    permutation_test,
)
from cascade.evaluation.selection import RiskCoverage, aurc, conformal_threshold, precision_threshold, risk_coverage
from cascade.evaluation.tables import Table, join, means

__all__ = [
    "Comparison",
    "Evaluation",
    "Interval",
    "Isotonic",
    "Reliability",
    "RiskCoverage",
    "Table",
    "Temperature",
    "Threshold",
    "abstained",
    "aurc",
    "bare_copy",
    "best_threshold",
    "brier",
    "compare",
    "conformal_threshold",
    "ece",
    "evaluate",
    "evaluate_pipeline",
    "fit_isotonic",
    "fit_temperature",
    "flatten",
    "gold_tasks",
    "holm",
    "interval",
    "interval_of",
    "intervals",
    "join",
    "means",
    "ndcg",
    "permutation_test",
    "precision_threshold",
    "predict_examples",
    "recall",
    "reciprocal_rank",
    "reliability",
    "risk_coverage",
    "score_answers",
    "score_rankings",
    "score_tasks",
    "timed_pipe",
]
