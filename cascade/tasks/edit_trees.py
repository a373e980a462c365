"""Edit trees as strings: how a form becomes its lemma (Chrupała 2008, section 5.5; Müller et al. 2015, section 3).

The trees are spaCy's; what is added here is a form of a tree that can be a label. A tree is nested JSON: a match of the
middle is `[prefix length, suffix length, prefix tree, suffix tree]`, null where a side is kept as it is, and the
replacement of a whole string is `[original, substitute]`.

Capitals are apart from the tree, since "The" and "See" become "the" and "see" by one rule, whatever their letters:
`lower:` in front of a tree lowers the form first, `title:` besides gives what the tree makes a capital.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from spacy.pipeline._edit_tree_internals.edit_trees import EditTrees
from spacy.strings import StringStore

NO_TREE = 2**32 - 1
"""spaCy's number for a side that is kept."""

LOWER, TITLE = "lower:", "title:"


@lru_cache(maxsize=2**16)
def lemma_rule(form: str, lemma: str) -> str:
    """The rule that makes a lemma of a form: a tree, behind `lower:` or `title:` where capitals change or are none."""
    if lemma == lemma.lower():
        return LOWER + edit_tree(form.lower(), lemma)
    if lemma == _title(lemma.lower()) and form != _title(form):
        return TITLE + edit_tree(form.lower(), lemma.lower())
    return edit_tree(form, lemma)


def edit_tree(form: str, lemma: str) -> str:
    """The tree that makes a lemma of a form."""
    strings = StringStore()
    trees = EditTrees(strings)

    def nested(number: int) -> list[Any] | None:
        if number == NO_TREE:
            return None
        node = trees[number]
        if "orig" in node:
            return [strings[node["orig"]], strings[node["subst"]]]
        return [node["prefix_len"], node["suffix_len"], nested(node["prefix_tree"]), nested(node["suffix_tree"])]

    return json.dumps(nested(trees.add(form, lemma)), ensure_ascii=False, separators=(",", ":"))


class Forest:
    """Rules that are known by their number.

    Args:
        labels: Rules as `lemma_rule` writes them.

    Raises:
        ValueError: A label is no rule.
    """

    def __init__(self, labels: Iterable[str]) -> None:
        self._strings = StringStore()
        self._trees = EditTrees(self._strings)
        nodes: list[dict[str, int]] = []
        split = [_split(label) for label in labels]
        self._casings = [casing for casing, _ in split]
        self._roots = [self._add(json.loads(tree), nodes) for _, tree in split]
        self._trees.from_json(nodes)
        self.apply = lru_cache(maxsize=2**15)(self._apply)
        """The lemma by the number of a rule and a form; None where the tree does not fit. It knows its last answers."""

    def _apply(self, number: int, form: str) -> str | None:
        casing = self._casings[number]
        lemma: str | None = self._trees.apply(self._roots[number], form.lower() if casing else form)
        return _title(lemma) if lemma and casing == TITLE else lemma

    def _add(self, tree: list[Any] | None, nodes: list[dict[str, int]]) -> int:
        if tree is None:
            return NO_TREE
        if len(tree) == 2:
            nodes.append({"orig": self._strings.add(tree[0]), "subst": self._strings.add(tree[1])})
        else:
            prefix, suffix = (self._add(side, nodes) for side in tree[2:])
            nodes.append({"prefix_len": tree[0], "suffix_len": tree[1], "prefix_tree": prefix, "suffix_tree": suffix})
        return len(nodes) - 1


def _split(label: str) -> tuple[str, str]:
    casing = next((casing for casing in (LOWER, TITLE) if label.startswith(casing)), "")
    return casing, label.removeprefix(casing)


def _title(word: str) -> str:
    return word[:1].upper() + word[1:].lower()
