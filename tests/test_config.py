from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from confection import Config
from rich.console import Console
from spacy.util import registry as spacy_registry

from cascade import config, registry, storage
from cascade.config import (
    corpora_from_config,
    dev_from_config,
    find,
    model_from_config,
    read_config,
    shipped,
    shipped_file,
    trainer_from_config,
)
from cascade.errors import ConfigError, GraphError
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.registry import graph_to_config, to_config
from cascade.training import Unfreezing, curves, optimizers, regularizers, schedules
from cascade.training.batching import Batches
from cascade.training.sampling import Annealed, GapDriven, LossDriven, Proportional, Temperature, Thompson, Uniform
from cascade.training.trainer import Trainer

SENTENCE = """\
1	Mara	Mara	PROPN	NNP	_	2	nsubj	_	Chunk=B-NP
2	mends	mend	VERB	VBZ	_	0	root	_	Chunk=B-VP

"""
TRAINING = """
[nlp]
lang = "en"
pipeline = ["cascade"]

[corpora]

[corpora.train]
@readers = "cascade.Corpora.v1"

[corpora.train.parts]

[corpora.train.parts.trees]
@readers = "cascade.Conllu.v1"
path = ${paths.train}
sentences = 2

[corpora.train.parts.more]
@readers = "cascade.Conllu.v1"
path = ${paths.train}
sentences = 1
end = 0.5

[corpora.dev]
@readers = "cascade.Corpora.v1"

[corpora.dev.parts]

[corpora.dev.parts.trees]
@readers = "cascade.Conllu.v1"
path = ${paths.dev}

[cascade]

[cascade.trainer]
@cascade_trainers = "cascade.Trainer.v1"
epochs = 1
clips = {"parse": 3.0}
average = null

[cascade.trainer.schedule]
@cascade_schedules = "cascade.Successive.v1"

[cascade.trainer.schedule.task_batches]

[cascade.trainer.schedule.task_batches.tag]
@cascade_batches = "cascade.Batches.v1"
docs = 2

[cascade.trainer.optimizer]
@cascade_optimizers = "cascade.SGD.v1"
rate = 0.1

[cascade.trainer.optimizer.curve]
@cascade_curves = "cascade.Inverse.v1"
decay = 0.5

[cascade.trainer.regularizers]

[cascade.trainer.regularizers.successive]
@cascade_regularizers = "cascade.Successive.v1"
strength = 0.01

[cascade.trainer.regularizers.l2]
@cascade_regularizers = "cascade.L2.v1"
strengths = {"nodes.*": 0.1}
"""


@pytest.fixture
def file(graph: TaskGraph, tmp_path: Path) -> Path:
    """A config with everything in it; its graph was made in Python."""
    (tmp_path / "t.conllu").write_text(SENTENCE * 8)
    paths = {"train": str(tmp_path / "t.conllu"), "dev": str(tmp_path / "t.conllu")}
    components = {"cascade": {"factory": "cascade", "graph": graph_to_config(graph)}}
    head = Config({"paths": paths, "components": components}).to_str()
    (tmp_path / "config.cfg").write_text(f"{head}\n{TRAINING}")
    return tmp_path / "config.cfg"


def test_a_config_makes_a_trainer(file: Path, graph: TaskGraph) -> None:
    trainer = trainer_from_config(read_config(file))
    assert isinstance(trainer, Trainer)
    assert graph_to_config(trainer.model.graph) == graph_to_config(graph)
    assert trainer.schedule == schedules.Successive(task_batches={"tag": Batches(docs=2)})
    assert trainer.optimizer == optimizers.SGD(rate=0.1, curve=curves.Inverse(decay=0.5))
    assert trainer.regularizers == (
        regularizers.Successive(strength=0.01),
        regularizers.L2(strengths={"nodes.*": 0.1}),
    )
    assert (trainer.epochs, trainer.clips, trainer.average, trainer.patience) == (1, {"parse": 3.0}, None, None)
    assert [(c.name, len(c.train), len(c.dev)) for c in trainer.corpora] == [("trees", 4, 1), ("more", 4, 0)]
    assert trainer.corpora[0].train[0].vocab is trainer.corpora[1].train[0].vocab


def test_the_trainer_trains(file: Path, tmp_path: Path) -> None:
    trainer = trainer_from_config(read_config(file, {"cascade.trainer.optimizer.rate": 0.01}))
    trainer.console = Console(file=io.StringIO())
    scores = trainer.fit(tmp_path / "run")
    assert 0 <= scores["tag_acc"] <= 1
    assert storage.load(tmp_path / "run" / "best").labels == trainer.model.labels


def test_schedule_and_unfreezing_of_a_config(file: Path) -> None:
    text = read_config(file)
    section = text["cascade"]["trainer"]
    section["clips"] = {}
    section["schedule"] = to_config(schedules.Sampled(sampling=Thompson(main="tag")))
    section["unfreezing"] = to_config(Unfreezing(decay=2.0))
    trainer = trainer_from_config(Config().from_str(text.to_str()))
    assert trainer.schedule == schedules.Sampled(sampling=Thompson(main="tag"))
    assert trainer.unfreezing == Unfreezing(decay=2.0)


