from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.pipeline._edit_tree_internals.edit_trees import EditTrees
from spacy.strings import StringStore

from cascade.tasks.edit_trees import Forest, edit_tree, lemma_rule

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


@pytest.mark.parametrize(
    ("form", "lemma", "rule"),
    [
        ("the", "the", "lower:[0,0,null,null]"),
        ("The", "the", "lower:[0,0,null,null]"),
        ("NEWS", "news", "lower:[0,0,null,null]"),
        ("Cats", "cat", 'lower:[0,1,null,["s",""]]'),
        ("42", "42", "lower:[0,0,null,null]"),
        ("i", "I", "title:[0,0,null,null]"),
        ("MARA", "Mara", "title:[0,0,null,null]"),
        ("Mara", "Mara", "[0,0,null,null]"),
        ("NATO", "NATO", "[0,0,null,null]"),
        ("iPads", "iPad", '[0,1,null,["s",""]]'),
    ],
)
def test_capitals_are_apart_from_the_tree(form: str, lemma: str, rule: str) -> None:
    assert lemma_rule(form, lemma) == rule
    assert Forest([rule]).apply(0, form) == lemma


mixed = st.text(alphabet="abABÄäßIiİ'1", min_size=1, max_size=6)


@given(mixed, mixed)
def test_a_rule_makes_the_lemma_it_was_made_for(form: str, lemma: str) -> None:
    assert Forest([lemma_rule(form, lemma)]).apply(0, form) == lemma


def test_one_rule_fits_words_of_any_case() -> None:
    forest = Forest([lemma_rule("See", "see"), lemma_rule("DELTA", "Delta")])
    assert [forest.apply(0, form) for form in ("Keep", "WHO", "that")] == ["keep", "who", "that"]
    assert [forest.apply(1, form) for form in ("taco", "TEXAS")] == ["Taco", "Texas"]
