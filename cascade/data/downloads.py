"""The public data sets of the catalogue: where they lie, and how they get there.

A file is looked for in the folder that the environment variable `CASCADE_DATA` names, then in the user's cache. What is
fetched is checked against the SHA-256 of the catalogue and appears whole or not at all. Files that the catalogue does
not have may lie in these folders too, and are named by their place there.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import pooch
from rich.console import Console
from rich.progress import Progress

from cascade.data.catalogue import DATASETS, DataFile, Dataset
from cascade.errors import ConfigError, DataError

FOLDER_VARIABLE = "CASCADE_DATA"
"""The environment variable that names a folder with the data."""

_TIMEOUT = 30  # seconds without an answer


def datasets() -> list[Dataset]:
    """The data sets of the catalogue, by name."""
    return sorted(DATASETS, key=lambda dataset: dataset.name)


def cache_folder() -> Path:
    """The user's cache, where files are fetched to; it need not exist."""
    return Path(pooch.os_cache("cascade-nlp"))


def find(name: str) -> Path:
    """The place of a file of the catalogue, such as `ewt/train`: below `CASCADE_DATA` or else in the cache.

    Raises:
        ConfigError: The table has no such name.
        DataError: The file lies in neither place; the message says where to get it and where to put it.
    """
    file = _file(name)
    for path in _places(file.path):
        if path.is_file():
            return path
    raise DataError(f"{name} is not on this machine; run cascade data fetch {name}, or {_by_hand(file)}")


def resolve(source: str | Path) -> Path:
    """The place of a file: of the catalogue, by its name; else as its path says, from here or from the data folder.

    Args:
        source: A name of the catalogue, or a path.

    Returns:
        The place. A path that leads to nothing, from either folder, stays as it is.

    Raises:
        DataError: As [`find`][cascade.data.downloads.find], for a name of the catalogue.
    """
    if str(source) in _files():
        return find(str(source))
    path = Path(source)
    return path if path.exists() else next(filter(Path.is_file, _places(path)), path)


def fetch(name: str) -> list[Path]:
    """Gets a data set (`ewt`) or one file (`ewt/train`), over the network where it is not on this machine yet.

    On a terminal, a bar on standard error shows the progress.

    Raises:
        ConfigError: The table has no such name.
        DataError: A file cannot be fetched, or is not the one that the catalogue names. Nothing is left behind.
    """
    wanted = [file for dataset in DATASETS if dataset.name == name for file in dataset.files] or [_file(name)]
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
    return {file.name: file for dataset in DATASETS for file in dataset.files}


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


def _places(path: str | Path) -> Iterator[Path]:
    """Where a file may lie, by its place below the data folder; also gzipped."""
    for folder in _folders():
        yield folder / path
        yield folder / f"{path}.gz"


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
