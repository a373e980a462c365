from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest

from cascade.data import read_subjqa
from cascade.data.squad import questions
from cascade.errors import DataError

HEADER = ("item_id", "domain", "q_review_id", "question", "review", "human_ans_spans", "human_ans_indices")
MARK = "ANSWERNOTFOUND"
REVIEW = "This kettle isn't loud. It pours 🕰 well,\nand it shines.  "
SHORT = "Too small."


def row(
    question: str, answer: str, indices: str | None = None, review: str = REVIEW, item: str = "kettle"
) -> list[str]:
    start = (review + MARK).find(answer)
    return [
        item,
        "home",
        f"id of {question}",
        question,
        review + MARK,
        answer,
        indices or f"({start}, {start + len(answer)})",
    ]


def stored(path: Path, *rows: object, header: object = HEADER) -> Path:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    path.write_bytes(gzip.compress(text.getvalue().encode()))
    return path


def read(path: Path, *rows: object) -> dict[str, list[tuple[str, int]]]:
    articles = read_subjqa(stored(path, *rows))
    for paragraph, question in questions(articles):
        assert all(paragraph.context[a.start : a.end] == a.text for a in question.answers)
    return {question.text: [(a.text, a.start) for a in question.answers] for _, question in questions(articles)}


def test_articles_and_contexts(tmp_path: Path) -> None:
    rows = row("How?", MARK), row("Big?", "Too small", review=SHORT), row("Fine?", MARK, item="pan", review=SHORT)
    kettle, pan = read_subjqa(stored(tmp_path / "dev.csv.gz", *rows))
    assert [paragraph.context for paragraph in kettle.paragraphs] == [REVIEW.rstrip(), SHORT]
    assert (kettle.title, pan.title, [p.context for p in pan.paragraphs]) == ("kettle", "pan", [SHORT])
    assert [(q.id, q.is_impossible) for _, q in questions([kettle, pan])] == [
        ("id of How?", True),
        ("id of Big?", False),
        ("id of Fine?", True),
    ]


def test_annotators_of_a_question_are_one_question(tmp_path: Path) -> None:
    rows = (row("How?", MARK), row("How? ", "It pours"), row("How?", "it shines"), row("How?", "It pours"))
    assert read(tmp_path / "d", *rows) == {"How?": [("It pours", 24), ("it shines", 45), ("It pours", 24)]}


def test_texts_come_from_the_review(tmp_path: Path) -> None:
    rows = (
        row("split", "is n't loud .", "(12, 23)"),
        row("left out", "pours 🕰 well and", "(27, 45)"),
        row("spaces", " it shines. ", "(44, 57)"),
        row("numbers", "kettle", "(5,11)"),
    )
    assert read(tmp_path / "d", *rows) == {
        "split": [("isn't loud.", 12)],
        "left out": [("pours 🕰 well,\nand", 27)],
        "spaces": [("it shines.", 45)],
        "numbers": [("kettle", 5)],
    }


def test_answers_of_several_places_are_left_out(tmp_path: Path) -> None:
    scattered = row("only", "kettle shines", "(5, 54)")
    over_the_end = row("end", f"it shines {MARK}", f"(45, {len(REVIEW) + len(MARK)})")
    rows = (
        scattered,
        row("only", MARK),
        over_the_end,
        row("both", "kettle shines", "(5, 54)"),
        row("both", "It pours"),
    )
    assert read(tmp_path / "d", *rows) == {"both": [("It pours", 24)]}


@pytest.mark.parametrize("indices", ["", "(3)", "(9, 3)", "(4, 4)", "(0, 99)", "(-1, 3)", "3, 9"])
def test_broken_offsets(tmp_path: Path, indices: str) -> None:
    broken = [*row("q", "kettle")[:-1], indices]
    with pytest.raises(DataError, match="human_ans_indices: expected such as") as caught:
        read(tmp_path / "d", row("p", MARK, review=SHORT), broken)
    assert caught.value.line == 4  # the review is of two lines


def test_broken_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a header with item_id"):
        read_subjqa(stored(tmp_path / "d", header=HEADER[1:]))
    with pytest.raises(DataError, match="expected at least one question"):
        read_subjqa(stored(tmp_path / "d"))


@pytest.mark.bench
@pytest.mark.parametrize(
    ("domain", "counts"),
    [
        ("electronics", [(1_272, 598), (251, 156), (352, 120)]),
        ("grocery", [(1_096, 435), (213, 117), (585, 212)]),
        ("restaurants", [(1_381, 577), (260, 138), (262, 130)]),
        ("tripadvisor", [(1_147, 290), (225, 87), (505, 115)]),
    ],
)
def test_counts_of_subjqa(data_folder: Path, domain: str, counts: list[tuple[int, int]]) -> None:
    splits = (read_subjqa(data_folder / "subjqa" / domain / f"{split}.csv.gz") for split in ("train", "dev", "test"))
    found = [[question.is_impossible for _, question in questions(articles)] for articles in splits]
    assert [(len(each), sum(each)) for each in found] == counts
