"""What spaCy's own tests ask of a component, asked of pipes with unlike graphs.

The counterparts of its `test_pipe_methods`, `serialize/test_serialize_pipeline`, `test_language`, `test_rehearse` and
of the tests for sourced and frozen components.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from spacy import ty
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam

from cascade.components.pipe import CascadePipe
from cascade.evaluation import bare_copy
from cascade.graph import TaskGraph
from cascade.nn.encoders import Embedding, Recurrent
from cascade.registry import graph_to_config
from cascade.tasks import Entities, Lemmas, Tagging, TextClassification

TEXT = "Mara mends old clocks."
ENCODER = Embedding(words=8, characters=8, vocabulary=50, buckets=50)
GRAPHS = {
    "one task": lambda: TaskGraph(encoder=ENCODER).add(Tagging("tag", hidden=8)),
    "spans and lemmas": lambda: (
        TaskGraph(encoder=Recurrent(embedding=ENCODER, width=8, depth=1))
        .add(Lemmas("lemma", min_freq=1, hidden=8))
        .add(Entities("ents", layer=1, hidden=8))
    ),
    "texts": lambda: TaskGraph(encoder=ENCODER).add(TextClassification("topic", hidden=8)),
    "four tasks": None,
}


@pytest.fixture(params=GRAPHS)
def any_graph(request: pytest.FixtureRequest, graph: TaskGraph) -> TaskGraph:
    """Graphs over words, spans and texts; the last one is that of the other tests."""
    make = GRAPHS[request.param]
    return graph if make is None else make()


@pytest.fixture(params=["cascade", "cascade_ud"])
def factory(request: pytest.FixtureRequest) -> str:
    """One for any graph, one for a shipped graph."""
    return str(request.param)


@pytest.fixture
def examples(docs: list[Doc]) -> list[Example]:
    """Bare and annotated Docs, with gold for texts too."""
    docs[0].cats, docs[1].cats = {"CLOCKS": 1.0, "TIME": 0.0}, {"CLOCKS": 0.0, "TIME": 1.0}
    return [Example(bare_copy(doc), doc) for doc in docs]


@pytest.fixture
def nlp(any_graph: TaskGraph, examples: list[Example]) -> Language:
    """A pipeline with weights, which comes from no saved model."""
    nlp = spacy.blank("en")
    nlp.add_pipe("cascade", config={"graph": graph_to_config(any_graph)})
    nlp.initialize(lambda: examples)
    return nlp


def json(nlp: Language, text: str = TEXT) -> dict[str, Any]:
    return {**nlp(text).to_json(), "lemmas": [token.lemma_ for token in nlp(text)]}


def weights(nlp: Language) -> bytes:
    return pipe_of(nlp).shim.to_bytes()


def pipe_of(nlp: Language) -> CascadePipe:
    pipe = nlp.get_pipe("cascade")
    assert isinstance(pipe, CascadePipe)
    return pipe


def test_types(factory: str, any_graph: TaskGraph) -> None:
    pipe = spacy.blank("en").create_pipe(factory, config={"graph": graph_to_config(any_graph)})
    assert isinstance(pipe, ty.TrainableComponent)
    assert isinstance(pipe, ty.InitializableComponent)
    assert not isinstance(pipe, ty.ListenedToComponent)


def test_places_and_names(factory: str, any_graph: TaskGraph) -> None:
    nlp, config = spacy.blank("en"), {"graph": graph_to_config(any_graph)}
    nlp.add_pipe("sentencizer")
    nlp.add_pipe(factory, name="a", config=config, first=True)
    nlp.add_pipe(factory, name="b", config=config, after="a")
    nlp.add_pipe(factory, name="c", config=config, before="a")
    assert nlp.pipe_names == ["c", "a", "b", "sentencizer"]
    nlp.rename_pipe("a", "d")
    assert nlp.get_pipe("d").name == "d"  # type: ignore[attr-defined]
    assert isinstance(nlp.replace_pipe("d", factory, config=config), CascadePipe)
    assert isinstance(nlp.remove_pipe("b")[1], CascadePipe)
    assert nlp.pipe_names == ["c", "d", "sentencizer"]
    with pytest.raises(ValueError, match="E007"):
        nlp.add_pipe(factory, name="c", config=config)


def test_what_is_switched_off_stays_off_on_disk(nlp: Language, tmp_path: Path) -> None:
    expected = json(nlp)
    nlp.disable_pipe("cascade")
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert (loaded.pipe_names, loaded.component_names) == ([], ["cascade"])
    loaded.enable_pipe("cascade")
    assert json(loaded) == expected


def test_saved_and_loaded(nlp: Language, tmp_path: Path) -> None:
    expected = json(nlp)
    nlp.to_disk(tmp_path)
    # Without the strings of the vocabulary, every label has to come from the pipe itself.
    for loaded in (spacy.load(tmp_path), spacy.load(tmp_path, exclude=["strings"]), pickle.loads(pickle.dumps(nlp))):
        assert json(loaded) == expected
        assert loaded.to_bytes(exclude=["vocab", "tokenizer"]) == nlp.to_bytes(exclude=["vocab", "tokenizer"])


def test_a_pipe_alone_travels(nlp: Language, any_graph: TaskGraph, tmp_path: Path) -> None:
    pipe, doc = pipe_of(nlp), nlp.make_doc(TEXT)
    pipe.to_disk(tmp_path, exclude=["vocab"])
    config = {"graph": graph_to_config(any_graph)}
    empty = [spacy.blank("en").create_pipe("cascade", config=config) for _ in range(3)]
    from_disk, from_bytes, without_model = empty
    copies = [from_disk.from_disk(tmp_path), from_bytes.from_bytes(pipe.to_bytes(exclude=["vocab"]))]  # type: ignore[attr-defined]
    for copy in [*copies, pickle.loads(pickle.dumps(pipe))]:
        assert copy(bare_copy(doc)).to_json() == pipe(bare_copy(doc)).to_json()
        assert copy.to_bytes(exclude=["vocab"]) == pipe.to_bytes(exclude=["vocab"])
    without_model.from_bytes(pipe.to_bytes(), exclude=["model"])  # type: ignore[attr-defined]
    assert not without_model.module.initialized  # type: ignore[attr-defined]


def test_labels_travel_as_json(nlp: Language, any_graph: TaskGraph, examples: list[Example]) -> None:
    """As `spacy init labels` writes them; bare data is enough then."""
    other = spacy.blank("en")
    again: Any = other.add_pipe("cascade", config={"graph": graph_to_config(any_graph)})
    labels = srsly.json_loads(srsly.json_dumps(pipe_of(nlp).label_data))
    other.config["initialize"]["components"]["cascade"] = {"labels": labels}
    other.initialize(lambda: [Example(eg.predicted, eg.predicted) for eg in examples])
    assert again.label_data == pipe_of(nlp).label_data
    assert again.labels == pipe_of(nlp).labels


def test_updates_and_evaluation(nlp: Language, examples: list[Example]) -> None:
    before, losses = weights(nlp), {}
    optimizer = nlp.resume_training(sgd=Adam(0.01))
    assert nlp.update(examples, sgd=optimizer, exclude=["cascade"], losses=losses) == {}
    assert weights(nlp) == before
    first = nlp.update(examples, sgd=optimizer)["cascade"]
    for _ in range(30):
        losses = nlp.update(examples, sgd=optimizer)
    assert losses["cascade"] < first
    assert weights(nlp) != before
    assert nlp.rehearse(examples, sgd=optimizer, losses={})["cascade"] > 0
    scores = nlp.evaluate(examples)
    main = [pipe_of(nlp).module.task(name).score(examples) for name in pipe_of(nlp).tasks]
    assert all(key in scores for found in main for key in found)
    with pytest.raises(TypeError, match="E978"):
        nlp.update([example.reference for example in examples])  # type: ignore[misc]


def test_a_sourced_and_frozen_pipe_stays_as_it_is(nlp: Language, examples: list[Example], tmp_path: Path) -> None:
    """In front of a pipe that is trained on what it annotates."""
    expected, before = json(nlp), weights(nlp)
    nlp.to_disk(tmp_path)
    other = spacy.blank("en")
    other.add_pipe("cascade", source=spacy.load(tmp_path))
    learner: Any = other.add_pipe("test_learns")
    with other.select_pipes(disable=["cascade"]):
        optimizer = other.initialize(lambda: examples)
    for _ in range(2):
        other.update(examples, sgd=optimizer, exclude=["cascade"], annotates=["cascade"])
    assert learner.seen == [["cascade"]] * 2 * len(examples)
    assert weights(other) == before
    assert json(other) == expected


@Language.factory("test_learns")
class Learner:
    """Notes what the Docs that it learns from carry."""

    def __init__(self, nlp: Language, name: str) -> None:
        self.seen: list[list[str]] = []

    def __call__(self, doc: Doc) -> Doc:
        return doc

    def update(self, examples: list[Example], **_: Any) -> None:
        self.seen += [list(example.predicted._.cascade) for example in examples]


@pytest.mark.parametrize("n_process", [1, 2])
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # fork beside threads, from Python 3.12 on
def test_streams_and_error_handlers(nlp: Language, n_process: int) -> None:
    """One text fails in a component behind ours; what is around it still comes out, in order."""
    nlp.add_pipe("test_fails")
    failed: list[str] = []
    nlp.set_error_handler(lambda name, proc, docs, error: failed.extend(doc.text for doc in docs))
    texts = ["Mara mends.", "fails", "", "They tick."] * 3
    found = list(nlp.pipe(((t, i) for i, t in enumerate(texts)), as_tuples=True, n_process=n_process, batch_size=2))
    assert [(doc.text, i) for doc, i in found] == [(text, i) for i, text in enumerate(texts) if text != "fails"]
    assert all("cascade" in doc.user_data for doc, _ in found)
    assert n_process > 1 or failed == ["fails"] * 3


@Language.component("test_fails")
def fails(doc: Doc) -> Doc:
    if doc.text == "fails":
        raise ValueError("no")
    return doc
