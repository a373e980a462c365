from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from spacy.vocab import Vocab

from cascade.data import read_sick
from cascade.errors import DataError

HEADER = "pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment\n"
ROW = "7\tA cat isn't asleep\tA cat plays 🎾, alone\t3.9\tENTAILMENT\n"


@pytest.fixture
def vocab() -> Vocab:
    return spacy.blank("en").vocab


def stored(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "sick.txt"
    path.write_bytes(text.encode(encoding))
    return path


def test_pair(tmp_path: Path, vocab: Vocab) -> None:
    (doc,) = read_sick(stored(tmp_path, HEADER + ROW), vocab=vocab)
    first, second = doc.spans["pair"]
    assert [token.text for token in first] == ["A", "cat", "is", "n't", "asleep"]
    assert [token.text for token in second] == ["A", "cat", "plays", "🎾", ",", "alone"]
    assert doc.text == "A cat isn't asleep A cat plays 🎾, alone"
    assert [token.i for token in doc if token.is_sent_start] == [0, 5]
    assert doc.cats == {"relatedness": 3.9, "ENTAILMENT": 1.0, "NEUTRAL": 0.0, "CONTRADICTION": 0.0}
    assert doc.vocab is vocab


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_windows_files(tmp_path: Path, vocab: Vocab, encoding: str) -> None:
    text = (HEADER + ROW + ROW).replace("\n", "\r\n") + "\r\n"
    docs = list(read_sick(stored(tmp_path, text, encoding), vocab=vocab))
    assert [doc.cats["relatedness"] for doc in docs] == [3.9, 3.9]


def test_own_tokenizer(tmp_path: Path, vocab: Vocab) -> None:
    nlp = spacy.blank("xx")
    (doc,) = read_sick(stored(tmp_path, HEADER + ROW), vocab=vocab, tokenizer=nlp.tokenizer)
    assert [token.text for token in doc.spans["pair"][0]] == ["A", "cat", "isn't", "asleep"]
    assert doc.vocab is vocab


def test_columns_go_by_name(tmp_path: Path, vocab: Vocab) -> None:
    text = "sentence_B\tsplit\tentailment_label\tsentence_A\nb\tTRAIN\tneutral\ta\n"
    (doc,) = read_sick(stored(tmp_path, text), vocab=vocab)
    assert [span.text for span in doc.spans["pair"]] == ["a", "b"]
    assert doc.cats == {"ENTAILMENT": 0.0, "NEUTRAL": 1.0, "CONTRADICTION": 0.0}


def test_missing_gold_is_no_gold(tmp_path: Path, vocab: Vocab) -> None:
    (doc,) = read_sick(stored(tmp_path, "sentence_A\tsentence_B\na\tb\n"), vocab=vocab)
    assert doc.cats == {}
    scored, judged = read_sick(stored(tmp_path, HEADER + "1\ta\tb\t1\tNA\n2\ta\tb\t\tNEUTRAL\n"), vocab=vocab)
    assert scored.cats == {"relatedness": 1.0}
    assert "relatedness" not in judged.cats


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1\ta\tb\t3.0\n", "expected 5 tab-separated columns as in the header, got 4"),
        ("1\ta\t \t3.0\tNEUTRAL\n", "got an empty one"),
        ("1\ta\tb\t0.5\tNEUTRAL\n", "expected a number from 1 to 5, got '0.5'"),
        ("1\ta\tb\tnan\tNEUTRAL\n", "got 'nan'"),
        ("1\ta\tb\thigh\tNEUTRAL\n", "got 'high'"),
        ("1\ta\tb\t3\tMAYBE\n", "got 'MAYBE'"),
    ],
)
def test_broken_rows(tmp_path: Path, vocab: Vocab, row: str, message: str) -> None:
    path = stored(tmp_path, HEADER + ROW + row)
    with pytest.raises(DataError, match=message) as caught:
        list(read_sick(path, vocab=vocab))
    assert (caught.value.path, caught.value.line) == (path, 3)


def test_files_without_pairs(tmp_path: Path, vocab: Vocab) -> None:
    for text in ("", HEADER, "\n\n"):
        with pytest.raises(DataError, match="at least one sentence pair, got none"):
            list(read_sick(stored(tmp_path, text), vocab=vocab))
    with pytest.raises(DataError, match="expected a tab-separated header with sentence_A and sentence_B"):
        list(read_sick(stored(tmp_path, ROW), vocab=vocab))


@pytest.mark.bench
def test_counts_of_sick(data_folder: Path, vocab: Vocab) -> None:
    names = {"SICK_train.txt": 4500, "SICK_trial.txt": 500, "SICK_test_annotated.txt": 4927}
    assert {name: sum(1 for _ in read_sick(data_folder / "sick" / name, vocab=vocab)) for name in names} == names
