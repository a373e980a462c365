from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from cascade import evaluate, storage
from cascade.errors import TrainingError
from cascade.graph import Hidden, Labels, Recurrent, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Convolutional, Embedding, Sluice
from cascade.nn.recalibration import Recalibration
from cascade.tasks import Entities, Tagging
from cascade.training import Batches, Corpus, Trainer, extend, optimizers, schedules
from cascade.training.regularizers import Anchor, Elastic, Forgetless, Regularizer, measure_fisher, save_fisher

MakeDocs = Callable[..., list[Doc]]


def larger(graph: TaskGraph) -> TaskGraph:
    """A graph with entities above the tags."""
    entities = Entities("ner", layer=Recurrent(4), hidden=4)
    return graph.add(entities, after={"tags": [Hidden(), Labels(width=4)]})


def with_entities(docs: list[Doc]) -> list[Doc]:
    for doc in docs:
        doc.set_ents([Span(doc, 1, 2, label="ANIMAL")])
    return docs


def test_what_is_old_is_taken_over_and_what_is_new_is_initialized(
    model: CascadeModel, graph: Callable[[], TaskGraph], docs: MakeDocs
) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.calibration["tags"] = Recalibration(temperature=2.0)
    new = docs(3, seed=4, tags=False, sentences=False)
    made = extend(model, larger(graph()), [Corpus(train=with_entities(new))])
    assert made.labels["tags"] == model.labels["tags"] and "S-ANIMAL" in made.labels["ner"]
    assert made.calibration == model.calibration and made.calibration is not model.calibration
    state = made.state_dict()
    assert {name for name in state if name not in before} == {n for n in state if n.startswith("nodes.ner.")}
    for name, tensor in before.items():
        assert torch.equal(state[name], tensor) and torch.equal(model.state_dict()[name], tensor), name
        assert state[name].data_ptr() != model.state_dict()[name].data_ptr()
    for old, found in zip(model.predict(docs(3)), made.predict(docs(3), tasks=["tags", "sents"]), strict=True):
        assert all((old[task][key] == found[task][key]).all() for task in old for key in old[task])


def test_the_same_graph_for_other_data(model: CascadeModel, graph: Callable[[], TaskGraph], docs: MakeDocs) -> None:
    made = extend(model, graph(), [Corpus(train=docs(3, seed=4))])
    assert made is not model
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in made.state_dict().items())


def test_other_graphs_are_refused(model: CascadeModel, docs: MakeDocs) -> None:
    encoder = Embedding(words=6, characters=6, vocabulary=20, buckets=40)
    graph = TaskGraph(encoder=encoder).add(Tagging("tags", layer=Recurrent(6, dropout=0.1), attribute="POS"))
    with pytest.raises(TrainingError) as caught:
        extend(model, graph, [Corpus(train=docs(3))])
    assert "task 'tags': other settings than the model has: attribute was TAG, is POS" in str(caught.value)
    assert "the graph lacks the task 'sents', which the model has" in str(caught.value)
    with pytest.raises(TrainingError, match="the encoder was Embedding, is Convolutional"):
        extend(model, TaskGraph(encoder=Convolutional()).add(Tagging("tags")), [])


def test_another_encoder_or_other_edges_are_refused(
    model: CascadeModel, graph: Callable[[], TaskGraph], docs: MakeDocs
) -> None:
    other, wide = graph(), graph()
    other.edges["tags", "sents"]["edges"] = (Hidden(),)
    with pytest.raises(TrainingError, match=r"task 'sents': other edges .*tags\.labels1 was .* is absent"):
        extend(model, other, [Corpus(train=docs(3))])
    wide.graph["encoder"] = Embedding(words=6, characters=6, vocabulary=30, buckets=40)
    with pytest.raises(TrainingError, match="another encoder than the model has: vocabulary was 20, is 30: keep"):
        extend(model, wide, [Corpus(train=docs(3))])


def test_towers_in_another_order_are_refused_but_not_another_dropout(docs: MakeDocs) -> None:
    spec = Sluice(towers=("a", "b"), width=4, depth=1, embedding=Embedding(words=4, characters=4, vocabulary=9))
    graph = TaskGraph(encoder=spec).add(Tagging("tags", layer=1))
    model, corpora = CascadeModel(graph).initialize(docs(3)), [Corpus(train=docs(3))]
    graph.graph["encoder"] = replace(spec, dropout=0.4)
    extend(model, graph, corpora)
    graph.graph["encoder"] = replace(spec, towers=("b", "a"))
    with pytest.raises(TrainingError, match=r"towers was \['a', 'b'\], is \['b', 'a'\]"):
        extend(model, graph, corpora)


