"""What tests of encoders share: rows for texts, and a tiny pretrained transformer in a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

from cascade.nn.encoders import Encoder, State
from cascade.nn.rows import Rows

Texts = Sequence[Sequence[str]]


def _rows(texts: Texts) -> Rows:
    parent = torch.tensor([i for i, text in enumerate(texts) for _ in text], dtype=torch.long)
    return Rows(parent=parent, alive=torch.ones(len(parent), dtype=torch.bool), size=len(texts))


@pytest.fixture(scope="session")
def rows() -> Callable[[Texts], Rows]:
    """Token rows of texts."""
    return _rows


@pytest.fixture(scope="session")
def encode() -> Callable[..., State]:
    """Run an encoder over texts up to a layer."""

    def run(encoder: Encoder, texts: Texts, layer: int, pairs: Sequence[int] = ()) -> State:
        features = encoder.joined(texts, pairs) if pairs else encoder.features(texts)
        return encoder.advance(encoder.embed(features, _rows(texts)), layer)

    return run


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """Lower-casing word pieces: every letter, alone and within a word, and a few words."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *ascii_lowercase, *(f"##{c}" for c in ascii_lowercase)]
    vocabulary = {piece: i for i, piece in enumerate([*pieces, "the", "cat", "##ting"])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=specials
    )
    return tokenizer


@pytest.fixture(scope="session")
def tiny(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """A folder with a random transformer of two blocks, by its architecture; it reads 24 pieces at most."""

    def make(model_type: str = "bert", **settings: Any) -> str:
        folder = tmp_path_factory.mktemp(model_type)
        vocabulary = tokenizer.get_vocab_size()
        shared = {"vocab_size": vocabulary, "max_position_embeddings": 24, "pad_token_id": 0, "initializer_range": 0.5}
        sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
        if model_type == "distilbert":
            sizes = {"dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 16}
        config = AutoConfig.for_model(model_type, **shared, **sizes, **settings)
        AutoModel.from_config(config).save_pretrained(folder)
        wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")
        wrapped.save_pretrained(folder)
        return str(folder)

    return make


@pytest.fixture(scope="session")
def tiny_bert(tiny: Callable[..., str]) -> str:
    """A folder with a random BERT of two blocks."""
    return tiny()


@pytest.fixture
def bert_folder(tiny_bert: str) -> Path:
    """The same as a path."""
    return Path(tiny_bert)
