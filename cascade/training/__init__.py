"""Training: corpora, schedules, optimizers, regularizers, checkpoints, and the trainer that puts them together."""

from cascade.training import curves, optimizers, regularizers, sampling, schedules
from cascade.training.batching import Batches
from cascade.training.contrastive import fit_retriever
from cascade.training.corpus import Corpus
from cascade.training.extension import extend
from cascade.training.mining import Mining, Pair
from cascade.training.trainer import Trainer
from cascade.training.transformers import save_transformer
from cascade.training.unfreezing import Unfreezing

__all__ = [
    "Batches",
    "Corpus",
    "Mining",
    "Pair",
    "Trainer",
    "Unfreezing",
    "curves",
    "extend",
    "fit_retriever",
    "optimizers",
    "regularizers",
    "sampling",
    "save_transformer",
    "schedules",
]
