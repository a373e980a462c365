"""Dependency trees from arc scores, in numpy.

The words of a sentence are numbered from 1 to n; 0 is the root. ``scores[d, h]`` is the score of word ``d`` having the
head ``h``, in an array ``[n + 1, n + 1]`` whose row 0 and diagonal are ignored. Scores of arcs are added. A score of
-inf forbids an arc: a tree then has as few forbidden arcs as can be, and among those trees the highest score. NaN and
+inf raise a ModelError.

Heads are arrays ``[n]`` as in the HEAD column of CoNLL-U: ``heads[d - 1]`` is the head of word ``d``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from ufal.chu_liu_edmonds import chu_liu_edmonds

from cascade.errors import ModelError

Heads = NDArray[np.int64]
Scores = NDArray[Any] | Tensor

PADDING = -1
"""The head of a position behind the end of its sentence."""


def decode(scores: Scores, *, projective: bool = False) -> Heads:
    """The best tree with a single root.

    Args:
        scores: Arc scores ``[n + 1, n + 1]``.
        projective: Whether arcs must not cross.

    Returns:
        Heads ``[n]``.

    Raises:
        ModelError: If the scores are not square, or one of them is NaN or +inf.
    """
    _check_shape(scores.shape)
    return decode_batch(scores[1:], [len(scores) - 1], projective=projective)


def decode_batch(scores: Scores, lengths: ArrayLike | Tensor, *, projective: bool = False) -> Heads:
    """The best tree with a single root for each sentence of a batch.

    The best head of every word is taken first. Most sentences are well-formed then, which is tested for all of them at
    once; only the others go through `maximum_spanning_tree` or `eisner`.

    Args:
        scores: Arc scores of the words of all sentences, one sentence after another, ``[n, L + 1]``; what lies beyond a
            sentence is ignored.
        lengths: Words of each sentence ``[b]``.
        projective: Whether arcs must not cross.

    Returns:
        Heads ``[n]``.

    Raises:
        ModelError: If one of the scores is NaN or +inf.
    """
    table = _to_numpy(scores)
    sizes = np.asarray(lengths.cpu() if isinstance(lengths, Tensor) else lengths, dtype=np.int64)
    starts = np.cumsum(sizes) - sizes
    places = np.arange(len(table)) - np.repeat(starts, sizes)
    heads = _best_heads(table, places, np.repeat(sizes, sizes))
    padded = np.full((len(sizes), int(sizes.max(initial=0))), PADDING)
    padded[np.repeat(np.arange(len(sizes)), sizes), places] = heads
    good = are_trees(padded, sizes)
    if projective:
        good[good] = are_projective(padded[good])
    search = eisner if projective else maximum_spanning_tree
    for start, size in zip(starts[~good].tolist(), sizes[~good].tolist(), strict=True):
        heads[start : start + size] = search(np.pad(table[start : start + size, : size + 1], ((1, 0), (0, 0))))
    return heads


def greedy(scores: Scores) -> Heads:
    """The best head of every word by itself, whether or not this makes a tree.

    Args:
        scores: Arc scores ``[n + 1, n + 1]``.

    Returns:
        Heads ``[n]``.

    Raises:
        ModelError: If the scores are not square, or one of the best is NaN or +inf.
    """
    _check_shape(scores.shape)
    words = np.arange(len(scores) - 1)
    return _best_heads(_to_numpy(scores)[1:], words, np.full(len(words), len(words)))


def is_tree(heads: ArrayLike, *, single_root: bool = True) -> bool:
    """Whether every word reaches the root.

    Args:
        heads: Heads ``[n]``.
        single_root: Whether exactly one word must hang on the root.
    """
    row = np.asarray(heads, dtype=np.int64)
    return bool(are_trees(row[None], np.array([len(row)]), single_root=single_root)[0])


def are_trees(heads: Heads, lengths: NDArray[np.int64], *, single_root: bool = True) -> NDArray[np.bool_]:
    """Whether every word of a sentence reaches the root, for a batch. A sentence without words is a tree.

    Each round of pointer jumping doubles the distance that is looked at, so that ceil(log2(L)) rounds suffice.

    Args:
        heads: Heads ``[b, L]``.
        lengths: Words of each sentence ``[b]``.
        single_root: Whether exactly one word must hang on the root.

    Returns:
        Boolean ``[b]``.
    """
    batch, longest = heads.shape
    words = np.arange(longest) < lengths[:, None]
    legal = ((heads >= 0) & (heads <= lengths[:, None])) | ~words
    ancestors = np.zeros((batch, longest + 1), dtype=np.int64)
    ancestors[:, 1:] = np.where(words & legal, heads, 0)
    for _ in range(int(longest).bit_length()):
        ancestors = np.take_along_axis(ancestors, ancestors, axis=1)
    trees: NDArray[np.bool_] = np.all(legal, axis=1) & ~np.any(ancestors, axis=1)
    if single_root:
        trees &= ((heads == 0) & words).sum(1) == np.minimum(lengths, 1)
    return trees


def are_projective(heads: Heads) -> NDArray[np.bool_]:
    """Whether no two arcs of a sentence cross, arcs from the root included, for a batch of trees.

    Args:
        heads: Heads ``[b, L]``, padded with `PADDING`.

    Returns:
        Boolean ``[b]``.
    """
    words = np.arange(1, heads.shape[1] + 1)
    present = heads != PADDING
    left = np.where(present, np.minimum(heads, words), 0)[:, :, None]
    right = np.where(present, np.maximum(heads, words), 0)[:, :, None]
    begins_inside = (left < left.mT) & (left.mT < right)
    crossing: NDArray[np.bool_] = np.any(begins_inside & (right < right.mT), axis=(1, 2))
    return ~crossing


def maximum_spanning_tree(scores: Scores, *, single_root: bool = True) -> Heads:
    """The tree of the highest score, crossing arcs allowed (Chu and Liu 1965, Edmonds 1967; McDonald et al. 2005).

    A single root is enforced exactly: a penalty p on the arcs from the root takes k * p from a tree of k roots. Where p
    exceeds the lead of the best tree over some tree of a single root, trees of several roots cannot win, and among the
    others all lose the same (after Stanojević and Cohen 2021, "A Root of a Problem", with a smaller p, which costs less
    precision).

    Args:
        scores: Arc scores ``[n + 1, n + 1]``.
        single_root: Whether exactly one word must hang on the root.

    Returns:
        Heads ``[n]``.

    Raises:
        ModelError: If the scores are not square, or one of them is NaN or +inf.
    """
    table = _finite(scores)
    heads, best = _edmonds(table)
    roots = np.flatnonzero(heads == 0) + 1
    if len(roots) < 2 or not single_root:
        return heads
    rooted = table.copy()
    rooted[:, 0] = -np.inf
    root = roots[table[roots, 0].argmax()]
    rooted[root, 0] = table[root, 0]
    table[:, 0] -= 1.0 + 2.0 * (best - _edmonds(rooted)[1])
    return _edmonds(table)[0]


def eisner(scores: Scores) -> Heads:
    """The projective tree of the highest score with a single root (Eisner 1996), in O(n^3).

    The chart is filled for the words alone; the root then takes the word whose two half trees and root arc are best.
    Splits of all spans of one width are compared at once. To make this a matter of plain slices, spans are kept by
    start where they stand on the left of a split and by end where they stand on its right; the second index is the
    width.

    Args:
        scores: Arc scores ``[n + 1, n + 1]``.

    Returns:
        Heads ``[n]``.

    Raises:
        ModelError: If the scores are not square, or one of them is NaN or +inf.
    """
    table = _finite(scores)
    n = len(table) - 1
    if not n:
        return np.zeros(0, dtype=np.int64)
    arcs = table[1:, 1:]
    # Right spans have their head at the start, left ones at the end; open ones lack the far half of the dependent.
    right_by_start, right_by_end, left_by_start, left_by_end = np.zeros((4, n, n))
    open_right_by_start, open_left_by_end = np.zeros((2, n, n))
    splits = np.zeros((3, n, n), dtype=np.int64)
    for width in range(1, n):
        starts, ends = slice(0, n - width), slice(width, n)
        chosen = splits[:, starts, width]
        joined = _join(right_by_start[starts, :width], left_by_end[ends, :width], chosen[_OPEN])
        open_right_by_start[starts, width] = joined + arcs.diagonal(-width)
        open_left_by_end[ends, width] = joined + arcs.diagonal(width)
        right = _join(open_right_by_start[starts, 1 : width + 1], right_by_end[ends, :width], chosen[_RIGHT])
        left = _join(left_by_start[starts, :width], open_left_by_end[ends, 1 : width + 1], chosen[_LEFT])
        right_by_start[starts, width] = right_by_end[ends, width] = right
        left_by_start[starts, width] = left_by_end[ends, width] = left
    words = np.arange(n)
    root = int((left_by_start[0] + right_by_start[words, n - 1 - words] + table[1:, 0]).argmax())
    return _backtrack(splits, root)


_OPEN, _RIGHT, _LEFT = range(3)


def _join(left: NDArray[Any], right: NDArray[Any], chosen: NDArray[np.int64]) -> NDArray[Any]:
    """Scores of the best splits into a left part (by width) and a right one (its width is the rest); notes them."""
    sums = left + right[:, ::-1]
    sums.argmax(1, out=chosen)
    best: NDArray[Any] = np.take_along_axis(sums, chosen[:, None], 1)[:, 0]
    return best


def _backtrack(splits: NDArray[np.int64], root: int) -> Heads:
    heads = np.zeros(len(splits[0]), dtype=np.int64)
    agenda = [(0, root, _LEFT), (root, len(heads) - 1, _RIGHT)]
    while agenda:
        start, end, kind = agenda.pop()
        if start == end:
            continue
        split = int(splits[kind, start, end - start])
        if kind == _RIGHT:
            dependent = start + 1 + split
            heads[dependent] = start + 1
            agenda += [(start, dependent, _OPEN), (dependent, end, _RIGHT)]
        elif kind == _LEFT:
            dependent = start + split
            heads[dependent] = end + 1
            agenda += [(start, dependent, _LEFT), (dependent, end, _OPEN)]
        else:
            agenda += [(start, start + split, _RIGHT), (start + split + 1, end, _LEFT)]
    return heads


def _edmonds(table: NDArray[np.float64]) -> tuple[Heads, float]:
    heads, total = chu_liu_edmonds(table)
    return np.array(heads[1:], dtype=np.int64), float(total)


def _best_heads(table: NDArray[Any], places: NDArray[np.int64], sizes: NDArray[np.int64]) -> Heads:
    """The best head of every word, by its place in its sentence, from 0, and the size of that."""
    columns = np.arange(table.shape[1])
    arcs = np.where((columns > sizes[:, None]) | (columns == places[:, None] + 1), -np.inf, table)
    heads: Heads = arcs.argmax(1)
    # argmax stops at the first NaN, so that the best score shows every kind of bad score.
    if not (np.take_along_axis(arcs, heads[:, None], 1) < np.inf).all():
        raise _not_a_number()
    return heads


def _finite(scores: Scores) -> NDArray[np.float64]:
    """A copy whose forbidden arcs cost more than all that a tree can gain by them."""
    _check_shape(scores.shape)
    table = np.array(_to_numpy(scores), dtype=np.float64)
    table[0], table[np.diag_indices(len(table))] = -np.inf, -np.inf
    if not (table < np.inf).all():
        raise _not_a_number()
    used = table[np.isfinite(table)]
    low, high = (used.min(), used.max()) if used.size else (0.0, 0.0)
    arcs = ~np.eye(len(table), dtype=bool)
    arcs[0] = False
    table[arcs & np.isneginf(table)] = low - len(table) * (high - low) - 1.0
    return table


def _to_numpy(scores: Scores) -> NDArray[Any]:
    if not isinstance(scores, Tensor):
        return scores
    wide: NDArray[Any] = scores.detach().cpu().to(torch.promote_types(scores.dtype, torch.float32)).numpy()
    return wide


def _check_shape(shape: Sequence[int]) -> None:
    if len(shape) != 2 or shape[0] != shape[1] or not shape[0]:
        raise ModelError(
            f"Arc scores must be square, words and root by words and root, but a sentence came as {tuple(shape)}. "
            "Add the root as index 0 of both axes."
        )


def _not_a_number() -> ModelError:
    return ModelError(
        "Arc scores must be below +inf, but NaN or +inf came. The weights have probably diverged: train again with a "
        "lower learning rate or with gradient clipping. To forbid an arc, give it -inf."
    )
