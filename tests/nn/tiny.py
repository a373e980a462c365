"""A tiny pretrained transformer in a folder, with random weights."""

from __future__ import annotations

from pathlib import Path
from string import ascii_lowercase
from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast


def make_tokenizer() -> Tokenizer:
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


def save_tiny(folder: Path, model_type: str = "bert", **settings: Any) -> None:
    """Save a random transformer of two blocks, by its architecture; it reads 24 pieces at most."""
    tokenizer = make_tokenizer()
    vocabulary = tokenizer.get_vocab_size()
    shared = {"vocab_size": vocabulary, "max_position_embeddings": 24, "pad_token_id": 0, "initializer_range": 0.5}
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    if model_type == "distilbert":
        sizes = {"dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 16}
    config = AutoConfig.for_model(model_type, **shared, **sizes, **settings)
    AutoModel.from_config(config).save_pretrained(folder)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")
    wrapped.save_pretrained(folder)
