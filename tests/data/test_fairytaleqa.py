from __future__ import annotations

import csv
import io
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from cascade.data import read_fairytaleqa
from cascade.data.squad import questions
from cascade.errors import DataError

GIVEN = [f"answer{number}" for number in range(1, 7)]
KINDS = ["attribute1", "attribute2", "question", "ex-or-im1"]
HEADER = ["question_id", "local-or-sum", "cor_section", *KINDS, *GIVEN[:3], "ex-or-im2", *GIVEN[3:]]
SECTIONS = [
    ("1", 'A goose lived in a mill. "Good day," said\r\nthe goose.'),
    ("2", "The MILL stood\nby a river. Winter came."),
    ("2", "Snow fell on the goose's roof."),
    ("3", "The goose slept."),
]


def row(section: str, question: str, *answers: str) -> list[str]:
    six = [*answers, *[""] * 6][:6]
    return ["1", "local", section, "setting", "", question, "explicit", *six[:3], "explicit", *six[3:]]


def csv_of(*rows: object) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8-sig")


STORY = csv_of(("section", "text"), *SECTIONS)


def archive(path: Path, files: Mapping[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as out:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return path


def split(path: Path, *rows: object, story: bytes = STORY, header: object = HEADER, mode: str = "w:gz") -> Path:
    tables = {"questions/val/the-goose-questions.csv": csv_of(header, *rows), "stories/the-goose-story.csv": story}
    return archive(path, {"README.txt": b"by hand", **tables}, mode)


ROWS = (
    row("1", "Where did it live?", "in a mill."),
    row("1", "Was it polite?", "yes", "Quite."),
    row("1,2", "What stood by a river? ", "a  Mill", "the mill"),
    row("2", "Where?", "elsewhere", "", "", "by A river", "on the GOOSE'S roof."),
    row("2", "Part of a word?", "oo", "in"),
    row("1", "Who greets?", "goose"),
    row("1", "What is said?", 'Good day," said the goose'),
    row("3", "Nothing?", " . "),
)


@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_questions_that_spans_answer(tmp_path: Path, mode: str) -> None:
    (story,) = read_fairytaleqa(split(tmp_path / "val.tar.gz", *ROWS, mode=mode))
    first, second = SECTIONS[0][1], f"{SECTIONS[1][1]}\n{SECTIONS[2][1]}"
    assert story.title == "the-goose"
    assert [paragraph.context for paragraph in story.paragraphs] == [first, f"{first}\n{second}", second]
    found = {q.id: (q.text, [(a.text, a.start) for a in q.answers]) for _, q in questions([story])}
    assert found == {
        "the-goose-1": ("Where did it live?", [("in a mill", 14)]),
        "the-goose-3": ("What stood by a river?", [("a mill", 17), ("The MILL", len(first) + 1)]),
        "the-goose-4": ("Where?", [("by a river", 15), ("on the goose's roof", 50)]),
        "the-goose-6": ("Who greets?", [("goose", 2), ("goose", 47)]),
        "the-goose-7": ("What is said?", [('Good day," said\r\nthe goose', 26)]),
    }


def test_every_offset_is_exact(tmp_path: Path) -> None:
    for paragraph, question in questions(read_fairytaleqa(split(tmp_path / "val.tar.gz", *ROWS))):
        for answer in question.answers:
            assert paragraph.context[answer.start : answer.end] == answer.text


@pytest.mark.parametrize(
    ("rows", "changes", "message"),
    [
        ([row("4", "Where?", "a mill")], {}, "the-goose-questions.csv:2: cor_section: expected sections .* got '4'"),
        ([row("1", "Where?", "at sea")], {}, "expected at least one question, got none"),
        ([], {}, "expected at least one question, got none"),
        (ROWS, {"header": HEADER[:-1] + ["answer7"]}, "the-goose-questions.csv:1: expected a header with cor_section"),
        (ROWS, {"story": csv_of(("number", "text"))}, "the-goose-story.csv:1: expected a header with section, text"),
        (ROWS, {"story": b"section,text\n1,\xff\n"}, "the-goose-story.csv:2: expected UTF-8"),
    ],
)
def test_broken_tables(tmp_path: Path, rows: list[object], changes: dict[str, object], message: str) -> None:
    path = split(tmp_path / "val.tar.gz", *rows, **changes)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=message) as caught:
        read_fairytaleqa(path)
    assert str(caught.value).startswith(str(path))


def test_broken_archives(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", {"q/x-questions.csv": csv_of(HEADER, *ROWS)})
    with pytest.raises(DataError, match=re.escape("expected x-story.csv beside x-questions.csv")):
        read_fairytaleqa(path)
    whole = split(tmp_path / "val.tar.gz", *ROWS).read_bytes()
    for content in (b"", b"no archive at all", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="expected a tar archive"):
            read_fairytaleqa(path)
    with pytest.raises(DataError, match="no such file"):
        read_fairytaleqa(tmp_path / "absent.tar.gz")


@pytest.mark.bench
def test_counts_of_fairytaleqa(data_folder: Path) -> None:
    splits = {
        name: read_fairytaleqa(data_folder / "fairytaleqa" / f"{name}.tar.gz") for name in ("train", "val", "test")
    }
    assert [len(list(questions(articles))) for articles in splits.values()] == [4_645, 681, 679]
