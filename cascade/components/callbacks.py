"""Callbacks for spaCy's trainer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spacy.language import Language

from cascade.components.pipe import CascadePipe


def make_epoch_callback() -> Callable[[Language, dict[str, Any]], None]:
    """For `[training.before_update]`: tells every cascade the epoch.

    `Scheduled` label sources and the `ramp` of an `Adversary` follow it, and stay at their beginning without
    `@callbacks = "cascade.Epoch.v1"`.
    """
    return set_epoch


def set_epoch(nlp: Language, progress: dict[str, Any]) -> None:
    """Tell every cascade the epoch.

    Args:
        nlp: The pipeline.
        progress: `step` and `epoch`, from spaCy.
    """
    for _, component in nlp.pipeline:
        if isinstance(component, CascadePipe):
            component.module.epoch = progress["epoch"]
