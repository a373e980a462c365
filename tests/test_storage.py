from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import srsly
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from spacy.tokens import Doc
from torch import Tensor, nn

from cascade import registry, storage
from cascade.errors import CascadeError, ModelError
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Classifier, Decoder
from cascade.nn.recalibration import Curve, Recalibration
from cascade.nn.rows import Rows
from cascade.tasks import Tagging


def same(first: CascadeModel, second: CascadeModel, docs: Sequence[Doc]) -> None:
    for one, other in zip(first.predict(docs), second.predict(docs), strict=True):
        assert one.keys() == other.keys()
        for task, predictions in one.items():
            for key, values in predictions.items():
                np.testing.assert_array_equal(values, other[task][key])


@pytest.fixture
def folder(model: CascadeModel, tmp_path: Path) -> Path:
    storage.save(model, tmp_path / "best", scores={"tag_acc": np.float32(0.5)}, name="toy")
    return tmp_path / "best"


def test_a_loaded_model_predicts_bit_for_bit_the_same(model: CascadeModel, folder: Path, docs: list[Doc]) -> None:
    loaded = storage.load(folder)
    same(model, loaded, docs)
    assert not loaded.training
    assert loaded.labels == model.labels
    assert loaded.lang == "en"
    assert registry.graph_to_config(loaded.graph) == registry.graph_to_config(model.graph)


def test_the_bytes_hold_the_same_and_a_second_round_trip_changes_none(model: CascadeModel, docs: list[Doc]) -> None:
    data = storage.to_bytes(model)
    loaded = storage.from_bytes(data)
    same(model, loaded, docs)
    assert storage.to_bytes(loaded) == data


def test_the_folder_says_what_it_is(folder: Path) -> None:
    meta = storage.read_meta(folder)
    assert (meta["format"], meta["name"], meta["lang"]) == (storage.FORMAT, "toy", "en")
    assert meta["scores"] == {"tag_acc": 0.5}
    assert meta["labels"]["sentences"] == ["I", "S"]
    assert sorted(path.name for path in folder.iterdir()) == ["graph.cfg", "model.json", "model.safetensors"]


def test_buffers_are_saved_too(folder: Path, docs: list[Doc]) -> None:
    """The vocabulary of the encoder is one; without it, known words would be unknown."""
    vocabulary = storage.load(folder).encoder.state_dict()
    counts = next(value for name, value in vocabulary.items() if name.endswith("counts"))
    assert counts.sum() == sum(map(len, docs))


