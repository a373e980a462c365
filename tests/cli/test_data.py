from __future__ import annotations

import json
from pathlib import Path

import pytest

from cascade.data import downloads


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with one file of one set, and an empty cache."""
    file = tmp_path / "data" / "ud_english_ewt" / "en_ewt-ud-dev.conllu"
    file.parent.mkdir(parents=True)
    file.touch()
    monkeypatch.setenv(downloads.FOLDER_VARIABLE, str(tmp_path / "data"))
    monkeypatch.setattr(downloads, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "data"


def test_list(run, folder: Path) -> None:
    shown = run("data", "list").stdout
    assert "CC BY-SA 4.0" in shown and "en_ewt-ud-dev.conllu" in shown and "cascade data fetch ewt/train" in shown


def test_list_as_json(run, folder: Path) -> None:
    listed = json.loads(run("data", "list", "--json").stdout)
    assert {dataset["name"] for dataset in listed} == {dataset.name for dataset in downloads.datasets()}
    files = {file["name"]: file for dataset in listed for file in dataset["files"]}
    assert files["ewt/dev"]["path"] == str(folder / "ud_english_ewt" / "en_ewt-ud-dev.conllu")
    assert files["ewt/train"]["path"] is None
    assert all(len(file["sha256"]) == 64 and file["url"].startswith("https://") for file in files.values())


def test_path(run, folder: Path) -> None:
    assert run("data", "path", "ewt/dev").stdout == f"{folder / 'ud_english_ewt' / 'en_ewt-ud-dev.conllu'}\n"


def test_a_path_that_is_not_there_says_how_to_get_it(run, folder: Path) -> None:
    result = run("data", "path", "ewt/train", code=1)
    assert result.stdout == "" and "cascade data fetch ewt/train" in result.stderr


def test_fetch_prints_places(run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "fetch_file", lambda file, place: place / file.path)
    paths = run("data", "fetch", "ewt/dev", "sick").stdout.splitlines()
    assert paths[0] == str(folder / "ud_english_ewt" / "en_ewt-ud-dev.conllu")
    assert [Path(path).name for path in paths[1:]] == ["SICK_train.txt", "SICK_trial.txt", "SICK_test_annotated.txt"]
    assert json.loads(run("data", "fetch", "ewt/dev", "--json").stdout) == paths[:1]


def test_fetch_of_unknown_data_lists_the_known(run, folder: Path) -> None:
    assert "btc/a, btc/b" in run("data", "fetch", "nix", code=1).stderr