def test_one_reader_is_a_corpus_too(file: Path) -> None:
    text = read_config(file)
    text["corpora"] = dict.fromkeys(("train", "dev"), text["corpora"]["dev"]["parts"]["trees"])
    (corpus,) = trainer_from_config(text).corpora
    assert (corpus.name, len(corpus.train), len(corpus.dev)) == ("corpus", 1, 1)


def test_settings_that_are_left_out_have_the_trainers_defaults(file: Path) -> None:
    text = read_config(file)
    text["cascade"]["trainer"] = {"@cascade_trainers": "cascade.Trainer.v1"}
    trainer = trainer_from_config(text)
    plain = Trainer(trainer.model, corpora=trainer.corpora)
    for name in ("schedule", "optimizer", "regularizers", "epochs", "clip", "average", "precision", "score_weights"):
        assert getattr(trainer, name) == getattr(plain, name), name


def test_overrides(file: Path) -> None:
    text = read_config(file, {"paths.dev": "other.conllu", "cascade.trainer.epochs": 7, "nlp.lang": "de"})
    assert text["corpora"]["dev"]["parts"]["trees"]["path"] == "other.conllu"
    assert text["cascade"]["trainer"]["epochs"] == 7
    with pytest.raises(ConfigError, match=r"other\.conllu: there is no such file"):
        trainer_from_config(text)


def test_variables_may_stay(file: Path) -> None:
    assert read_config(file, interpolate=False)["corpora"]["train"]["parts"]["trees"]["path"] == "${paths.train}"


def test_corpora_may_be_read_before_or_given(file: Path) -> None:
    text = read_config(file)
    corpora = corpora_from_config(text)
    assert [(c.name, len(c.train), len(c.dev)) for c in corpora] == [("trees", 4, 1), ("more", 4, 0)]
    text["corpora"]["train"] = "nothing that could be read"
    assert [doc.text for doc in dev_from_config(text)] == [doc.text for doc in corpora[0].dev]
    text["corpora"]["dev"] = "nothing either"
    assert trainer_from_config(text, corpora).corpora is corpora


