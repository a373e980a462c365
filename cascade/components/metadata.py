"""What a package says of itself: its name and version, whose it is, what it needs and how good it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from huggingface_hub import metadata_load
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from spacy.language import Language
from spacy.schemas import ModelMetaSchema, validate
from spacy.util import get_minor_version_range, walk_dict

from cascade.components.answering import AnsweringPipe
from cascade.components.pipe import CascadePipe
from cascade.config import CARD, describe
from cascade.errors import ConfigError, ModelError
from cascade.graph import TaskGraph
from cascade.nn.encoders import Transformer
from cascade.nn.encoders.pretrained import MINILM, MINILM_PACKAGE
from cascade.registry import graph_to_config

TOOLKIT = "cascade-nlp"
STATED = ("author", "email", "url", "license", "sources")
"""What the header of a model card may state, under the names that spaCy's meta.json has for it."""

PACKAGE_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+", re.IGNORECASE | re.ASCII)


def package_meta(nlp: Language, folder: Path, *, name: str | None, version: str | None) -> dict[str, Any]:
    """The meta.json of a package.

    Args:
        nlp: The pipeline; what its own meta says goes before what the card says.
        folder: Where its model card may lie.
        name: The package's name, with or without the language in front; that of the pipeline when None.
        version: Its version; that of the pipeline when None.

    Raises:
        ConfigError: Name or version cannot be a package's, or the card's header cannot be read.
        ModelError: A cascade in the pipeline has no weights, or some that are nowhere else.
    """
    said = {key: value for key, value in read_card(folder / CARD).items() if not nlp.meta.get(key)}
    meta = {
        **nlp.meta,
        **said,
        "name": _short_name(str(nlp.lang), str(nlp.meta["name"]) if name is None else name),
        "version": _version(str(nlp.meta["version"]) if version is None else version),
        "requirements": requirements(nlp),
    }
    problems = validate(ModelMetaSchema, meta)
    if problems:
        raise ConfigError(f"{folder / CARD} or meta.json: {'; '.join(' '.join(p.split()) for p in problems)}")
    return meta


def read_card(card: Path) -> dict[str, Any]:
    """What a model card says for meta.json: its first paragraph, and what `STATED` names of its header.

    Args:
        card: A Markdown file, with a header between two lines `---` or without; it need not be there.

    Raises:
        ConfigError: The header is no mapping in YAML.
    """
    if not card.is_file():
        return {}
    try:
        header = metadata_load(card) or {}
    except Exception as error:  # the parser's own, of no common class
        raise ConfigError(f"{card}: the header between the lines --- is no mapping in YAML: {error}") from error
    return {"description": describe(card), **{key: header[key] for key in STATED if key in header}}


def performance(scores: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The scores of a model without their splits, as spaCy has them; of two splits, the one that stands first.

    Args:
        scores: Scores by split, as `cascade.storage` keeps them.
    """
    flat: dict[str, Any] = {}
    for split in scores.values():
        for key, value in split.items():
            flat.setdefault(key, value)
    return flat


def requirements(nlp: Language) -> list[str]:
    """What has to be installed for a pipeline: what its meta names, then what its cascades need.

    Each of the latter from the version that is installed here up to the next minor one.

    Args:
        nlp: The pipeline.

    Raises:
        ModelError: A cascade has no weights, or reads some from a folder.
    """
    named: list[str] = list(nlp.meta.get("requirements", []))
    known = {canonicalize_name(Requirement(requirement).name) for requirement in named}
    needed = {
        name for _, pipe in nlp.pipeline if isinstance(pipe, CascadePipe | AnsweringPipe) for name in _needs(pipe)
    }
    added = [name for name in sorted(needed) if name not in known]
    return [*named, *(name + get_minor_version_range(installed(name)) for name in added)]


def _needs(pipe: CascadePipe | AnsweringPipe) -> Iterator[str]:
    """Names of the distributions, in their canonical form, that a pipe does not run without."""
    if not pipe.module.initialized:
        raise ModelError(f"the pipe {pipe.name!r} has no weights: train the pipeline before it is packaged")
    graph = pipe.module.graph
    yield TOOLKIT
    yield from _plugins(graph)
    encoder = graph.encoder
    if isinstance(encoder, Transformer) and encoder.borrowed:
        if encoder.name == MINILM:
            yield canonicalize_name(MINILM_PACKAGE)
        elif Path(encoder.name).exists():
            raise ModelError(
                f"the {' and '.join(encoder.borrowed)} of the pipe {pipe.name!r} are read from {encoder.name}, "
                f"which is in no package: train with {'fixed_body' if encoder.fixed_body else 'fixed_embeddings'} = "
                "false, or from a model that has a name"
            )


def _plugins(graph: TaskGraph) -> Iterator[str]:
    """Those that bring tasks, edges or encoders of a graph by entry points."""
    for path, name in walk_dict(graph_to_config(graph)):
        if path[-1].startswith("@"):
            points = entry_points(group=f"thinc_{path[-1][1:]}", name=name)
            yield from (canonicalize_name(point.dist.name) for point in points if point.dist is not None)


def _short_name(lang: str, name: str) -> str:
    """A name without the language, which spaCy puts in front of it."""
    short = name.removeprefix(f"{lang}_")
    if not PACKAGE_NAME.fullmatch(f"{lang}_{short}"):
        raise ConfigError(
            f"{name!r} makes no name for a package: give one with --name, of letters and digits, parts divided by _"
        )
    return short


def _version(text: str) -> str:
    try:
        return str(Version(text))
    except InvalidVersion as error:
        raise ConfigError(f"{text!r} is no version: give one with --version, such as 0.1.0 or 1.2.0rc1") from error
