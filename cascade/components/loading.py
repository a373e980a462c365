"""Whole pipelines by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language

from cascade import storage
from cascade.config import find


def load(model: str | Path, *, name: str = "cascade", **config: Any) -> Language:
    """Load a pipeline that is ready to use.

    Args:
        model: Name of a shipped pipeline, a model folder, or what `spacy.load` takes: a folder or an installed package.
        name: The component's name, where the pipeline is made for it.
        config: Settings of the component: `tasks`, `given`, `overwrite`, `device`, `words`.

    Returns:
        The pipeline: the saved one where it is spaCy's, else a blank one of the model's language with the model in it.

    Raises:
        ConfigError: There is no such model; the message lists what there is.
        ModelError: It cannot be read.
    """
    if (Path(model) / "meta.json").is_file() or spacy.util.is_package(str(model)):
        return spacy.load(model, config={"components": {name: config}} if config else {})
    folder = find(model)
    nlp = spacy.blank(storage.read_meta(folder)["lang"])
    factory = str(model) if nlp.has_factory(str(model)) else "cascade"
    nlp.add_pipe(factory, name=name, config={"model": str(model), **config})
    return nlp
