"""A task of your own: `Casing` restores capitals, so that "will may visit the us" becomes "Will may visit the US".

A name and a verb that are spelt alike differ in their part of speech, so the task reads that from a tagger upstream.

Run it: `python examples/03_own_task.py`
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import spacy
from spacy.scorer import Scorer
from spacy.tokens import Doc, Token
from spacy.training import Example

import cascade as cs

Token.set_extension("case", default=None)  # where gold and predictions stand; None: not known
CASES = {"lower": str.lower, "Title": str.title, "UPPER": str.upper}


def words(doc: Doc) -> list[Token]:
    """The rows of a token task, in their order: white space is none."""
    return [doc[int(i)] for i in cs.docs.tokens(doc)]


@cs.registry.tasks("examples.Casing.v1")  # the name under which configs and saved models know it
class Casing(cs.tasks.Classification):
    """Predicts `token._.case`. Decoder, loss and decoding are those of every task that gives a row one label."""

    def labels(self, docs: Iterable[Doc]) -> Sequence[str]:
        """What the decoder chooses from."""
        return sorted(CASES)

    def targets(self, doc: Doc) -> dict[str, np.ndarray] | None:
        """Gold, as numbers of labels; None for a Doc without any, which then gives no loss."""
        cases = [token._.case for token in words(doc)]
        return {"label": self.ids(cases)} if any(cases) else None

    def annotate(self, doc: Doc, predictions: Mapping[str, np.ndarray], *, overwrite: bool = True) -> dict[str, Any]:
        """Write predictions to the Doc; what is returned stands in `doc._.cascade` afterwards."""
        for token, label in zip(words(doc), predictions["label"], strict=True):
            if overwrite or token._.case is None:
                token._.case = self.vocabulary[label]
        return {"probabilities": predictions["probability"]}

    def score(self, examples: Sequence[Example]) -> dict[str, Any]:
        """`case_acc`, as spaCy counts it."""
        return Scorer.score_token_attr(examples, "case", getter=lambda token, _: token._.case, missing_values={None})


SENTENCES = """\
Will/NNP may/MD visit/VB the/DT US/NNP
May/NNP will/MD visit/VB us/PRP
Mark/NNP will/MD bill/VB us/PRP
Bill/NNP may/MD mark/VB the/DT bill/NN
the/DT US/NNP may/MD bill/VB Rose/NNP
we/PRP may/MD mark/VB the/DT rose/NN
Rose/NNP will/MD mark/VB the/DT will/NN
we/PRP will/MD visit/VB Mark/NNP
the/DT mark/NN may/MD visit/VB May/NNP
the/DT rose/NN will/MD mark/VB us/PRP"""


def read(sentence: str, vocab: spacy.vocab.Vocab) -> Doc:
    """A Doc without capitals, whose gold remembers them."""
    forms, tags = zip(*(pair.split("/") for pair in sentence.split()), strict=True)
    doc = Doc(vocab, words=[form.lower() for form in forms], tags=list(tags))
    for token, form in zip(doc, forms, strict=True):
        token._.case = next(case for case, change in CASES.items() if change(form) == form)
    return doc


def main(folder: Path) -> None:
    """Check the task, train it behind a tagger, and load what has been saved."""
    nlp = spacy.blank("en")
    docs = [read(line, nlp.vocab) for line in SENTENCES.splitlines()]
    cs.testing.check_task(Casing("case"), docs)
    print("Casing keeps the contract of a task")

    graph = cs.TaskGraph(encoder=cs.encoders.Convolutional(width=64, depth=2, dropout=0.0))
    graph.add(cs.tasks.Tagging("tag", layer=2)).add(Casing("case"), after={"tag": [cs.Hidden(), cs.Labels(width=16)]})
    corpus = cs.Corpus(train=docs)  # without dev Docs, the last model is the best one
    cs.Trainer(cs.CascadeModel(graph), corpora=[corpus], average=None, epochs=30, evaluate_every=10).fit(folder)

    nlp.add_pipe("cascade", config={"model": str(folder / "best")})
    for text in ("will will bill the us", "may may visit us", "we will mark the bill"):
        print(text, "->", " ".join(CASES[token._.case](token.text) for token in nlp(text)))


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        main(Path(scratch))
