"""Whole pipelines by name."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language

from cascade import storage
from cascade.answering.settings import FILE as ANSWERING
from cascade.config import find
from cascade.errors import ModelError

META = "meta.json"
"""What every pipeline of spaCy has in its folder."""


def load(model: str | Path, *, name: str = "cascade", **config: Any) -> Language:
    """Load a pipeline that is ready to use.

    Args:
        model: Name of a shipped pipeline, a model folder, or what `spacy.load` takes: a folder or an installed package.
        name: The component's name, where the pipeline is made for it.
        config: Settings of the component: `tasks`, `given`, `overwrite`, `device`, `words`, `precision`; those of
            `cascade_qa` where the model answers questions.

    Returns:
        The pipeline: the saved one where it is spaCy's, else a blank one of the model's language with the model in it.

    Raises:
        ConfigError: There is no such model; the message lists what there is.
        ModelError: It cannot be read, or spaCy does not know its language.
    """
    if (Path(model) / META).is_file() or _is_package(str(model)):
        return spacy.load(model, config={"components": {name: config}} if config else {})
    return assemble(model, name=name, **config)


def assemble(model: str | Path, *, name: str = "cascade", **config: Any) -> Language:
    """Make a pipeline of a model: a blank one of its language, with the model in it.

    Args:
        model: Name of a shipped pipeline, or a model folder.
        name: The component's name.
        config: See `load`.

    Raises:
        ConfigError: There is no such model; the message lists what there is.
        ModelError: It cannot be read, or spaCy does not know its language.
    """
    folder = find(model)
    nlp = _blank(folder)
    general = "cascade_qa" if (folder / ANSWERING).is_file() else "cascade"
    factory = str(model) if nlp.has_factory(str(model)) else general
    nlp.add_pipe(factory, name=name, config={"model": str(model), **config})
    return nlp


def _is_package(name: str) -> bool:
    """Whether a package of that name is installed and holds a pipeline; it is not imported."""
    found = find_spec(name) if name.isidentifier() and spacy.util.is_package(name) else None
    return found is not None and found.origin is not None and (Path(found.origin).parent / META).is_file()


def _blank(folder: Path) -> Language:
    """An empty pipeline of a model's language."""
    lang = storage.read_meta(folder)["lang"]
    try:
        return spacy.blank(lang)
    except ImportError as error:
        raise ModelError(
            f"{folder / storage.META}: spaCy has no language {lang!r}: name one such as en there, or xx for any"
        ) from error
