"""`pipelines/ud` on another language: only the paths and the language of its config change.

The language is Turkish, out of a small grammar (`tests/turkish.py`), of which the pipeline knows nothing.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import spacy

import cascade as cs
from cascade.data import read_conllu
from cascade.evaluation import evaluate_pipeline
from tests.turkish import noun, rows, suffixed, treebank, verb

SIZES = {"train": 400, "dev": 60, "test": 60}
QUICK = ["--cascade.trainer.epochs", "6", "--cascade.trainer.schedule.batches.words", "150"]
"""What else changes, for the treebank is a hundredth of a real one."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("turkish")
    files = {split: folder / f"tr-ud-{split}.conllu" for split in SIZES}
    for seed, (split, size) in enumerate(SIZES.items()):
        files[split].write_text(treebank(size, seed=seed), encoding="utf8")
    return files


def baseline(train: str, test: str) -> float:
    """LAS, without punctuation, where every word depends on the next by the most frequent relation of its tag."""
    found: dict[str, Counter[str]] = {}
    for sentence in rows(train):
        for row in sentence:
            found.setdefault(row[3], Counter())[row[7]] += 1
    words = [(i, row) for sentence in rows(test) for i, row in enumerate(sentence, start=1) if row[3] != "PUNCT"]
    hits = [int(row[6]) == i + 1 and row[7] == found[row[3]].most_common(1)[0][0] for i, row in words]
    return sum(hits) / len(hits)


def test_it_learns_another_language(files: dict[str, Path], tmp_path: Path) -> None:
    paths = ["--paths.train", str(files["train"]), "--paths.dev", str(files["dev"]), "--nlp.lang", "tr"]
    arguments = ["train", "ud", "--output", str(tmp_path / "run"), *paths, *QUICK]
    # In a process of its own, since accelerate keeps to the precision of the first training in a process.
    code = "from cascade.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    nlp = cs.load(tmp_path / "run" / "best")
    assert nlp.lang == "tr"
    scores = evaluate_pipeline(nlp, list(read_conllu(files["test"], vocab=nlp.vocab))).scores
    simple = baseline(files["train"].read_text(encoding="utf8"), files["test"].read_text(encoding="utf8"))
    assert scores["dep_las"] > simple + 0.25
    assert min(scores[key] for key in ("tag_acc", "pos_acc", "morph_acc", "lemma_acc", "sents_f")) > 0.8
    assert scores["dep_las"] > 0.8


def test_the_grammar_inflects() -> None:
    """Forms as any grammar lists them."""
    assert [noun("köprü", case) for case in ("Acc", "Dat", "Loc", "Abl", "Gen")] == [
        *("köprüyü", "köprüye", "köprüde", "köprüden", "köprünün")
    ]
    assert [noun("yol", case) for case in ("Acc", "Dat", "Loc", "Gen")] == ["yolu", "yola", "yolda", "yolun"]
    assert noun("ev", "Loc", plural=True) == "evlerde"
    assert [noun("bahçe", case, owned=True) for case in ("Nom", "Acc", "Loc")] == ["bahçesi", "bahçesini", "bahçesinde"]
    assert noun("kalem", "Acc", owned=True, plural=True) == "kalemlerini"
    assert [verb("gör", "Pres", person, negative=True) for person in "123"] == ["görmüyorum", "görmüyorsun", "görmüyor"]
    assert [verb(stem, "Past", "1", negative=False) for stem in ("sat", "koş", "oku")] == ["sattım", "koştum", "okudum"]
    assert [verb(stem, "Pres", "3", negative=False) for stem in ("bekle", "yürü", "taşı")] == [
        *("bekliyor", "yürüyor", "taşıyor")
    ]
    assert suffixed("otel", "(n)In") == "otelin"


def test_the_treebanks_are_in_order(files: dict[str, Path]) -> None:
    """They are read without complaint, repeat, and have no sentence in common."""
    texts = {split: path.read_text(encoding="utf8") for split, path in files.items()}
    docs = list(read_conllu(files["train"], vocab=spacy.blank("tr").vocab))
    assert sum(1 for doc in docs for _ in doc.sents) == SIZES["train"]
    assert texts["dev"] == treebank(SIZES["dev"], seed=1)
    assert not set(texts["train"].split("\n\n")) & set(texts["test"].split("\n\n")) - {""}
