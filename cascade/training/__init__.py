"""Training: corpora, schedules, optimizers, regularizers, checkpoints, and the trainer that puts them together."""

from cascade.training import curves, optimizers, regularizers, schedules
from cascade.training.batching import Batches
from cascade.training.corpus import Corpus
from cascade.training.trainer import Trainer

__all__ = ["Batches", "Corpus", "Trainer", "curves", "optimizers", "regularizers", "schedules"]