class TiedDecoder(Classifier):
    """Its first layer is used under two names."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__(width, hidden=4, classes=classes)
        self.again = self.hidden

    def forward(self, states: Tensor, rows: Rows) -> dict[str, Tensor]:
        scores = super().forward(states, rows)
        return {**scores, "logits": scores["logits"] + self.again(states).sum(-1, keepdim=True)}


@registry.tasks("test.Tied.v1")
@dataclass(kw_only=True)
class Tied(Tagging):
    def build(self, width: int, labels: Sequence[str]) -> Decoder:
        return TiedDecoder(width, len(labels))


def test_shared_parameters_are_stored_once_and_stay_shared(graph: TaskGraph, docs: list[Doc], tmp_path: Path) -> None:
    model = CascadeModel(TaskGraph(encoder=graph.encoder).add(Tied("tag"))).initialize(docs).eval()
    storage.save(model, tmp_path / "tied")
    with safe_open(tmp_path / "tied" / storage.WEIGHTS, "pt") as file:
        assert not [name for name in file.keys() if ".again." in name]  # noqa: SIM118
    loaded = storage.load(tmp_path / "tied")
    decoder: Any = loaded.nodes["tag"].decoder
    assert decoder.again.weight is decoder.hidden.weight
    same(model, loaded, docs)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_halves_the_file_and_loads_as_float32(
    model: CascadeModel, folder: Path, tmp_path: Path, dtype: torch.dtype, docs: list[Doc]
) -> None:
    storage.save(model, tmp_path / "half", dtype=dtype)
    loaded = storage.load(tmp_path / "half")
    assert all(parameter.dtype == torch.float32 for parameter in loaded.parameters())
    for (name, full), half in zip(model.named_parameters(), loaded.parameters(), strict=True):
        torch.testing.assert_close(half, full.to(dtype).float(), rtol=0, atol=0, msg=name)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    sizes = [(tmp_path / name / storage.WEIGHTS).stat().st_size for name in ("half", "best")]
    assert sizes[1] - sizes[0] == pytest.approx(2 * parameters, abs=300)
    storage.save(loaded, tmp_path / "again", dtype=dtype)
    same(loaded, storage.load(tmp_path / "again"), docs)


def test_a_model_without_weights_is_not_saved(graph: TaskGraph, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no weights"):
        storage.save(CascadeModel(graph), tmp_path / "none")
    with pytest.raises(ModelError, match="no weights"):
        storage.to_bytes(CascadeModel(graph))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [storage.META, storage.GRAPH, storage.WEIGHTS])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name):
        storage.load(folder)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere holds no model: there is no model\.json"):
        storage.load(tmp_path / "nowhere")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_truncated_weights(folder: Path, share: float) -> None:
    weights = folder / storage.WEIGHTS
    content = weights.read_bytes()
    weights.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match=r"model\.safetensors is damaged or cut short \(\d+ bytes\)"):
        storage.load(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "model.json is damaged"),
        ("[]", "model.json is damaged"),
        ('{"format": 99, "cascade": "9.0"}', r"format 99, written by cascade 9\.0.*pip install -U"),
        ('{"format": 1}', r"model\.json has no labels for sentences, tag, chunk, parse"),
    ],
)
def test_damaged_meta(folder: Path, content: str, message: str) -> None:
    (folder / storage.META).write_text(content)
    with pytest.raises(ModelError, match=message):
        storage.load(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[graph]", "[grph]", "graph.cfg does not make a graph"),
        ('"cascade.Tagging.v1"', '"my.Tagging.v1"', r"import the package that defines your own tasks.*my\.Tagging\.v1"),
        ("hidden = 8", "hidden = 9", r"should have the shape \(9, 12\), has \(8, 12\)"),
        ("[graph.tasks.tag]", "[graph.tasks.tog]", "tag"),
    ],
)
def test_a_graph_that_does_not_fit(folder: Path, old: str, new: str, message: str) -> None:
    text = (folder / storage.GRAPH).read_text()
    assert old in text
    (folder / storage.GRAPH).write_text(text.replace(old, new, 1))
    with pytest.raises(ModelError, match=r"(?s)" + message):
        storage.load(folder)


def test_labels_that_do_not_fit_name_the_tensors(folder: Path) -> None:
    meta = json.loads((folder / storage.META).read_text())
    meta["labels"]["tag"].append("XX")
    (folder / storage.META).write_text(json.dumps(meta))
    with pytest.raises(ModelError, match=r"nodes\.tag\.decoder\.output\.weight should have the shape"):
        storage.load(folder)


def test_an_older_model_is_replaced_as_a_whole(model: CascadeModel, folder: Path) -> None:
    (folder / "assets").mkdir()
    (folder / "assets" / "old.txt").write_text("of the older model")
    storage.save(model, folder, name="newer")
    assert storage.read_meta(folder)["name"] == "newer"
    assert not (folder / "assets").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["best"]


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_full_disk_leaves_the_older_model_and_nothing_else(
    model: CascadeModel, folder: Path, docs: list[Doc], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    calls = iter(range(100))

    def full(*_: Any) -> None:
        """The second call fails: one file is there, the next one is not; the older model has moved, the new has not."""
        if next(calls) == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if call == "fsync":
        monkeypatch.setattr(os, call, full)
    else:
        rename = Path.rename
        monkeypatch.setattr(Path, call, lambda path, target: (full(), rename(path, target))[1])
    with pytest.raises(ModelError, match="No space left on device"):
        storage.save(model, folder, name="newer")
    monkeypatch.undo()
    assert storage.read_meta(folder)["name"] == "toy"
    same(model, storage.load(folder), docs)
    assert [path.name for path in folder.parent.iterdir()] == ["best"]


def test_what_is_no_model_is_not_replaced(model: CascadeModel, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    for place in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(ModelError, match="is there already and is no model"):
            storage.save(model, place)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_an_empty_folder_is_a_place_for_a_model(model: CascadeModel, tmp_path: Path) -> None:
    storage.save(model, tmp_path)
    assert storage.read_meta(tmp_path)["name"] == tmp_path.name


def test_what_a_killed_process_has_left_does_no_harm(model: CascadeModel, folder: Path) -> None:
    for left in (".best.tmp", ".best.old"):
        shutil.copytree(folder, folder.with_name(left))
    (folder.with_name(".best.tmp") / "half.txt").write_text("of a model that was never whole")
    storage.save(model, folder, name="newer")
    assert [path.name for path in folder.parent.iterdir()] == ["best"]
    assert storage.read_meta(folder)["name"] == "newer"
    assert not (folder / "half.txt").exists()


def test_a_model_that_was_being_replaced_is_put_back(folder: Path) -> None:
    folder.rename(folder.with_name(".best.old"))
    storage.put_back(folder)
    assert storage.read_meta(folder)["name"] == "toy"
    assert [path.name for path in folder.parent.iterdir()] == ["best"]


@registry.encoders("test.Assets.v1")
@dataclass(frozen=True)
class AssetSpec:
    """An encoder that needs a file."""

    depth: int = 0

    def build(self, assets: Mapping[str, bytes] | None = None) -> nn.Module:
        from cascade.nn.encoders import Embedding

        encoder = Embedding(words=4, characters=4, vocabulary=10, buckets=10).build()
        content = {"deep/vocab.txt": b"fresh"} if assets is None else dict(assets)
        encoder.assets = lambda: content  # type: ignore[method-assign]
        return encoder


def test_assets_of_the_encoder_travel_along(docs: list[Doc], tmp_path: Path) -> None:
    model = CascadeModel(TaskGraph(encoder=AssetSpec()).add(Tagging("tag"))).initialize(docs)
    storage.save(model, tmp_path / "with")
    path = tmp_path / "with" / "assets" / "deep" / "vocab.txt"
    assert path.read_bytes() == b"fresh"
    path.write_bytes(b"saved")
    assert storage.load(tmp_path / "with").encoder.assets() == {"deep/vocab.txt": b"saved"}


@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(st.text(), lambda x: st.dictionaries(st.text(), x)).map(srsly.msgpack_dumps),
    )
)
def test_bytes_that_are_no_model_are_refused(data: bytes) -> None:
    with pytest.raises(CascadeError):
        storage.from_bytes(data)


CURVE = Curve.through([0.1, 0.7], [0.2, 0.6])
CALIBRATION = {"tag": Recalibration(curve=CURVE), "parse": Recalibration(temperature=1.7, edges=False)}


def test_calibration_is_saved_with_the_model(model: CascadeModel, docs: list[Doc], tmp_path: Path) -> None:
    model.calibration = dict(CALIBRATION)
    storage.save(model, tmp_path / "calibrated")
    for loaded in (storage.load(tmp_path / "calibrated"), storage.from_bytes(storage.to_bytes(model))):
        assert loaded.calibration == CALIBRATION
        same(model, loaded, docs)


def test_models_without_calibration_are_as_they_were(folder: Path) -> None:
    assert "calibration" not in storage.read_meta(folder) and storage.load(folder).calibration == {}


@pytest.mark.parametrize("elsewhere", [False, True])
def test_calibration_alone_leaves_all_else(folder: Path, docs: list[Doc], elsewhere: bool) -> None:
    (folder / "answering.json").write_text("{}")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    loaded = storage.load(folder)
    loaded.calibration = dict(CALIBRATION)
    loaded.task("sentences").threshold = 0.25
    place = folder.with_name("other") if elsewhere else folder
    storage.save_calibration(loaded, folder, output=place if elsewhere else None)
    after = {path.name: path.read_bytes() for path in place.iterdir()}
    changed = {name for name in before if before[name] != after[name]}
    assert before.keys() == after.keys() and changed == {storage.META, storage.GRAPH}
    again = storage.load(place)
    assert (again.calibration, again.task("sentences").threshold) == (CALIBRATION, 0.25)
    assert storage.read_meta(place)["scores"] == {"tag_acc": 0.5} and storage.read_meta(place)["name"] == "toy"
    same(loaded, again, docs)
    again.calibration = {}
    storage.save_calibration(again, place)
    assert "calibration" not in storage.read_meta(place)
    assert storage.read_graph(place).task("sentences").threshold == 0.25


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        ([], "damaged calibration"),
        ({"tag": {"temperature": 1.0}}, "damaged calibration"),
        ({"tog": Recalibration().to_json()}, r"calibrates tog, which graph\.cfg lacks"),
    ],
)
def test_damaged_calibration(folder: Path, calibration: Any, message: str) -> None:
    meta = json.loads((folder / storage.META).read_text())
    (folder / storage.META).write_text(json.dumps({**meta, "calibration": calibration}))
    with pytest.raises(ModelError, match=message):
        storage.load(folder)


def test_the_place_of_a_calibrated_model(model: CascadeModel, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ModelError, match="is there already and is no model"):
        storage.save_calibration(model, folder, output=tmp_path / "thesis.tex")
    with pytest.raises(ModelError, match="holds no model"):
        storage.save_calibration(model, tmp_path / "none")
