from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc
from spacy.vocab import Vocab

from cascade.data import fdu_mtl, read_fdu_mtl
from cascade.data.catalogue import DATASETS
from cascade.errors import DataError
from cascade.tasks import TextClassification


@pytest.fixture
def vocab() -> Vocab:
    return spacy.blank("en").vocab


def stored(folder: Path, lines: str, name: str = "books.task.train", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(lines.encode(encoding))
    return path


def test_reviews(tmp_path: Path, vocab: Vocab) -> None:
    good, bad = read_fdu_mtl(stored(tmp_path, "1\twon't put it down \n\n0\t1\tdull\n"), vocab=vocab)
    assert [t.text for t in good] == ["wo", "n't", "put", "it", "down"]
    assert good.cats == {"books_negative": 0.0, "books_positive": 1.0}
    assert bad.cats == {"books_negative": 1.0, "books_positive": 0.0}
    assert good._.domain == bad._.domain == "books"
    assert bad.text == "1\tdull"


def test_reviews_without_gold_gzipped_under_another_name(tmp_path: Path, vocab: Vocab) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"1 of the best\nnever again\n"))
    docs = list(read_fdu_mtl(path, vocab=vocab, domain="dvd", tokenizer=lambda text: Doc(vocab, words=text.split())))
    assert [(doc.text, doc.cats, doc._.domain) for doc in docs] == [
        ("1 of the best ", {}, "dvd"),
        ("never again ", {}, "dvd"),
    ]


def test_the_last_reviews_are_for_dev(tmp_path: Path, vocab: Vocab) -> None:
    path = stored(tmp_path, "".join(f"{i % 2}\tw{i}\n" for i in range(203)))
    words = {part: [doc.text for doc in read_fdu_mtl(path, vocab=vocab, part=part)] for part in ("all", "train", "dev")}
    assert words["train"] == ["w0", "w1", "w2"] and words["dev"] == [f"w{i}" for i in range(3, 203)]
    assert words["all"] == words["train"] + words["dev"]
    few = stored(tmp_path, "1\ta\n", "dvd.task.train")
    assert [len(list(read_fdu_mtl(few, vocab=vocab, part=part))) for part in ("train", "dev")] == [0, 1]


def test_lines_in_another_encoding(tmp_path: Path, vocab: Vocab) -> None:
    path = tmp_path / "MR.task.train"
    path.write_bytes("1\ta caf\u00e9\n".encode("cp1252") + "0\tna\u00efve\n".encode() + b"1\tx\x81y\n")
    assert [doc.text for doc in read_fdu_mtl(path, vocab=vocab)] == ["a caf\u00e9", "na\u00efve", "x\ufffdy"]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [("1\tfine\n2\tfine\n", r":2: expected 0 or 1 before the tab, got '2'"), ("\n \n", "expected reviews, got none")],
)
def test_files_that_are_something_else(tmp_path: Path, vocab: Vocab, lines: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        list(read_fdu_mtl(stored(tmp_path, lines), vocab=vocab))


def test_every_domain_has_categories_of_its_own(tmp_path: Path, vocab: Vocab) -> None:
    docs = [
        doc
        for domain in ("books", "dvd")
        for doc in read_fdu_mtl(stored(tmp_path, "1\ta\n0\tb\n", f"{domain}.task.test"), vocab=vocab)
    ]
    task = TextClassification("books", classes=fdu_mtl.labels("books"))
    task.vocabulary = tuple(task.labels(docs))
    assert task.vocabulary == ("books_negative", "books_positive")
    targets = [task.targets(doc) for doc in docs]
    assert [None if found is None else found["label"].tolist() for found in targets] == [[1], [0], None, None]


def test_the_catalogue_has_all_domains() -> None:
    (found,) = (dataset for dataset in DATASETS if dataset.name == "fdu_mtl")
    names = {f"fdu_mtl/{domain}-{split}" for domain in fdu_mtl.DOMAINS for split in ("train", "test", "unlabelled")}
    assert {file.name for file in found.files} == names and len(fdu_mtl.DOMAINS) == 16
    assert all(file.url.endswith(file.path.removeprefix("fdu_mtl/")) for file in found.files)
