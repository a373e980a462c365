from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy import ty
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from cascade.components.pipe import CascadePipe
from cascade.errors import ConfigError, LabelError, ModelError
from cascade.graph import TaskGraph
from cascade.nn.encoders import Convolutional
from cascade.registry import graph_to_config
from cascade.tasks import AutoEncoding, Entities, Lemmas, Tagging
from cascade.testing import check_pipe

TEXTS = ["Mara mends old clocks.", "", "They", " \n ", "They tick , and tick .  \n They never stop", "clocks " * 70]
TASKS = ["sentences", "tag", "chunk", "parse"]


def test_it_keeps_its_contract(nlp: Language, docs: list[Doc]) -> None:
    check_pipe(nlp, docs)


def test_spacy_takes_it_for_one_of_its_own(pipe: CascadePipe) -> None:
    assert isinstance(pipe, ty.TrainableComponent)
    assert isinstance(pipe, ty.InitializableComponent)
    assert pipe.is_trainable
    assert not pipe.is_resizable


def test_everything_is_annotated(nlp: Language) -> None:
    doc = nlp("Mara mends old clocks.")
    assert all(doc.has_annotation(name) for name in ("TAG", "DEP", "SENT_START"))
    assert "chunks" in doc.spans
    results = doc._.cascade["cascade"]
    assert list(results) == TASKS
    for task in TASKS:
        assert results[task]["probabilities"].shape == (len(doc),)
        assert ((results[task]["probabilities"] > 0) & (results[task]["probabilities"] <= 1)).all()


def test_texts_of_every_kind_and_their_order(nlp: Language) -> None:
    docs = list(nlp.pipe(TEXTS, batch_size=4))
    assert [doc.text for doc in docs] == TEXTS
    for doc, text in zip(docs, TEXTS, strict=True):
        alone = nlp(text)
        assert doc.to_json() == alone.to_json()
        np.testing.assert_allclose(
            doc._.cascade["cascade"]["tag"]["probabilities"],
            alone._.cascade["cascade"]["tag"]["probabilities"],
            atol=1e-5,
        )


def test_small_batches_give_the_same(nlp: Language, pipe: CascadePipe) -> None:
    expected = [doc.to_json() for doc in nlp.pipe(TEXTS)]
    pipe.words = 1
    assert [doc.to_json() for doc in nlp.pipe(TEXTS)] == expected


def test_prediction_changes_no_doc(nlp: Language, pipe: CascadePipe, docs: list[Doc]) -> None:
    made = [*map(nlp.make_doc, TEXTS), *docs]
    before = [doc.to_bytes() for doc in made]
    predictions = pipe.predict(made)
    assert [doc.to_bytes() for doc in made] == before
    pipe.set_annotations(made, predictions)
    assert [doc.to_bytes() for doc in made] != before


def test_a_model_in_training_mode_predicts_as_always_and_stays_in_it(nlp: Language, pipe: CascadePipe) -> None:
    expected = nlp(TEXTS[0]).to_json()
    pipe.module.train()
    assert nlp(TEXTS[0]).to_json() == expected
    assert pipe.module.training


def test_tasks_are_switched_at_run_time(nlp: Language, pipe: CascadePipe) -> None:
    everything = nlp(TEXTS[0])
    pipe.tasks = ["chunk"]
    doc = nlp(TEXTS[0])
    assert list(doc._.cascade["cascade"]) == ["chunk"]
    assert not doc.has_annotation("TAG")
    assert not doc.has_annotation("DEP")
    assert [(s.start, s.end, s.label_) for s in doc.spans["chunks"]] == [
        (s.start, s.end, s.label_) for s in everything.spans["chunks"]
    ]
    pipe.tasks = None
    assert pipe.tasks == TASKS
    pipe.tasks = []
    assert not nlp(TEXTS[0])._.cascade["cascade"]
    with pytest.raises(ConfigError, match="no task tog: it has sentences, tag, chunk, parse"):
        pipe.tasks = ["tog"]


def test_tasks_are_switched_by_config(nlp: Language, folder: Path, tmp_path: Path) -> None:
    one = spacy.blank("en")
    one.add_pipe("cascade", config={"model": str(folder), "tasks": ["tag"]})
    assert list(one(TEXTS[0])._.cascade["cascade"]) == ["tag"]
    nlp.to_disk(tmp_path / "saved")
    other = spacy.load(tmp_path / "saved", config={"components": {"cascade": {"tasks": ["sentences"]}}})
    assert list(other(TEXTS[0])._.cascade["cascade"]) == ["sentences"]
    with pytest.raises(ConfigError, match="no task tog"):
        spacy.blank("en").add_pipe("cascade", config={"model": str(folder), "tasks": ["tog"]})


