"""A trained transformer as a folder that transformers loads, and so whatever takes a transformer by its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from torch import Tensor, nn

from cascade import storage
from cascade.errors import ModelError
from cascade.nn.encoders.transformer import TransformerEncoder


def save_transformer(encoder: TransformerEncoder, folder: str | Path) -> None:
    """Saves a transformer for `AutoModel` and `AutoTokenizer`; the folder appears whole or not at all.

    Read back, it gives bit-identical states.

    Args:
        encoder: The encoder.
        folder: An older transformer in this place is replaced.

    Raises:
        ModelError: The encoder has what transformers cannot load, the place is taken by something else, or writing
            fails.
    """
    write_transformer(encoder, folder, transformer_tensors(encoder))


def write_transformer(
    encoder: TransformerEncoder,
    folder: str | Path,
    tensors: Mapping[str, Tensor],
    *,
    others: Mapping[str, bytes] | None = None,
) -> None:
    """Writes a folder of transformers out of an encoder's configs and the weights of a model around it.

    Args:
        encoder: The encoder.
        folder: An older transformer in this place is replaced.
        tensors: The weights, by the names that transformers has for them.
        others: More files, or such as take the place of the encoder's own.

    Raises:
        ModelError: The place is taken by something else, or writing fails.
    """
    folder = Path(folder)
    if folder.exists() and not (folder / "config.json").is_file() and (folder.is_file() or any(folder.iterdir())):
        raise ModelError(f"{folder} is there already and is no transformer: name an empty or a new folder")
    files = {
        **encoder.parts.assets(),
        "tokenizer_config.json": json.dumps(tokenizer_config(encoder), indent=2).encode(),
        "model.safetensors": safetensors.torch.save(dict(tensors), metadata={"format": "pt"}),
        **(others or {}),
    }
    try:
        storage.write_folder(folder, files.items())
    except OSError as error:
        raise ModelError(f"cannot save to {folder}: {error.strerror or error}") from error


def tokenizer_config(encoder: TransformerEncoder) -> dict[str, object]:
    """What `AutoTokenizer` has to know besides the tokenizer itself."""
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": encoder.parts.positions,
        "pad_token": encoder.parts.tokenizer.id_to_token(encoder.pieces.padding),
        "model_input_names": inputs if encoder.segments else inputs[::2],
    }


def transformer_tensors(encoder: TransformerEncoder) -> dict[str, Tensor]:
    """All weights, by the names that `AutoModel` has for them.

    Raises:
        ModelError: The encoder has what transformers cannot load.
    """
    names = [name for name, _ in encoder.named_parameters()]
    if encoder.case is not None or encoder.conditioner is not None or any("lora_" in name for name in names):
        raise ModelError("cannot save the encoder: transformers has no place for case embeddings and adapters")
    stack = f"{encoder.parts.family.stack}.layer"
    modules = dict(zip(("embeddings", "embeddings_project"), encoder.embeddings, strict=False))
    modules |= {f"{stack}.{number}": block for number, block in enumerate(encoder.blocks)}
    return {f"{name}.{key}": tensor for name, module in modules.items() for key, tensor in _weights(module).items()}


def _weights(module: nn.Module) -> dict[str, Tensor]:
    """Parameters, and those that have been fixed as buffers."""
    fixed = {name: buffer for name, buffer in module.named_buffers() if buffer.is_floating_point()}
    return {name: tensor.detach().cpu().contiguous() for name, tensor in (*module.named_parameters(), *fixed.items())}
