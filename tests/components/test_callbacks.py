from __future__ import annotations

from spacy.language import Language
from spacy.util import registry

from cascade.components.callbacks import set_epoch
from cascade.components.pipe import CascadePipe


def test_spacy_finds_the_callback_by_its_name() -> None:
    assert registry.get("callbacks", "cascade.Epoch.v1")() is set_epoch


def test_every_cascade_hears_of_the_epoch(nlp: Language, pipe: CascadePipe) -> None:
    nlp.add_pipe("sentencizer")
    set_epoch(nlp, {"step": 7, "epoch": 3})
    assert pipe.module.epoch == 3
