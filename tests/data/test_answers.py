from __future__ import annotations

import re
import string
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.data.answers import NORMALIZERS, exact_match, normalize_squad, overlap_f1, token_f1

# Few words, so that examples share some; with articles, punctuation and empty texts among them.
WORDS = st.sampled_from(["a", "The", "tin", "Tin,", "kettle", "kettle's", "an", "…", ".", "ö", "  "])
TEXTS = st.lists(WORDS, max_size=5).map(" ".join)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("squad", "The  Tin-Kettle's\tlid, a.k.a. “lid”", "tinkettles lid aka “lid”"),
        ("squad", "theatre an-other A", "theatre another"),
        ("squad", "3.5%", "35"),
        ("squad", "The.", ""),
        ("squad", "Él A\u0301", "él \u0301"),
        ("triviaqa", "The_Tin-Kettle’s lid", "tin kettle s lid"),
        ("triviaqa", "A.B. ‘C’ ´d` “e”", "b c d “e”"),
        ("mlqa-en", "The “tin”—kettle", "tinkettle"),
        ("mlqa-de", "Der Kessel und die, dem Deckel", "kessel und deckel"),
        ("mlqa-es", "¿El gato y las «tazas»?", "gato y tazas"),
        ("mlqa-vi", "những con mèo của tôi", "con mèo tôi"),
        ("mlqa-hi", "the चाय।", "the चाय"),
        ("mlqa-ar", "القط", "قط"),
        ("mlqa-zh", "红色 tea壶，the", "红 色 tea 壶 the"),
        ("characters", "「お茶」\u3000Tea", "お 茶 t e a"),
    ],
)
def test_normalised(name: str, text: str, expected: str) -> None:
    assert NORMALIZERS[name](text) == expected


@given(text=st.text(max_size=30), name=st.sampled_from(sorted(NORMALIZERS)))
def test_normalised_texts_are_words_with_single_spaces(text: str, name: str) -> None:
    normal = NORMALIZERS[name](text)
    assert normal == " ".join(normal.split())
    assert not set(normal) & set(string.punctuation)


def bag_f1(first: list[str], second: list[str]) -> float:
    """By its definition: precision and recall of a largest one-to-one matching of equal words."""
    left = list(second)
    same = sum(1 for word in first if word in left and (left.remove(word) or True))
    if not first or not second:
        return float(first == second)
    precision, recall = same / len(first), same / len(second)
    return 2 * precision * recall / (precision + recall) if same else 0.0


def plain(text: str) -> list[str]:
    kept = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", kept).split()


@given(prediction=TEXTS, answers=st.lists(TEXTS, max_size=4))
def test_scores_equal_their_definition(prediction: str, answers: list[str]) -> None:
    gold = [plain(answer) for answer in answers if plain(answer)] or [[]]
    assert exact_match(prediction, answers) == float(plain(prediction) in gold)
    assert token_f1(prediction, answers) == pytest.approx(max(bag_f1(plain(prediction), g) for g in gold))


@given(first=TEXTS, second=TEXTS)
def test_f1_is_symmetric_and_1_for_equal_words(first: str, second: str) -> None:
    a, b = first.split(), second.split()
    assert overlap_f1(a, b) == overlap_f1(b, a)
    assert (overlap_f1(a, b) == 1) == (sorted(a) == sorted(b))


def test_hand_worked() -> None:
    # Two of three words in each: precision and recall 2/3. Against the second answer, 2 of 3 and 2 of 2: 4/5.
    answers = ["the red tin kettle", "red kettle"]
    assert token_f1("a red copper kettle", answers[:1]) == pytest.approx(2 / 3)
    assert token_f1("a red copper kettle", answers) == pytest.approx(4 / 5)
    assert overlap_f1(["x", "x", "y"], ["x", "y", "y"]) == pytest.approx(2 / 3)
    assert exact_match("Red kettle!", answers) == 1
    assert exact_match("kettle red", answers) == 0
    assert token_f1("kettle red", answers) == 1


@pytest.mark.parametrize("score", [exact_match, token_f1])
def test_no_answer(score: object) -> None:
    assert callable(score)
    for empty, none in product(["", " ", "The", "."], [[], [""], ["an", "."]]):
        assert score(empty, none) == 1
    assert score("tin", []) == 0
    assert score("", ["tin"]) == 0
    assert score("", [".", "tin"]) == 0, "a full stop among the gold answers rewards no empty answer"


def test_own_normaliser() -> None:
    assert exact_match("TIN", ["tin"], normalize=str) == 0
    assert token_f1("A tin", ["a tin"], normalize=str) == 0.5
    assert token_f1("お茶が", ["お茶"], normalize=NORMALIZERS["characters"]) == pytest.approx(0.8)
    assert token_f1("お茶が", ["お茶"], normalize=normalize_squad) == 0
