"""How long a training takes on two cores until it has reached what the peer ended with.

A quarter of an hour each: `pytest -m training -s`, which `make bench` leaves out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.results import Results
from tests.bench.training import train_until

pytestmark = pytest.mark.training

PEERS_LAS = 0.797
MINUTES = 15


@pytest.fixture
def train(tmp_path: Path, data_folder: Path, results: Results) -> Callable[..., dict[str, float]]:
    """Trains a pipeline and keeps what came out."""

    def trained(pipeline: str, setting: str, las: float, *options: str) -> dict[str, float]:
        found = train_until(pipeline, las=las, folder=tmp_path / "run", minutes=MINUTES, options=options)
        results.add(pipeline, setting, found)
        return found

    return trained


def test_a_training_soon_has_the_score_of_the_peer(train: Callable[..., dict[str, float]]) -> None:
    found = train("ud", f"training to LAS {100 * PEERS_LAS:.1f} on EWT dev", PEERS_LAS)
    assert found["las"] >= PEERS_LAS, found


def test_another_treebank_takes_only_other_paths(train: Callable[..., dict[str, float]], data_folder: Path) -> None:
    """The Georgetown University Multilayer corpus (Zeldes 2017): other kinds of text, other guidelines for tags."""
    folder = data_folder / "ud_english_gum"
    paths = {split: next(folder.glob(f"en_gum-ud-{split}.*")) for split in ("train", "dev")}
    options = [part for split, path in paths.items() for part in (f"--paths.{split}", str(path))]
    found = train("ud", "training on GUM to LAS 75.0 on its dev", 0.75, *options)
    assert found["las"] >= 0.75, found