def test_the_annotation_of_an_earlier_component_takes_the_place_of_a_task(nlp: Language, pipe: CascadePipe) -> None:
    def parse(starts: list[bool]) -> list[bool]:
        doc = Doc(nlp.vocab, words=["a", "b", "c", "d"], sent_starts=starts)
        return [token.is_sent_start for token in pipe(doc)]

    pipe.given = ["sentences"]
    assert pipe.tasks == ["tag", "chunk", "parse"]
    for starts in ([True, False, True, False], [True, True, False, False]):
        assert parse(starts) == starts, "every sentence gets a tree of its own, none more"
    with pytest.raises(ConfigError, match="no task tog"):
        pipe.given = ["tog"]


def test_a_given_task_changes_what_is_downstream(nlp: Language, pipe: CascadePipe) -> None:
    def steps(tags: list[str]) -> np.ndarray:
        doc = Doc(nlp.vocab, words=["Mara", "mends"], tags=tags)
        return np.asarray(pipe(doc)._.cascade["cascade"]["chunk"]["probabilities"])

    pipe.given = ["tag"]
    assert not np.allclose(steps(["NNP", "VBZ"]), steps(["VBZ", "NNP"]))


def test_annotation_that_is_there_is_kept_when_asked(nlp: Language, pipe: CascadePipe) -> None:
    pipe.overwrite = False
    doc = Doc(nlp.vocab, words=["Mara", "mends"], tags=["XX", ""])
    assert pipe(doc)[0].tag_ == "XX"
    assert doc[1].tag_ in pipe.module.labels["tag"]


def test_scores_have_spacys_names(nlp: Language, examples: list[Example]) -> None:
    scores = nlp.evaluate(examples)
    assert {"tag_acc", "chunk_f", "dep_uas", "dep_las", "sents_f"} <= scores.keys()
    assert all(0 <= scores[key] <= 1 for key in ("tag_acc", "dep_uas", "sents_f"))


def test_scores_follow_the_tasks(nlp: Language, pipe: CascadePipe, examples: list[Example]) -> None:
    pipe.tasks = ["tag"]
    scores = nlp.evaluate(examples)
    assert "tag_acc" in scores
    assert "dep_las" not in scores


def test_labels(pipe: CascadePipe) -> None:
    assert pipe.label_data == {name: list(labels) for name, labels in pipe.module.labels.items()}
    assert pipe.labels == tuple(sorted(set(pipe.labels)))
    assert {"NNP", "ROOT", "S"} <= set(pipe.labels)


def test_edit_trees_are_no_labels_to_read(docs: list[Doc], examples: list[Example]) -> None:
    nlp = spacy.blank("en")
    lemmas = TaskGraph(encoder=Convolutional(width=8, depth=1)).add(Lemmas("lemma", min_freq=1)).add(Tagging("tag"))
    pipe: Any = nlp.add_pipe("cascade", config={"graph": graph_to_config(lemmas)})
    nlp.initialize(lambda: examples)
    assert pipe.labels == tuple(pipe.label_data["tag"]) == tuple(nlp.meta["labels"]["cascade"])
    assert len(pipe.label_data["lemma"]) > 1


def test_words_of_auxiliary_tasks_are_no_labels_to_read(examples: list[Example]) -> None:
    nlp = spacy.blank("en")
    graph = TaskGraph(encoder=Convolutional(width=8, depth=1)).add(AutoEncoding("words")).add(Tagging("tag"))
    pipe: Any = nlp.add_pipe("cascade", config={"graph": graph_to_config(graph)})
    nlp.initialize(lambda: examples)
    assert pipe.labels == tuple(pipe.label_data["tag"]) == tuple(nlp.meta["labels"]["cascade"])
    assert len(pipe.label_data["words"]) > 1


def test_an_initialized_pipe_takes_no_new_label(pipe: CascadePipe) -> None:
    assert pipe.add_label("NNP", task="tag") == 0
    assert pipe.add_label("NNP") == 0
    for label, task in (("XX", "tag"), ("B-NN", "chunk")):
        with pytest.raises(LabelError, match=f"task '{task}' does not know the label '{label}'"):
            pipe.add_label(label, task=task)


def test_labels_before_initialization(fresh: Language, examples: list[Example]) -> None:
    pipe: Any = fresh.get_pipe("cascade")
    assert pipe.labels == ()
    assert [pipe.add_label("XX", task="tag"), pipe.add_label("XX", task="tag"), pipe.add_label("XX")] == [1, 0, 0]
    assert pipe.labels == ("XX",)
    assert "XX" in fresh.vocab.strings
    with pytest.raises(ValueError, match="E187"):
        pipe.add_label(3)
    with pytest.raises(ConfigError, match="which task gets the label 'YY'"):
        pipe.add_label("YY")
    with pytest.raises(ConfigError, match="no task tog"):
        pipe.add_label("YY", task="tog")
    fresh.initialize(lambda: examples)
    assert "XX" in pipe.module.labels["tag"]
    assert "NNP" in pipe.module.labels["tag"]


