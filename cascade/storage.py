"""A model on disk: a folder, or the same files in one string of bytes.

    model.json          format, versions, language, labels by task, scores, calibration
    graph.cfg           the graph, in spaCy's config format
    model.safetensors   parameters and buffers; what is shared is stored once
    assets/             files that the encoder brings along

Nothing is unpickled. A folder appears whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import safetensors.torch
import srsly
import torch
from confection import Config, ConfigValidationError
from safetensors import SafetensorError
from torch import Tensor

from cascade.errors import ConfigError, GraphError, ModelError
from cascade.graph import TaskGraph
from cascade.model import CascadeModel
from cascade.nn.recalibration import Recalibration
from cascade.registry import graph_from_config, graph_to_config

FORMAT = 1
META, GRAPH, WEIGHTS, ASSETS = "model.json", "graph.cfg", "model.safetensors", "assets"
Files = Mapping[str, bytes]


def save(
    model: CascadeModel,
    folder: str | Path,
    *,
    scores: Mapping[str, Any] | None = None,
    name: str | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Save a model to a folder, which appears whole or not at all.

    Args:
        model: An initialized model.
        folder: An older model in this place is replaced once the new one is whole.
        scores: Scores to keep with the model, by the split that they were measured on.
        name: The model's name; the folder's when None.
        dtype: What the parameters are stored in, such as `torch.float16` for half the size; their own type when None.

    Raises:
        ModelError: The model is not initialized, the place is taken by something else, or writing fails.
    """
    folder = Path(folder)
    _require_place(folder)
    _save_files(folder, _files(model, dtype=dtype, scores=scores, name=name or folder.name).items())


def save_calibration(model: CascadeModel, folder: str | Path, *, output: str | Path | None = None) -> None:
    """Save what calibration has changed of a saved model: `model.json` and, for thresholds, `graph.cfg`.

    All other files stay as they are, weights of half precision among them.

    Args:
        model: What `load` gave, calibrated since.
        folder: The folder that it was loaded from.
        output: Another folder that the calibrated model is to be saved to; in the place of the old one when None.

    Raises:
        ModelError: `folder` holds no model, the place of `output` is taken by something else, or writing fails.
    """
    folder = Path(folder)
    output = folder if output is None else Path(output)
    kept = {key: value for key, value in read_meta(folder).items() if key != "calibration"}
    _require_place(output)
    changed = {META: _meta_bytes({**kept, **_calibration(model)}), GRAPH: _graph_bytes(model)}
    names = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())
    _save_files(output, ((name, changed[name] if name in changed else (folder / name).read_bytes()) for name in names))


def _require_place(folder: Path) -> None:
    if folder.exists() and not (folder / META).is_file() and (folder.is_file() or any(folder.iterdir())):
        raise ModelError(f"{folder} is there already and is no model: name an empty or a new folder")


