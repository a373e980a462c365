"""A corpus: Docs to train on and Docs to evaluate on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from spacy.tokens import Doc


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Docs with gold for some of the tasks; corpora may overlap in tasks, and Docs may be annotated in part.

    Args:
        train: Docs to train on.
        dev: Docs to evaluate on; they choose the best model.
        name: What error messages call it.
    """

    train: Sequence[Doc] = field(repr=False)
    dev: Sequence[Doc] = field(default=(), repr=False)
    name: str = "corpus"
