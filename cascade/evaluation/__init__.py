"""How good a model is: predictions on bare copies of Docs, compared with the Docs' gold."""

from cascade.evaluation.evaluate import bare_copy, evaluate, flatten, score_tasks
from cascade.evaluation.gold import gold_tasks
from cascade.evaluation.pipeline import Evaluation, evaluate_pipeline, timed_pipe

__all__ = [
    "Evaluation",
    "bare_copy",
    "evaluate",
    "evaluate_pipeline",
    "flatten",
    "gold_tasks",
    "score_tasks",
    "timed_pipe",
]
