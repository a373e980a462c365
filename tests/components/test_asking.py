"""Questions in a spaCy pipeline: a cascade over their passages is a pipe like any other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Example

from cascade import docs as documents
from cascade import storage
from cascade.components.alignment import aligned
from cascade.evaluation import bare_copy
from cascade.testing import check_pipe
from tests.questions import LAMP, asked, chain, model_of, odd, question


@pytest.fixture
def nlp(tmp_path: Path) -> Language:
    storage.save(model_of(chain(gold=True)), tmp_path / "model")
    nlp = spacy.blank("en")
    nlp.add_pipe("cascade", config={"model": str(tmp_path / "model"), "precision": "no"})
    return nlp


def test_the_pipe_keeps_spacys_contract(nlp: Language) -> None:
    check_pipe(nlp, asked())


def test_questions_come_out_of_the_pipe_with_answers(nlp: Language) -> None:
    docs = [bare_copy(doc) for doc in [*asked(), *odd()]]
    for doc in nlp.pipe(docs, batch_size=3):
        if documents.is_question(doc):
            assert documents.answers(doc) is not None
            assert doc._.cascade["cascade"].keys() == {"retrieve", "read", "rerank"}


def test_gold_stays_with_a_question_whose_tokens_differ() -> None:
    reference = question("who lit it", [LAMP], [(0, "mara")])
    predicted = question("who litit", [LAMP])
    found = aligned(Example(predicted, reference))
    assert [token.text for token in found] == ["who", "litit"]
    assert documents.answers(found) == documents.answers(reference)
    assert documents.passages(found) == documents.passages(reference)


TWO = """
import sys, numpy as np, spacy
from spacy.tokens import DocBin
from cascade import docs as documents
nlp = spacy.load(sys.argv[1])
docs = lambda: list(DocBin().from_disk(sys.argv[2]).get_docs(nlp.vocab))
one = list(nlp.pipe(docs(), batch_size=2))
two = list(nlp.pipe(docs(), batch_size=2, n_process=2))
assert len(one) == len(two) > 5
for a, b in zip(one, two, strict=True):
    assert documents.passages(a) == documents.passages(b)
    first, second = documents.answers(a) or [], documents.answers(b) or []
    assert [x.plain for x in first] == [x.plain for x in second]
    for x, y in zip(first, second):
        assert abs(x.confidence - y.confidence) < 1e-5
print("done")
"""


def test_two_processes_answer_as_one_does(nlp: Language, tmp_path: Path) -> None:
    nlp.to_disk(tmp_path / "saved")
    docs = [bare_copy(doc) for doc in [*asked(), *odd()[:4]]]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "docs.spacy")
    arguments = [sys.executable, "-W", "ignore", "-c", TWO, str(tmp_path / "saved"), str(tmp_path / "docs.spacy")]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "done", done.stderr