def test_labels_are_added_by_the_names_that_people_use(fresh: Language, examples: list[Example]) -> None:
    """A span's label stands for its tags; tasks with labels of their own take none."""
    pipe: Any = fresh.get_pipe("cascade")
    assert pipe.add_label("ADJP", task="chunk") == 1
    assert pipe.labels == ("ADJP",)
    assert pipe.label_data == {"chunk": ["O", "B-ADJP", "I-ADJP", "E-ADJP", "S-ADJP"]}
    with pytest.raises(NotImplementedError, match="'sentences' takes no label 'X'"):
        pipe.add_label("X", task="sentences")
    fresh.initialize(lambda: examples)
    assert {"B-ADJP", "B-NN"} <= set(pipe.module.labels["chunk"])
    assert pipe.add_label("ADJP", task="chunk") == 0
    with pytest.raises(ValueError, match="does not know the label 'VP'"):  # spaCy's E922 is one as well
        pipe.add_label("VP", task="chunk")


def test_an_entity_ruler_before_and_behind(examples: list[Example]) -> None:
    """What is there already stays, its knowledge base number too, as with spaCy's own recognizer."""
    nlp = spacy.blank("en")
    entities = TaskGraph(encoder=Convolutional(width=8, depth=1, dropout=0.0, alpha=0.0)).add(Entities("ents"))
    nlp.add_pipe("cascade", config={"graph": graph_to_config(entities), "overwrite": False})
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    words = ["Mara", "mends", "Mara"]
    assert [ent.text for ent in nlp(Doc(nlp.vocab, words=words)).ents] == ["Mara", "Mara"]
    doc = Doc(nlp.vocab, words=words)
    doc.ents = [Span(doc, 0, 2, label="TITLE", kb_id=7)]
    assert [(ent.label_, ent.kb_id) for ent in nlp(doc).ents] == [("TITLE", 7), ("PERSON", 0)]
    blocked = Doc(nlp.vocab, words=words)
    blocked.set_ents([], blocked=[blocked[0:1]], default="unmodified")
    assert [ent.start for ent in nlp(blocked).ents] == [2]
    ruler: Any = nlp.add_pipe("entity_ruler", config={"overwrite_ents": False})
    ruler.add_patterns([{"label": "VERB", "pattern": "mends"}])
    assert [ent.label_ for ent in nlp(Doc(nlp.vocab, words=words)).ents] == ["PERSON", "VERB", "PERSON"]


def test_docs_with_results_travel(nlp: Language) -> None:
    doc = nlp(TEXTS[0])
    again = next(DocBin(docs=[doc], store_user_data=True).get_docs(nlp.vocab))
    np.testing.assert_array_equal(
        again._.cascade["cascade"]["parse"]["probabilities"], doc._.cascade["cascade"]["parse"]["probabilities"]
    )


def test_two_pipes_keep_their_results_apart(nlp: Language, folder: Path) -> None:
    nlp.add_pipe("cascade", name="second", config={"model": str(folder), "tasks": ["tag"]})
    results = nlp(TEXTS[0])._.cascade
    assert list(results) == ["cascade", "second"]
    assert list(results["second"]) == ["tag"]


def test_memory_zones(nlp: Language) -> None:
    expected = nlp(TEXTS[0]).to_json()
    strings = len(nlp.vocab.strings)
    for number in range(3):
        with nlp.memory_zone():
            for doc in nlp.pipe([TEXTS[0], f"Word{number} never seen before"]):
                assert all(token.tag_ and token.dep_ for token in doc)
        assert len(nlp.vocab.strings) == strings
    assert nlp(TEXTS[0]).to_json() == expected


def test_errors_go_to_the_handler(nlp: Language, pipe: CascadePipe, monkeypatch: pytest.MonkeyPatch) -> None:
    failed: list[str] = []
    nlp.set_error_handler(lambda name, proc, docs, error: failed.extend(doc.text for doc in docs))
    predict = pipe.module.predict

    def failing(docs: list[Doc], **settings: Any) -> Any:
        if any(doc.text == "They" for doc in docs):
            raise RuntimeError("no")
        return predict(docs, **settings)

    monkeypatch.setattr(pipe.module, "predict", failing)
    assert [doc.text for doc in nlp.pipe(TEXTS, batch_size=1)] == [text for text in TEXTS if text != "They"]
    assert failed == ["They"]


def test_an_empty_pipe_says_so() -> None:
    nlp = spacy.blank("en")
    pipe: Any = nlp.add_pipe("cascade")
    assert pipe.labels == ()
    with pytest.raises(ModelError, match="the pipe 'cascade' is empty"):
        nlp("text")


def test_pipes_are_sourced_renamed_and_disabled(nlp: Language) -> None:
    other = spacy.blank("en")
    other.add_pipe("cascade", name="syntax", source=nlp)
    assert list(other(TEXTS[0])._.cascade) == ["syntax"]
    other.rename_pipe("syntax", "renamed")
    assert list(other(TEXTS[0])._.cascade) == ["renamed"]
    with other.select_pipes(disable=["renamed"]):
        assert not other(TEXTS[0]).has_annotation("TAG")