def test_labels_that_an_old_task_does_not_know(
    model: CascadeModel, graph: Callable[[], TaskGraph], docs: MakeDocs, tmp_path: Path
) -> None:
    odd = docs(4)
    odd[0][0].tag_ = "X"
    with pytest.raises(TrainingError, match="task 'tags': the corpora have labels .* does not know: X; map them"):
        extend(model, graph(), [Corpus(train=odd)])
    made = extend(model, graph(), [Corpus(train=odd)], ignore_labels=True)
    assert made.labels == model.labels
    train(made, odd, tmp_path / "run")


def test_a_new_task_without_gold(model: CascadeModel, graph: Callable[[], TaskGraph], docs: MakeDocs) -> None:
    with pytest.raises(TrainingError, match=r"no training Doc has gold for the new ner \(corpora: 'trees'\)"):
        extend(model, larger(graph()), [Corpus(train=docs(3), name="trees")])


def test_old_tasks_need_no_gold_but_that_is_said(
    model: CascadeModel,
    graph: Callable[[], TaskGraph],
    docs: MakeDocs,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    new = Corpus(train=with_entities(docs(6, seed=4, tags=False, sentences=False)), name="new")
    made = extend(model, larger(graph()), [new])
    old = Corpus(train=[], dev=docs(3), name="old")
    scores = Trainer(made, corpora=[new, old], epochs=1, cpu=True, console=Console()).fit(tmp_path)
    assert "no gold for tags, sents: not trained, but changed where they share weights" in capsys.readouterr().out
    assert "tag_acc" in scores


# Two kinds of texts about different words. In the first, half of the words are X; in the second, all are Y.
FIRST = [f"{letter}{i}" for letter in "ab" for i in range(6)]
SECOND = [f"c{i}" for i in range(6)]


def texts(vocab: Vocab, words: Sequence[str], number: int) -> list[Doc]:
    generator = torch.Generator().manual_seed(len(words))
    chosen = [[words[i] for i in torch.randint(len(words), (6,), generator=generator)] for _ in range(number)]
    return [Doc(vocab, words=own, tags=["X" if w.startswith("a") else "Y" for w in own]) for own in chosen]


def train(model: CascadeModel, docs: list[Doc], folder: Path, *penalties: Regularizer, epochs: int = 8) -> None:
    Trainer(
        model,
        corpora=[Corpus(train=docs)],
        schedule=schedules.Joint(batches=Batches(docs=5)),
        optimizer=optimizers.Adam(rate=0.03),
        regularizers=penalties,
        epochs=epochs,
        average=None,
        cpu=True,
        console=Console(quiet=True),
    ).fit(folder)


def test_less_is_forgotten_with_each_of_the_methods_than_without(vocab: Vocab, tmp_path: Path) -> None:
    graph = TaskGraph(encoder=Embedding(words=4, characters=4, vocabulary=12, buckets=12, alpha=0.0))
    graph.add(Tagging("tags", hidden=6))
    first, second = texts(vocab, FIRST, 30), texts(vocab, SECOND, 30)
    old = CascadeModel(graph).initialize(first)
    train(old, first, tmp_path / "old", epochs=4)
    storage.save(old, tmp_path / "old.model")
    save_fisher(measure_fisher(old, first), tmp_path / "fisher")
    methods = {
        "plain": [],
        "elastic": [Elastic(strength=1e5, fisher=tmp_path / "fisher")],
        "anchor": [Anchor(strength=0.3)],
        "forgetless": [Forgetless(strength=0.3, teacher=tmp_path / "old.model")],
    }
    kept, learned = {}, {}
    for name, penalties in methods.items():
        made = extend(old, graph, [Corpus(train=second)])
        train(made, second, tmp_path / name, *penalties)
        kept[name], learned[name] = (evaluate(made, docs)["tag_acc"] for docs in (first, second))
    assert evaluate(old, first)["tag_acc"] > 0.95 and min(learned.values()) > 0.95
    assert kept["plain"] < 0.75
    assert all(kept[name] > 0.9 for name in methods if name != "plain")
