from __future__ import annotations

import pytest
import torch

from cascade.nn.encoders.case import CASES, WordCase, word_case, word_cases


@pytest.mark.parametrize(
    ("word", "case"),
    [
        ("", "none"),
        ("42", "none"),
        ("!?", "none"),
        ("日本", "none"),
        ("the", "lower"),
        ("x", "lower"),
        ("e-mail", "lower"),
        ("straße", "lower"),
        ("I", "initial"),
        ("J.", "initial"),
        ("Apple", "title"),
        ("O'clock", "title"),
        ("U.S.", "upper"),
        ("B2B", "upper"),
        ("iPhone", "mixed"),
        ("McDonald", "mixed"),
        ("3G", "initial"),
        ("Ⅷ", "initial"),
        ("ⅷ", "lower"),
        ("ⒶⒷ", "upper"),
    ],
)
def test_cases(word: str, case: str) -> None:
    assert CASES[word_case(word)] == case


def test_the_cases_of_a_batch_are_numbered_from_one() -> None:
    cases = word_cases([["The", "cat"], [], ["NATO"]])
    assert [CASES[i] for i in cases] == ["none", "title", "lower", "upper"]


def test_vectors_start_at_zero() -> None:
    assert not WordCase(4)(torch.tensor([0, 5])).any()
