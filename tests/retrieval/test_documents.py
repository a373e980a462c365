from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import DataError
from cascade.retrieval import Document, Documents, Offsets, Passage, source_text, split
from cascade.retrieval.documents import Known, is_below
from cascade.retrieval.walking import File
from tests.retrieval.files import encrypted, pdf, written


def stored(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One file of every kind, and some that are passed over."""
    stored(tmp_path / "b.txt", "The ferry is blue.\r\n")
    stored(tmp_path / "a" / "z.MD", "# Ferry\n\nIt *sails*.")
    stored(tmp_path / "a" / "page.html", "<title>T</title><p>R&amp;D")
    stored(tmp_path / "c.pdf", pdf(["On one."], ["On two."]))
    stored(tmp_path / "d.jsonl", '{"text": "One."}\n{"id": "x:1", "text": "Two.", "year": 7}\n')
    stored(tmp_path / "e.csv", "id,text,lang\nq,Trois.,fr\n")
    stored(tmp_path / "photo.jpg", b"\xff")
    stored(tmp_path / ".hidden.txt", "no")
    stored(tmp_path / ".git" / "x.txt", "no")
    return tmp_path


def test_a_folder(folder: Path) -> None:
    documents = Documents(folder)
    found = {document.id: document for document in documents}
    assert list(found) == ["b.txt", "c.pdf", "d.jsonl:1", "d.jsonl:x:1", "e.csv:q", "a/page.html", "a/z.MD"]
    assert [document.text for document in found.values()] == [
        "The ferry is blue.\r\n",
        "On one.\n\fOn two.",
        "One.",
        "Two.",
        "Trois.",
        "R&D",
        "# Ferry\n\nIt *sails*.",
    ]
    assert found["c.pdf"].pages == (0, 9)
    assert found["a/page.html"].metadata == {"title": "T"}
    assert found["d.jsonl:x:1"].metadata == {"year": 7}
    assert found["e.csv:q"].metadata == {"lang": "fr"}
    assert all(str(folder / id) == document.source for id, document in found.items())
    assert {str(skipped).removeprefix(f"{folder}{os.sep}") for skipped in documents.skipped} == {
        "photo.jpg: does not end with .txt, .md, .html, .htm, .pdf, .jsonl, .csv",
        ".hidden.txt: is hidden",
        ".git: is hidden",
    }


def test_reading_again_gives_the_same(folder: Path) -> None:
    documents = Documents(folder)
    assert list(documents) == list(documents) == list(Documents(folder))
    assert len(documents.skipped) == 3


def test_the_source_of_every_document_is_found_again(folder: Path) -> None:
    for document in Documents(folder):
        source = source_text(document.source)
        for i, character in enumerate(document.text):
            written = source[slice(*document.offsets.origin(i, i + 1))]
            assert written == character or written in ("&amp;", "\f")


def test_a_file_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (document,) = Documents("a/z.MD")
    assert (document.id, document.source) == ("z.MD", str(Path("a/z.MD")))
    (hidden,) = Documents(".hidden.txt")
    assert hidden.text == "no"


def known_of(*paths: Path) -> dict[str, Known]:
    return {d.id: Known(fingerprint=d.fingerprint, place=d.place) for d in Documents(*paths)}


def reasons(documents: Documents) -> dict[str, str]:
    """What was skipped though it should have been read, by name."""
    return {Path(entry.source).name: entry.reason for entry in documents.skipped if not entry.expected}


def test_only_what_has_changed_is_read_again(folder: Path) -> None:
    known = known_of(folder)
    stored(folder / "b.txt", "The ferry is red.")
    stored(folder / "d.jsonl", '{"text": "One."}\n{"id": "x:1", "text": "Two.", "year": 8}\n')
    stored(folder / "new.txt", "New.")
    (folder / "e.csv").unlink()
    documents = Documents(folder, known=known)
    assert [document.id for document in documents] == ["b.txt", "d.jsonl:x:1", "new.txt"]
    assert documents.unchanged == {"c.pdf", "d.jsonl:1", "a/page.html", "a/z.MD"}
    assert documents.gone() == ["e.csv:q"]


def test_files_that_have_not_changed_are_not_parsed(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.pdf", pdf(["x"]))
    known = known_of(path)
    assert known == known_of(tmp_path)
    locked = Documents(stored(path, encrypted(pdf(["x"]), "secret")), known=known)
    assert list(locked) == [] and "the PDF is encrypted" in reasons(locked)["a.pdf"]
    assert (locked.unchanged, locked.gone()) == (set(), []), "it is still there"


def test_what_is_gone(folder: Path) -> None:
    known = {**known_of(folder), "ready": Known(fingerprint="1")}
    (folder / "a" / "z.MD").unlink()
    (folder / "c.pdf").unlink()
    stored(folder / "b.txt", " \n")
    stored(folder / "d.jsonl", '{"text": "One."}\n')

    def gone(*paths: Path) -> list[str]:
        documents = Documents(*paths, known=known)
        list(documents)
        return documents.gone()

    assert gone(folder) == ["a/z.MD", "b.txt", "c.pdf", "d.jsonl:x:1"]
    assert gone(folder / "a") == ["a/z.MD"]
    assert gone(folder / "d.jsonl", folder / "e.csv") == ["d.jsonl:x:1"]


def test_what_cannot_be_read_is_not_gone(folder: Path) -> None:
    known = known_of(folder)
    stored(folder / "b.txt", b"\xff")
    stored(folder / "d.jsonl", "{}\n")
    documents = Documents(folder, known=known)
    assert list(documents) == documents.gone() == []
    assert reasons(documents).keys() == {"b.txt", "d.jsonl"}


def test_a_file_keeps_its_id_however_it_is_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = known_of(folder)
    stored(folder / "a" / "z.MD", "changed")
    monkeypatch.chdir(folder / "a")
    for path in ("z.MD", ".", folder / "a", ".."):
        documents = Documents(path, known=known)
        assert [document.id for document in documents] == ["a/z.MD"]
        assert documents.gone() == []


def test_files_are_read_once(folder: Path) -> None:
    assert list(Documents(folder, folder / "a", folder / "b.txt")) == list(Documents(folder))


def test_a_folder_that_was_moved(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its documents keep their ids and are read again, for the sake of their sources."""
    known, new = known_of(folder), tmp_path_factory.mktemp("moved") / "new"
    folder.rename(new)
    documents = Documents(new, known=known)
    assert {document.id for document in documents} == known.keys()
    assert documents.gone() == []


def test_documents_without_text_are_named(tmp_path: Path) -> None:
    stored(tmp_path / "a.txt", " \r\n")
    stored(tmp_path / "b.html", "<script>x</script>")
    stored(tmp_path / "c.pdf", pdf([]))
    stored(tmp_path / "d.csv", "text,id\n,x\ny,z\n")
    documents = Documents(tmp_path)
    assert [document.id for document in documents] == ["d.csv:z"]
    assert [Path(skipped.source).name for skipped in documents.skipped] == ["a.txt", "b.html", "c.pdf", "d.csv:x"]
    assert {skipped.reason for skipped in documents.skipped} == {"has no text"}


def test_file_by_file(folder: Path) -> None:
    documents = Documents(folder)
    assert documents.files[2] == File(path=folder / "d.jsonl", id="d.jsonl")
    assert [document.id for document in documents.read(documents.files[2])] == ["d.jsonl:1", "d.jsonl:x:1"]


def test_two_documents_of_one_id(tmp_path: Path) -> None:
    one, two = stored(tmp_path / "1" / "a.txt", "x"), stored(tmp_path / "2" / "a.txt", "y")
    documents = Documents(one.parent, two.parent)
    assert [document.source for document in documents] == [str(one)]
    (skipped,) = documents.skipped
    assert str(skipped).startswith(f"{two}: has the id 'a.txt', as {one} has; rename one of them, or give the folder")
    rows = Documents(stored(tmp_path / "r.jsonl", '{"text": "x", "id": 2}\n{"text": "y"}\n{"text": "z"}'))
    assert [document.text for document in rows] == ["x", "z"]
    assert "has the id 'r.jsonl:2'" in rows.skipped[0].reason


def test_two_files_of_one_id_one_of_them_known(tmp_path: Path) -> None:
    one, two = stored(tmp_path / "1" / "a.txt", "x"), stored(tmp_path / "2" / "a.txt", "y")
    for place in (str(one), None):
        documents = Documents(two, known={"a.txt": Known(fingerprint="1", place=place)})
        assert list(documents) == documents.gone() == []
        first = str(one) if place else "a document that was read from no file"
        assert f"has the id 'a.txt', as {first} has in the index" in documents.skipped[0].reason
    both = Documents(tmp_path, known=known_of(one))
    assert [document.id for document in both] == ["2/a.txt"]
    one.unlink()
    moved = Documents(two, known={"a.txt": Known(fingerprint="1", place=str(one))})
    assert [document.id for document in moved] == ["a.txt"], "nothing is lost: the other file is gone"


def test_one_unreadable_file_does_not_stop_the_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(folder / "a" / "bad.txt", "café".encode("latin1"))
    stored(folder / "d.jsonl", '{"text": "One."}\n{"text": 2}\n{"text": "Three."}\n')
    stored(folder / "lock.pdf", encrypted(pdf(["x"]), "secret"))
    documents = Documents(folder)
    (folder / "e.csv").unlink()
    found = [document.id for document in documents]
    assert found == ["b.txt", "c.pdf", "d.jsonl:1", "a/page.html", "a/z.MD"]
    expected = {
        "bad.txt": "line 1: expected UTF-8, got byte 0xe9 at position 3",
        "d.jsonl": "line 2: expected a string as 'text', got a number; mend the line; what stands before was read",
        "e.csv": "there is no such file; check the path",
        "lock.pdf": "the PDF is encrypted; save it without a password",
    }
    said = reasons(documents)
    assert said.keys() == expected.keys()
    assert all(said[name].startswith(reason) for name, reason in expected.items())


def test_without_pypdf(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    documents = Documents(folder)
    assert "c.pdf" not in [document.id for document in documents]
    assert "pip install 'cascade-nlp[documents]'" in reasons(documents)["c.pdf"]


@pytest.mark.parametrize("source", ["gone.txt", "gone.jsonl:1", "nothing", "d.jsonl:9", "photo.jpg", ""])
def test_sources_that_are_gone(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(DataError, match="there is no such file"):
        source_text(source)


def test_colons_in_paths_and_ids(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.csv:b" / "c.csv", "id,text\nx.txt:y,Text.\n")
    (document,) = Documents(path)
    assert source_text(document.source) == "Text."


def test_below() -> None:
    assert all(is_below(place, "/a/b") for place in ("/a/b", "/a/b/c.txt", "/a/b:7"))
    assert not any(is_below(place, "/a/b") for place in ("/a/bc", "/a", "/a/b.txt", "/c/a/b"))
    assert is_below("/a", "/")


def test_a_document_of_a_text() -> None:
    document = Document.from_text("a🎾", id="1", metadata={"year": 7})
    assert (document.source, document.offsets, document.pages) == ("1", Offsets.identity(2), ())
    assert document.fingerprint == Document.from_text("a🎾", id="2", source="s", metadata={"year": 7}).fingerprint
    assert document.fingerprint != Document.from_text("a🎾", id="1").fingerprint
    assert document.fingerprint != Document.from_text("b", id="1", metadata={"year": 7}).fingerprint


# The promise: whatever the format, a slice of a passage stands in the source where it says.

characters = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("🎾𝒜é渡 \r\n\t")
texts = st.lists(st.text(characters, max_size=12) | st.sampled_from([". ", "\r\n\r\n", "word "]), max_size=12).map(
    "".join
)


def at_stops(text: str) -> Iterable[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"[^.]+\.?", text)]


def passages(path: Path) -> Iterator[Passage]:
    for document in Documents(path):
        yield from split(document, at_stops, words=3, overlap=1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("documents")


@pytest.mark.parametrize("suffix", [".txt", ".md", ".jsonl", ".csv"])
@given(text=texts)
def test_slices_of_passages_are_slices_of_the_source(place: Path, suffix: str, text: str) -> None:
    path = stored(place / f"plain{suffix}", written(text, suffix))
    for passage in passages(path):
        source = source_text(passage.source)
        for start in range(len(passage.text)):
            for end in range(start + 1, len(passage.text) + 1):
                first, last = passage.origin(start, end)
                assert source[first:last] == passage.text[start:end]


@given(text=texts, data=st.data())
def test_slices_of_html_say_the_same_as_the_source(place: Path, text: str, data: st.DataObject) -> None:
    path = stored(place / "page.html", written(text, ".html"))
    for passage in passages(path):
        source = source_text(passage.source)
        start = data.draw(st.integers(0, len(passage.text) - 1))
        end = data.draw(st.integers(start + 1, len(passage.text)))
        first, last = passage.origin(start, end)
        fragment = stored(place / "fragment.html", source[first:last])
        seen = passage.text[start:end].strip()
        assert [document.text for document in Documents(fragment)] == ([seen] if seen else [])
        if passage.offsets.slice(start, end).verbatim:
            assert source[first:last] == passage.text[start:end]


def test_slices_of_a_pdf_and_their_pages(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.pdf", pdf(["The mas-", "ter sails.  It is"], ["blue. It is"], ["old. Yes."]))
    found = list(passages(path))
    assert [(passage.text, passage.page) for passage in found] == [
        ("The master sails.", 1),
        ("It is\n\fblue.", 1),
        ("It is\n\fold.", 2),
        ("Yes.", 3),
    ]
    source = source_text(str(path))
    for passage in found:
        for start in range(len(passage.text)):
            first, last = passage.origin(start, start + 1)
            assert source[first:last] == passage.text[start] or passage.text[start].isspace()
            assert passage.page_at(start) == 1 + source.count("\f", 0, first) or passage.text[start].isspace()