def test_a_file_that_is_no_config(tmp_path: Path, file: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the config .*nowhere.cfg: No such file"):
        read_config(tmp_path / "nowhere.cfg")
    (tmp_path / "broken.cfg").write_text("[a\nb")
    with pytest.raises(ConfigError, match=r"broken\.cfg does not make a config"):
        read_config(tmp_path / "broken.cfg")
    (tmp_path / "variable.cfg").write_text("[a]\nb = ${c.d}")
    with pytest.raises(ConfigError, match=r"variable\.cfg does not make a config"):
        read_config(tmp_path / "variable.cfg")
    with pytest.raises(ConfigError, match="nonsense"):
        read_config(file, {"nonsense.key": 1})


def test_everything_that_is_wrong_is_told_at_once(file: Path) -> None:
    wrong = {
        "components.cascade.graph.tasks.tag.layer": 9,
        "components.cascade.graph.tasks.chunk.layer": 8,
        "paths.train": None,
        "corpora.dev.parts.trees.@readers": "cascade.Conlu.v1",
        "cascade.trainer.epochs": "many",
        "nlp.lang": None,
    }
    with pytest.raises(ConfigError) as caught:
        trainer_from_config(read_config(file, wrong))
    message = str(caught.value)
    for part in (
        "task tag reads layer 9",
        "task chunk reads layer 8",
        "[corpora.train] does not resolve: a corpus has no path",
        "[corpora.dev] does not resolve",
        "cascade.Conlu.v1",
        "cascade.trainer.epochs: 'many' is not <class 'int'>",
        "the config lacks nlp.lang",
    ):
        assert part in message, part


@pytest.mark.parametrize("name", ["corpora.train", "corpora.dev", "cascade.trainer", "nlp.lang"])
def test_what_a_config_has_to_have(file: Path, name: str) -> None:
    text = read_config(file)
    section, key = name.split(".")
    del text[section][key]
    with pytest.raises(ConfigError, match=f"the config lacks {name}"):
        trainer_from_config(text)


def test_dev_corpora_belong_to_train_corpora(file: Path) -> None:
    text = read_config(file)
    text["corpora"]["dev"]["parts"]["others"] = text["corpora"]["dev"]["parts"].pop("trees")
    with pytest.raises(ConfigError, match=r"\[corpora\.dev\] has others, which .* with trees, more does not have"):
        trainer_from_config(text)


def test_the_model_of_a_config(file: Path, model: CascadeModel, tmp_path: Path) -> None:
    text = read_config(file)
    assert not model_from_config(text).initialized
    storage.save(model, tmp_path / "old")
    text["components"]["cascade"] = {"factory": "cascade", "model": str(tmp_path / "old")}
    assert model_from_config(text).labels == model.labels
    text["components"]["second"] = text["components"]["cascade"]
    with pytest.raises(ConfigError, match="expected one component with a graph, .* got cascade, second"):
        model_from_config(text)
    with pytest.raises(ConfigError, match="got none"):
        model_from_config({"components": {"ner": {"factory": "ner"}}})
    broken = read_config(file, {"components.cascade.graph.tasks.tag.layer": 9})
    with pytest.raises(GraphError, match="layer 9"):
        model_from_config(broken)


@pytest.fixture
def checkout(model: CascadeModel, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two shipped pipelines, one of them with weights."""
    home = tmp_path / "checkout"
    for name in ("en_toy", "toy_recipe"):
        (home / "pipelines" / name).mkdir(parents=True)
        (home / "pipelines" / name / "config.cfg").write_text(file.read_text())
    storage.save(model, home / "pipelines" / "en_toy" / "model")
    (home / "pipelines" / "en_toy" / "README.md").write_text("# en_toy\n\nTags\nand trees.\n\nMore.\n")
    monkeypatch.setattr(config, "PACKAGE", home / "cascade")
    return home


def test_shipped_pipelines(checkout: Path) -> None:
    found = shipped()
    assert list(found) == ["en_toy", "toy_recipe"]
    assert [pipeline.has_weights for pipeline in found.values()] == [True, False]
    assert [pipeline.description for pipeline in found.values()] == ["Tags and trees.", ""]


def test_shipped_pipelines_lie_inside_the_installed_package(checkout: Path) -> None:
    (checkout / "cascade").mkdir()
    (checkout / "pipelines").rename(checkout / "cascade" / "_pipelines")
    assert list(shipped()) == ["en_toy", "toy_recipe"]
    assert find("en_toy") == checkout / "cascade" / "_pipelines" / "en_toy" / "model"


@pytest.mark.parametrize("installed", [False, True])
def test_a_file_beside_a_shipped_config(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    folder = checkout / "pipelines"
    (folder / "en_toy" / "split.json").touch()
    if installed:
        (checkout / "cascade").mkdir()
        folder = folder.rename(checkout / "cascade" / "_pipelines")
    monkeypatch.chdir(tmp_path)
    assert shipped_file("en_toy/split.json") == folder / "en_toy" / "split.json"
    assert shipped_file("en_toy/other.json") == Path("en_toy/other.json")
    assert shipped_file("en_toy") == Path("en_toy")
    (tmp_path / "en_toy").mkdir()
    (tmp_path / "en_toy" / "split.json").touch()
    assert shipped_file("en_toy/split.json") == Path("en_toy/split.json"), "what is here comes first"


def test_models_are_found_by_name_and_by_folder(checkout: Path) -> None:
    expected = checkout / "pipelines" / "en_toy" / "model"
    for name in ("en_toy", expected, str(expected.parent)):
        assert find(name) == expected


def test_a_folder_of_the_same_name_comes_first(
    checkout: Path, model: CascadeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    storage.save(model, "en_toy")
    assert find("en_toy") == Path("en_toy")


def test_a_model_that_is_not_there(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no model en_tooy: .* shipped ones: en_toy$"):
        find("en_tooy")
    with pytest.raises(ConfigError, match=r"shipped without weights: .*cascade train toy_recipe --output DIR"):
        find("toy_recipe")
    (checkout / "pipelines" / "en_toy" / "model").rename(tmp_path / "best")
    with pytest.raises(ConfigError, match=rf"is no model folder, but best in it is: name {tmp_path / 'best'}"):
        find(tmp_path)


def test_configs_are_read_by_the_name_of_a_shipped_pipeline(checkout: Path, file: Path) -> None:
    assert read_config("toy_recipe") == read_config(file)


@pytest.mark.parametrize(
    "name", ["batches", "curves", "optimizers", "regularizers", "schedules", "samplings", "unfreezings", "trainers"]
)
def test_whoever_writes_a_class_of_ones_own_can_name_it(name: str) -> None:
    assert getattr(registry, name).names()
    assert getattr(spacy_registry, f"cascade_{name}").entry_points


@pytest.mark.parametrize(
    "spec",
    [
        schedules.Joint(),
        schedules.Successive(task_batches={"a": Batches(words=9)}),
        schedules.Sampled(sampling=Temperature(temperature=5.0, cap=9), batches=Batches(docs=2), length=7),
        schedules.Sampled(sampling=GapDriven(goals={"a": 0.5})),
        schedules.Sampled(sampling=Thompson(main="a", decay=0.5, seed=1)),
        schedules.RoundRobin(length=3),
        schedules.Mixed(ratio={"a": 3, "b": 1}),
        Uniform(),
        Proportional(),
        Annealed(fall=0.5),
        LossDriven(temperature=2.0),
        Unfreezing(epochs_per_layer=2),
        regularizers.Successive(strengths={"encoder.*": 0.5}),
        optimizers.Adam(curve=curves.WarmupCosine(warmup=0.2), betas=(0.8, 0.9)),
        Batches(docs=3),
    ],
    ids=lambda spec: type(spec).__name__,
)
def test_specifications_survive_their_configs(spec: Any) -> None:
    text = Config({"it": to_config(spec)}).to_str()
    assert registry.from_config(Config().from_str(text)["it"]) == spec
