from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cascade import storage
from cascade.answering.encoders import passage_encoder
from cascade.errors import ConfigError, ModelError
from cascade.model import CascadeModel
from cascade.retrieval.encoding import TextEncoder, text_encoder
from tests.retrieval.letters import transformer

TEXTS = ["Mara mends clocks.", "They tick."]


@pytest.fixture
def saved(model: CascadeModel, tmp_path: Path) -> str:
    storage.save(model, tmp_path / "best")
    return str(tmp_path / "best")


def test_the_encoder_of_our_own_model(model: CascadeModel, saved: str) -> None:
    found, expected = passage_encoder(saved, 1), TextEncoder(model.encoder, layer=1, name="best")
    assert found.fingerprint == expected.fingerprint and found.fingerprint.startswith("best/1-")
    assert np.array_equal(found.encode(TEXTS), expected.encode(TEXTS))
    assert (passage_encoder(saved).layer, found.name) == (2, saved)


def test_the_run_that_it_lies_in(saved: str, tmp_path: Path) -> None:
    (tmp_path / "pipeline").mkdir()
    Path(saved).rename(tmp_path / "pipeline" / "model")
    assert passage_encoder(str(tmp_path / "pipeline")).fingerprint.startswith("pipeline/2-")


def test_any_other_transformer(tmp_path: Path) -> None:
    folder = transformer(tmp_path / "bert")
    assert passage_encoder(folder).fingerprint == text_encoder(folder).fingerprint
    assert passage_encoder(folder, 1).fingerprint == text_encoder(folder, layer=1).fingerprint


def test_a_layer_that_is_not_there(saved: str) -> None:
    with pytest.raises(ConfigError, match="best: expected a layer from 0 to 2, got layer=3"):
        passage_encoder(saved, 3)


def test_no_such_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no encoder '.*none': no model .*; as a transformer: .*a local folder"):
        passage_encoder(str(tmp_path / "none"))