def _save_files(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    try:
        write_folder(folder, files)
    except OSError as error:
        raise ModelError(
            f"cannot save the model to {folder}: {error.strerror or error}; what stood there before is untouched"
        ) from error


def load(folder: str | Path) -> CascadeModel:
    """Load a model from a folder, ready for prediction on the CPU.

    Args:
        folder: What `save` has written.

    Raises:
        ModelError: A file is missing, damaged, of a newer format, or does not fit the others.
    """
    folder = Path(folder)
    read_meta(folder)
    paths = [folder / META, folder / GRAPH, folder / WEIGHTS, *(folder / ASSETS).glob("**/*")]
    try:
        return _restore({p.relative_to(folder).as_posix(): p.read_bytes() for p in paths if p.is_file()}, f"{folder}/")
    except OSError as error:
        raise ModelError(f"cannot read the model in {folder}: {error}") from error


def write_folder(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write a folder that appears whole or not at all, in the place of an older one.

    Args:
        folder: The folder. Beside it, a hidden one exists while files are written, another while the older one is
            replaced; what a killed process has left of them is cleared away.
        files: Contents by path in the folder, one after another.

    Raises:
        OSError: Writing fails; what stood there before is untouched.
    """
    fresh, old = _beside(folder, "tmp"), _beside(folder, "old")
    try:
        put_back(folder)
        for rest in (fresh, old):
            shutil.rmtree(rest, ignore_errors=True)
        for path, content in files:
            _write(fresh / path, content)
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        put_back(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def put_back(folder: Path) -> None:
    """Put a folder back that was being replaced by `write_folder` when the process was killed."""
    old = _beside(folder, "old")
    if old.exists() and not folder.exists():
        old.rename(folder)


def to_bytes(model: CascadeModel) -> bytes:
    """The files of a model in one string of bytes.

    Raises:
        ModelError: The model is not initialized.
    """
    packed: bytes = srsly.msgpack_dumps(_files(model))
    return packed


def from_bytes(data: bytes) -> CascadeModel:
    """The model of which `to_bytes` made these bytes.

    Raises:
        ModelError: The bytes are damaged, of a newer format, or do not fit.
    """
    try:
        files = srsly.msgpack_loads(data)
    except (ValueError, TypeError) as error:
        raise ModelError(f"these bytes hold no model: {error}") from error
    if not isinstance(files, dict):
        raise ModelError(f"these bytes hold no model, but a {type(files).__name__}")
    return _restore(files, "")


def read_meta(folder: str | Path) -> dict[str, Any]:
    """What `model.json` says of a saved model: `format`, `cascade`, `name`, `lang`, `labels`, `scores`, `calibration`.

    `calibration` is there only where a task has been calibrated.

    Raises:
        ModelError: The folder holds no model, or one of a newer format.
    """
    path = Path(folder) / META
    if not path.is_file():
        raise ModelError(f"{folder} holds no model: there is no {META} in it")
    return _parse_meta(path.read_bytes(), f"{folder}/")


def read_graph(folder: str | Path) -> TaskGraph:
    """The graph of a saved model, which has no weights.

    Raises:
        ModelError: The folder holds no model, or one whose graph cannot be made.
    """
    read_meta(folder)
    try:
        return _graph((Path(folder) / GRAPH).read_bytes(), f"{folder}/")
    except OSError as error:
        raise ModelError(f"cannot read the model in {folder}: {error}") from error


def _files(
    model: CascadeModel,
    *,
    dtype: torch.dtype | None = None,
    scores: Mapping[str, Any] | None = None,
    name: str = "",
) -> dict[str, bytes]:
    if not model.initialized:
        raise ModelError("the model has no weights to save: call model.initialize(docs) or train it first")
    meta = {
        "format": FORMAT,
        "cascade": version("cascade-nlp"),
        "name": name,
        "lang": model.lang,
        "labels": {task: list(labels) for task, labels in model.labels.items()},
        "scores": dict(scores or {}),
        **_calibration(model),
    }
    assets = {f"{ASSETS}/{path}": content for path, content in sorted(model.encoder.assets().items())}
    return {
        META: _meta_bytes(meta),
        GRAPH: _graph_bytes(model),
        WEIGHTS: safetensors.torch.save(_tensors(model, dtype)),
        **assets,
    }


def _meta_bytes(meta: Mapping[str, Any]) -> bytes:
    return json.dumps(meta, indent=2, ensure_ascii=False, default=float).encode("utf8")


def _graph_bytes(model: CascadeModel) -> bytes:
    written: bytes = Config({"graph": graph_to_config(model.graph)}).to_bytes()
    return written


def _calibration(model: CascadeModel) -> dict[str, Any]:
    found = {task: by.to_json() for task, by in model.calibration.items()}
    return {"calibration": found} if found else {}


def _unique(model: CascadeModel) -> dict[str, Tensor]:
    """Parameters and buffers, what is shared under its first name alone."""
    names: dict[int, str] = {}
    state: dict[str, Tensor] = model.state_dict(keep_vars=True)
    return {name: tensor for name, tensor in state.items() if names.setdefault(id(tensor), name) == name}


def _tensors(model: CascadeModel, dtype: torch.dtype | None) -> dict[str, Tensor]:
    # A copy each, since safetensors refuses tensors that lie in one storage, as the weights of an LSTM on a GPU do.
    def stored(tensor: Tensor) -> Tensor:
        narrowed = dtype if isinstance(tensor, torch.nn.Parameter) else None
        return tensor.detach().to("cpu", narrowed, copy=True).contiguous()

    return {name: stored(tensor) for name, tensor in _unique(model).items()}


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _beside(folder: Path, what: str) -> Path:
    return folder.with_name(f".{folder.name}.{what}")


def _parse_meta(content: bytes, where: str) -> dict[str, Any]:
    try:
        meta: dict[str, Any] = json.loads(content)
        written = int(meta["format"])
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{where}{META} is damaged: {error}; fetch or save the model again") from error
    if written > FORMAT:
        raise ModelError(
            f"{where}{META} is of format {written}, written by cascade {meta.get('cascade')}; this version reads up to "
            f"{FORMAT}: pip install -U cascade-nlp"
        )
    return meta


def _restore(files: Files, where: str) -> CascadeModel:
    missing = [name for name in (META, GRAPH, WEIGHTS) if name not in files]
    if missing:
        raise ModelError(f"{where or 'the model'} lacks {', '.join(missing)}: copy or save the model again")
    meta = _parse_meta(files[META], where)
    model = _build(meta, files, where)
    model.lang = meta.get("lang", model.lang)
    try:
        tensors = safetensors.torch.load(files[WEIGHTS])
    except (SafetensorError, ValueError) as error:
        raise ModelError(
            f"{where}{WEIGHTS} is damaged or cut short ({len(files[WEIGHTS])} bytes): {error}; copy or save it again"
        ) from error
    _check(_unique(model), tensors, where)
    model.load_state_dict(tensors, strict=False)
    return model.eval()


def _build(meta: Mapping[str, Any], files: Files, where: str) -> CascadeModel:
    prefix = f"{ASSETS}/"
    assets = {path.removeprefix(prefix): content for path, content in files.items() if path.startswith(prefix)}
    try:
        model = CascadeModel(_graph(files[GRAPH], where))
    except GraphError as error:
        raise ModelError(f"{where}{GRAPH} does not make a graph that works. {error}") from error
    labels = meta.get("labels", {})
    unlabelled = [name for name in model.graph.names() if not labels.get(name)]
    if unlabelled:
        raise ModelError(f"{where}{META} has no labels for {', '.join(unlabelled)}: save the model again")
    model.build(labels, assets=assets)
    model.calibration = _read_calibration(meta, model, where)
    return model


def _graph(content: bytes, where: str) -> TaskGraph:
    try:
        return graph_from_config(Config().from_bytes(content)["graph"])
    except (ConfigError, ConfigValidationError, GraphError, KeyError, UnicodeError) as error:
        raise ModelError(
            f"{where}{GRAPH} does not make a graph; import the package that defines your own tasks first. {error}"
        ) from error


def _read_calibration(meta: Mapping[str, Any], model: CascadeModel, where: str) -> dict[str, Recalibration]:
    try:
        found = {task: Recalibration.from_json(own) for task, own in meta.get("calibration", {}).items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{where}{META} has a damaged calibration: {error}; calibrate the model again") from error
    if strange := [task for task in found if task not in model.graph]:
        raise ModelError(f"{where}{META} calibrates {', '.join(strange)}, which {GRAPH} lacks: calibrate it again")
    return found


def _check(expected: Mapping[str, Tensor], found: Mapping[str, Tensor], where: str) -> None:
    """All differences between the tensors that graph and labels ask for and those of the file.

    Raises:
        ModelError: There is one.
    """
    problems = [f"{name} is missing" for name in expected if name not in found]
    problems += [f"{name} is not in the graph" for name in found if name not in expected]
    problems += [
        f"{name} should have the shape {tuple(tensor.shape)}, has {tuple(found[name].shape)}"
        for name, tensor in expected.items()
        if name in found and tensor.shape != found[name].shape
    ]
    if problems:
        shown = "; ".join(problems[:8]) + (f"; and {len(problems) - 8} more" if len(problems) > 8 else "")
        raise ModelError(f"{where}{WEIGHTS} does not fit {GRAPH} and the labels of {META}: {shown}")
