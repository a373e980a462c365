"""Pipelines as packages that pip installs and `spacy.load` finds by name.

`spacy.cli.package` lays the package out. It is built here, since spaCy's own build wants the network for a fresh
environment, prints what the tools print, and leaves a half-made folder behind where it fails.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import spacy
import srsly
from confection import Config
from spacy.language import Language

from cascade import storage
from cascade.components.answering import AnsweringPipe
from cascade.components.loading import META, assemble
from cascade.components.metadata import package_meta, performance
from cascade.components.pipe import CascadePipe
from cascade.config import CONFIG, MODEL, find
from cascade.errors import ConfigError, ModelError

Form = Literal["wheel", "sdist", "none"]


def package(
    model: str | Path,
    output: str | Path,
    *,
    name: str | None = None,
    version: str | None = None,
    build: Form = "wheel",
    force: bool = False,
) -> Path:
    """Make a package of a pipeline.

    Args:
        model: Name of a shipped pipeline, a model folder, or the folder of a saved spaCy pipeline. Its model card, its
            licence and its sources lie in that folder, those of a model folder `model` in the one above.
        output: Where the package's folder goes, `LANG_NAME-VERSION`; it appears whole or not at all.
        name: The package's name, with or without the language in front; by default the model's.
        version: Its version; by default that of a saved pipeline, or that of the toolkit that saved the model.
        build: What is built into `dist/` of the folder.
        force: Whether an older package in this place is replaced.

    Returns:
        What pip installs: the wheel, the source distribution, or the folder where none is built.

    Raises:
        ConfigError: There is no such model, the place is taken, name, version or model card do not do, or what builds
            packages is not installed.
        ModelError: The model cannot be read, has no weights, or its package cannot be built.
    """
    if build != "none":
        _require_build()
    with TemporaryDirectory() as place:
        pipeline = Path(place) / "pipeline"
        nlp = _write_pipeline(model, pipeline)
        meta = package_meta(nlp, pipeline, name=name, version=version)
        srsly.write_json(pipeline / META, meta)
        target = Path(output) / f"{meta['lang']}_{meta['name']}-{meta['version']}"
        _require_room(target, force=force)
        project = _lay_out(pipeline, Path(place), target.name)
        made = project if build == "none" else _build(project, build)
        _put(project, target)
        return target / made.relative_to(project)


def _write_pipeline(model: str | Path, folder: Path) -> Language:
    """Write the folder of a pipeline as it stands in a package: a saved one as it is, one for a model anew."""
    if (Path(model) / META).is_file():
        nlp = _load(Path(model))
        shutil.copytree(model, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    else:
        source = find(model)
        nlp = assemble(model)
        saved = storage.read_meta(source)
        nlp.meta.update(name=saved["name"], version=saved["cascade"], performance=performance(saved["scores"]))
        # The files of the model are copied, so that its weights keep their type and its scores their splits.
        nlp.to_disk(folder, exclude=nlp.pipe_names)
        shutil.copytree(source, folder / nlp.pipe_names[0])
        _copy_documents(source.parent if source.name == MODEL else source, folder)
    _forget_models(nlp, folder / CONFIG)
    return nlp


def _load(folder: Path) -> Language:
    try:
        return spacy.load(folder)
    except (OSError, ValueError) as error:
        raise ConfigError(f"spaCy cannot load {folder}: {error}; copy or save the pipeline again") from error


def _copy_documents(source: Path, folder: Path) -> None:
    from spacy.cli.package import FILENAMES_DOCS

    for name in FILENAMES_DOCS:
        if (source / name).is_file():
            shutil.copy(source / name, folder)


def _forget_models(nlp: Language, file: Path) -> None:
    """Take out of a saved config where cascades came from: they carry their weights, and paths are nobody's concern."""
    config = Config().from_disk(file, interpolate=False)
    for name, component in nlp.components:
        if isinstance(component, CascadePipe | AnsweringPipe):
            config["components"][name]["model"] = None
    config.to_disk(file, interpolate=False)


def _lay_out(pipeline: Path, place: Path, name: str) -> Path:
    """The sources of a package."""
    from spacy.cli.package import package as lay_out

    lay_out(pipeline, place, create_sdist=False)
    return place / name


def _require_build() -> None:
    # A folder `build` that happens to lie on the path is importable too, but has nothing in it.
    try:
        from build import ProjectBuilder  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "a package is built by `build`, which is not installed: pip install cascade-nlp[package], or --build none"
        ) from error


def _build(project: Path, form: Literal["wheel", "sdist"]) -> Path:
    """Build a distribution into `dist/`, with the setuptools of this environment, which spaCy depends on."""
    from build import BuildBackendException, BuildException, ProjectBuilder
    from pyproject_hooks import quiet_subprocess_runner

    try:
        return Path(ProjectBuilder(project, runner=quiet_subprocess_runner).build(form, project / "dist"))
    except (BuildBackendException, BuildException) as error:
        raise ModelError(
            f"the {form} of {project.name} cannot be built: {error}{_last_line(error)}; pip install -U setuptools, or "
            "see what `--build none` leaves"
        ) from error


def _last_line(error: Any) -> str:
    """The end of what a build has printed, which is what went wrong."""
    printed = getattr(getattr(error, "exception", None), "output", None) or b""
    lines = printed.decode(errors="replace").strip().splitlines()
    return f" ({lines[-1].strip()})" if lines else ""


def _require_room(target: Path, *, force: bool) -> None:
    if target.exists() and not (force and (target / META).is_file()):
        mend = "it is no package, so name another output" if force else "replace it with --force, or change --version"
        raise ConfigError(f"{target} is there already: {mend}")


def _put(project: Path, target: Path) -> None:
    try:
        storage.write_folder(target, _files(project))
    except OSError as error:
        raise ConfigError(
            f"cannot write {target}: {error.strerror or error}; name a folder that may be written"
        ) from error


def _files(project: Path) -> Iterator[tuple[str, bytes]]:
    """What stays of a folder in which something was built."""
    for path in sorted(project.rglob("*")):
        place = path.relative_to(project)
        if path.is_file() and place.parts[0] != "build" and not place.parts[0].endswith(".egg-info"):
            yield place.as_posix(), path.read_bytes()
