from __future__ import annotations

import numpy as np
import pytest

from cascade.cli.console import bars
from cascade.cli.encoders import Shown, named_encoder
from tests.retrieval.made import WordCounts

TEXTS = [f"a cat, {number} dogs" for number in range(600)]


def test_names(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert (named_encoder("none"), named_encoder("mini")) == (None, "mini")
    monkeypatch.setattr("cascade.retrieval.loading.find_spec", lambda name: name)
    assert named_encoder(None) == "minilm"
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("cascade.retrieval.loading.find_spec", lambda name: None)
    assert named_encoder(None) is None
    assert capsys.readouterr().err.startswith("warning: passages will be found by their words alone")


def test_an_encoder_that_is_shown_encodes_the_same() -> None:
    encoder = WordCounts()
    with bars(shown=False) as shown:
        made = Shown(encoder, shown)
        assert np.array_equal(made.encode(TEXTS), encoder.encode(TEXTS))
        made.encode(TEXTS[:1])
        (task,) = shown.tasks
        assert (task.completed, task.total, made.fingerprint) == (601, 601, encoder.fingerprint)
