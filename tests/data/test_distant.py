from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.data.answers import NORMALIZERS, normalize_squad
from cascade.data.distant import distant_mentions
from cascade.docs import word_spans


@pytest.mark.parametrize(
    ("passage", "answers", "found"),
    [
        ("The art of the party.", ["art"], ["art"]),
        ("A party, partly art-house.", ["art"], ["art"]),
        ("In New York, new york's mayor met the New  York Times.", ["New York"], ["New York", "new york", "New  York"]),
        ("He left the U.S. in (1999–2004).", ["US", "1999"], ["U.S", "1999"]),
        ("The Beatles and a Beatle", ["The Beatles"], ["Beatles"]),
        ("New York City, New York.", ["New York", "New York City"], ["New York", "New York City", "New York"]),
        ("Lord of the Rings, Lord of Rings", ["lord of the rings"], ["Lord of the Rings", "Lord of Rings"]),
        ("the U.S.A. team", ["USA"], ["U.S.A"]),
        ("No answer. At all.", ["", ".", "the"], []),
        ("", ["x"], []),
        ("x", [], []),
        ("𝒜 naïve 🎾 – naïve.", ["naïve"], ["naïve", "naïve"]),
        ("to to to", ["to to"], ["to to", "to to"]),
    ],
)
def test_mentions_by_hand(passage: str, answers: list[str], found: list[str]) -> None:
    assert [passage[first:last] for first, last in distant_mentions(passage, answers)] == found


def test_other_languages_have_normalisers_of_their_own() -> None:
    assert distant_mentions("Der Hund, ein Hund.", ["der Hund"], normalize=NORMALIZERS["mlqa-de"]) == [(4, 8), (14, 18)]
    assert distant_mentions("他在北京。", ["北京"], normalize=NORMALIZERS["mlqa-zh"]) == [(2, 4)]


@given(
    st.lists(st.sampled_from(["a", "the", "art", "Art", "b", ".", "-", "'s", " ", " ", "ab"]), max_size=10).map(
        "".join
    ),
    st.lists(st.sampled_from(["art", "the art", "b art", "a.b", "ab", "art art"]), min_size=1, max_size=3),
)
def test_mentions_are_the_shortest_stretches_of_words_that_equal_an_answer(passage: str, answers: list[str]) -> None:
    words, wanted = word_spans(passage), {normalize_squad(answer) for answer in answers}
    found = []
    for i in range(len(words)):
        for j in range(i, len(words)):
            text = normalize_squad(passage[words[i][0] : words[j][1]])
            inner = {normalize_squad(passage[words[i + 1][0] : words[j][1]]) if j > i else ""}
            inner.add(normalize_squad(passage[words[i][0] : words[j - 1][1]]) if j > i else "")
            if text in wanted and text not in inner:
                found.append((words[i][0], words[j][1]))
    assert distant_mentions(passage, answers) == found
