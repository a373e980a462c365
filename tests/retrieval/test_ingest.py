from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from cascade.errors import ConfigError, DataError
from cascade.retrieval.ingest import Ingestion, named, sorted_out
from cascade.retrieval.splitting import Splitting
from cascade.retrieval.walking import File
from tests.retrieval.made import document


def test_what_sources_are() -> None:
    ready = document("d", ["boat"])
    assert sorted_out("a.txt")[0] == ["a.txt"]
    assert sorted_out(Path("a"))[0] == [Path("a")]
    assert sorted_out(path for path in ["a", Path("b")])[0] == ["a", Path("b")]
    for sources in ([ready, ready], (d for d in (ready, ready))):
        paths, documents = sorted_out(sources)
        assert (paths, [tuple(d) for d in documents]) == ([], [(*ready, None)] * 2)
    paths, documents = sorted_out([])
    assert (paths, list(documents)) == ([], [])


def test_documents_are_cut_as_settings_say(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One two. Three four. Five six.")
    (found,) = Ingestion([tmp_path], Splitting(words=4, overlap=1, lang="en"))
    assert [passage.text for passage in found.passages] == ["One two. Three four.", "Three four. Five six."]
    assert (found.id, found.place) == ("a.txt", str(tmp_path / "a.txt"))
    with pytest.raises(ConfigError, match="'klingon'"):
        Ingestion([tmp_path], Splitting(lang="klingon"))


def test_progress_sees_the_files(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    seen: list[str] = []

    def progress(files: Sequence[File]) -> Iterable[File]:
        for file in files:
            yield file
            seen.append(file.id)

    assert [addition.id for addition in Ingestion([tmp_path], Splitting(), progress=progress)] == seen


def test_no_document_at_all(tmp_path: Path) -> None:
    (tmp_path / "blank.html").write_text("<script>x</script>")
    (tmp_path / "bad.txt").write_bytes(b"\xff")
    with pytest.raises(DataError) as caught:
        Ingestion([tmp_path], Splitting()).require_any()
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{tmp_path}: expected a document with text, got none:"
    assert lines[2] == f"{tmp_path / 'blank.html'}: has no text" and "expected UTF-8" in lines[1]
    for number in range(20):
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(DataError, match="and 12 more"):
        Ingestion([tmp_path], Splitting()).require_any()
    rows = tmp_path / "r.csv"
    rows.write_text("text\n")
    with pytest.raises(DataError, match="got none: files without rows"):
        Ingestion([rows], Splitting()).require_any()


def test_looking_for_a_document_loses_none(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    ingestion = Ingestion([tmp_path], Splitting())
    ingestion.require_any()
    assert [addition.id for addition in ingestion] == ["a.txt", "b.txt"]


def test_names_of_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    places = {
        "a.txt": str(tmp_path / "docs" / "a.txt"),
        "sub/b.txt": str(tmp_path / "docs" / "sub" / "b.txt"),
        "r.csv:1": str(tmp_path / "docs" / "r.csv:1"),
        "ready": None,
    }
    expected = {
        "a.txt": ["a.txt"],
        "docs/a.txt": ["a.txt"],
        "docs/sub/": ["sub/b.txt"],
        "docs/r.csv": ["r.csv:1"],
        "docs/r.csv:1": ["r.csv:1"],
        "docs": ["a.txt", "sub/b.txt", "r.csv:1"],
        "ready": ["ready"],
        "doc": [],
        "b.txt": [],
    }
    assert {name: named(name, places) for name in expected} == expected
    assert named(tmp_path / "docs" / "a.txt", places) == ["a.txt"]
