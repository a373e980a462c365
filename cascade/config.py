"""Configs of trainings, in spaCy's format, and the shipped pipelines by name.

One file serves `cascade train` and `spacy train`: the cascade is a component, the corpora are spaCy's, and what only
this trainer knows stands in `[cascade.trainer]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import spacy
from confection import Config, ConfigValidationError
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from cascade import registry, storage
from cascade.errors import CascadeError, ConfigError
from cascade.model import CascadeModel
from cascade.registry import from_config, graph_from_config, maker, register_all
from cascade.training import batching, curves, gradients, optimizers, regularizers, sampling, schedules, weighting
from cascade.training.corpus import Corpus
from cascade.training.trainer import Trainer
from cascade.training.unfreezing import Unfreezing

Reader = Callable[[Language], Iterator[Example]]
Value = TypeVar("Value")

PACKAGE = Path(__file__).parent
CONFIG, MODEL, CARD = "config.cfg", "model", "README.md"


@dataclass(frozen=True)
class Shipped:
    """A shipped pipeline.

    Args:
        name: Its name.
        folder: Where its config, its model card and its weights lie.
        description: The first paragraph of the model card.
    """

    name: str
    folder: Path
    description: str

    @property
    def model(self) -> Path:
        """The folder of its model."""
        return self.folder / MODEL

    @property
    def has_weights(self) -> bool:
        """Whether weights are shipped, and not only the config to train them."""
        return (self.model / storage.META).is_file()


def shipped() -> dict[str, Shipped]:
    """The shipped pipelines by name."""
    folders = sorted(path.parent for path in _pipelines().glob(f"*/{CONFIG}"))
    return {folder.name: Shipped(folder.name, folder, describe(folder / CARD)) for folder in folders}


def describe(card: Path) -> str:
    """The first paragraph of a model card under its title; empty where there is no card."""
    text = card.read_text(encoding="utf8") if card.is_file() else ""
    paragraphs = (block.strip() for block in text.split("\n\n"))
    return next((" ".join(p.split()) for p in paragraphs if p and not p.startswith(("#", "---"))), "")


def find(model: str | Path) -> Path:
    """The model folder that a name or a path stands for.

    Args:
        model: Name of a shipped pipeline, or a folder: a model folder, or one with such a folder `model` in it.

    Raises:
        ConfigError: There is none; the message lists what there is.
    """
    known = shipped()
    for folder in (Path(model), Path(model) / MODEL):
        if (folder / storage.META).is_file():
            return folder
    if str(model) in known and known[str(model)].has_weights:
        return known[str(model)].model
    raise ConfigError(_missing(model, known))


def shipped_file(path: str | Path) -> Path:
    """The place of a file that may lie beside a shipped config.

    Args:
        path: A path; or, where that leads to nothing, the name of a shipped pipeline and of a file in its folder, such
            as `en_cascade_qa/split.json`.

    Returns:
        The place; the path as it is where there is no such file.
    """
    beside = _pipelines() / path
    return beside if beside.is_file() and not Path(path).exists() else Path(path)


def read_config(path: str | Path, overrides: Mapping[str, Any] | None = None, *, interpolate: bool = True) -> Config:
    """Read a config.

    Args:
        path: A file, or the name of a shipped pipeline.
        overrides: Values by dotted key, such as `{"paths.train": "ewt/train"}`.
        interpolate: Put values in the place of variables, such as `${paths.train}`.

    Raises:
        ConfigError: There is no such file, it is no config, or an override names no section.
    """
    known = shipped()
    file = known[str(path)].folder / CONFIG if str(path) in known and not Path(path).is_file() else Path(path)
    try:
        return Config().from_disk(file, overrides=dict(overrides or {}), interpolate=interpolate)
    except OSError as error:
        names = ", ".join(known) or "none"
        raise ConfigError(f"cannot read the config {file}: {error.strerror}; shipped ones: {names}") from error
    except (ConfigValidationError, ValueError) as error:
        raise ConfigError(f"{file} does not make a config. {str(error).strip()}") from error


def trainer_from_config(config: Mapping[str, Any], corpora: Sequence[Corpus] | None = None) -> Trainer:
    """The trainer that a config describes, its model and its corpora among it.

    Args:
        config: What `read_config` gives.
        corpora: What it is trained on, instead of the corpora of the config, which are then not read.

    Raises:
        ConfigError: Parts of it do not resolve, or corpora cannot be read; the message lists all of them.
        TrainingError: A setting of the trainer makes no sense.
    """
    problems: list[str] = []
    model = _collect(problems, model_from_config, config)
    make = _collect(problems, _section, config, "cascade.trainer")
    if corpora is None:
        corpora = _collect(problems, corpora_from_config, config)
    if problems or make is None:
        raise ConfigError("\n".join(problems))
    trainer: Trainer = make(model, corpora=corpora)
    return trainer


def corpora_from_config(config: Mapping[str, Any]) -> Sequence[Corpus]:
    """Read the corpora of a config.

    Raises:
        ConfigError: They do not resolve, or cannot be read; the message lists all that is wrong.
    """
    problems: list[str] = []
    nlp = _collect(problems, _blank, config)
    train, dev = (_collect(problems, _readers, config, split) for split in ("train", "dev"))
    corpora = [] if nlp is None or train is None or dev is None else _corpora(problems, train, dev, nlp)
    if problems:
        raise ConfigError("\n".join(problems))
    return corpora


def dev_from_config(config: Mapping[str, Any]) -> list[Doc]:
    """Read the dev Docs of a config, of all corpora together.

    Raises:
        ConfigError: See `corpora_from_config`.
    """
    nlp = _blank(config)
    return [example.reference for reader in _readers(config, "dev").values() for example in reader(nlp)]


def model_from_config(config: Mapping[str, Any]) -> CascadeModel:
    """The model that the cascade component of a config describes: without weights, unless it names a saved one.

    Raises:
        ConfigError: There is not exactly one such component, or it does not resolve.
        GraphError: The graph cannot work.
        ModelError: The saved model cannot be read.
    """
    components = config.get("components", {})
    found = [name for name, settings in components.items() if settings.get("graph") or settings.get("model")]
    if len(found) != 1:
        raise ConfigError(
            f"expected one component with a graph, [components.NAME.graph], got {', '.join(found) or 'none'}"
        )
    settings = components[found[0]]
    if settings.get("graph"):
        return CascadeModel(graph_from_config(settings["graph"], where=f"components.{found[0]}.graph"))
    return storage.load(find(settings["model"]))


def _pipelines() -> Path:
    """Inside the package where it is installed, beside it in a checkout."""
    inside = PACKAGE / "_pipelines"
    return inside if inside.is_dir() else PACKAGE.parent / "pipelines"


def _missing(model: str | Path, known: Mapping[str, Shipped]) -> str:
    names = ", ".join(name for name, pipeline in known.items() if pipeline.has_weights) or "none"
    if str(model) in known:
        return (
            f"{model} is shipped without weights: train it with `cascade train {model} --output DIR` and name "
            f"DIR/best; shipped with weights: {names}"
        )
    parts = [path.parent.name for path in sorted(Path(model).glob(f"*/{storage.META}"))]
    if parts:
        return f"{model} is no model folder, but {', '.join(parts)} in it is: name {Path(model) / parts[0]}"
    return f"no model {model}: there is no folder of that name with a {storage.META} in it; shipped ones: {names}"


def _collect(problems: list[str], resolve: Callable[..., Value], *arguments: Any) -> Value | None:
    """Resolve a part; what is wrong with it is kept for the end."""
    try:
        return resolve(*arguments)
    except CascadeError as error:
        problems.append(str(error))
        return None


def _section(config: Mapping[str, Any], name: str) -> Any:
    """A section or value by its dotted name, resolved if it names a registered function."""
    value: Any = config
    for key in name.split("."):
        if not isinstance(value, Mapping) or value.get(key) is None:
            raise ConfigError(f"the config lacks {name}")
        value = value[key]
    return from_config(value, where=name) if isinstance(value, Mapping) else value


def _readers(config: Mapping[str, Any], split: str) -> dict[str, Reader]:
    """The readers of a split by the name of their corpus; `cascade.Corpora.v1` has several, any other is one."""
    reader = _section(config, f"corpora.{split}")
    parts: dict[str, Reader] = getattr(reader, "parts", {"corpus": reader})
    return parts


def _blank(config: Mapping[str, Any]) -> Language:
    """An empty pipeline of the config's language."""
    lang = _section(config, "nlp.lang")
    try:
        return spacy.blank(lang)
    except ImportError as error:
        raise ConfigError(f"nlp.lang: spaCy has no language {lang!r}: name one such as en, or xx for any") from error


