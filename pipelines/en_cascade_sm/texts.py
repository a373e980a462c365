"""Collects the raw texts that a teacher annotates for the training of en_cascade_sm.

CASCADE_DATA=DATA python pipelines/en_cascade_sm/texts.py runs/texts.txt
cascade annotate --model en_cascade_md --input runs/texts.txt --format docbin --output runs/silver.spacy

They are the training parts of four data sets: product reviews (unlabelled part of FDU-MTL, Liu et al. 2017), reviews
and questions about them (SubjQA, Bjerva et al. 2020), comments (GoEmotions, Demszky et al. 2020) and encyclopaedic
paragraphs (the training articles of SQuAD 1.1 that `squad_split.json` names, Rajpurkar et al. 2016).

Each lies in DATA as its authors publish it: fdu_mtl/*.task.unlabel.gz, subjqa/DOMAIN/train.csv.gz,
goemotions/train.tsv, squad_v1.1_dev/dev-v1.1.json. `squad_split.json` is ours: {"train": [titles of articles], ...},
the articles that are not tested on.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

LONGEST = 250  # words of a text
LIMITS = {"reviews": 700_000, "questions": 400_000, "comments": 300_000, "paragraphs": 180_000}  # words


def reviews(data: Path) -> Iterator[str]:
    """Product reviews, as written."""
    for file in sorted((data / "fdu_mtl").glob("*.task.unlabel.gz")):
        if file.name.split(".")[0] not in ("MR", "imdb"):  # these are lower-cased
            with gzip.open(file, "rt", encoding="utf8", errors="replace") as lines:
                yield from lines


def questions(data: Path) -> Iterator[str]:
    """Reviews, and questions about them."""
    for domain in ("electronics", "grocery", "restaurants", "tripadvisor"):
        with gzip.open(data / "subjqa" / domain / "train.csv.gz", "rt", encoding="utf8", newline="") as file:
            for row in csv.DictReader(file):
                yield row["review"].replace("ANSWERNOTFOUND", "")
                yield row["question"]


def comments(data: Path) -> Iterator[str]:
    """Comments on the web, but for those in which names are masked."""
    with open(data / "goemotions" / "train.tsv", encoding="utf8") as lines:
        texts = (line.split("\t")[0] for line in lines)
        yield from (text for text in texts if "[" not in text)  # brackets mask names


def paragraphs(data: Path) -> Iterator[str]:
    """Paragraphs of an encyclopaedia."""
    train = set(json.loads((data / "squad_split.json").read_text(encoding="utf8"))["train"])
    squad = json.loads((data / "squad_v1.1_dev" / "dev-v1.1.json").read_text(encoding="utf8"))
    for article in squad["data"]:
        if article["title"] in train:
            yield from (paragraph["context"] for paragraph in article["paragraphs"])


def sample(texts: Iterator[str], words: int, rng: random.Random) -> Iterator[str]:
    """Different texts in random order, each on one line and cut at the end of a sentence, up to a number of words."""
    distinct = list(dict.fromkeys(" ".join(text.split()) for text in texts if "\ufffd" not in text))
    rng.shuffle(distinct)
    for text in filter(None, distinct):
        start = " ".join(text.split()[:LONGEST])
        cut = start if start == text else start[: start.rfind(". ") + 1] or start
        yield cut
        words -= len(cut.split())
        if words < 0:
            return


def main() -> None:
    """Write the texts, a blank line between two."""
    data, rng = Path(os.environ["CASCADE_DATA"]), random.Random(0)
    sources = {"reviews": reviews, "questions": questions, "comments": comments, "paragraphs": paragraphs}
    texts = [text for name, read in sources.items() for text in sample(read(data), LIMITS[name], rng)]
    rng.shuffle(texts)
    Path(sys.argv[1]).parent.mkdir(parents=True, exist_ok=True)
    Path(sys.argv[1]).write_text("\n\n".join(texts) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
