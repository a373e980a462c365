"""Pipelines for commands: found, loaded, and set to the tasks that are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spacy.language import Language

from cascade.components.loading import load
from cascade.components.pipe import CascadePipe
from cascade.errors import ConfigError
from cascade.tasks import Sentences

DEFAULT = "en_cascade_sm"
"""The pipeline that annotates when none is named."""


def load_pipeline(model: str) -> Language:
    """Load a shipped pipeline, a model's folder, or any pipeline of spaCy.

    Raises:
        ConfigError: There is none, or spaCy cannot load it.
        ModelError: Its weights cannot be read.
    """
    try:
        return load(model)
    except (OSError, ValueError) as error:
        raise ConfigError(f"spaCy cannot load {model}: {error}; copy or save the pipeline again") from error


def switch(nlp: Language, names: Sequence[str]) -> None:
    """Let a pipeline's cascades annotate these tasks alone.

    Raises:
        ConfigError: A name is none of their tasks.
    """
    pipes = list(_cascades(nlp))
    known = [name for pipe in pipes for name in pipe.module.graph.order()]
    strangers = [name for name in names if name not in known]
    if strangers or not names:
        raise ConfigError(
            f"no task {', '.join(strangers) or 'is named'}: the pipeline has {', '.join(known) or 'no cascade in it'}"
        )
    for pipe in pipes:
        pipe.tasks = [name for name in names if name in pipe.module.graph]


def give_sentences(nlp: Language) -> None:
    """Let a pipeline's cascades take sentence boundaries as they are set."""
    for pipe in _cascades(nlp):
        names = [name for name in pipe.tasks if isinstance(pipe.module.task(name), Sentences)]
        pipe.given = [*pipe.given, *names]


def token_tasks(nlp: Language) -> frozenset[tuple[str, str]]:
    """The tasks that predict one thing a token, each as (name of the pipe, name of the task)."""
    return frozenset(
        (pipe.name, name) for pipe in _cascades(nlp) for name in pipe.tasks if pipe.module.task(name).unit == "token"
    )


def _cascades(nlp: Language) -> Iterator[CascadePipe]:
    return (pipe for _, pipe in nlp.pipeline if isinstance(pipe, CascadePipe))
