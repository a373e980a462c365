"""What a reader is shown runs: the scripts of `examples/`, the Python of the README, the commands of all pages."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import typer.main

from cascade.cli import app
from cascade.retrieval import Documents, sentence_splitter, source_text, split

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "pipelines").glob("*/README.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
DOCUMENTS = ROOT / "examples" / "documents"


def needs(*names: str) -> pytest.MarkDecorator:
    """Skip where the weights of a shipped pipeline are not there."""
    missing = [name for name in names if not (ROOT / "pipelines" / name / "model").is_dir()]
    return pytest.mark.skipif(bool(missing), reason=f"the weights of {' and '.join(missing)} are not there")


# What each script promises to print, as regular expressions, and the shipped weights that it needs.
PROMISES: dict[str, tuple[Sequence[str], str | None]] = {
    "01_annotate.py": (
        (
            r"^She has not yet decided\.$",
            r"^  vote +VERB +VB +[01]\.\d\d +--ROOT--> ROOT [01]\.\d\d$",
            r"^  the +DET +DT +[01]\.\d\d +--det--> harbour [01]\.\d\d$",
            r"^chunks: .*the harbour \(NP [01]\.\d\d\)",
        ),
        "en_cascade_sm",
    ),
    "02_graph.py": (
        (
            r"chunk +│ Chunking +│ token",
            r"^The best model, dev: tag_acc (1\.00|0\.9\d), chunk_f (1\.00|0\.9\d), dep_las (1\.00|0\.9\d)$",
            r"^lights +VBZ +ROOT +lights$",
            r"^lights +NNS +obj +lights$",
            r"^watches +NNS +obl +lights$",
            r"^chunks: every keeper \(NP\), lights \(VP\), bright lights \(NP\), behind \(PP\), old watches \(NP\)$",
        ),
        None,
    ),
    "03_own_task.py": (
        (
            r"^Casing keeps the contract of a task$",
            r"^will will bill the us -> Will will bill the US$",
            r"^may may visit us -> May may visit us$",
        ),
        None,
    ),
    "04_beside_spacy.py": (
        (
            r"^'the ferry to Hull leaves at noon;', root: leave$",
            r"^entities: \[\('Hull', 'GPE'\)\]$",
            r"^all tasks: tag, pos, morph, lemma, chunk, entities, parse$",
            r"^tags only: DT NN IN NNP VBZ .* - parsed: False$",
            r"^subjects of 200 texts: .*'Anna': 50",
            r"^loaded from disk, same trees: True$",
        ),
        "en_cascade_sm",
    ),
    "05_questions.py": (
        (
            r"^\d+ passages of 6 documents$",
            r"^  1887 \(confidence [01]\.\d\d\)\n  garden\.md, characters \d+:\d+: '1887'$",
            r"^  (a )?heron \(confidence [01]\.\d\d\)\n  mill\.txt, characters \d+:\d+: '(a )?heron'$",
            r"^  25.minutes \(confidence [01]\.\d\d\)\n  ferry\.html, characters \d+:\d+: '25&nbsp;minutes'$",
            r"^  162( steps)? \(confidence [01]\.\d\d\)\n  notices\.jsonl:lighthouse, characters \d+:\d+: '162",
            r"orchestra .*\n  the documents do not say \(probability [01]\.\d\d\)$",
        ),
        "en_cascade_qa",
    ),
}

SENTENCE = """\
1	Mara	Mara	PROPN	NNP	Number=Sing	2	nsubj	_	Chunk=B-NP
2	mends	mend	VERB	VBZ	Number=Sing	0	root	_	Chunk=B-VP
3	old	old	ADJ	JJ	Degree=Pos	4	amod	_	Chunk=B-NP
4	clocks	clock	NOUN	NNS	Number=Plur	2	obj	_	Chunk=I-NP

