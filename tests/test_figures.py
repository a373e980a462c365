"""Every figure names its split, and nothing is tuned on test.

The first half reads the README and the model cards, the second half the configs of `pipelines/`. Each check is also
shown texts and configs that break it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import spacy
from confection import Config

from cascade.data import downloads
from cascade.registry import from_config

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "tests/bench/README.md", *sorted((ROOT / "pipelines").glob("*/README.md"))]
CONFIGS = sorted((ROOT / "pipelines").glob("*/*.cfg"))

SPLIT = re.compile(r"\b(train|dev|test|trial)\b", re.IGNORECASE)
COMMAND = re.compile(
    r"(^|`|\$ )((cascade|make|(python -m )?spacy) [a-z]|pytest -m [a-z]|python -m tests\.bench\.[a-z])", re.MULTILINE
)
SCORE = re.compile(r"^\W*\d+\.\d+\W*(\([^)]*\))?\W*$")
SPEED = re.compile(r"words/s|words per second|words_per_second|speed", re.IGNORECASE)
PROSE_SCORE = re.compile(r"(?<![\d.])\d{2}\.\d{1,2}(?![\d.]*\d| ?(MB|GB|M|million|ms|s|seconds|minutes|hours|GHz)\b)")
UNFINISHED = re.compile(r"TODO|^[A-Z]{3,}$", re.MULTILINE)

# -- pages


def sections(text: str) -> Iterator[str]:
    """What stands between two headings."""
    in_code, section = False, ""
    for line in text.splitlines(keepends=True):
        in_code ^= line.startswith("```")
        if line.startswith("#") and not in_code:
            yield section
            section = ""
        section += line
    yield section


def paragraphs(section: str) -> list[str]:
    return [part for part in re.split(r"\n[ \t]*\n", section) if part.strip()]


def is_table(paragraph: str) -> bool:
    return re.search(r"^ *\|[ :|-]+\|? *$", paragraph, flags=re.MULTILINE) is not None


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def has_figures(table: str) -> bool:
    """Whether a cell is a score (a decimal number alone), or stands in a column of speeds and has a digit."""
    lines = [line for line in table.splitlines() if line.strip().startswith("|")]
    header, body = cells(lines[0]), [cells(line) for line in lines[2:]]
    speeds = {i for i, name in enumerate(header) if SPEED.search(name)}
    return any(
        SCORE.match(cell) or (re.search(r"\d", cell) and (i in speeds or SPEED.search(row[0])))
        for row in body
        for i, cell in enumerate(row)
    )


def nameless(text: str) -> list[str]:
    """Tables of figures without a split or a command, and prose that gives a score without a split.

    A table is read with its own section's text from the table before it to the one after it.
    """
    found = []
    for section in sections(text):
        parts = paragraphs(section)
        tables = [i for i, part in enumerate(parts) if is_table(part)]
        for before, i, after in zip([-1, *tables], tables, [*tables[1:], len(parts)], strict=False):
            around, what = "\n\n".join(parts[before + 1 : after]), parts[i].splitlines()[0]
            if has_figures(parts[i]):
                found += [] if SPLIT.search(around) else [f"no split: {what}"]
                found += [] if COMMAND.search(around) else [f"no command: {what}"]
        prose = [part for part in parts if not is_table(part) and "```" not in part]
        found += [f"no split: {part}" for part in prose if PROSE_SCORE.search(part) and not SPLIT.search(part)]
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_figure_of_a_page_names_its_split_and_command(page: Path) -> None:
    assert nameless(page.read_text(encoding="utf8")) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_waits_for_results(page: Path) -> None:
    assert UNFINISHED.findall(page.read_text(encoding="utf8")) == []


TABLE = "|  | LAS |\n|---|---|\n| en | 84.31 |"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (f"# A\n\n{TABLE}\n\n`cascade evaluate a ewt/test`", 0),
        (f"# A\n\nEWT test, by\n\n```sh\ncascade evaluate a b.conllu\n```\n\n{TABLE}", 0),
        (f"# A\n\n{TABLE}", 2),
        (f"# A\n\nOn EWT dev.\n\n{TABLE}", 1),
        (f"# A\n\n{TABLE}\n\n`cascade evaluate a my.conllu`", 1),
        (f"# A\n\ntest: `make bench`\n\n# B\n\n{TABLE}", 2),
        (f"# A\n\ntest: `make bench`\n\n{TABLE}\n\nMore:\n\n{TABLE}", 2),
        (f"# A\n\ntest: `make bench`\n\n{TABLE}\n\nThe same on dev, `make bench`:\n\n{TABLE}", 0),
        ("# A\n\n| a | words/s |\n|---|---|\n| en | 11,000 |", 2),
        ("# A\n\n| a | b |\n|:--|--:|\n| `words_per_second` | 11,000 |", 2),
        ("# A\n\n| a | b |\n|---|---|\n| **84.3** (+0.2) | 1 |", 2),
        ("# A\n\n| edge | gradient |\n|---|---|\n| `Hidden()` | yes |\n| size | 12.4 MB |\n| seed | 0 |", 0),
        ("# A\n\nThe parser has a LAS of 84.3.", 1),
        ("# A\n\nThe parser has a LAS of 84.3 on EWT dev.", 0),
        ("# A\n\nIt takes 12.5 MB and Python 3.11, and spaCy 3.8.18.", 0),
    ],
)
def test_the_check_of_pages_finds_what_is_nameless(text: str, problems: int) -> None:
    assert len(nameless(text)) == problems


# -- configs

TEST_NAME = re.compile(r"(?<![a-z])test(?![a-z])", re.IGNORECASE)
CHUNKS = "conll2000/train"
ARTICLES = ("squad1/dev", "squad2/dev")
"""Files whose articles are split by their titles; see pipelines/en_cascade_qa/split.json."""
PUBLISHED = re.compile(r"scifact/(claims_)?dev|xquad")
"""What is a test set here, however it is called where it comes from."""


def settings(config: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """All values of a config by dotted key."""
    if isinstance(config, Mapping):
        for name, value in config.items():
            yield from settings(value, f"{key}.{name}" if key else str(name))
    elif isinstance(config, list | tuple):
        for i, value in enumerate(config):
            yield from settings(value, f"{key}.{i}")
    else:
        yield key, config


def place(file: str) -> str:
    """A file by its place below the data folder where it is one of the public sets, else as it is."""
    known = {f.name: f.path for dataset in downloads.datasets() for f in dataset.files}
    return known.get(file, file).removesuffix(".gz")


def readers(config: Mapping[str, Any], split: str) -> list[Mapping[str, Any]]:
    return list(files(config["corpora"][split]))


def files(corpus: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The readers of files, those of nested corpora among them."""
    if "parts" not in corpus:
        yield corpus
    for part in corpus.get("parts", {}).values():
        yield from files(part)


