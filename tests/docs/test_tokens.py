from __future__ import annotations

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.attrs import LEMMA, TAG
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from cascade import docs as documents

ENGLISH = spacy.blank("en").vocab
WORDS = ["a", "No", "\n", " ", "\t\n", "\u3000", "\xa0", "\u200b", "é", "."]
vocabs = pytest.mark.parametrize("vocab", [Vocab(), ENGLISH], ids=["bare", "english"])


@vocabs
@given(words=st.lists(st.sampled_from(WORDS), max_size=12))
def test_white_space_is_what_python_calls_so(words: list[str], vocab: Vocab) -> None:
    doc = Doc(vocab, words=words)
    expected = [word.isspace() for word in words]
    found = documents.spaces(doc)
    assert found.dtype == bool
    assert found.tolist() == expected
    assert documents.tokens(doc).tolist() == [i for i, space in enumerate(expected) if not space]
    assert [text.tolist() for text in documents.texts(doc)] == [documents.tokens(doc).tolist()]


@vocabs
def test_a_pair_has_two_texts(vocab: Vocab) -> None:
    doc = Doc(vocab, words=["\n", "a", " ", "b", "c", "\n", "d"])
    assert not documents.is_pair(doc)
    doc.spans[documents.PAIR] = [doc[0:3], doc[4:7]]
    assert documents.is_pair(doc)
    assert [text.tolist() for text in documents.texts(doc)] == [[1], [4, 6]]
    assert documents.tokens(doc).tolist() == [1, 4, 6]
    doc.spans[documents.PAIR] = [doc[0:3]]
    assert not documents.is_pair(doc)


@vocabs
@pytest.mark.parametrize("overwrite", [True, False])
def test_writing_sets_words_and_white_space_apart(overwrite: bool, vocab: Vocab) -> None:
    doc = Doc(vocab, words=["a", "\n", "b", " ", "c"], tags=["X", "", "", "", "Y"])
    a, b, c, space = (vocab.strings.add(name) for name in "ABC_")
    documents.write(doc, TAG, np.array([a, b, c], dtype=np.uint64), space=space, overwrite=overwrite)
    assert [t.tag_ for t in doc] == (["A", "_", "B", "_", "C"] if overwrite else ["X", "_", "B", "_", "Y"])


def test_white_space_may_have_values_of_its_own() -> None:
    doc = Doc(Vocab(), words=["\n", "a", " "])
    own = np.array([doc.vocab.strings.add(name) for name in ("first", "last")], dtype=np.uint64)
    documents.write(doc, LEMMA, np.array([doc.vocab.strings.add("A")], dtype=np.uint64), space=own)
    assert [t.lemma_ for t in doc] == ["first", "A", "last"]


def test_words_outside_of_a_pair_stay_as_they_are() -> None:
    doc = Doc(Vocab(), words=["a", "b", "c"], tags=["A", "B", "C"])
    doc.spans[documents.PAIR] = [doc[:1], doc[2:]]
    new = doc.vocab.strings.add("new")
    documents.write(doc, TAG, np.array([new, new], dtype=np.uint64))
    assert [t.tag_ for t in doc] == ["new", "B", "new"]


def test_an_empty_doc() -> None:
    doc = Doc(Vocab())
    documents.write(doc, TAG, np.zeros(0, dtype=np.uint64))
    assert documents.tokens(doc).tolist() == documents.spaces(doc).tolist() == []


def test_a_lookup_asks_once_for_what_occurs() -> None:
    asked: list[int] = []

    def value(number: int) -> int:
        asked.append(number)
        return 2**63 + number

    found = documents.lookup(np.array([3, 1, 3, 3]), value)
    assert found.dtype == np.uint64
    assert found.tolist() == [2**63 + 3, 2**63 + 1, 2**63 + 3, 2**63 + 3]
    assert sorted(asked) == [1, 3]
    assert documents.lookup(np.zeros(0, dtype=np.int64), value).dtype == np.uint64


def test_results_travel_with_the_doc() -> None:
    documents.register()
    documents.register()
    doc = Doc(Vocab(), words=["a"])
    assert doc._.cascade == {}
    doc._.cascade["pipe"] = {"task": {"probabilities": np.array([0.5], dtype=np.float32)}}
    copy = Doc(doc.vocab).from_bytes(doc.to_bytes())
    assert copy._.cascade["pipe"]["task"]["probabilities"].tolist() == [0.5]
    (binned,) = DocBin(store_user_data=True, docs=[doc]).get_docs(doc.vocab)
    assert binned._.cascade["pipe"]["task"]["probabilities"].tolist() == [0.5]
