"""`cascade index`: one's own documents, made searchable and kept so."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from cascade.cli.console import bars, print_table, show_warning
from cascade.cli.encoders import NONE, Shown, named_encoder
from cascade.cli.output import write_json
from cascade.errors import DataError, StoreError

if TYPE_CHECKING:
    from cascade.retrieval import Changes, Index
    from cascade.retrieval.dense import Encoder

index = typer.Typer(no_args_is_help=True, help="Build, change and check an index of your documents.")

_LISTED = 20
"""So many lines of what was skipped or removed are printed; `--json` lists all."""

Folder = Annotated[str, typer.Argument(metavar="INDEX", help="The folder of the index.")]
Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...", help="Files and folders: .txt .md .html .pdf, and .jsonl .csv with a text a row."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@index.command()
def build(
    folder: Folder,
    paths: Paths,
    words: Annotated[int, typer.Option(min=1, help="Words that a passage holds at most.")] = 120,
    overlap: Annotated[int, typer.Option(min=0, help="Sentences that it shares with the one before, at most.")] = 1,
    lang: Annotated[str, typer.Option(metavar="CODE", help="Language of the sentences; xx for any.")] = "xx",
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR",
            help="What finds passages by their meaning: minilm, a folder of transformers, a model's folder; none for "
            "words alone. By default minilm, where its extra is installed.",
        ),
    ] = None,
    layer: Annotated[int | None, typer.Option(min=0, help="Layer of the encoder that is read.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make an index of files and folders.

    Documents are cut into passages where sentences end. What cannot be read is skipped and said at the end; the exit
    code is 1 if nothing is left, and then no index is made.
    """
    from cascade.retrieval import Index, Splitting

    splitting = Splitting(words=words, overlap=overlap, lang=lang)
    name = named_encoder(encoder)
    with (
        _showing() as (loader, progress),
        Index.build(
            folder, paths, encoder=name, layer=layer, loader=loader, splitting=splitting, progress=progress
        ) as made,
    ):
        facts = made.info()
    _report(facts, made.changes, as_json)


