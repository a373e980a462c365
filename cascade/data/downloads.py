"""The public data sets that the shipped pipelines are trained on: where they lie and where they come from.

A file is looked for in the folder that the environment variable `CASCADE_DATA` names, then in the user's cache. What is
fetched is checked against the SHA-256 in the table below and appears whole or not at all.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import pooch
from rich.console import Console
from rich.progress import Progress

from cascade.errors import ConfigError, DataError

FOLDER_VARIABLE = "CASCADE_DATA"
"""The environment variable that names a folder with the data."""

_TIMEOUT = 30  # seconds without an answer


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFile:
    """One file of a data set.

    Attributes:
        name: What configs and the command line call it, such as `ewt/train`.
        path: Its place below the data folder; it may also lie there gzipped, with `.gz` at the end.
        url: Where to fetch it.
        sha256: Checksum of its content, not gzipped.
        member: Its path in the zip archive that `url` names, None if `url` names the file itself.
    """

    name: str
    path: str
    url: str
    sha256: str
    member: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """A data set.

    Attributes:
        name: Its short name, the first half of its files' names.
        title: Its full name, with the publication.
        source: The GitHub repository and the commit, abbreviated as GitHub resolves it.
        licence: The licence as the source states it.
        files: Its files.
    """

    name: str
    title: str
    source: str
    licence: str
    files: tuple[DataFile, ...]


_EWT_SOURCE = "UniversalDependencies/UD_English-EWT", "15d613d8447b"
_CONLL_SOURCE = "nltk/nltk_data", "5db857e6f7df"
_SICK_SOURCE = "brmson/dataset-sts", "e1d3375f5b3b"


def _ewt(split: str, sha256: str) -> DataFile:
    file = f"en_ewt-ud-{split}.conllu"
    return DataFile(name=f"ewt/{split}", path=f"ud_english_ewt/{file}", url=_github(_EWT_SOURCE, file), sha256=sha256)


def _conll(split: str, sha256: str) -> DataFile:
    file = f"conll2000/{split}.txt"
    url = _github(_CONLL_SOURCE, "packages/corpora/conll2000.zip")
    return DataFile(name=f"conll2000/{split}", path=file, url=url, sha256=sha256, member=file)


def _sick(split: str, file: str, sha256: str) -> DataFile:
    url = _github(_SICK_SOURCE, f"data/sts/sick2014/{file}")
    return DataFile(name=f"sick/{split}", path=f"sick/{file}", url=url, sha256=sha256)


def _github(source: tuple[str, str], path: str) -> str:
    repository, commit = source
    return f"https://github.com/{repository}/raw/{commit}/{path}"


_DATASETS = (
    Dataset(
        name="ewt",
        title="Universal Dependencies, English Web Treebank (Silveira et al. 2014, LREC)",
        source="@".join(_EWT_SOURCE),
        licence="CC BY-SA 4.0",
        files=(
            _ewt("train", "3fb78e2b55482c8ee00caa653af436c88c9e5bc9a73ce26e4ae3ddc79d2b7e7b"),
            _ewt("dev", "531a54ff90d6ab12201c5a50c3e78e6ddac4de69abc4bce5d275d3cd29efe2b6"),
            _ewt("test", "e266e515a0a7547657ed3d90d9ba46487d6bd251f27ad4269d4e8a427c8555cd"),
        ),
    ),
    Dataset(
        name="conll2000",
        title="CoNLL-2000 chunking (Tjong Kim Sang & Buchholz 2000, CoNLL)",
        source="@".join(_CONLL_SOURCE),
        licence="not stated; shared-task data, text of the Wall Street Journal",
        files=(
            _conll("train", "82033cd7a72b209923a98007793e8f9de3abc1c8b79d646c50648eb949b87cea"),
            _conll("test", "73b7b1e565fa75a1e22fe52ecdf41b6624d6f59dacb591d44252bf4d692b1628"),
        ),
    ),
    Dataset(
        name="sick",
        title="SICK, relatedness and entailment of sentence pairs (Marelli et al. 2014, SemEval)",
        source="@".join(_SICK_SOURCE),
        licence="CC BY-NC-SA 3.0",
        files=(
            _sick("train", "SICK_train.txt", "266cf8047149bd1d68138dd30439f3122bff30069740ac6705bb6197d9f1b48e"),
            _sick("trial", "SICK_trial.txt", "5a88cfb62f8c6bd2a3cce0f2421ba2cb8c2be5ab4a800f6f01e2c64aafb7db56"),
            _sick(
                "test", "SICK_test_annotated.txt", "2b8aa806658d6fc23c6824c83776c2d4fee7556000817b5ec0f982861413b7d0"
            ),
        ),
    ),
)


def datasets() -> list[Dataset]:
    """The data sets of the table, by name."""
    return sorted(_DATASETS, key=lambda dataset: dataset.name)


def cache_folder() -> Path:
    """The user's cache, where files are fetched to; it need not exist."""
    return Path(pooch.os_cache("cascade-nlp"))


