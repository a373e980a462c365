from __future__ import annotations

from pathlib import Path

import pytest

from cascade.cli.questions import gold_questions, require_unique
from cascade.errors import ConfigError, DataError
from tests.answering.tiny import write_questions


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(write_questions(tmp_path))


def ids(*arguments: object, **settings: object) -> list[str]:
    return [question.id for _, question in gold_questions(*arguments, **settings)]


def test_all_questions_of_all_files_in_order(file: str) -> None:
    once = ids([file])
    assert once[:4] == ["Mara-0", "Mara-1", "Mara-2", "Ilse-0"] and len(once) == 12
    assert ids([file, file]) == once * 2


def test_a_part_of_the_articles(file: str, tmp_path: Path) -> None:
    split = str(tmp_path / "split.json")
    assert ids([file], titles=split, part="dev") == ids([file])[6:]


def test_some_by_chance_always_the_same_in_order(file: str) -> None:
    some = ids([file], limit=5)
    assert len(set(some)) == 5 and some == ids([file], limit=5)
    assert some == [id for id in ids([file]) if id in some] != ids([file])[:5]
    assert ids([file], limit=100) == ids([file])


def test_titles_and_part_go_together(file: str, tmp_path: Path) -> None:
    for settings in ({"part": "dev"}, {"titles": str(tmp_path / "split.json")}):
        with pytest.raises(ConfigError, match="--titles and --part go together"):
            ids([file], **settings)
    with pytest.raises(ConfigError, match="no part 'test', only train, dev"):
        ids([file], titles=str(tmp_path / "split.json"), part="test")


def test_ids_that_come_twice(file: str) -> None:
    require_unique(gold_questions([file]), [file])
    with pytest.raises(DataError, match="question Mara-0 comes twice"):
        require_unique(gold_questions([file, file]), [file, file])
