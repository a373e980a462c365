"""What pipelines are scored on, and how: the test sets, their tokens and their sentences, as `cascade evaluate` reads
them: trees and UNER as documents of ten sentences, everything else, and trees with gold sentences, as documents of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spacy.language import Language
from spacy.tokens import Doc

from cascade.cli.loading import give_sentences
from cascade.cli.readers import guess, read
from cascade.components.loading import load
from cascade.data.downloads import find
from cascade.errors import DataError
from cascade.evaluation import evaluate_pipeline
from cascade.evaluation.pipeline import Boundaries, Tokens

TAG_SEPARATOR = "__"
"""Data from `spacy convert -m` have tags such as `NN__Number=Sing`; no tag of the treebank has it otherwise."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A test set, and what a pipeline is given of it.

    Attributes:
        data: Its name in `cascade data list`.
        tokens: `raw`: the text goes through the pipeline's own tokenizer, spaCy's English one in all that are compared
            here. spaCy's Scorer then counts over the alignment of `Example`: F1 of the labelled arcs between words that
            have a counterpart, in which those that have none are errors on their side.
        sentences: `gold`: boundaries are set beforehand and not scored.
    """

    data: str
    tokens: Tokens = "gold"
    sentences: Boundaries = "predicted"

    @property
    def is_there(self) -> bool:
        """Whether the data are on this machine."""
        try:
            return find(self.data).is_file()
        except DataError:
            return False

    def docs(self, nlp: Language) -> Iterator[Doc]:
        """The Docs with their gold."""
        return read(self.data, guess(self.data), nlp, sentences=1 if self.sentences == "gold" else 10)

    def score(self, nlp: Language) -> dict[str, float]:
        """Scores of a pipeline, by spaCy's keys; it takes its sentences from the setting ever after."""
        if self.sentences == "gold":
            give_sentences(nlp)
        docs = list(self.docs(nlp))
        found = evaluate_pipeline(
            nlp, docs, tokens=self.tokens, sentences=self.sentences, tag_separator=TAG_SEPARATOR
        ).scores
        return {key: value for key, value in found.items() if isinstance(value, float) and key != "words_per_second"}


PREDICTED, GOLD, RAW = "EWT test", "EWT test, gold sentences", "EWT test, raw text"
CHUNKS, UNER, TWITTER, SICK = "CoNLL-2000 test", "UNER EWT test", "Broad Twitter f", "SICK test"
TREES = (PREDICTED, GOLD, RAW)
SETTINGS = {
    PREDICTED: Setting(data="ewt/test"),
    GOLD: Setting(data="ewt/test", sentences="gold"),
    RAW: Setting(data="ewt/test", tokens="raw"),
    CHUNKS: Setting(data="conll2000/test"),
    UNER: Setting(data="uner/test"),
    TWITTER: Setting(data="btc/f"),
    SICK: Setting(data="sick/test"),
}


def accuracy(pipeline: str, settings: Sequence[str]) -> dict[str, dict[str, float]]:
    """Scores of a pipeline by setting.

    Args:
        pipeline: A shipped pipeline, or the folder of any pipeline of spaCy.
        settings: Names of settings; those whose data are not on this machine are left out.
    """
    return {name: SETTINGS[name].score(load(pipeline)) for name in settings if SETTINGS[name].is_there}
