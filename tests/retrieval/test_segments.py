from __future__ import annotations

from pathlib import Path

import pytest

from cascade.retrieval.segments import damaged_files
from tests.retrieval.test_lexical import make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    index = make(tmp_path / "i", dict.fromkeys(range(3), "boat"))
    with index.writing() as writer:
        writer.delete([1])
        writer.commit()
    return tmp_path / "i"


def test_whole(folder: Path) -> None:
    assert damaged_files(folder) == []
    assert list(folder.glob("*.del"))


@pytest.mark.parametrize("place", [0, -20, -6, -1])
def test_every_file_is_looked_at(folder: Path, place: int) -> None:
    """A byte of the content, of the footer's JSON, of its length, of the magic number."""
    for path in sorted(folder.glob("*.*")):
        if path.suffix in (".json", ".lock"):
            continue
        content = bytearray(path.read_bytes())
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert damaged_files(folder) == [path.name]
        path.write_bytes(content[:5])
        assert damaged_files(folder) == [path.name]
        path.write_bytes(content)


def test_what_is_not_committed_does_not_count(folder: Path) -> None:
    segment = next(folder.glob("*.idx"))
    segment.with_name("0" * 32 + ".idx").write_bytes(b"half")
    segment.with_suffix(".99.del").write_bytes(b"half")
    assert damaged_files(folder) == []
