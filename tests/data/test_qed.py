from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cascade.data import read_qed
from cascade.data.squad import questions
from cascade.errors import DataError

TEXT = "Mara 🕰 mends clocks , kites and boats . Mara lives in Oslo ."


def entry(number: int, *answers: list[str], text: str = TEXT, title: str = "Mara") -> dict[str, Any]:
    spans = [[{"start": text.find(s), "end": text.find(s) + len(s), "string": s} for s in each] for each in answers]
    return {
        "example_id": number,
        "title_text": title,
        "question_text": f"question {number}",
        "paragraph_text": text,
        "sentence_starts": [0],
        "original_nq_answers": spans,
        "annotation": {"explanation_type": "none"},
    }


def stored(folder: Path, *entries: object) -> Path:
    path = folder / "dev.jsonlines"
    path.write_text("".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in entries))
    return path


def test_questions_answers_and_titles(tmp_path: Path) -> None:
    other = entry(3, ["Tea"], title="Tea", text="Tea is hot .")
    path = stored(
        tmp_path, entry(-1, ["Oslo"], ["in Oslo"]), other, "", entry(2, ["clocks", "kites"], ["clocks , kites"])
    )
    mara, tea = read_qed(path)
    assert (mara.title, tea.title, [p.context for p in mara.paragraphs]) == ("Mara", "Tea", [TEXT])
    assert {q.id: [(a.text, a.start) for a in q.answers] for _, q in questions([mara, tea])} == {
        "-1": [("Oslo", 54), ("in Oslo", 51)],
        "2": [("clocks , kites", 13)],
        "3": [("Tea", 0)],
    }


def test_an_answer_of_several_spans_is_none(tmp_path: Path) -> None:
    found = read_qed(stored(tmp_path, entry(1, ["clocks", "kites"]), entry(2, ["Oslo"]), entry(3)))
    assert [question.id for _, question in questions(found)] == ["2"]
    with pytest.raises(DataError, match="expected at least one question"):
        read_qed(stored(tmp_path, entry(1, ["clocks", "kites"])))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("{", "expected JSON with a question, a passage and answers"),
        ("[]", "list indices must be integers"),
        ({"title_text": "t", "paragraph_text": "p"}, "no field 'original_nq_answers'"),
        (entry(1, ["Bergen"]), "the answer 'Bergen', which does not stand at character -1"),
        (entry(1, [""]), "the answer ''"),
        (entry(1, ["Oslo"]) | {"paragraph_text": "x" + TEXT}, "does not stand at character 54"),
    ],
)
def test_broken_lines(tmp_path: Path, broken: object, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_qed(stored(tmp_path, entry(2, ["Oslo"]), broken))
    assert caught.value.line == 2


@pytest.mark.bench
def test_counts_of_qed(data_folder: Path) -> None:
    found = list(questions(read_qed(data_folder / "qed" / "qed-dev.jsonlines")))
    assert (len(found), sum(len(question.answers) for _, question in found)) == (1_263, 1_774)
