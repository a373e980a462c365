"""`cascade package`: a pipeline as a package that pip installs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Form(StrEnum):
    """What is built."""

    WHEEL = "wheel"
    SDIST = "sdist"
    NONE = "none"


def package(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A shipped pipeline, a model's folder, or a saved spaCy pipeline's.")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="Where the package's folder goes.")],
    name: Annotated[
        str | None, typer.Option(help="The package's name, with or without the language in front; the model's.")
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(help="The package's version; that of a saved pipeline, or of the toolkit that saved the model."),
    ] = None,
    build: Annotated[Form, typer.Option(help="What is built; none: the sources of the package alone.")] = Form.WHEEL,
    force: Annotated[bool, typer.Option("--force", help="Replace a package that is there already.")] = False,
) -> None:
    """Make a pip-installable package of a pipeline, which spacy.load finds by its name.

    The package is the folder OUTPUT/LANG_NAME-VERSION, laid out as by spacy package. What pip installs is printed:
    the wheel, unless --build says otherwise. Building needs no network. The model card (README.md), LICENSE
    and LICENSES_SOURCES beside the model go along; a header of the card may state author, license and sources.
    """
    from cascade.components.packaging import package as make

    print(make(model, output, name=name, version=version, build=build.value, force=force))
