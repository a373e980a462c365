from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.pipeline._edit_tree_internals.edit_trees import EditTrees
from spacy.strings import StringStore

from cascade.tasks.edit_trees import Forest, edit_tree

words = st.text(alphabet="abcdeAÄß'’-", max_size=7)


@pytest.mark.parametrize(
    ("form", "lemma", "tree"),
    [
        ("cats", "cat", [0, 1, None, ["s", ""]]),
        ("is", "be", ["is", "be"]),
        ("", "", [0, 0, None, None]),
        ("same", "same", [0, 0, None, None]),
        ("gegooid", "gooien", [2, 1, ["ge", ""], ["d", "en"]]),
        ("São", "são", [1, 0, ["S", "s"], None]),
    ],
)
def test_trees_are_written_as_lists(form: str, lemma: str, tree: list[object]) -> None:
    assert json.loads(edit_tree(form, lemma)) == tree


@given(st.lists(st.tuples(words, words), min_size=1, max_size=6), words)
def test_a_forest_made_of_labels_applies_trees_as_spacy_does(pairs: list[tuple[str, str]], other: str) -> None:
    trees = EditTrees(StringStore())
    forest = Forest([edit_tree(form, lemma) for form, lemma in pairs])
    for i, (form, lemma) in enumerate(pairs):
        assert forest.apply(i, form) == lemma
        assert forest.apply(i, other) == trees.apply(trees.add(form, lemma), other)


def test_one_rule_is_one_tree() -> None:
    assert edit_tree("cats", "cat") == edit_tree("dogs", "dog") == '[0,1,null,["s",""]]'
