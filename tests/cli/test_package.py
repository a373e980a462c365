"""A package is made, installed where nothing else is, and found by its name in a process of its own."""

from __future__ import annotations

import email
import json
import os
import pickletools
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from typer.testing import CliRunner

import cascade
from cascade import config as configs
from cascade import storage
from cascade.cli.app import app
from cascade.components.loading import load
from cascade.components.pipe import CascadePipe

# spaCy leaves the files that it writes to the collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

TEXT = "Mara mends old clocks. They never tick in Oslo!"
CARD = """\
---
license: CC-BY-4.0
author: Mara
url: https://example.org
sources:
  - name: Clocks
    url: https://example.org/clocks
---
# en_tiny

A pipeline
for tests.
"""
LOAD = """
import json, sys
import spacy
nlp = spacy.load(sys.argv[1])
import {name}
assert {name}.load().pipe_names == nlp.pipe_names
assert {name}.__version__ == nlp.meta["version"]
print(json.dumps(nlp(sys.argv[2]).to_json()))
"""


@pytest.fixture(scope="session")
def home(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline's folder as those that are shipped: config, card, licence, and the model in `model`."""
    home = tmp_path_factory.mktemp("pipelines") / "en_tiny"
    (home / "model").mkdir(parents=True)
    for path in model.iterdir():
        (home / "model" / path.name).write_bytes(path.read_bytes())
    (home / "config.cfg").write_text("[nlp]\n")
    (home / "README.md").write_text(CARD)
    (home / "LICENSE").write_text("Do as you like.\n")
    return home


@pytest.fixture(scope="session")
def wheel(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of that pipeline."""
    output = tmp_path_factory.mktemp("packages")
    result = CliRunner().invoke(app, ["package", str(home / "model"), str(output), "--version", "0.3"])
    assert result.exit_code == 0, (result.output, result.exception)
    return Path(result.stdout.strip())


@pytest.fixture
def saved(model: Path, tmp_path: Path) -> Path:
    """A saved pipeline of spaCy with a meta.json of its own, whose cascade has been told what to do."""
    nlp = load(model)
    pipe: Any = nlp.get_pipe("cascade")
    pipe.tasks = ["tag", "lemma"]
    nlp.add_pipe("sentencizer", first=True)
    nlp.meta.update(name="clocks", version="1.2.0", author="Mara", requirements=["numpy>=1.0"])
    nlp.to_disk(tmp_path / "saved")
    return tmp_path / "saved"


def read_meta(made: str) -> dict[str, Any]:
    return json.loads((Path(made.strip()) / "meta.json").read_text())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def load_elsewhere(python: str | Path, name: str, environment: dict[str, str]) -> dict[str, Any]:
    """What a new process that knows only the name makes of the text."""
    command: Sequence[Any] = [python, "-W", "error::UserWarning", "-c", LOAD.format(name=name), name, TEXT]
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# -- the wheel


def test_the_wheel_is_called_as_spacy_calls_it(wheel: Path) -> None:
    assert wheel.name == "en_tiny-0.3-py3-none-any.whl"
    assert wheel.parent.parent.name == "en_tiny-0.3"
    assert names(wheel.parent.parent) == sorted(
        ["LICENSE", "MANIFEST.in", "README.md", "dist", "en_tiny", "meta.json", "setup.py"]
    )
    assert names(wheel.parent.parent.parent) == ["en_tiny-0.3"]


def test_pip_installs_it_and_spacy_loads_it_by_name(wheel: Path, model: Path, tmp_path: Path) -> None:
    install = ["install", "--quiet", "--no-deps", "--no-index", "--target", str(tmp_path), str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True)
    found = load_elsewhere(sys.executable, "en_tiny", {**os.environ, "PYTHONPATH": str(tmp_path)})
    assert found == load(model)(TEXT).to_json()
    assert {"tag", "dep", "lemma"} <= set(found["tokens"][0])


def test_what_it_says_of_itself(wheel: Path, model: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        meta = json.loads(file.read("en_tiny/en_tiny-0.3/meta.json"))
        stated = email.message_from_bytes(file.read("en_tiny-0.3.dist-info/METADATA"))
        assert file.read("en_tiny/en_tiny-0.3/README.md").decode() == CARD
        licences = [name for name in file.namelist() if name.endswith("LICENSE")]
    assert (meta["lang"], meta["name"], meta["version"]) == ("en", "tiny", "0.3")
    assert meta["description"] == stated["Summary"] == "A pipeline for tests."
    assert (meta["license"], meta["author"]) == (stated["License"], stated["Author"]) == ("CC-BY-4.0", "Mara")
    assert meta["sources"] == [{"name": "Clocks", "url": "https://example.org/clocks"}]
    assert meta["performance"] == {"tag_acc": 0.5}
    assert meta["labels"]["cascade"] == list(load(model).pipe_labels["cascade"])
    (requirement,) = meta["requirements"]
    assert requirement.startswith(f"cascade-nlp>={cascade.__version__},<")
    assert stated.get_all("Requires-Dist") == ["cascade-nlp<0.2.0,>=0.1.0"]
    assert len(licences) == 2, "in the pipeline's folder, and where pip keeps licences"


def test_weights_are_safetensors_and_nothing_is_a_pickle(wheel: Path, model: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        contents = {name: file.read(name) for name in file.namelist()}
    weights = "en_tiny/en_tiny-0.3/cascade/model.safetensors"
    assert contents[weights] == (model / storage.WEIGHTS).read_bytes()
    largest = sorted(contents, key=lambda name: len(contents[name]))[-2:]
    assert weights in largest, "only the rules of the tokenizer are as large as these few weights"
    for name, content in contents.items():
        assert not content.startswith(b"PK"), f"{name} is an archive, such as torch writes"
        with pytest.raises((ValueError, UnicodeDecodeError)):
            list(pickletools.genops(content))


def test_no_path_of_ours_is_in_it(wheel: Path, home: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        found = [name for name in file.namelist() if str(home.parent).encode() in file.read(name)]
    assert found == []


@pytest.mark.bench
def test_a_new_environment(wheel: Path, model: Path, tmp_path: Path) -> None:
    """It has pip and the wheel; what the wheel requires is found by a link to the packages of this environment."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    (own,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    theirs = sysconfig.get_path("purelib")
    (own / "more.pth").write_text(f"import site; site.addsitedir({theirs!r})\n")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    assert load_elsewhere(python, "en_tiny", environment) == load(model)(TEXT).to_json()
    assert (own / "en_tiny" / "en_tiny-0.3" / "cascade" / storage.WEIGHTS).is_file()


# -- models and names


def test_a_shipped_pipeline_by_name(run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configs, "_pipelines", lambda: home.parent)
    made = run("package", "en_tiny", tmp_path, "--build", "none").stdout
    assert made == f"{tmp_path}/en_tiny-{cascade.__version__}\n", "the version is that of the toolkit that saved it"
    assert read_meta(made)["description"] == "A pipeline for tests."


def test_a_saved_pipeline_keeps_what_it_says_and_does(run, saved: Path, tmp_path: Path) -> None:
    (saved / "README.md").write_text(CARD)
    made = run("package", saved, tmp_path / "out", "--build", "none").stdout
    meta = read_meta(made)
    assert (meta["name"], meta["version"], meta["author"]) == ("clocks", "1.2.0", "Mara")
    assert meta["license"] == "CC-BY-4.0"
    assert meta["requirements"] == ["numpy>=1.0", f"cascade-nlp>={cascade.__version__},<0.2.0"]
    folder = Path(made.strip()) / "en_clocks" / "en_clocks-1.2.0"
    nlp = spacy.load(folder)
    assert nlp.pipe_names == ["sentencizer", "cascade"]
    pipe = nlp.get_pipe("cascade")
    assert isinstance(pipe, CascadePipe) and pipe.tasks == ["tag", "lemma"]
    assert nlp.config["components"]["cascade"]["model"] is None
    assert nlp(TEXT).to_json() == spacy.load(saved)(TEXT).to_json()


def test_a_model_without_a_card(run, model: Path, tmp_path: Path) -> None:
    made = run("package", model, tmp_path, "--build", "none").stdout.strip()
    assert read_meta(made)["description"] == read_meta(made)["license"] == ""
    assert "`en_tiny`" in (Path(made) / "README.md").read_text(), "spaCy writes one"


def test_the_source_distribution(run, model: Path, tmp_path: Path) -> None:
    made = Path(run("package", model, tmp_path, "--build", "sdist").stdout.strip())
    assert made.name == f"en_tiny-{cascade.__version__}.tar.gz"
    with tarfile.open(made) as file:
        assert any(name.endswith("cascade/model.safetensors") for name in file.getnames())


def test_the_language_stands_in_front_once(run, model: Path, tmp_path: Path) -> None:
    made = run("package", model, tmp_path, "--name", "en_clocks", "--build", "none").stdout.strip()
    assert read_meta(made)["name"] == "clocks"
    assert names(Path(made)) == ["MANIFEST.in", "README.md", "en_clocks", "meta.json", "setup.py"]


def test_the_half_precision_of_weights_is_kept(run, tmp_path: Path, model: Path) -> None:
    storage.save(storage.load(model), tmp_path / "half", dtype=torch.float16)
    made = run("package", tmp_path / "half", tmp_path, "--build", "none").stdout.strip()
    (weights,) = Path(made).rglob(storage.WEIGHTS)
    assert weights.read_bytes() == (tmp_path / "half" / storage.WEIGHTS).read_bytes()


# -- errors


@pytest.mark.parametrize(("option", "value"), [("--name", "my-clocks"), ("--version", "new")])
def test_names_and_versions_that_are_none(run, model: Path, tmp_path: Path, option: str, value: str) -> None:
    stderr = run("package", model, tmp_path / "out", option, value, code=1).stderr
    assert stderr.startswith(f"error: '{value}' ") and f"give one with {option}" in stderr
    assert not (tmp_path / "out").exists()


def test_a_package_is_replaced_only_by_force(run, model: Path, tmp_path: Path) -> None:
    command = ("package", model, tmp_path, "--version", "1", "--build", "none")
    run(*command)
    (tmp_path / "en_tiny-1" / "old").touch()
    assert "is there already: replace it with --force" in run(*command, code=1).stderr
    assert (tmp_path / "en_tiny-1" / "old").exists()
    run(*command, "--force")
    assert not (tmp_path / "en_tiny-1" / "old").exists()
    assert names(tmp_path) == ["en_tiny-1"]


def test_what_is_no_package_is_not_replaced(run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "en_tiny-1" / "photos").mkdir(parents=True)
    command = ("package", model, tmp_path, "--version", "1", "--build", "none", "--force")
    assert "it is no package, so name another output" in run(*command, code=1).stderr
    assert names(tmp_path / "en_tiny-1") == ["photos"]


def test_a_model_that_is_not_there(run, tmp_path: Path) -> None:
    assert "no model" in run("package", tmp_path / "nowhere", tmp_path, code=1).stderr
    assert names(tmp_path) == []


def test_a_damaged_pipeline(run, saved: Path, tmp_path: Path) -> None:
    (saved / "config.cfg").write_text("[nlp]\n")
    assert f"spaCy cannot load {saved}" in run("package", saved, tmp_path / "out", code=1).stderr


def test_a_place_where_nothing_can_be_written(run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert (
        "name a folder that may be written"
        in run("package", model, tmp_path / "file", "--build", "none", code=1).stderr
    )


def test_without_the_package_build(run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "build", None)
    assert "pip install cascade-nlp[package], or --build none" in run("package", model, tmp_path / "out", code=1).stderr
    assert not (tmp_path / "out").exists()
    run("package", model, tmp_path / "out", "--build", "none")


def test_a_build_that_fails_leaves_nothing(run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("spacy.cli.package"), "TEMPLATE_SETUP", "raise RuntimeError('no clock')")
    stderr = run("package", model, tmp_path / "out", code=1).stderr
    assert stderr.startswith("error: the wheel of en_tiny-") and "no clock" in stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [["--build", "egg"], ["more"], ["--bogus"]])
def test_wrong_usage(run, model: Path, tmp_path: Path, arguments: list[str]) -> None:
    run("package", model, tmp_path / "out", *arguments, code=2)
    run("package", model, code=2)
