"""`cascade evaluate`: the scores and the speed of a pipeline on annotated files."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from cascade.cli.console import print_scores, progress, result_console
from cascade.cli.evaluate_answers import evaluate_answers
from cascade.cli.output import write_json
from cascade.cli.questions import IndexFolder, Limit, Part, Titles
from cascade.cli.readers import Reader, guess, read
from cascade.errors import ConfigError, DataError

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc


class Tokens(StrEnum):
    """Whose tokens are annotated."""

    GOLD = "gold"
    RAW = "raw"


class Boundaries(StrEnum):
    """Whose sentence boundaries are used."""

    PREDICTED = "predicted"
    GOLD = "gold"


Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="A shipped pipeline, a model's folder, or any spaCy pipeline.")
]
Files = Annotated[
    list[str], typer.Argument(metavar="FILE", help="Files with gold annotation, or names of `cascade data list`.")
]
As = Annotated[Reader | None, typer.Option(help="What the files are; by default, what their names tell.")]
Separator = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Cut predicted tags here, such as NN__Number=Sing of spacy convert -m at __."),
]


def evaluate(
    model: Model,
    files: Files,
    reader: As = None,
    tokens: Annotated[
        Tokens, typer.Option(help="raw: the text through the pipeline's tokenizer, scored on aligned tokens.")
    ] = Tokens.GOLD,
    sentences: Annotated[
        Boundaries, typer.Option(help="gold: boundaries are set beforehand and not scored.")
    ] = Boundaries.PREDICTED,
    tag_separator: Separator = None,
    index: IndexFolder = None,
    titles: Titles = None,
    part: Part = None,
    limit: Limit = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score a pipeline on annotated files, by the keys of spaCy's Scorer.

    CoNLL-U and UNER are read as documents of ten sentences, with gold sentences as documents of one. words_per_second
    comes from one pass of nlp.pipe over ready-made Docs without annotation, in one process and with the pipeline's own
    batch size.

    With --reader squad, a model that reads answers is asked the questions of SQuAD's files (v1.1 and v2.0), each about
    its own paragraph or, with --index, about what is found there. --index, --titles, --part and --limit belong to it.
    """
    asked: dict[str, Any] = {"index": index, "titles": titles, "part": part, "limit": limit}
    if _all_squad(files, reader, asked):
        evaluate_answers(model, files, **asked, as_json=as_json)
        return
    from cascade.cli.loading import give_sentences, load_pipeline
    from cascade.evaluation import evaluate_pipeline

    nlp = load_pipeline(model)
    size = 1 if sentences is Boundaries.GOLD else 10
    parts = {file: _read(file, reader, nlp, size) for file in files}
    if sentences is Boundaries.GOLD:
        give_sentences(nlp)
    result = evaluate_pipeline(
        nlp,
        [doc for docs in parts.values() for doc in docs],
        tokens=tokens.value,
        sentences=sentences.value,
        tag_separator=tag_separator,
    )
    if result.scores.keys() <= {"words_per_second"}:
        raise DataError(
            f"expected gold for something that {model} predicts, got none: it has {', '.join(nlp.pipe_names)}; name "
            "other files",
            path=", ".join(files),
        )
    report = {
        "model": model,
        "files": [_describe(file, docs) for file, docs in parts.items()],
        "tokens": tokens.value,
        "sentences": sentences.value,
        "scores": result.scores,
    }
    write_json(report) if as_json else _print(report)


def _all_squad(files: list[str], reader: Reader | None, options: Mapping[str, Any]) -> bool:
    """Whether the files are questions, to which the options belong.

    Raises:
        ConfigError: Some are, or an option is given for others.
    """
    squad = [(reader or guess(file)) is Reader.SQUAD for file in files]
    if any(squad) and not all(squad):
        raise ConfigError(f"{', '.join(files)}: some are questions, others are not; evaluate on them one after another")
    strange = [f"--{name}" for name, value in options.items() if value is not None]
    if strange and not any(squad):
        raise ConfigError(f"{', '.join(strange)}: for questions alone; name their reader, --reader squad")
    return all(squad)


def _read(file: str, reader: Reader | None, nlp: Language, sentences: int) -> list[Doc]:
    return list(progress(read(file, reader or guess(file), nlp, sentences=sentences), f"reading {file}"))


def _describe(file: str, docs: list[Doc]) -> dict[str, Any]:
    sentences = sum(sum(1 for _ in doc.sents) if doc.has_annotation("SENT_START") else 1 for doc in docs)
    return {"file": file, "documents": len(docs), "sentences": sentences, "words": sum(map(len, docs))}


def _print(report: Mapping[str, Any]) -> None:
    console = result_console()
    for part in report["files"]:
        sizes = ", ".join(f"{part[key]:,} {key}" for key in ("documents", "sentences", "words"))
        console.print(escape(f"{part['file']}: {sizes}"), highlight=False, soft_wrap=True)
    print_scores(f"{report['model']}, {report['tokens']} tokens, {report['sentences']} sentences", report["scores"])
