"""How good a model is: predictions on bare copies of Docs, compared with the Docs' gold."""

from cascade.evaluation.evaluate import bare_copy, evaluate, flatten, score_tasks
from cascade.evaluation.gold import gold_tasks

__all__ = ["bare_copy", "evaluate", "flatten", "gold_tasks", "score_tasks"]
