"""Answers as texts: normalised, equal or not, and the overlap of their words.

A normaliser turns an answer into words with single spaces between them; two answers are equal when theirs are, and F1
counts the words they share. [`NORMALIZERS`][cascade.data.answers.NORMALIZERS] has them by name.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

Normalizer = Callable[[str], str]

_ARTICLES = {
    "ar": re.compile("ال"),
    "de": re.compile(r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"),
    "en": re.compile(r"\b(a|an|the)\b"),
    "es": re.compile(r"\b(un|una|unos|unas|el|la|los|las)\b"),
    "hi": None,
    "vi": re.compile(r"\b(của|là|cái|chiếc|những)\b"),
    "zh": None,
}
_HAN = re.compile("([\u4e00-\u9fa5])")
_DELETED = str.maketrans("", "", string.punctuation)
_SPACED = str.maketrans(dict.fromkeys(string.punctuation + "‘’´`", " "))


def normalize_squad(text: str) -> str:
    """Lower case without ASCII punctuation and the articles a, an, the: what the official SQuAD scripts compare."""
    return _squeezed(_without_articles(text.lower().translate(_DELETED), "en"))


def normalize_triviaqa(text: str) -> str:
    """As for SQuAD, but ASCII punctuation and the marks ‘ ’ ´ ` become spaces: the official TriviaQA script."""
    return _squeezed(_without_articles(text.lower().translate(_SPACED), "en"))


def normalize_mlqa(text: str, *, language: str) -> str:
    """As the official MLQA script (Lewis et al. 2020, ACL): without any of Unicode's punctuation and without articles.

    Args:
        text: The answer.
        language: `ar`, `de`, `en`, `es`, `hi`, `vi` or `zh`; in Chinese each Han character is a word.
    """
    words = _without_articles(_without_punctuation(text.lower()), language)
    return _squeezed(_HAN.sub(r" \1 ", words) if language == "zh" else words)


def normalize_characters(text: str) -> str:
    """Lower case without punctuation, each character a word: for languages without spaces, as JaQuAD counts F1."""
    return " ".join("".join(_without_punctuation(text.lower()).split()))


NORMALIZERS: Mapping[str, Normalizer] = {
    "squad": normalize_squad,
    "triviaqa": normalize_triviaqa,
    "characters": normalize_characters,
    **{f"mlqa-{language}": partial(normalize_mlqa, language=language) for language in _ARTICLES},
}
"""Normalisers by name."""


def exact_match(prediction: str, answers: Sequence[str], *, normalize: Normalizer = normalize_squad) -> float:
    """Whether a prediction equals one of the gold answers: 1.0 or 0.0.

    Edge cases are those of the official script for SQuAD v2.0: gold answers of which nothing is left are passed over,
    and a question without any is answered right by a prediction of which nothing is left. (The script for v1.1 keeps
    such gold answers, of which its dev set has three, each a full stop.)

    Args:
        prediction: The answer given; empty for "no answer".
        answers: The gold answers; none when the question has no answer.
        normalize: How answers are compared.
    """
    return float(normalize(prediction) in _gold(answers, normalize))


def token_f1(prediction: str, answers: Sequence[str], *, normalize: Normalizer = normalize_squad) -> float:
    """Overlap of words with the gold answer that fits best, from 0 to 1; arguments as for `exact_match`.

    Rajpurkar et al. 2016, EMNLP, section 6.1; edge cases as in `exact_match`.
    """
    words = normalize(prediction).split()
    return max(overlap_f1(words, gold.split()) for gold in _gold(answers, normalize))


def overlap_f1(first: Sequence[str], second: Sequence[str]) -> float:
    """F1 of two bags of words; 1 when both are empty, 0 when only one is."""
    if not first or not second:
        return float(not first and not second)
    shared = (Counter(first) & Counter(second)).total()
    return 2 * shared / (len(first) + len(second))


def _gold(answers: Sequence[str], normalize: Normalizer) -> list[str]:
    return [text for answer in answers if (text := normalize(answer))] or [""]


def _without_articles(text: str, language: str) -> str:
    articles = _ARTICLES[language]
    return articles.sub(" ", text) if articles else text


def _without_punctuation(text: str) -> str:
    return "".join(c for c in text if c not in string.punctuation and not unicodedata.category(c).startswith("P"))


def _squeezed(text: str) -> str:
    return " ".join(text.split())
