"""Semantic relatedness of sentence pairs, from 1 (unrelated) to 5 (the same)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from spacy.tokens import Doc
from spacy.training import Example
from torch import Tensor

from cascade import docs as documents
from cascade.data.batches import Targets
from cascade.errors import DataError
from cascade.nn.decoders.base import Output
from cascade.nn.recalibration import Method
from cascade.nn.rows import MISSING
from cascade.tasks import cats
from cascade.tasks.base import Predictions
from cascade.tasks.pairs import PairTask

KEY = "relatedness"
"""Where `doc.cats` holds the score."""
LOWEST, HIGHEST = 1, 5


@dataclass(kw_only=True)
class Relatedness(PairTask):
    """Predicts a distribution over the scores 1 to 5, whose mean is the score (Tai et al. 2015; JMT, section 2.5).

    Args:
        name: See `Task`.
        layer: See `Task`.
        view: See `PairTask`.
        pool: See `PairTask`.
        hidden: See `PairTask`.
        pieces: See `PairTask`.
        layers: See `PairTask`.
        dropout: See `PairTask`.
    """

    extensible: ClassVar[bool] = False
    compare: ClassVar[Literal["absolute", "signed"]] = "absolute"
    calibrations: ClassVar[tuple[Method, ...]] = ()
    main_score: ClassVar[str | None] = "relatedness_pearson"

    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        """The whole scores, whatever the Docs."""
        return tuple(str(i) for i in range(LOWEST, HIGHEST + 1))

    def blank(self, rows: int) -> Targets:
        """No score."""
        return {"score": np.full(rows, MISSING, dtype=np.float32)}

    def targets(self, doc: Doc) -> Targets | None:
        """The score; None where the Doc has none or is no pair.

        Raises:
            DataError: The score is not between 1 and 5.
        """
        if KEY not in doc.cats or not documents.is_pair(doc):
            return None
        score = doc.cats[KEY]
        if not LOWEST <= score <= HIGHEST:
            raise DataError(
                f"doc.cats[{KEY!r}] is {score} for {doc.text[:60]!r}, but relatedness goes from {LOWEST} to {HIGHEST}: "
                "rescale the scores"
            )
        return {"score": np.array([score], dtype=np.float32)}

    def gold(self, targets: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The distribution over the two whole scores next to gold whose mean is gold (Tai et al. 2015, equation 16)."""
        score = targets["score"]
        return (1 - (score[:, None] - _scale(score.device)).abs()).clamp(min=0), score != MISSING

    def decode(self, output: Output) -> Predictions:
        """`score`, shape [rows], and `probability`, shape [rows, 5]."""
        probability = self.distribution(output).float()
        score = (probability * _scale(probability.device)).sum(-1)
        return {"score": score.cpu().numpy(), "probability": probability.cpu().numpy()}

    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        """Set `doc.cats["relatedness"]`; nothing where the Doc is no pair."""
        if not documents.is_pair(doc):
            return {}
        cats.write(doc, {KEY: predictions["score"][0]}, overwrite=overwrite)
        return {"probabilities": predictions["probability"][0]}

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """`relatedness_mse`, `relatedness_pearson`, `relatedness_spearman` over pairs with both gold and prediction.

        None where nothing is annotated; correlations are None too where one side has a single value only.
        """
        from scipy import stats  # takes a second to import, and spaCy imports this module for every pipeline

        pairs = [(e.reference.cats, e.predicted.cats) for e in examples if documents.is_pair(e.reference)]
        scores = np.array([(gold[KEY], found[KEY]) for gold, found in pairs if KEY in gold and KEY in found])
        gold, found = scores.reshape(-1, 2).T
        varied = len(scores) > 1 and np.ptp(gold) > 0 and np.ptp(found) > 0
        return {
            "relatedness_mse": float(np.mean((gold - found) ** 2)) if len(scores) else None,
            "relatedness_pearson": float(stats.pearsonr(gold, found).statistic) if varied else None,
            "relatedness_spearman": float(stats.spearmanr(gold, found).statistic) if varied else None,
        }


def _scale(device: torch.device) -> Tensor:
    return torch.arange(LOWEST, HIGHEST + 1, dtype=torch.float32, device=device)
