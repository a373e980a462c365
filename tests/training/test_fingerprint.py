from __future__ import annotations

import pytest
from spacy.tokens import Doc

from cascade.docs import passage_of, set_passages
from cascade.errors import ConfigError, TrainingError
from cascade.graph import Labels
from cascade.model import CascadeModel
from cascade.tasks.tagging import Tagging
from cascade.training import Corpus
from cascade.training.fingerprint import digest, fingerprint, require_same


class Plain:
    """Its `repr` has an address."""


def test_the_same_run_has_the_same_fingerprint(graph, docs) -> None:
    def make() -> dict[str, str]:
        model = CascadeModel(graph()).initialize(docs(10))
        return fingerprint(model, [Corpus(train=docs(10))], {"epochs": 3, "own": Plain()})

    assert make() == make()


def test_differences_are_listed(graph, docs) -> None:
    other = graph(width=7)
    other.edges["tags", "sents"]["edges"] = (Labels(width=5),)
    prints = [
        fingerprint(CascadeModel(g).initialize(docs(10)), [Corpus(train=docs(n))], {"epochs": 3, **extra})
        for g, n, extra in ((graph(), 10, {}), (other, 9, {"clip": 1.0}))
    ]
    with pytest.raises(TrainingError) as caught:
        require_same(*prints)
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == [
        "task tags", "task sents", "edges tags -> sents", "corpus 0", "clip",
    ]  # fmt: skip
    assert lines[-1] == "  clip: was absent, is 1.0"


def test_the_digest_is_of_the_texts(docs) -> None:
    assert digest(docs(5)) == digest(docs(5, tags=False)) != digest(docs(5, seed=1))
    assert digest(docs(5)).startswith("5 docs")


def test_passages_of_a_question_count(docs) -> None:
    def asked(text: str) -> list[Doc]:
        found = docs(1)
        set_passages(found[0], [passage_of(text)])
        return found

    assert digest(asked("A ferry.")) == digest(asked("A ferry.")) != digest(asked("A boat."))
    assert digest(asked("A ferry.")) != digest(docs(1))


def test_a_task_that_cannot_be_saved_is_found_before_training(graph, docs) -> None:
    class Mine(Tagging):
        """Not registered."""

    unknown = graph().add(Mine("mine"))
    with pytest.raises(ConfigError, match="Mine"):
        fingerprint(CascadeModel(unknown).initialize(docs(10)), [], {})
