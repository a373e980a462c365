"""Word pieces: tokens cut into pieces, texts read in overlapping windows, states of pieces pooled back to tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from cascade.nn.encoders.base import Features

Indices = NDArray[np.int64]


def window_starts(pieces: int, *, room: int, stride: int) -> Indices:
    """Where the windows over a text begin; the last one ends where the text ends. Shape: [windows].

    Args:
        pieces: Pieces of the text.
        room: Pieces that one window holds.
        stride: Pieces from one start to the next.
    """
    last = max(pieces - room, 0)
    return np.append(np.arange(0, last, stride), last) if pieces else np.zeros(0, dtype=np.int64)


def best_windows(starts: Indices, pieces: int) -> Indices:
    """The window in which each piece stands farthest from an edge, where it has most context on its poorer side.

    All windows of a text being equally long, that is the one whose centre is nearest. Shape: [pieces].
    """
    size = pieces - starts[-1] if pieces else 0
    borders = (starts[1:] + starts[:-1] + size - 1) / 2
    return np.searchsorted(borders, np.arange(pieces))


class WordPieces:
    """Texts of words as padded windows of word pieces.

    Args:
        tokenizer: Its own truncation and padding are not used.
        padding: Id of the padding piece.
        window: Pieces per window, with the special ones that the model expects around every text.
        stride: Pieces from the start of one window to the start of the next, at most.
    """

    def __init__(self, tokenizer: Tokenizer, *, padding: int, window: int, stride: int) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.tokenizer, self.padding = tokenizer, padding
        sample = tokenizer.encode(["a"], is_pretokenized=True)
        first = sample.special_tokens_mask.index(0)
        last = len(sample) - sample.special_tokens_mask[::-1].index(0)
        self.before, self.after = sample.ids[:first], sample.ids[last:]
        self.room = window - len(self.before) - len(self.after)
        self.stride = min(stride, self.room)

    def features(self, texts: Sequence[Sequence[str]]) -> Features:
        """Cut a batch into pieces, with one call of the tokenizer.

        Args:
            texts: The texts of a batch; any may be empty. A word may have no piece, such as one of white space.

        Returns:
            `ids`, shape [windows, longest]; `mask`, 1 where there is a piece, same shape; `text` of each window, shape
            [windows]; and per piece of the texts, in order, the `window` where it is read, its `place` there, and its
            `token` among all tokens, shape [pieces]. All int64. A text without pieces has no window.
        """
        encodings = self.tokenizer.encode_batch(
            [list(t) for t in texts], is_pretokenized=True, add_special_tokens=False
        )
        rows: list[list[int]] = []
        owners: list[int] = []
        read = [np.zeros((3, 0), dtype=np.int64)]
        first = 0
        for number, (text, encoding) in enumerate(zip(texts, encodings, strict=True)):
            pieces, size = encoding.ids, len(encoding)
            starts = window_starts(size, room=self.room, stride=self.stride)
            best = best_windows(starts, size)
            place = np.arange(size) - starts[best] + len(self.before)
            token = np.array(encoding.word_ids, dtype=np.int64) + first
            read.append(np.stack([best + len(rows), place, token]))
            rows += [[*self.before, *pieces[start : start + self.room], *self.after] for start in starts]
            owners += [number] * len(starts)
            first += len(text)
        window, place, token = np.concatenate(read, axis=1)
        ids, mask = self._padded(rows)
        parts = {"ids": ids, "mask": mask, "text": owners, "window": window, "place": place, "token": token}
        return {name: torch.as_tensor(part, dtype=torch.long) for name, part in parts.items()}

    def _padded(self, rows: list[list[int]]) -> tuple[Indices, Indices]:
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        mask = np.arange(lengths.max(initial=0)) < lengths[:, None]
        ids = np.full(mask.shape, self.padding, dtype=np.int64)
        ids[mask] = [piece for row in rows for piece in row]
        return ids, mask.astype(np.int64)


@dataclass(frozen=True)
class Alignment:
    """Where the pieces of tokens stand in the windows of a batch; see `WordPieces.features`.

    Args:
        text: Text of each window. Shape: [windows].
        window: Window of each piece. Shape: [pieces].
        place: Place of each piece in its window. Shape: [pieces].
        token: Row of the token of each piece, non-decreasing. Shape: [pieces].
    """

    text: Tensor
    window: Tensor
    place: Tensor
    token: Tensor

    def pool(self, states: Tensor, tokens: int) -> Tensor:
        """The mean over a token's pieces, as float32; zero for a token without any.

        Args:
            states: Shape: [windows, longest, width].
            tokens: Number of token rows.

        Returns:
            Shape: [tokens, width].
        """
        counts = self.token.bincount(minlength=tokens)
        cells = self.window * states.shape[1] + self.place
        flat = states.flatten(0, 1).float()
        return functional.embedding_bag(cells, flat, counts.cumsum(0) - counts, mode="mean")

    def narrow(self, windows: Tensor, tokens: Tensor) -> Alignment:
        """The alignment of the windows and token rows that stay, numbered anew.

        Args:
            windows: Shape: [windows], bool.
            tokens: Shape: [token rows], bool.
        """
        pieces = tokens[self.token]
        return Alignment(
            text=self.text[windows],
            window=(windows.cumsum(0) - 1)[self.window[pieces]],
            place=self.place[pieces],
            token=(tokens.cumsum(0) - 1)[self.token[pieces]],
        )
