"""A pretrained transformer as a stack of numbered layers, run block by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import cast

import torch
from torch import Tensor
from torch.func import functional_call

from cascade.errors import ModelError
from cascade.nn.encoders.alignment import Alignment, WordPieces
from cascade.nn.encoders.base import Encoder, Features, State, narrowed
from cascade.nn.encoders.case import WordCase, word_cases
from cascade.nn.encoders.pretrained import Pretrained, borrow, fix, pretrained, pretrained_config, rebuilt
from cascade.nn.precision import reduced
from cascade.nn.rows import Rows
from cascade.nn.sharing.base import Conditioning


@dataclass(frozen=True, kw_only=True)
class LoRA:
    """Low-rank updates to the attention's linear layers; all else is frozen (Hu et al. 2022, section 4.1).

    Args:
        rank: Rank of each update.
        alpha: Each update is scaled by alpha / rank.
        dropout: Share of an update's inputs dropped in training.
    """

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0


@dataclass(frozen=True)
class Transformer:
    """A pretrained transformer; layer 0 is its embeddings, layer i its i-th block.

    Args:
        name: Local folder, name on the Hugging Face hub, or `minilm` for the model that the extra of that
            name installs.
        layers: Blocks that are kept, from the lowest; all of them when None, which is looked up at once, so that the
            specification of a saved model stands without the pretrained one.
        lora: Train low-rank updates alone, which all tasks share; None trains all weights.
        conditioning: What tasks have of their own in the blocks, such as `Bottleneck`; None shares all.
        case: Add to the embedding of every piece a vector of its word's case, zero at first; for models that were
            pretrained on lower-cased text, which tell "Apple" from "apple" no other way.
        fixed_embeddings: Leave the embeddings as they were pretrained, and out of a saved model; where it is loaded,
            they are read from what `name` stands for.
        fixed_body: The same for embeddings and blocks: only `lora`, `conditioning` and `case` are trained and saved.
        attention_dropout: Share of the attention's weights dropped in training; the pretrained model's own when None.
            Without any, training on a CPU is quicker.
        hidden_dropout: Share of the hidden states dropped in training; the pretrained model's own when None. Two texts
            that are compared seem more unlike in training than they are when each has lost other parts of its states.
        window: Word pieces that are read at a time, at most. Longer texts are read in overlapping windows.
        stride: Word pieces from the start of one window to the start of the next.
        bf16: Compute blocks in bfloat16 on a CPU that has instructions for it; states are float32 all the same.

    Raises:
        ModelError: If `layers` is None and there is no such model, or settings exclude one another.
    """

    name: str
    _: KW_ONLY
    layers: int | None = None
    lora: LoRA | None = None
    conditioning: Conditioning | None = None
    case: bool = False
    fixed_embeddings: bool = False
    fixed_body: bool = False
    attention_dropout: float | None = None
    hidden_dropout: float | None = None
    window: int = 512
    stride: int = 384
    bf16: bool = True

    def __post_init__(self) -> None:
        if self.layers is None:
            object.__setattr__(self, "layers", pretrained_config(self.name).num_hidden_layers)
        if self.conditioning is not None:
            self._check(self.conditioning)

    def _check(self, conditioning: Conditioning) -> None:
        problems = ["lora, which all tasks share: use LowRank instead of both"] if self.lora is not None else []
        problems += ["layers=0, which leaves no block to condition"] if not self.depth else []
        if self.fixed_body and conditioning.train_body:
            problems.append("fixed_body, but with train_body: take one of them back")
        if problems:
            kind = type(conditioning).__name__
            raise ModelError(f"Transformer({self.name!r}): {kind} does not go with {', nor with '.join(problems)}.")

    @property
    def depth(self) -> int:
        """Number of the highest layer."""
        return self.layers or 0

    @property
    def conditions(self) -> tuple[str, ...]:
        """Tasks for which the blocks are conditioned."""
        return () if self.conditioning is None else self.conditioning.tasks

    @property
    def borrowed(self) -> tuple[str, ...]:
        """What a saved model leaves out and reads from what the name stands for."""
        return ("embeddings", "blocks") if self.fixed_body else ("embeddings",) if self.fixed_embeddings else ()

    def build(self, assets: Mapping[str, bytes] | None = None) -> TransformerEncoder:
        """Make the module.

        Args:
            assets: See `EncoderSpec.build`; with them, only what is fixed is read from where the name points.

        Raises:
            ModelError: If the pretrained model cannot be read or does not fit.
        """
        parts = rebuilt(assets) if assets else self._pretrained()
        if assets:
            borrow(parts, self.name, self.borrowed, assets)
        return TransformerEncoder(self, parts)

    def _pretrained(self) -> Pretrained:
        return pretrained(
            self.name,
            layers=self.depth,
            attention_dropout=self.attention_dropout,
            hidden_dropout=self.hidden_dropout,
        )


MASKS = ("[MASK]", "<mask>")
"""Words that stand for one that is not shown, in the vocabularies of pretrained models."""
PORTION = 1500
"""Word pieces, padding among them, that go through the blocks at a time on a CPU."""


@dataclass(frozen=True)
class Carry:
    """What the next block needs.

    Args:
        states: Shape: [windows, longest, width].
        mask: 1 where there is a piece. Shape: [windows, longest].
        attention: The same as the blocks want it; None where there is no padding.
        alignment: From windows to token rows.
    """

    states: Tensor
    mask: Tensor
    attention: Tensor | None
    alignment: Alignment


class TransformerEncoder(Encoder):
    """Blocks over padded windows of word pieces; what the tasks read is pooled to tokens.

    Args:
        spec: What to build.
        parts: The transformer.
    """

    views = ("apart", "together", "asked", "masked")
    batch = 1500  # more would not stay in a CPU's cache from one block to the next

    def __init__(self, spec: Transformer, parts: Pretrained) -> None:
        super().__init__()
        self.parts, self.bf16 = parts, spec.bf16
        self.widths = (parts.config.hidden_size,) * (spec.depth + 1)
        self.embeddings, self.blocks = parts.embeddings, parts.blocks
        self.case = WordCase(parts.config.hidden_size) if spec.case else None
        self.conditions = spec.conditions
        self.conditioner = None if spec.conditioning is None else spec.conditioning.build(parts)
        self.fingerprints = parts.fingerprints(spec.borrowed)
        self.fused = parts.config._attn_implementation == "sdpa"
        self.segments = getattr(parts.config, "type_vocab_size", 1) > 1
        window = min(spec.window, parts.positions)
        padding = parts.config.pad_token_id or 0
        self.mask = next((m for m in MASKS if parts.tokenizer.token_to_id(m) is not None), Encoder.mask)
        self.pieces = WordPieces(parts.tokenizer, padding=padding, window=window, stride=spec.stride)
        if self.pieces.stride < 1:
            raise ModelError(f"Transformer({spec.name!r}): no piece fits into window={window}, stride={spec.stride}.")
        self._freeze(spec)

    def _freeze(self, spec: Transformer) -> None:
        body = spec.fixed_body or (spec.conditioning is not None and not spec.conditioning.train_body)
        self.blocks.requires_grad_(not body)
        self.embeddings.requires_grad_(not body and not spec.fixed_embeddings)
        if spec.lora is not None:
            self._adapt(spec.lora)
        for part in spec.borrowed:
            fix(getattr(self, part))

    def _adapt(self, lora: LoRA) -> None:
        from peft import LoraConfig, inject_adapter_in_model

        config = LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,  # type: ignore[arg-type] # a scale may well be a fraction
            lora_dropout=lora.dropout,
            target_modules=list(self.parts.family.attention),
        )
        self.embeddings.requires_grad_(False)
        inject_adapter_in_model(config, self.blocks)

    def assets(self) -> dict[str, bytes]:
        """The transformer's config and its tokenizer; fingerprints of what is not saved."""
        return {**self.parts.assets(), **self.fingerprints}

    def layer_of(self, parameter: str) -> int | None:
        """Layer i for the i-th block, None for what tasks have of their own, and layer 0 for all else."""
        return None if parameter.startswith("conditioner.") else super().layer_of(parameter)

    def features(self, texts: Sequence[Sequence[str]]) -> Features:
        """Cut the words into pieces; see `WordPieces.features`."""
        return self._cased(self.pieces.features(texts), texts)

    def joined(self, texts: Sequence[Sequence[str]], pairs: Sequence[int]) -> Features:
        """Cut the words of pairs into pieces; a pair that does not fit into one window is read apart."""
        return self._cased(self.pieces.features(texts, pairs), texts)

    def asked(self, texts: Sequence[Sequence[str]], questions: Sequence[Sequence[str]]) -> Features:
        """Cut passages and questions into pieces; see `WordPieces.asked`."""
        return self._cased(self.pieces.asked(texts, questions), [*texts, *questions])

    def _cased(self, features: Features, texts: Sequence[Sequence[str]]) -> Features:
        return features if self.case is None else {**features, "case": word_cases(texts)[features["word"]]}

    def embed(self, features: Features, rows: Rows) -> State:
        """Layer 0: the embeddings of pieces and places."""
        self._choose_attention(features["ids"].device)
        states, mask = features["ids"], features["mask"]
        alignment = Alignment(**{name: features[name] for name in ("window", "place", "token")})
        if len(states):
            embed, *project = self.embeddings
            states = embed(states, token_type_ids=features["segment"]) if self.segments else embed(states)
            for module in project:
                states = module(states)
            states = states if self.case is None else states + self.case(features["case"])
        else:
            states = torch.zeros(0, 0, self.widths[0], device=states.device)
        state = State(rows=rows, index=None, total=len(rows))
        return self._reached(state, Carry(states, mask, self._attention(states, mask), alignment))

    def step(self, state: State) -> State:
        """One block higher."""
        carry: Carry = state.carry
        states = carry.states
        if len(states):
            with reduced("bf16" if self.bf16 else "no", states.device):
                states = self._block(len(state.layers) - 1, states, carry.attention, state.condition)
        return self._reached(state, Carry(states, carry.mask, carry.attention, carry.alignment))

    def _block(self, number: int, states: Tensor, attention: Tensor | None, condition: str | None) -> Tensor:
        block = self.blocks[number]
        if self.conditioner is None or condition is None:
            return cast(Tensor, block(states, attention))
        weights = dict(self.conditioner.weights(number, block, condition))
        return self.conditioner.after(number, functional_call(block, weights, (states, attention)), condition)

    def narrow(self, state: State, keep: Tensor) -> State:
        """Go on with some of the texts only; the padding shrinks to what is left."""
        carry: Carry = state.carry
        alignment, windows = carry.alignment.narrow(keep, len(carry.mask))
        mask = carry.mask[windows]
        longest = int(mask.sum(1).max()) if len(mask) else 0
        states, mask = carry.states[windows, :longest], mask[:, :longest]
        return narrowed(state, keep, Carry(states, mask, self._attention(states, mask), alignment))

    def portions(self, state: State) -> list[State]:
        """Texts of like length together, in parts that stay in a CPU's cache and have little padding."""
        carry: Carry = state.carry
        if carry.mask.numel() <= PORTION or carry.mask.device.type != "cpu":
            return [state]
        text = torch.zeros(len(carry.mask), dtype=torch.long).index_copy(
            0, carry.alignment.window, state.rows.parent[carry.alignment.token]
        )
        lengths, pieces = torch.zeros(2, state.rows.size, dtype=torch.long).unbind(0)
        lengths = lengths.scatter_reduce(0, text, carry.mask.sum(1), "amax")
        pieces = pieces.index_add(0, text, torch.ones_like(text)) * lengths
        part = torch.zeros(state.rows.size, dtype=torch.long)
        number = held = 0
        for place in lengths.argsort(stable=True).tolist():
            size = int(pieces[place])
            number, held = (number + 1, size) if held and held + size > PORTION else (number, held + size)
            part[place] = number
        return [self.narrow(state, keep) for i in range(number + 1) if (keep := part[state.rows.parent] == i).any()]

    def _reached(self, state: State, carry: Carry) -> State:
        return state.reached(carry.alignment.pool(carry.states, len(state.rows)), carry)

    def _choose_attention(self, device: torch.device) -> None:
        # The fused attention of a CPU is quick forward, but slower than the plain one backward.
        if self.fused:
            plain = device.type == "cpu" and torch.is_grad_enabled()
            self.parts.config._attn_implementation = "eager" if plain else "sdpa"

    def _attention(self, states: Tensor, mask: Tensor) -> Tensor | None:
        from transformers.masking_utils import create_bidirectional_mask

        if not len(states):
            return None
        return create_bidirectional_mask(self.parts.config, states, mask)  # type: ignore[return-value] # no flex attention
