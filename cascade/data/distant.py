"""Distant supervision: where the texts of answers are mentioned in a passage that no annotator has marked."""

from __future__ import annotations

from collections.abc import Iterable

from cascade.data.answers import Normalizer, normalize_squad
from cascade.docs import word_spans


def distant_mentions(
    passage: str, answers: Iterable[str], *, normalize: Normalizer = normalize_squad
) -> list[tuple[int, int]]:
    """Where a passage mentions an answer (Joshi et al. 2017, ACL, section 3).

    A mention begins and ends where words do, so that "party" is no mention of "art", and equals an answer once both are
    normalised. It is the shortest such stretch, without the article before it and the full stop behind it.

    Args:
        passage: The passage's text.
        answers: Texts of the answers; those of which the normaliser leaves nothing are passed over.
        normalize: How texts are compared.

    Returns:
        First character and one past the last of every mention, in order; that of one answer may lie in another's.
    """
    wanted = {text for answer in answers if (text := normalize(answer))}
    solid = tuple(text.replace(" ", "") for text in wanted)
    words = word_spans(passage)
    found = []
    for number, (start, _) in enumerate(words):
        shorter = ""
        for _, end in words[number:]:
            text = normalize(passage[start:end])
            if not any(answer.startswith(text.replace(" ", "")) for answer in solid):
                break
            if text in wanted and text != shorter and text != normalize(passage[words[number][1] : end]):
                found.append((start, end))
            shorter = text
    return found
