"""Dependency parsing: a head and a relation for every token."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, cast

import numpy as np
import torch
from spacy.attrs import DEP, HEAD
from spacy.scorer import Scorer
from spacy.tokens import Doc, Token
from spacy.training import Example
from torch import Tensor
from torch.nn import functional

from cascade import docs as documents
from cascade.data.batches import Targets
from cascade.nn.decoders.arcs import ArcDecoder, Biaffine, HeadSelection
from cascade.nn.decoders.base import Decoder, Output
from cascade.nn.recalibration import Method, Recalibration
from cascade.nn.rows import MISSING, Rows
from cascade.nn.structs import trees
from cascade.tasks.base import Predictions, Task, require_choices, require_ranges

Decoders = Literal["biaffine", "selection"]

ROOT = "ROOT"
SPACE = "dep"
"""Relation of white-space tokens, as spaCy's parser sets it."""


@dataclass(kw_only=True)
class Parsing(Task):
    """Predicts a tree over every segment (or text).

    Args:
        name: See `Task`.
        layer: See `Task`.
        decoder: `biaffine` (Dozat and Manning 2017) or `selection` (Hashimoto et al. 2017, section 2.4).
        projective: Whether trees have to be projective.
        hidden: Width of the arc representations (biaffine) or of the relation classifier (selection).
        relations: Width of the relation representations (biaffine).
        dropout: Share of values dropped in the decoder in training.

    Raises:
        GraphError: `decoder` is none of its words, or a number is out of range.
    """

    decoder: Decoders = "biaffine"
    projective: bool = False
    hidden: int = 500
    relations: int = 100
    dropout: float = 0.33
    calibrations: ClassVar[tuple[Method, ...]] = ("temperature",)
    main_score: ClassVar[str | None] = "dep_las"

    def __post_init__(self) -> None:
        require_choices(self, decoder=Decoders)
        require_ranges(self, sizes=("hidden", "relations"), shares=("dropout",))

    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        """Every relation that occurs."""
        return sorted({relation for doc in docs for relation in _relations(doc) if relation is not None})

    def build(self, width: int, labels: Sequence[str]) -> Decoder:
        """The decoder named by `decoder`."""
        if self.decoder == "selection":
            return HeadSelection(width, hidden=self.hidden, classes=len(labels), dropout=self.dropout)
        return Biaffine(width, arcs=self.hidden, relations=self.relations, classes=len(labels), dropout=self.dropout)

    def blank(self, rows: int) -> Targets:
        """No head, no relation."""
        return {name: np.full(rows, MISSING, dtype=np.int64) for name in ("head", "label")}

    def targets(self, doc: Doc) -> Targets | None:
        """Heads as row offsets (0: the root) and relations; None where no token has a relation.

        spaCy has no head without a relation, so a token without one has no gold; nor has one that hangs on white space.
        """
        places, relations = documents.tokens(doc), _relations(doc)
        if all(relation is None for relation in relations):
            return None
        rows = np.full(len(doc), -1, dtype=np.int64)
        rows[places] = np.arange(len(places))
        heads = rows[places + doc.to_array(HEAD).astype(np.int64)[places]]
        known = (heads >= 0) & np.array([relation is not None for relation in relations])
        return {"head": np.where(known, heads - np.arange(len(places)), MISSING), "label": self.ids(relations)}

    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """-log p(head) - log p(relation | gold head), each the mean over its rows with gold.

        A head outside the row's segment gives no loss.
        """
        total = output.scores["arcs"].new_zeros(())
        for logits, gold in self._questions(output, targets):
            losses = functional.cross_entropy(logits, gold, ignore_index=MISSING, reduction="sum")
            total = total + losses / (gold != MISSING).sum().clamp(min=1)
        return total

    def surprisal(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """-log p(head) of every row and -log p(relation | gold head); see `Task`."""
        asked = self._questions(output, targets)
        return torch.cat(
            [
                functional.cross_entropy(logits, gold, ignore_index=MISSING, reduction="none")[gold != MISSING]
                for logits, gold in asked
            ]
        )

    def _questions(self, output: Output, targets: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Logits and gold of heads, and of relations given the gold heads. Shapes: [rows, classes], [rows]."""
        rows, decoder = output.rows, cast(ArcDecoder, output.decoder)
        heads, known = inside(targets["head"], rows)
        counted = known & rows.alive
        relations = decoder.relations(dict(output.scores), rows, heads)
        return [
            (output.scores["arcs"], torch.where(counted, heads, MISSING)),
            (relations, torch.where(counted, targets["label"], MISSING)),
        ]

    def calibrated(self, output: Output, by: Recalibration) -> Output:
        """The same with the scores of arcs and relations divided by the temperature."""
        return replace(output, scores=cast(ArcDecoder, output.decoder).cooled(output.scores, by.temperature))

    def distribution(self, output: Output) -> Tensor:
        """Relations with the head summed out."""
        return cast(ArcDecoder, output.decoder).expected_relations(dict(output.scores), output.rows)

    def distributions(self, output: Output) -> dict[str, Tensor]:
        """Relations and heads; a head's number is its place in the segment, 0 the root."""
        return {**super().distributions(output), "head": output.scores["arcs"].softmax(-1)}

    def decode(self, output: Output) -> Predictions:
        """The best single-root tree of every segment."""
        rows, scores = output.rows, output.scores["arcs"]
        found = trees.decode_batch(scores, rows.lengths, projective=self.projective)
        heads = torch.as_tensor(found, device=scores.device)
        arc = scores.softmax(-1).gather(1, heads[:, None]).squeeze(1)
        logits = cast(ArcDecoder, output.decoder).relations(dict(output.scores), rows, heads)
        probability, label = self._rooted(logits, heads).softmax(-1).max(-1)
        offset = torch.where(heads == 0, 0, heads - 1 - rows.position)
        return {
            "head": offset.cpu().numpy(),
            "label": label.cpu().numpy(),
            "probability": (arc * probability).cpu().numpy(),
        }

    def _rooted(self, logits: Tensor, heads: Tensor) -> Tensor:
        """The root relation belongs to the root's dependent and to no other."""
        if ROOT not in self.vocabulary or len(self.vocabulary) == 1:
            return logits
        is_root = torch.arange(len(self.vocabulary), device=logits.device) == self.vocabulary.index(ROOT)
        return logits.masked_fill(is_root != (heads == 0)[:, None], float("-inf"))

    def annotate(self, doc: Doc, predictions: Predictions, *, overwrite: bool = True) -> dict[str, Any]:
        """Set heads and relations; a white-space token depends on the word before it, or else on the first one."""
        if len(doc) and (overwrite or not doc.has_annotation("DEP")):
            places, numbers = documents.tokens(doc), np.arange(len(doc))
            words = np.sort(places) if len(places) else numbers[:1]
            heads = words[np.maximum(np.searchsorted(words, numbers, side="right") - 1, 0)]
            heads[places] = places[np.arange(len(places)) + predictions["head"]]
            add = doc.vocab.strings.add
            labels = np.full(len(doc), add(SPACE), dtype=np.uint64)
            labels[places] = documents.lookup(predictions["label"], lambda number: add(self.vocabulary[number]))
            documents.assign(doc, [HEAD, DEP], np.stack([(heads - numbers).astype(np.uint64), labels], axis=1))
        return {"probabilities": predictions["probability"]}

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """`dep_uas`, `dep_las`, `dep_las_per_type`; punctuation does not count, as in spaCy's own parser score."""
        scores: dict[str, Any] = Scorer.score_deps(examples, "dep", getter=_lower, ignore_labels=("p", "punct"))
        return scores


def _relations(doc: Doc) -> list[str | None]:
    """Relations of the rows; None where there is none."""
    values = doc.to_array(DEP)[documents.tokens(doc)].tolist()
    names = {value: doc.vocab.strings[value] or None for value in set(values)}
    return [names[value] for value in values]


def _lower(token: Token, attribute: str) -> str:
    name: str = token.vocab.strings[getattr(token, attribute)]
    return name.lower()


def inside(offsets: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
    """Places of the heads in their groups, and the rows whose head is known and in their own group.

    Args:
        offsets: Gold heads as `Parsing.targets` has them. Shape: [rows].
        rows: The rows, grouped by segment.

    Returns:
        Places from 1, 0 for the root and for what is not known; and what is. Shapes: [rows], the second bool.
    """
    head = torch.where(offsets == 0, 0, rows.position + offsets + 1)
    known = (offsets != MISSING) & (head >= 0) & (head <= rows.lengths[rows.group])
    known &= (offsets == 0) | (head >= 1)
    return torch.where(known, head, 0), known