def share(reader: Mapping[str, Any]) -> tuple[float, float]:
    return reader.get("begin", 0.0), reader.get("end", 1.0)


def is_chunks(reader: Mapping[str, Any]) -> bool:
    return isinstance(reader["path"], str) and place(reader["path"]).endswith(place(CHUNKS))


def is_split(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two readers of one file read the articles of different parts."""
    return one.get("titles") is not None and one["titles"] == other.get("titles") and one["part"] != other["part"]


def leaks(config: Mapping[str, Any]) -> list[str]:
    """How a config, interpolated, would train or choose on what it should not."""
    found = [
        f"{key} = {value!r} is a test file"
        for key, value in settings(config)
        if isinstance(value, str)
        and not key.split(".")[-1].startswith("@")
        and (TEST_NAME.search(place(value)) or PUBLISHED.search(place(value)))
    ]
    train, dev = readers(config, "train"), readers(config, "dev")
    for reader in (*train, *dev):
        if place(reader["path"] or "") in map(place, ARTICLES) and reader.get("titles") is None:
            found.append(f"all articles of {reader['path']} are read, those of the test part among them")
    for one in train:
        for other in (r for r in dev if r["path"] is not None and place(r["path"]) == place(one["path"] or "")):
            (begin, end), (dev_begin, dev_end) = share(one), share(other)
            if is_split(one, other):
                continue
            if max(begin, dev_begin) < min(end, dev_end) or one.get("sentences") != other.get("sentences"):
                found.append(f"train and dev overlap in {one['path']}")
    shares = [[share(r) for r in part if is_chunks(r)] for part in (train, dev)]
    if any(shares) and shares != [[(0.0, 0.9)], [(0.9, 1.0)]]:
        found.append(f"CoNLL-2000 dev is not the last tenth of train: {shares}")
    for split in ("train", "dev"):
        used = config.get("training", {}).get(f"{split}_corpus", f"corpora.{split}")
        found += [] if used == f"corpora.{split}" else [f"training.{split}_corpus = {used}"]
    return found


GOOD = """
[paths]
train = "ewt/train"
dev = "ewt/dev"
chunks = "conll2000/train"

[corpora]

[corpora.train]
@readers = "cascade.Corpora.v1"

[corpora.train.parts]

[corpora.train.parts.treebank]
@readers = "cascade.Conllu.v1"
path = ${paths.train}

[corpora.train.parts.chunks]
@readers = "cascade.Columns.v1"
path = ${paths.chunks}
sentences = 10
end = 0.9

[corpora.dev]
@readers = "cascade.Corpora.v1"

[corpora.dev.parts]

[corpora.dev.parts.treebank]
@readers = "cascade.Conllu.v1"
path = ${paths.dev}

[corpora.dev.parts.chunks]
@readers = "cascade.Columns.v1"
path = ${paths.chunks}
sentences = 10
begin = 0.9
"""


NESTED = """
[corpora.train.parts.more]
@readers = "cascade.Corpora.v1"

[corpora.train.parts.more.parts]

[corpora.train.parts.more.parts.treebank]
@readers = "cascade.Conllu.v1"
path = ${paths.dev}

"""


def config_of(text: str) -> Config:
    return Config().from_str(text)


CASES = [pytest.param(lambda: config_of(GOOD), id="by hand")]
CASES += [pytest.param(lambda p=path: Config().from_disk(p), id=path.parent.name) for path in CONFIGS]


def test_the_shipped_configs_are_found() -> None:
    if not (ROOT / "pipelines").is_dir():
        pytest.skip("no pipelines are shipped")
    assert {"en_cascade_sm", "jmt", "ud"} <= {path.parent.name for path in CONFIGS}


@pytest.mark.parametrize("make", CASES)
def test_no_config_reads_a_test_file(make: Callable[[], Config]) -> None:
    assert leaks(make()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('train = "ewt/train"', 'train = "ewt/test"'),
        ('dev = "ewt/dev"', 'dev = "ewt/test"'),
        ('dev = "ewt/dev"', 'dev = "my/en_ewt-ud-test.conllu.gz"'),
        ('dev = "ewt/dev"', 'dev = "sick/SICK_test_annotated.txt"'),
        ('dev = "ewt/dev"', 'dev = "ewt/train"'),
        ('dev = "ewt/dev"', 'dev = "ud_english_ewt/en_ewt-ud-train.conllu"'),
        ("path = ${paths.dev}", 'path = "sick/test"'),
        ('chunks = "conll2000/train"', 'chunks = "conll2000/test"'),
        ("end = 0.9\n", "\n"),
        ("end = 0.9\n", "end = 0.95\n"),
        ("begin = 0.9\n", "\n"),
        ("begin = 0.9\n", "end = 0.1\n"),
        ("sentences = 10\nbegin", "sentences = 1\nbegin"),
        ("[corpora.dev]", NESTED + "[corpora.dev]"),
        ("[paths]", '[training]\ndev_corpus = "corpora.train"\n\n[paths]'),
        ("[paths]", '[initialize]\nvectors = "vectors/test"\n\n[paths]'),
    ],
)
def test_the_check_of_configs_finds_leaks(old: str, new: str) -> None:
    assert old in GOOD
    assert leaks(config_of(GOOD.replace(old, new))) != []


ASKED = """
[corpora]

[corpora.train]
@readers = "cascade.Questions.v1"
path = "squad1/dev"
titles = "split.json"
part = "train"

[corpora.dev]
@readers = "cascade.Questions.v1"
path = "squad_v1.1_dev/dev-v1.1.json"
titles = "split.json"
part = "dev"
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('part = "dev"', 'part = "train"'),
        ('part = "dev"', 'part = "test"'),
        ('titles = "split.json"\npart = "dev"', 'titles = "other.json"\npart = "dev"'),
        ('path = "squad1/dev"\ntitles = "split.json"\npart = "train"', 'path = "squad2/dev"'),
        ('path = "squad1/dev"', 'path = "scifact/claims_dev.jsonl"'),
        ('path = "squad1/dev"', 'path = "xquad/xquad.en.json"'),
    ],
)
def test_the_check_of_configs_finds_leaks_between_articles(old: str, new: str) -> None:
    assert leaks(config_of(ASKED)) == []
    assert old in ASKED
    assert leaks(config_of(ASKED.replace(old, new))) != []


@pytest.mark.parametrize("word", ["latest.conllu", "contest/train", "ewt/train", "attested.conllu"])
def test_other_words_are_no_test_files(word: str) -> None:
    assert leaks(config_of(GOOD.replace("ewt/train", word))) == []


@pytest.mark.parametrize("make", CASES)
def test_the_readers_cut_off_the_last_tenth(make: Callable[[], Config], tmp_path: Path) -> None:
    """The shipped readers themselves, on a hand-made file of 600 sentences of one word."""
    config, file, nlp = make(), tmp_path / "chunks.txt", spacy.blank("en")
    if not any(is_chunks(reader) for reader in readers(config, "train")):
        pytest.skip("does not read CoNLL-2000")
    expected = [f"word{i}" for i in range(600)]
    file.write_text("".join(f"{word} NN B-NP\n\n" for word in expected), encoding="utf8")

    def words(split: str) -> list[str]:
        (reader,) = [reader for reader in readers(config, split) if is_chunks(reader)]
        return [t.text for eg in from_config({**reader, "path": str(file)})(nlp) for t in eg.reference]

    assert words("train") == expected[:540]
    assert words("dev") == expected[540:]
