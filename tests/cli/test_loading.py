from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.attrs import SENT_START
from spacy.language import Language

from cascade.cli.loading import give_sentences, load_pipeline, switch, token_tasks
from cascade.docs import assign
from cascade.errors import ConfigError

ORDER = ["sents", "tag", "pos", "morph", "lemma", "chunk", "ner", "parse"]


@pytest.fixture
def nlp(model: Path) -> Language:
    return load_pipeline(str(model))


def test_switch_leaves_the_named_tasks(nlp: Language) -> None:
    switch(nlp, ["parse", "tag"])
    assert nlp.get_pipe("cascade").tasks == ["tag", "parse"]


def test_switch_knows_the_tasks_of_all_cascades(nlp: Language, model: Path) -> None:
    nlp.add_pipe("cascade", name="second", config={"model": str(model), "tasks": ["ner"]})
    switch(nlp, ["tag"])
    assert nlp.get_pipe("cascade").tasks == nlp.get_pipe("second").tasks == ["tag"]


def test_switch_refuses_other_names() -> None:
    with pytest.raises(ConfigError, match="no task tag: the pipeline has no cascade in it"):
        switch(spacy.blank("en"), ["tag"])


def test_given_sentences_stay(nlp: Language) -> None:
    give_sentences(nlp)
    doc = nlp.make_doc("Mara mends old clocks . They tick .")
    starts = [token.i in (0, 5) for token in doc]
    assign(doc, [SENT_START], np.where(starts, 1, -1).astype(np.int64).astype(np.uint64))
    doc = nlp(doc)
    assert [token.is_sent_start for token in doc] == starts
    assert [len(list(sentence.root.subtree)) for sentence in doc.sents] == [5, 3]


def test_token_tasks(nlp: Language) -> None:
    assert token_tasks(nlp) == {("cascade", name) for name in ORDER}
    switch(nlp, ["tag"])
    assert token_tasks(nlp) == {("cascade", "tag")}
