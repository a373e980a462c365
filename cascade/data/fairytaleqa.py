"""FairytaleQA: questions about children's stories (Xu et al. 2022, ACL), as far as a span of the story answers them."""

from __future__ import annotations

import io
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from cascade.data.articles import Asked, articles_of, table
from cascade.data.files import BOM, decode, opened
from cascade.data.squad import Article, GoldAnswer, Question
from cascade.errors import DataError

_QUESTIONS, _STORY = "-questions.csv", "-story.csv"
_ANSWERS = tuple(f"answer{number}" for number in range(1, 7))


def read_fairytaleqa(path: str | Path) -> tuple[Article, ...]:
    """Reads a split: a tar archive with the files `NAME-questions.csv` and `NAME-story.csv` of every story.

    Annotators wrote answers in words of their own or of the story; a question is kept where at least one answer stands
    in its sections as whole words, case, white space and a final stop aside. Where the answer was taken from is not
    told, so every place at which it stands is one.

    Args:
        path: The archive, gzipped or not.

    Returns:
        An article for each story with such questions, titled by its name; a context is the sections that a question is
        about, a line feed between two. The id of a question is the story's name and the number of its row.

    Raises:
        DataError: The file is no tar archive; it has questions without a story, or none that can be kept; a table lacks
            a column; or a question names a section that the story does not have.
    """
    files = _files(path)
    asked: list[Asked] = []
    for name in sorted(name for name in files if name.endswith(_QUESTIONS)):
        story = name.removesuffix(_QUESTIONS)
        if story + _STORY not in files:
            raise DataError(f"expected {story}{_STORY} beside {name}, got no such file in the archive", path=path)
        asked.extend(_asked(story, _lines(files, name, path), _sections(files, story, path), f"{path}, {name}"))
    return articles_of(asked, path=path)


def _files(path: str | Path) -> dict[str, bytes]:
    """The tables in an archive by name, without folders."""
    try:
        with opened(path) as stream, tarfile.open(fileobj=stream) as archive:
            tables = [member for member in archive if member.isfile() and member.name.endswith((_QUESTIONS, _STORY))]
            found = {PurePosixPath(each.name).name: archive.extractfile(each) for each in tables}
            return {name: content.read() for name, content in found.items() if content}
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(f"expected a tar archive, got another file ({error}); is it whole?", path=path) from error


def _lines(files: Mapping[str, bytes], name: str, path: str | Path) -> Iterator[str]:
    # The line ends inside a quoted text stay as they are.
    return io.StringIO(decode(files[name], f"{path}, {name}").removeprefix(BOM), newline="")


def _sections(files: Mapping[str, bytes], story: str, path: str | Path) -> dict[str, str]:
    """The sections of a story by their number; two of the same number are one."""
    name = story + _STORY
    sections: dict[str, str] = {}
    for _, row in table(_lines(files, name, path), ("section", "text"), path=f"{path}, {name}"):
        number = row["section"].strip()
        sections[number] = f"{sections[number]}\n{row['text']}" if number in sections else row["text"]
    return sections


def _asked(story: str, lines: Iterator[str], sections: Mapping[str, str], path: str) -> Iterator[Asked]:
    rows = table(lines, ("cor_section", "question", *_ANSWERS), path=path)
    for number, (line, row) in enumerate(rows, start=1):
        wanted = [part.strip() for part in row["cor_section"].split(",")]
        if missing := [part for part in wanted if part not in sections]:
            message = f"cor_section: expected sections of the story, got {', '.join(missing)!r}; mend one of the two"
            raise DataError(message, path=path, line=line)
        context = "\n".join(sections[part] for part in wanted)
        answers = tuple(answer for name in _ANSWERS for answer in _mentions(row[name], context))
        if answers:
            yield story, context, Question(id=f"{story}-{number}", text=row["question"].strip(), answers=answers)


def _mentions(answer: str, context: str) -> Iterator[GoldAnswer]:
    """Everywhere where an answer stands in the context as whole words."""
    words = answer.strip().rstrip(".").split()
    if words:
        pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, words)) + r"(?!\w)"
        for found in re.finditer(pattern, context, re.IGNORECASE):
            yield GoldAnswer(text=found.group(), start=found.start())
