from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cascade.errors import StoreError
from cascade.retrieval.analysis import Analysis
from cascade.retrieval.manifest import FILE, FORMAT, Manifest, replace
from cascade.retrieval.splitting import Splitting

MANIFEST = Manifest(
    analysis=Analysis(stemmer="english"),
    splitting=Splitting(words=80, overlap=2, lang="de"),
    encoder="mini/2-abc",
    encoder_name="mini",
    encoder_layer=2,
    kind="sq8",
)


def test_comes_back(tmp_path: Path) -> None:
    MANIFEST.save(tmp_path)
    assert Manifest.load(tmp_path) == MANIFEST
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no index"):
        Manifest.load(tmp_path)
    with pytest.raises(StoreError, match="holds no index"):
        Manifest.load(tmp_path / "missing")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.update(format=FORMAT + 1), "upgrade cascade"),
        (lambda content: content.update(encoder="other"), "changed by something else"),
        (lambda content: content.pop("checksum"), "damaged"),
        (lambda content: content.update(format="x"), "damaged"),
    ],
)
def test_changed(tmp_path: Path, change: Callable[[dict[str, Any]], Any], message: str) -> None:
    MANIFEST.save(tmp_path)
    content = json.loads((tmp_path / FILE).read_bytes())
    change(content)
    (tmp_path / FILE).write_text(json.dumps(content))
    with pytest.raises(StoreError, match=message):
        Manifest.load(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"format":', "\udcff"])
def test_damaged(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_bytes(content.encode("utf8", "surrogateescape"))
    with pytest.raises(StoreError, match="damaged"):
        Manifest.load(tmp_path)


def test_replace_leaves_the_old_file_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace(path, b"old")
    (tmp_path / "file.tmp").mkdir()
    with pytest.raises((StoreError, OSError)):
        replace(path, b"new")
    assert path.read_bytes() == b"old"