"""
COLUMNS = "Mara NNP B-NP\nmends VBZ B-VP\nclocks NNS B-NP\n\n"


def run(script: Path | str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a file or a text of Python in a process of its own, one thread, in an empty folder."""
    arguments = [str(script)] if isinstance(script, Path) else ["-c", script]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def code(page: Path, language: str) -> list[str]:
    """The blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf8"), flags=re.MULTILINE | re.DOTALL)


def test_every_example_promises_something() -> None:
    assert [path.name for path in EXAMPLES] == sorted(PROMISES)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[needs(weights)] if weights else ()) for name, (_, weights) in PROMISES.items()]
)
def test_example_prints_what_it_promises(name: str, tmp_path: Path) -> None:
    printed = run(ROOT / "examples" / name, tmp_path).stdout
    missing = [promise for promise in PROMISES[name][0] if not re.search(promise, printed, flags=re.MULTILINE)]
    assert not missing, f"{missing} in\n{printed}"
    assert list(tmp_path.iterdir()) == [], "an example leaves files where it is run"


@needs("en_cascade_sm")
def test_annotates_the_texts_of_the_command_line(tmp_path: Path) -> None:
    script = ROOT / "examples" / "01_annotate.py"
    done = subprocess.run(
        [sys.executable, script, "Mara mends clocks.", ""], cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert "Mara mends clocks." in done.stdout
    assert "committee" not in done.stdout


def test_the_documents_answer_what_is_asked_and_their_offsets_are_no_matter_of_course() -> None:
    """Characters outside the basic plane, line ends of two characters, entities; every passage knows its source."""
    raw = {path.suffix: path.read_bytes() for path in DOCUMENTS.iterdir()}
    assert sorted(raw) == [".html", ".jsonl", ".md", ".txt"]
    assert max(map(ord, raw[".md"].decode())) > 0xFFFF
    assert raw[".html"].count(b"\r\n") == raw[".html"].count(b"\n") > 20
    assert len(set(re.findall(rb"&\w+;", raw[".html"]))) >= 5
    passages = [p for document in Documents(DOCUMENTS) for p in split(document, sentence_splitter("xx"))]
    assert len(passages) > 8
    for text, written in (
        ("1887", "1887"),
        ("a heron", "a heron"),
        ("25 minutes", "25&nbsp;minutes"),
        ("162", "162"),
    ):
        found = [(p, p.text.index(text)) for p in passages if text in p.text]
        assert found, text
        for passage, first in found:
            start, end = passage.origin(first, first + len(text))
            assert source_text(passage.source)[start:end] == written
    assert not [p for p in passages if re.search("orchestra|concert", p.text)]


@needs("en_cascade_sm", "en_cascade_qa")
@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_the_demo_annotates_answers_and_abstains(tmp_path: Path) -> None:
    """`make demo` with this environment in place of one that it would make."""
    (tmp_path / "bin").symlink_to(Path(sys.executable).parent)
    (tmp_path / ".installed").touch()
    (tmp_path / "demo.index").mkdir()
    (tmp_path / "demo.index" / "manifest.json").write_text("what an earlier run has left")
    done = subprocess.run(
        ["make", "demo", f"VENV={tmp_path}"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    annotated, answers = done.stdout.split("6 documents", 1)
    assert re.search(r"committee.*VERB", annotated, flags=re.DOTALL)
    for text, file in (("1887", "garden.md"), ("heron", "mill.txt"), ("25 minutes", "ferry.html")):
        assert re.search(rf"{text}\*\*.*\n +examples/documents/{re.escape(file)}, characters \d+:\d+, confi", answers)
    assert re.search(r"orchestra .*\n +no answer \(probability [01]\.\d\d\)", answers)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_short_and_says_how_to_run_it(path: Path) -> None:
    text = path.read_text(encoding="utf8")
    assert len(text.splitlines()) < 100
    assert f"Run it: `python examples/{path.name}" in (ast.get_docstring(ast.parse(text)) or "")


@needs("en_cascade_sm", "en_cascade_qa")
def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    """From top to bottom as one script, in a folder with the files that it names."""
    for name in ("train.conllu", "dev.conllu"):
        (tmp_path / name).write_text(SENTENCE * 4, encoding="utf8")
    (tmp_path / "chunks.txt").write_text(COLUMNS * 10, encoding="utf8")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    blocks = code(README, "python")
    assert len(blocks) >= 3
    run("\n".join(blocks), tmp_path)


def commands(page: Path, program: str) -> Iterator[list[str]]:
    """The calls of a program in a page's shell blocks, without comments; a backslash goes on with a line."""
    for block in code(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == [program]:
                yield words[1:]


def problem(arguments: Sequence[str]) -> str | None:
    """What is wrong with a call of `cascade`: a command or an option that there is none of."""
    command = typer.main.get_command(app)
    rest = list(arguments)
    while hasattr(command, "commands") and rest:
        name = rest.pop(0)
        if name not in command.commands:
            return f"no command {name}"
        command = command.commands[name]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    overridable = bool(command.context_settings.get("ignore_unknown_options"))
    for word in rest:
        if word.startswith("-") and word != "-" and word not in known and not (overridable and "." in word):
            return f"{' '.join(arguments)}: no option {word}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_exist(page: Path) -> None:
    assert [found for words in commands(page, "cascade") if (found := problem(words))] == []


def test_the_readme_shows_every_command() -> None:
    assert {words[0] for words in commands(README, "cascade")} == set(typer.main.get_command(app).commands)


def test_the_make_targets_of_the_readme_exist() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf8"), flags=re.MULTILINE)
    called = [words[0] for words in commands(README, "make")]
    assert {"demo", "test"} <= set(called) <= set(targets)


@pytest.mark.parametrize(
    "arguments", [["anotate"], ["data", "get"], ["annotate", "--modell", "x"], ["evaluate", "x", "--paths.train", "y"]]
)
def test_a_call_that_does_not_exist_is_found(arguments: list[str]) -> None:
    assert problem(arguments) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
