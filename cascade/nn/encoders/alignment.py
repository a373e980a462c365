"""Word pieces: tokens cut into pieces, texts read in overlapping windows, states of pieces pooled back to tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer
from torch import Tensor
from torch.nn import functional

from cascade.nn.encoders.base import Features

Indices = NDArray[np.int64]

QUESTION = 64
"""Pieces of a question that are read with each passage, at most (Hu et al. 2019, section 4.2)."""


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


@dataclass(frozen=True)
class _Window:
    """One window.

    Args:
        ids: Of its pieces, special ones among them.
        word: Number from 1 of the token of each piece, 0 for special ones. Shape: [pieces].
        second: Where the second text of a pair begins; the number of pieces where there is none.
    """

    ids: list[int]
    word: Indices
    second: int


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
        self.before, self.after = _special(tokenizer.encode(["a"], is_pretokenized=True))
        self.first, self.between, self.last = _special(tokenizer.encode(["a"], ["a"], is_pretokenized=True))
        self.size = window
        self.room = window - len(self.before) - len(self.after)
        self.pair_room = window - len(self.first) - len(self.between) - len(self.last)
        self.stride = min(stride, self.room)

    def features(self, texts: Sequence[Sequence[str]], pairs: Sequence[int] | None = None) -> Features:
        """Cut a batch into pieces, with one call of the tokenizer.

        Args:
            texts: The texts of a batch; any may be empty. A word may have no piece, such as one of white space.
            pairs: Places of texts that are read in one window with the text after them, where both fit into one; all
                other texts are left out. None: every text is read by itself.

        Returns:
            `ids`, shape [windows, longest]; `mask`, 1 where there is a piece, `segment`, 1 in the second text of a
            pair, and `word`, the number from 1 of the token that a piece is of, 0 for special pieces and padding, all
            of the same shape; and per piece of the texts, in order, the `window` where it is read, its `place` there,
            and its `token` among all tokens, shape [pieces]. All int64. A text without pieces has no window.
        """
        wanted = range(len(texts)) if pairs is None else {i for first in pairs for i in (first, first + 1)}
        encodings = self._encoded([text if i in wanted else () for i, text in enumerate(texts)])
        words = _tokens(encodings, texts)
        windows: list[_Window] = []
        read: list[Indices] = []
        joined = {i for i in pairs or () if 0 < len(encodings[i]) + len(encodings[i + 1]) <= self.pair_room}
        for number, (encoding, word) in enumerate(zip(encodings, words, strict=True)):
            if number in joined:
                places = self._join(windows, encoding.ids, encodings[number + 1].ids, word, words[number + 1])
                read.append(np.stack([*places, np.concatenate(words[number : number + 2])]))
            elif number - 1 not in joined:
                places = self._cut(windows, encoding.ids, word, before=self.before, after=self.after)
                read.append(np.stack([*places, word]))
        return self._features(windows, read)

    def asked(self, texts: Sequence[Sequence[str]], questions: Sequence[Sequence[str]]) -> Features:
        """Cut a batch of passages into pieces, each read in windows that begin with the question about it.

        Args:
            texts: The passages; any may be empty. A word may have no piece.
            questions: The question about each; of one of more than `QUESTION` pieces, the first of them are read.

        Returns:
            As `features`; the tokens of the questions are counted behind those of all texts, and have no piece in
            `window`, `place` and `token`.
        """
        different = {id(question): question for question in questions}
        encodings = self._encoded([*texts, *different.values()])
        cut = dict(zip(different, encodings[len(texts) :], strict=True))
        encodings = [*encodings[: len(texts)], *(cut[id(question)] for question in questions)]
        words = _tokens(encodings, [*texts, *questions])
        windows: list[_Window] = []
        read: list[Indices] = []
        for number in range(len(texts)):
            asking = len(texts) + number
            limit = min(QUESTION, self.pair_room // 2)
            question, asked = encodings[asking].ids[:limit], words[asking][:limit]
            before = [*self.first, *question, *self.between]
            told = np.pad(asked + 1, (len(self.first), len(self.between)))
            places = self._cut(windows, encodings[number].ids, words[number], before=before, told=told, after=self.last)
            read.append(np.stack([*places, words[number]]))
        return self._features(windows, read)

    def _encoded(self, texts: Sequence[Sequence[str]]) -> list[Encoding]:
        return self.tokenizer.encode_batch([*map(list, texts)], is_pretokenized=True, add_special_tokens=False)

    def _cut(
        self,
        windows: list[_Window],
        pieces: list[int],
        word: Indices,
        *,
        before: list[int],
        after: list[int],
        told: Indices | None = None,
    ) -> tuple[Indices, Indices]:
        """Add the windows over a text; where its pieces are read.

        Args:
            windows: The windows so far.
            pieces: Of the text.
            word: Token of each piece.
            before: Pieces at the beginning of every window.
            after: Pieces at its end.
            told: Number of the token of each of the pieces `before`, where these are a first text.
        """
        size, first = len(pieces), len(windows)
        room = self.size - len(before) - len(after)
        starts = window_starts(size, room=room, stride=max(1, self.stride - (self.room - room)))
        best = best_windows(starts, size)
        numbers_before = np.zeros(len(before), dtype=np.int64) if told is None else told
        for start in starts:
            ids = [*before, *pieces[start : start + room], *after]
            numbers = np.concatenate([numbers_before, np.pad(word[start : start + room] + 1, (0, len(after)))])
            windows.append(_Window(ids, numbers, len(ids) if told is None else len(before)))
        return best + first, np.arange(size) - starts[best] + len(before)

    def _join(
        self, windows: list[_Window], left: list[int], right: list[int], left_word: Indices, right_word: Indices
    ) -> tuple[Indices, Indices]:
        """Add the window over a pair; where the pieces of both texts are read."""
        second = len(self.first) + len(left) + len(self.between)
        ids = [*self.first, *left, *self.between, *right, *self.last]
        place = np.concatenate([np.arange(len(left)) + len(self.first), np.arange(len(right)) + second])
        word = np.zeros(len(ids), dtype=np.int64)
        word[place] = np.concatenate([left_word, right_word]) + 1
        windows.append(_Window(ids, word, second))
        return np.full(len(place), len(windows) - 1), place

    def _features(self, windows: list[_Window], read: list[Indices]) -> Features:
        """What `features` gives, of the windows, and of the window, place and token of the pieces of every text."""
        window, place, token = np.concatenate([np.zeros((3, 0), dtype=np.int64), *read], axis=1)
        parts = {**self._padded(windows), "window": window, "place": place, "token": token}
        return {name: torch.as_tensor(part, dtype=torch.long) for name, part in parts.items()}

    def _padded(self, windows: list[_Window]) -> dict[str, Indices]:
        lengths = np.array([len(window.ids) for window in windows], dtype=np.int64)
        seconds = np.array([window.second for window in windows], dtype=np.int64)
        places = np.arange(lengths.max(initial=0))
        mask = places < lengths[:, None]
        ids = np.full(mask.shape, self.padding, dtype=np.int64)
        ids[mask] = [piece for window in windows for piece in window.ids]
        word = np.zeros_like(ids)
        word[mask] = np.concatenate([window.word for window in windows]) if windows else 0
        segment = mask & (places >= seconds[:, None])
        return {"ids": ids, "mask": mask.astype(np.int64), "word": word, "segment": segment.astype(np.int64)}


def _tokens(encodings: Sequence[Encoding], texts: Sequence[Sequence[str]]) -> list[Indices]:
    """Of every text the token of each piece, counted through all texts."""
    firsts = np.cumsum([0, *map(len, texts)])
    return [np.array(e.word_ids, dtype=np.int64) + i for e, i in zip(encodings, firsts, strict=False)]


def _special(sample: Encoding) -> list[list[int]]:
    """The special pieces before, between and behind the texts of an encoding."""
    runs: list[list[int]] = [[]]
    for piece, text in zip(sample.ids, sample.sequence_ids, strict=True):
        if text is None:
            runs[-1].append(piece)
        elif text == len(runs) - 1:
            runs.append([])
    return runs


@dataclass(frozen=True)
class Alignment:
    """Where the pieces of tokens stand in the windows of a batch; see `WordPieces.features`.

    Args:
        window: Window of each piece. Shape: [pieces].
        place: Place of each piece in its window. Shape: [pieces].
        token: Row of the token of each piece, non-decreasing. Shape: [pieces].
    """

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

    def narrow(self, tokens: Tensor, windows: int) -> tuple[Alignment, Tensor]:
        """The alignment of the token rows that stay and of the windows that they are read in, numbered anew.

        Args:
            tokens: Shape: [token rows], bool.
            windows: Number of windows.

        Returns:
            The alignment, and the windows that stay, shape [windows], bool.
        """
        pieces = tokens[self.token]
        kept = torch.zeros(windows, dtype=torch.bool, device=tokens.device)
        kept[self.window[pieces]] = True
        alignment = Alignment(
            window=(kept.cumsum(0) - 1)[self.window[pieces]],
            place=self.place[pieces],
            token=(tokens.cumsum(0) - 1)[self.token[pieces]],
        )
        return alignment, kept
