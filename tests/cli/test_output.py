from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cascade.cli.output import write, write_json
from cascade.errors import ConfigError


def failing() -> Iterator[str]:
    yield "half"
    raise RuntimeError("broken on the way")


def test_text_and_bytes_go_to_stdout_as_they_come(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    write(["é", b"\xff", "z"], None)
    assert capsysbinary.readouterr() == ("é".encode() + b"\xffz", b"")


def test_a_file_appears_whole(tmp_path: Path) -> None:
    write(["é\n", b"\xff"], tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == "é\n".encode() + b"\xff"
    assert os.listdir(tmp_path) == ["out"]


def test_what_stood_there_stays_when_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    with pytest.raises(RuntimeError):
        write(failing(), tmp_path / "out")
    assert (tmp_path / "out").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("place", ["no/folder/out", "file/out", "folder"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match=f"cannot write {tmp_path / place}: .*name a file"):
        write(["x"], tmp_path / place)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_json_takes_the_numbers_of_numpy(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"é": np.float32(0.5), "n": [np.int64(3)]})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"é": 0.5, "n": [3]}
    assert "é" in printed
