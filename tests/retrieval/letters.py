"""A tiny random transformer that reads letters, for the tests of dense retrieval."""

from __future__ import annotations

from pathlib import Path
from string import ascii_lowercase, punctuation
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast


def transformer(folder: Path, model_type: str = "bert", **settings: Any) -> str:
    """Saves a transformer of two blocks whose pieces are letters; it reads 24 of them at most."""
    torch.manual_seed(0)
    letters = [*ascii_lowercase, *(f"##{letter}" for letter in ascii_lowercase), *punctuation]
    vocabulary = {piece: i for i, piece in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    shared = {"vocab_size": len(vocabulary), "max_position_embeddings": 24, "pad_token_id": 0}
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    if model_type == "distilbert":
        sizes = {"dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 16}
    config = AutoConfig.for_model(model_type, **shared, **sizes, initializer_range=0.5, **settings)
    AutoModel.from_config(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    return str(folder)
