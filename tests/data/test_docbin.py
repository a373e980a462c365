from __future__ import annotations

from pathlib import Path

import pytest
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from cascade.data import read_docbin
from cascade.errors import DataError


def stored(path: Path, *texts: str) -> Path:
    vocab = Vocab()
    docs = [Doc(vocab, words=text.split(), tags=["T"] * len(text.split())) for text in texts]
    for doc in docs:
        doc.spans["chunks"] = [Span(doc, 0, 1, label="NP")]
        doc.cats = {"relatedness": 2.5}
    path.parent.mkdir(exist_ok=True)
    DocBin(docs=docs).to_disk(path)
    return path


def test_file(tmp_path: Path) -> None:
    vocab = Vocab()
    first, second = read_docbin(stored(tmp_path / "a.spacy", "one 𝒳", "two"), vocab=vocab)
    assert [token.text for token in first] == ["one", "𝒳"]
    assert (first[0].tag_, first.spans["chunks"][0].label_, second.cats) == ("T", "NP", {"relatedness": 2.5})
    assert first.vocab is vocab


def test_folder_in_the_order_of_paths(tmp_path: Path) -> None:
    stored(tmp_path / "b.spacy", "last")
    stored(tmp_path / "a" / "z.spacy", "first", "second")
    (tmp_path / "notes.txt").write_text("not read")
    assert [doc[0].text for doc in read_docbin(tmp_path, vocab=Vocab())] == ["first", "second", "last"]


def test_damaged_files(tmp_path: Path) -> None:
    whole = stored(tmp_path / "a.spacy", "one two three", "four").read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2], whole[:10] + bytes([whole[10] ^ 255]) + whole[11:]):
        path = tmp_path / "damaged.spacy"
        path.write_bytes(content)
        with pytest.raises(DataError, match="expected a DocBin") as caught:
            list(read_docbin(path, vocab=Vocab()))
        assert caught.value.path == path


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        list(read_docbin(tmp_path / "absent", vocab=Vocab()))
    with pytest.raises(DataError, match="expected .spacy files below the folder"):
        list(read_docbin(tmp_path, vocab=Vocab()))
    with pytest.raises(DataError, match="expected at least one Doc"):
        list(read_docbin(stored(tmp_path / "a.spacy"), vocab=Vocab()))