@index.command()
def add(
    folder: Folder,
    paths: Paths,
    encoder: Annotated[
        str | None, typer.Option(metavar="NAME|DIR", help="The encoder that the index was built with, if it has moved.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring an index up to date with files and folders.

    New files are added, changed ones replaced, and documents removed whose files are gone from these folders; all else
    is left alone. What cannot be read is skipped, and stays in the index as it was.
    """
    from cascade.retrieval import Index
    from cascade.retrieval.loading import AUTO

    name = None if encoder == NONE else encoder or AUTO
    with _showing() as (loader, progress), Index.open(folder, encoder=name, loader=loader) as opened:
        changes = opened.add(paths, progress=progress)
        facts = opened.info()
    _report(facts, changes, as_json)
    if not (changes.added or changes.replaced or changes.unchanged or changes.removed):
        raise DataError("expected a document with text, got none; nothing was added", path=", ".join(paths))


@index.command()
def delete(
    folder: Folder,
    documents: Annotated[
        list[str],
        typer.Argument(metavar="DOCUMENT...", help="Ids of documents, or paths of files and folders, even if gone."),
    ],
    as_json: AsJson = False,
) -> None:
    """Delete documents; all or, if one of the names is unknown, none."""
    from cascade.retrieval import Index

    with Index.open(folder, encoder=None) as opened:
        found = {name: opened.named(name) for name in documents}
        if unknown := [name for name, ids in found.items() if not ids]:
            raise StoreError(
                f"{folder} has no document {', '.join(unknown)}, and nothing was deleted{_alike(unknown[0], opened)}"
            )
        ids = sorted({id for some in found.values() for id in some})
        opened.delete(ids)
    if as_json:
        write_json({"index": folder, "deleted": ids})
    else:
        print(f"{folder}: deleted {_count(len(ids), 'document')}")


@index.command()
def compact(folder: Folder, as_json: AsJson = False) -> None:
    """Remove what is deleted from the disk, and make parts again that are damaged or missing."""
    from cascade.retrieval import Index

    with Index.open(folder, encoder=None, repair=True) as opened:
        before = opened.info()["bytes"]
        opened.compact()
        after = opened.info()["bytes"]
    if as_json:
        write_json({"index": folder, "bytes_before": before, "bytes": after})
    else:
        print(f"{folder}: {decimal(before)} before, {decimal(after)} now")


@index.command()
def info(folder: Folder, as_json: AsJson = False) -> None:
    """Print what an index holds and how it was built."""
    from cascade.retrieval import Index

    with Index.open(folder, encoder=None) as opened:
        facts = opened.info()
    if as_json:
        write_json(facts)
        return
    table = Table(show_header=False)
    table.add_column(style="bold")
    for name, value in facts.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        if shown is not None:
            table.add_row(escape(name.replace("_", " ")), escape(decimal(value) if name == "bytes" else f"{shown}"))
    print_table(folder, table)


@index.command()
def verify(folder: Folder, as_json: AsJson = False) -> None:
    """Read everything in an index and list what is wrong; exit with 1 if anything is."""
    problems = _problems(folder)
    if as_json:
        write_json({"index": folder, "problems": problems})
    else:
        print("\n".join(problems) if problems else f"{folder}: nothing is wrong")
    if problems:
        raise typer.Exit(1)


def _problems(folder: str) -> list[str]:
    from cascade.retrieval import Index
    from cascade.retrieval.manifest import FILE

    try:
        opened = Index.open(folder, encoder=None)
    except StoreError as error:
        if not Path(folder, FILE).exists():  # no index at all
            raise
        return [str(error)]
    with opened:
        return opened.verify()


@contextmanager
def _showing() -> Iterator[tuple[Any, Any]]:
    """A loader and a progress that show how far reading and encoding are."""
    with bars() as shown, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of what is skipped, which is reported in full

        def loader(name: str, layer: int | None) -> Encoder:
            from cascade.answering.encoders import passage_encoder

            return Shown(passage_encoder(name, layer), shown)

        yield loader, lambda files: shown.track(files, description="reading")


def _report(facts: dict[str, Any], changes: Changes, as_json: bool) -> None:
    """What a change has done, and what the index holds now."""
    counts = {"added": changes.added, "replaced": changes.replaced, "unchanged": changes.unchanged}
    if as_json:
        skipped = [asdict(entry) for entry in changes.skipped]
        sizes = {name: facts[name] for name in ("documents", "passages")}
        write_json({"index": facts["folder"], **counts, "removed": changes.removed, "skipped": skipped, **sizes})
        return
    for message in _first([f"skipped {problem}" for problem in changes.problems]):
        show_warning(message)
    for line in _first([f"removed {id}" for id in changes.removed]):
        print(line)
    said = [f"{count:,} {name}" for name, count in counts.items()]
    expected = len(changes.skipped) - len(changes.problems)
    others = f" (and {expected:,} files that are hidden or of other kinds)" if expected else ""
    print(f"{', '.join(said)}, {len(changes.removed):,} removed, {len(changes.problems):,} skipped{others}")
    how = f"words and meaning ({facts['encoder_name'] or facts['encoder']})" if facts["encoder"] else "words"
    held = f"{_count(facts['documents'], 'document')}, {_count(facts['passages'], 'passage')}"
    print(f"{facts['folder']}: {held}, found by {how}")


def _first(lines: list[str]) -> list[str]:
    rest = len(lines) - _LISTED
    return lines if rest <= 0 else [*lines[:_LISTED], f"... and {rest:,} more; --json lists all"]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _alike(name: str, opened: Index) -> str:
    """What may have been meant."""
    ids = list(opened.documents())
    close = get_close_matches(name, ids, 3) or ids[:3]
    return f"; it has {', '.join(close)}{' and others' if len(ids) > len(close) else ''}" if ids else "; it is empty"
