"""spaCy's own binary format, `.spacy` (a [`DocBin`](https://spacy.io/api/docbin))."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from cascade.data.files import require_any
from cascade.errors import DataError


def read_docbin(path: str | Path, *, vocab: Vocab) -> Iterator[Doc]:
    """Reads a `.spacy` file, or all of them below a folder in the order of their paths.

    Args:
        path: The file or folder.
        vocab: The vocabulary of the Docs.

    Raises:
        DataError: There is no such file, the folder holds none, one is damaged, or no Doc is there.
    """
    return require_any(_docs(Path(path), vocab), path=path, expected="at least one Doc")


def _docs(path: Path, vocab: Vocab) -> Iterator[Doc]:
    for file in _files(path):
        docs = _load(file).get_docs(vocab)
        while (doc := _next(docs, file)) is not None:
            yield doc


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise DataError("there is no such file or folder; check the path", path=path)
    files = sorted(path.rglob("*.spacy")) if path.is_dir() else [path]
    if not files:
        raise DataError("expected .spacy files below the folder, got none; name the folder that holds them", path=path)
    return files


def _load(file: Path) -> DocBin:
    try:
        return DocBin().from_disk(file)
    except Exception as error:
        raise _damaged(file, error) from error


def _next(docs: Iterator[Doc], file: Path) -> Doc | None:
    try:
        return next(docs, None)
    except Exception as error:
        raise _damaged(file, error) from error


def _damaged(file: Path, error: Exception) -> DataError:
    reason = f"{type(error).__name__}: {error}".rstrip(": ")
    return DataError(
        f"expected a DocBin as spacy convert writes it ({reason}); write or copy the file again", path=file
    )