def _corpora(
    problems: list[str], train: Mapping[str, Reader], dev: Mapping[str, Reader], nlp: Language
) -> Sequence[Corpus]:
    def read(readers: Mapping[str, Reader], name: str) -> list[Doc]:
        return [example.reference for example in readers[name](nlp)] if name in readers else []

    strangers = ", ".join(name for name in dev if name not in train)
    if strangers:
        problems.append(f"[corpora.dev] has {strangers}, which [corpora.train] with {', '.join(train)} does not have")
    parts = {name: [_collect(problems, read, readers, name) or [] for readers in (train, dev)] for name in train}
    return [Corpus(name=name, train=docs[0], dev=docs[1]) for name, docs in parts.items()]


register_all(registry.batches, [batching.Batches])
register_all(registry.curves, [curves.Constant, curves.Inverse, curves.WarmupLinear, curves.WarmupCosine])
register_all(registry.optimizers, [optimizers.SGD, optimizers.Adam])
register_all(registry.regularizers, [regularizers.Successive, regularizers.L2, regularizers.Consistency])
register_all(registry.regularizers, [regularizers.Anchor, regularizers.Elastic])
register_all(registry.regularizers, [regularizers.Forgetless, regularizers.Distillation])
register_all(registry.regularizers, [regularizers.Subspaces, regularizers.Orthogonality, regularizers.SoftSharing])
register_all(registry.weightings, [weighting.Static, weighting.Uncertainty, weighting.Prioritization])
register_all(registry.weightings, [weighting.DynamicAverage, weighting.RandomWeights])
register_all(registry.weightings, [weighting.GradNorm, weighting.Geometric])
register_all(
    registry.gradients, [gradients.Sum, gradients.PCGrad, gradients.CAGrad, gradients.MGDA, gradients.Aggregator]
)
register_all(registry.samplings, [sampling.Uniform, sampling.Proportional, sampling.Temperature, sampling.Annealed])
register_all(registry.samplings, [sampling.LossDriven, sampling.GapDriven, sampling.Thompson])
register_all(registry.schedules, [schedules.Joint, schedules.Successive, schedules.Sampled])
register_all(registry.schedules, [schedules.RoundRobin, schedules.Mixed])
register_all(registry.unfreezings, [Unfreezing])
registry.trainers.register(
    "cascade.Trainer.v1",
    maker(Trainer, call=partial(partial, Trainer), without=("model", "corpora", "observers", "console")),
)
