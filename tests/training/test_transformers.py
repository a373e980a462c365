from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from cascade.errors import ModelError
from cascade.nn.encoders import LoRA, Transformer
from cascade.nn.encoders.transformer import TransformerEncoder
from cascade.retrieval.encoding import TextEncoder, text_encoder
from cascade.training.transformers import save_transformer
from tests.retrieval.letters import transformer

TEXTS = ["The cat sat on the wall, and the dog sat under it.", "Why?"]


def changed(folder: str, **settings: object) -> TransformerEncoder:
    """A transformer with weights of its own."""
    made = Transformer(folder, **settings).build()  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made.eval()


@pytest.mark.parametrize("kind", ["bert", "distilbert", "electra"])
@pytest.mark.parametrize("fixed", [False, True])
def test_bit_identical_when_read_back(kind: str, fixed: bool, tmp_path: Path) -> None:
    made = changed(transformer(tmp_path / "old", kind), fixed_embeddings=fixed)
    save_transformer(made, tmp_path / "new")
    again = text_encoder(str(tmp_path / "new"))
    assert np.array_equal(again.encode(TEXTS), TextEncoder(made).encode(TEXTS))
    assert again.fingerprint == TextEncoder(made, name="new").fingerprint


def test_some_layers_alone(tmp_path: Path) -> None:
    made = changed(transformer(tmp_path / "old"), layers=1)
    save_transformer(made, tmp_path / "new")
    assert text_encoder(str(tmp_path / "new")).layer == 1


def test_transformers_reads_it(tmp_path: Path) -> None:
    """Model and tokenizer; the states are ours."""
    made = changed(transformer(tmp_path / "old"), bf16=False)
    save_transformer(made, tmp_path / "new")
    model, tokenizer = (
        AutoModel.from_pretrained(tmp_path / "new").eval(),
        AutoTokenizer.from_pretrained(tmp_path / "new"),
    )
    read = tokenizer(["a cat?", "why"], padding=True, return_tensors="pt")
    with torch.inference_mode():
        states, mask = model(**read).last_hidden_state, read["attention_mask"].unsqueeze(2)
    means = torch.nn.functional.normalize((states * mask).sum(1))
    np.testing.assert_allclose(TextEncoder(made).encode(["a cat?", "why"]), means, atol=1e-5)
    assert tokenizer.model_max_length == 24


def test_an_older_one_is_replaced(tmp_path: Path) -> None:
    old = transformer(tmp_path / "old")
    save_transformer(changed(old), tmp_path / "new")
    made = changed(old)
    save_transformer(made, tmp_path / "new")
    assert text_encoder(str(tmp_path / "new")).fingerprint == TextEncoder(made, name="new").fingerprint


@pytest.mark.parametrize("settings", [{"case": True}, {"lora": LoRA(rank=2)}])
def test_what_transformers_cannot_load(settings: dict[str, object], tmp_path: Path) -> None:
    made = changed(transformer(tmp_path / "old"), **settings)
    with pytest.raises(ModelError, match="no place for case embeddings and adapters"):
        save_transformer(made, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_place_that_is_taken(tmp_path: Path) -> None:
    made = changed(transformer(tmp_path / "old"))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("kept")
    with pytest.raises(ModelError, match="is no transformer"):
        save_transformer(made, tmp_path / "notes")
    assert (tmp_path / "notes" / "mine.txt").read_text() == "kept"
