from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from cascade.errors import ModelError
from cascade.nn.encoders import pretrained as module
from cascade.nn.encoders.pretrained import FAMILIES, pretrained, pretrained_config, rebuilt


@pytest.fixture
def copied(bert_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bert_folder, tmp_path / "bert"))


def test_the_lowest_blocks_are_kept(bert_folder: Path) -> None:
    weights = load_file(bert_folder / "model.safetensors")
    parts = pretrained(str(bert_folder), layers=1)
    assert len(parts.blocks) == 1 == parts.config.num_hidden_layers
    assert all(torch.equal(part, weights[f"encoder.layer.{name}"]) for name, part in parts.blocks.state_dict().items())


@pytest.mark.parametrize(("model_type", "positions"), [("bert", 24), ("roberta", 23), ("distilbert", 24)])
def test_positions(tiny: Callable[..., str], model_type: str, positions: int) -> None:
    assert pretrained(tiny(model_type), layers=2).positions == positions


def test_assets_stand_without_the_folder(copied: Path) -> None:
    parts = pretrained(str(copied), layers=2)
    shutil.rmtree(copied)
    again = rebuilt(parts.assets())
    assert again.assets() == parts.assets()
    assert {name: part.shape for name, part in again.blocks.state_dict().items()} == {
        name: part.shape for name, part in parts.blocks.state_dict().items()
    }


def test_too_many_layers(bert_folder: Path) -> None:
    with pytest.raises(ModelError, match="at most 2, got layers=3"):
        pretrained(str(bert_folder), layers=3)


def test_a_missing_model() -> None:
    with pytest.raises(ModelError, match="Transformer\\('no/such'\\): expected a local folder"):
        pretrained_config("no/such")


def test_a_folder_without_a_config(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="config.json"):
        pretrained_config(str(tmp_path))


def test_an_architecture_that_we_cannot_take_apart(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**config, "model_type": "gpt2"}))
    with pytest.raises(ModelError, match=f"{', '.join(FAMILIES)}, got gpt2"):
        pretrained_config(str(copied))


def test_weights_that_lack_a_part(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    del weights["encoder.layer.1.attention.self.query.weight"]
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="lack encoder.layer.1.attention.self.query.weight"):
        pretrained(str(copied), layers=2)


def test_the_package_of_minilm_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MINILM_PACKAGE", "no_such_package")
    with pytest.raises(ModelError, match=r"pip install cascade-nlp\[minilm\]"):
        pretrained_config("minilm")


def test_nothing_is_written_while_loading(bert_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pretrained(str(bert_folder), layers=1)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(find_spec(module.MINILM_PACKAGE) is None, reason="the extra `minilm` is not installed")
def test_minilm() -> None:
    parts = pretrained("minilm", layers=1)
    assert (parts.config.hidden_size, parts.positions) == (384, 512)
    assert parts.tokenizer.encode(["unbelievable"], is_pretokenized=True).tokens[1] == "unbelievable"
