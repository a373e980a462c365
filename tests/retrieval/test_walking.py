from __future__ import annotations

import os
from pathlib import Path

import pytest

from cascade.errors import DataError
from cascade.retrieval.walking import File, Skipped, walk

SUFFIXES = (".txt", ".md")


def made(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_a_folder_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("c.txt", "b/z.MD", "b/a/y.txt", ".git/x.txt", ".hidden.md", "photo.jpg"):
        made(tmp_path / name)
    found = list(walk(tmp_path, SUFFIXES))
    files = [entry for entry in found if isinstance(entry, File)]
    assert [file.id for file in files] == ["c.txt", "b/z.MD", "b/a/y.txt"]
    assert all(file.path == tmp_path / file.id for file in files)
    passed = {Path(entry.source).name: entry for entry in found if isinstance(entry, Skipped)}
    assert {name: entry.reason for name, entry in passed.items()} == {
        ".git": "is hidden",
        ".hidden.md": "is hidden",
        "photo.jpg": "does not end with .txt, .md",
    }
    assert all(entry.expected for entry in passed.values())


def test_a_file_that_is_given_is_read_though_hidden(tmp_path: Path) -> None:
    path = made(tmp_path / ".hidden.md")
    assert list(walk(path, SUFFIXES)) == [File(path=path, id=".hidden.md")]


def test_what_is_no_file_is_a_problem(tmp_path: Path) -> None:
    made(tmp_path / "a.txt")
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "nowhere.txt").symlink_to(tmp_path / "gone")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).touch()
    passed = [entry for entry in walk(tmp_path, SUFFIXES) if isinstance(entry, Skipped)]
    assert sorted(entry.reason for entry in passed) == ["has a name that cannot be printed", "is no file", "is no file"]
    assert not any(entry.expected for entry in passed)
    assert all(str(entry).isprintable() for entry in passed)


def test_a_folder_that_is_closed_does_not_stop_the_walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path / "a.txt")
    made(tmp_path / "closed" / "b.txt")
    real = os.scandir

    def scandir(path: str) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = list(walk(tmp_path, SUFFIXES))
    assert isinstance(found[0], File)
    assert str(found[1]) == f"{tmp_path / 'closed'}: cannot be read (Permission denied)"


@pytest.mark.parametrize("content", [[], ["photo.jpg", ".hidden.txt"]])
def test_a_folder_without_files_to_read(tmp_path: Path, content: list[str]) -> None:
    """Such as an unmounted drive: it must not look as if all files were gone."""
    for name in content:
        made(tmp_path / name)
    with pytest.raises(
        DataError, match=r"expected files that end with \.txt, \.md, got (nothing|2 others, the first: )"
    ):
        list(walk(tmp_path, SUFFIXES))


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none: there is no such file or folder"):
        list(walk(tmp_path / "none", SUFFIXES))
    with pytest.raises(DataError, match=r"a\.docx: expected a file that ends with \.txt, \.md; convert it"):
        list(walk(made(tmp_path / "a.docx"), SUFFIXES))