def find(name: str) -> Path:
    """The place of a file of the table, such as `ewt/train`: below `CASCADE_DATA` or else in the cache.

    Raises:
        ConfigError: The table has no such name.
        DataError: The file lies in neither place; the message says where to get it and where to put it.
    """
    file = _file(name)
    for folder in _folders():
        for path in (folder / file.path, folder / f"{file.path}.gz"):
            if path.is_file():
                return path
    raise DataError(f"{name} is not on this machine; run cascade data fetch {name}, or {_by_hand(file)}")


def resolve(source: str | Path) -> Path:
    """A path as it is, and a name of the table as the place of its file.

    Raises:
        DataError: As [`find`][cascade.data.downloads.find], for a name of the table.
    """
    return find(str(source)) if str(source) in _files() else Path(source)


def fetch(name: str) -> list[Path]:
    """Gets a data set (`ewt`) or one file (`ewt/train`), over the network where it is not on this machine yet.

    On a terminal, a bar on standard error shows the progress.

    Raises:
        ConfigError: The table has no such name.
        DataError: A file cannot be fetched, or is not the one that the table names. Nothing is left behind.
    """
    wanted = [file for dataset in _DATASETS if dataset.name == name for file in dataset.files] or [_file(name)]
    return [_find_or_fetch(file) for file in wanted]


def fetch_file(file: DataFile, folder: Path) -> Path:
    """Downloads one file to its place below `folder` and checks it; what lay there is replaced.

    Raises:
        DataError: The download fails, its checksum differs, or the folder cannot be written. Nothing is left behind,
            and what lay there stays.
    """
    target = folder / file.path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".fetch-", dir=target.parent) as scratch:
            content = _download(file, Path(scratch))
            _check(file, content)
            os.replace(content, target)
    except OSError as error:
        _fail(file, f"cannot be written to {target} ({error})", error)
    return target


def _find_or_fetch(file: DataFile) -> Path:
    try:
        return find(file.name)
    except DataError:
        return fetch_file(file, cache_folder())


def _files() -> dict[str, DataFile]:
    return {file.name: file for dataset in _DATASETS for file in dataset.files}


def _file(name: str) -> DataFile:
    files = _files()
    if name not in files:
        raise ConfigError(f"there is no data {name!r}; expected one of {', '.join(sorted(files))}")
    return files[name]


def _folders() -> Iterator[Path]:
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        yield Path(named)
    yield cache_folder()


def _by_hand(file: DataFile) -> str:
    member = f", take {file.member} out of it" if file.member else ""
    places = " or ".join(str(folder / file.path) for folder in _folders())
    return f"download {file.url} by hand{member} and put it at {places} ({FOLDER_VARIABLE} names a folder of your own)"


def _download(file: DataFile, scratch: Path) -> Path:
    pooch.get_logger().setLevel("WARNING")
    try:
        with _progress(file.name) as bar:
            downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=_TIMEOUT)
            fetched = Path(pooch.retrieve(file.url, None, fname="download", path=scratch, downloader=downloader))
        return fetched if file.member is None else _extract(fetched, file.member)
    except (OSError, ValueError) as error:
        _fail(file, f"cannot be fetched from {file.url} ({error})", error)
    except (zipfile.BadZipFile, zlib.error, KeyError) as error:
        _fail(file, f"is not in the archive {file.url} ({error})", error)


def _extract(archive: Path, member: str) -> Path:
    with zipfile.ZipFile(archive) as opened:
        return Path(opened.extract(member, archive.parent / "extracted"))


def _check(file: DataFile, content: Path) -> None:
    found = pooch.file_hash(str(content))
    if found != file.sha256:
        _fail(file, f"came damaged or changed from {file.url}: expected SHA-256 {file.sha256}, got {found}")


def _fail(file: DataFile, problem: str, cause: Exception | None = None) -> NoReturn:
    raise DataError(f"{file.name} {problem}; try again, or {_by_hand(file)}") from cause


class _Bar:
    """What pooch asks of a progress bar, shown by rich."""

    def __init__(self, progress: Progress, name: str) -> None:
        self.total = 0
        self._progress = progress
        self._task = progress.add_task(name)

    def update(self, amount: int) -> None:
        self._progress.update(self._task, advance=amount, total=self.total)

    def reset(self) -> None:
        self._progress.reset(self._task)

    def close(self) -> None:
        self._progress.refresh()


@contextmanager
def _progress(name: str) -> Iterator[_Bar]:
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        yield _Bar(progress, name)
