from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.data.squad import gold_answers, questions, read_split, read_squad
from cascade.errors import DataError

CONTEXT = "Mara mends 🕰 clocks\r\nin Oslo. Mara sings."


def asked(name: str, *answers: tuple[str, int], **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "question": f"{name}?",
        "answers": [{"text": text, "answer_start": start} for text, start in answers],
        **more,
    }


def file_of(*qas: dict[str, Any]) -> dict[str, Any]:
    paragraphs = [{"context": CONTEXT, "qas": list(qas), "index": 7}]
    other = [{"context": "Tea.", "qas": [asked("other", ("Tea", 0))]}, {"context": "No question.", "qas": []}]
    data = [{"title": "Mara", "paragraphs": paragraphs}, {"title": "Tea_(drink)", "paragraphs": other}]
    return {"version": "v2.0", "data": data}


GOOD = file_of(
    asked("who", ("Mara", 0), ("Mara", 30)),
    asked("what", ("clocks", 13), is_impossible=False, plausible_answers=[]),
    asked("where", ("🕰 clocks\r\nin Oslo", 11)),
    asked("why", is_impossible=True, plausible_answers=[{"text": "Oslo", "answer_start": 24}]),
)


def stored(folder: Path, content: object, name: str = "squad.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path


def test_articles(tmp_path: Path) -> None:
    articles = read_squad(stored(tmp_path, GOOD))
    assert [article.title for article in articles] == ["Mara", "Tea_(drink)"]
    assert [len(article.paragraphs) for article in articles] == [1, 2]
    who, what, where, why, other = (question for _, question in questions(articles))
    assert (who.id, who.text, [a.start for a in who.answers]) == ("who", "who?", [0, 30])
    assert (what.is_impossible, why.is_impossible, why.answers) == (False, True, ())
    assert (where.answers[0].start, where.answers[0].end) == (11, 28)
    assert other.answers[0].text == "Tea"
    for paragraph, question in questions(articles):
        assert question in paragraph.questions
        assert all(paragraph.context[a.start : a.end] == a.text for a in question.answers)
    assert gold_answers(articles) == {
        "who": ("Mara", "Mara"),
        "what": ("clocks",),
        "where": ("🕰 clocks\r\nin Oslo",),
        "why": (),
        "other": ("Tea",),
    }


def test_wrappings(tmp_path: Path) -> None:
    content = json.dumps(GOOD, ensure_ascii=False).encode()
    expected = read_squad(stored(tmp_path, GOOD))
    for wrapped in (content, b"\xef\xbb\xbf" + content, gzip.compress(content)):
        path = tmp_path / "wrapped"
        path.write_bytes(wrapped)
        assert read_squad(path) == expected


def test_articles_by_title(tmp_path: Path) -> None:
    content = copy.deepcopy(GOOD)
    content["data"][0]["paragraphs"][0]["qas"][0]["answers"][0]["answer_start"] = 1
    path = stored(tmp_path, content)
    (tea,) = read_squad(path, titles={"Tea_(drink)", "Elsewhere"})
    assert tea.title == "Tea_(drink)"
    for titles in ({"Elsewhere"}, set()):
        with pytest.raises(DataError, match="at least one question in articles titled"):
            read_squad(path, titles=titles)


@given(text=st.text("ab🕰\n é", min_size=1, max_size=12), data=st.data())
def test_any_span_is_read_and_any_other_offset_is_not(
    tmp_path_factory: pytest.TempPathFactory, text: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    answer = text[start : data.draw(st.integers(start + 1, len(text)))]
    offset = data.draw(st.integers(-3, len(text) + 3))
    paragraph = {"context": text, "qas": [asked("q", (answer, offset))]}
    content = {"data": [{"title": "t", "paragraphs": [paragraph]}]}
    path = stored(tmp_path_factory.getbasetemp(), content, "span.json")
    if offset in {i for i in range(len(text)) if text.startswith(answer, i)}:
        assert gold_answers(read_squad(path)) == {"q": (answer,)}
    else:
        with pytest.raises(DataError, match="it stands at"):
            read_squad(path)


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (
            asked("q", ("Mara", 1)),
            "question q: expected the answer 'Mara' at character 1 of the context; it stands at 0",
        ),
        (asked("q", ("sings", -6)), "at character -6"),
        (asked("q", ("mara", 0)), "the context does not have it"),
        (asked("q", ("", 0)), "question q: expected the text of an answer, got an empty one"),
        (asked("q", ("Mara", 0), is_impossible=True), "question q: .* got 1 and is_impossible = True"),
        (asked("q", is_impossible=False), "got 0 and is_impossible = False"),
        (asked("other", ("Mara", 0)), "question other: expected its id once, got it 2 times"),
        ({"question": "?", "answers": []}, "article 1, 'Mara', paragraph 1: expected the field 'id' with a str"),
        ({"id": 3, "question": "?", "answers": []}, "expected the field 'id' with a str, got 3"),
        ({"id": "q", "question": "?"}, "question q: expected the field 'answers' with a list, got nothing"),
        ({"id": "q", "answers": []}, "expected the field 'question'"),
        (asked("q", ("Mara", True)), "expected the field 'answer_start' with a int, got True"),
        ("q", "expected the field 'id'"),
    ],
)
def test_broken_questions(tmp_path: Path, question: Any, message: str) -> None:
    path = stored(tmp_path, file_of(question))
    with pytest.raises(DataError, match=message) as caught:
        read_squad(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "expected the field 'data' with a list"),
        ({"data": {}}, "expected the field 'data' with a list"),
        ({"data": []}, "expected at least one question, got none"),
        ({"data": [{"title": "t", "paragraphs": []}]}, "expected at least one question, got none"),
        ({"data": [{"paragraphs": []}]}, "article 1: expected the field 'title'"),
        ({"data": [{"title": "t", "paragraphs": [{"qas": []}]}]}, "paragraph 1: expected the field 'context'"),
    ],
)
def test_broken_files(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_squad(stored(tmp_path, content))


def test_what_is_no_json(tmp_path: Path) -> None:
    path = tmp_path / "half.json"
    path.write_text('{"data": [\n{"title": "t",\n')
    with pytest.raises(DataError, match="expected JSON") as caught:
        read_squad(path)
    assert caught.value.line == 2
    with pytest.raises(DataError, match="no such file"):
        read_squad(tmp_path / "absent.json")


def test_split(tmp_path: Path) -> None:
    split = {"note": "by hand", "train": ["Mara"], "test": ["Tea_(drink)", "Elsewhere"]}
    parts = read_split(stored(tmp_path, split, "split.json"))
    assert parts == {"train": {"Mara"}, "test": {"Tea_(drink)", "Elsewhere"}}
    path = stored(tmp_path, GOOD)
    assert [read_squad(path, titles=titles)[0].title for titles in parts.values()] == ["Mara", "Tea_(drink)"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"train": ["a", "b"], "dev": ["b"], "test": ["b"]}, "expected each title in one part, got b in two"),
        ({"note": "none"}, "expected parts with titles"),
        (["a"], "expected parts with titles"),
    ],
)
def test_broken_splits(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_split(stored(tmp_path, content))


@pytest.mark.bench
def test_counts_of_squad(data_folder: Path) -> None:
    old = read_squad(data_folder / "squad_v1.1_dev" / "dev-v1.1.json")
    new = read_squad(data_folder / "squad_v2.0_dev_subset" / "dev-v2.0.json")
    assert [len(list(questions(articles))) for articles in (old, new)] == [10_570, 6_078]
    assert sum(len(question.answers) for _, question in questions(old)) == 34_726
    assert sum(question.is_impossible for _, question in questions(new)) == 3_168
    parts = read_split(data_folder / "squad_split.json")
    path = data_folder / "squad_v1.1_dev" / "dev-v1.1.json"
    assert {part: len(read_squad(path, titles=titles)) for part, titles in parts.items()} == {
        "train": 34,
        "dev": 4,
        "test": 10,
    }
