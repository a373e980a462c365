from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from spacy.attrs import LANG
from spacy.tokens import Doc
from spacy.vocab import Vocab
from torch import Tensor

from cascade.errors import GraphError, LabelError, ModelError
from cascade.graph import Candidates, Edge, Hidden, Labels, Layer, Mix, Recurrent, Segments, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding
from cascade.nn.encoders import Recurrent as RecurrentEncoder
from cascade.nn.recalibration import Recalibration
from cascade.tasks import Entailment, Parsing, Relatedness, Sentences, Tagging, TextClassification
from tests.toys import Rerank, Retrieve, pair_of

EMBEDDING = Embedding(words=4, characters=4, vocabulary=40, buckets=40, alpha=0.0)
ENCODER = RecurrentEncoder(embedding=EMBEDDING, width=4, depth=3, dropout=0.0)
SMALL = {"hidden": 6}
VOCAB = Vocab(lex_attr_getters={LANG: lambda _: "tlh"})

Edges = dict[str, Sequence[Edge]]


def sentence(*words: str, tags: Sequence[str] = ()) -> Doc:
    return Doc(VOCAB, words=list(words), tags=list(tags) or None)


@pytest.fixture
def docs() -> list[Doc]:
    return [
        sentence("the", "cat", "sleeps", tags=["D", "N", "V"]),
        sentence("dogs", "bark", "a", "lot", "here", tags=["N", "V", "D", "N", "A"]),
        sentence("quiet", tags=["A"]),
    ]


@pytest.fixture
def pairs() -> list[Doc]:
    doc = sentence("a", "b", "c", "d", tags=["A", "B", "A", "B"])
    doc.cats = {"relatedness": 3.5, "ENTAILMENT": 1.0, "NEUTRAL": 0.0, "CONTRADICTION": 0.0}
    cats = dict(doc.cats)
    pair_of(doc, 2, right=1)
    doc.cats = {**doc.cats, **cats}
    return [doc]


def tagging(name: str = "tag", layer: Layer = 1) -> Tagging:
    return Tagging(name, layer=layer, hidden=6)


def graph_of(*tasks: Any, **after: Edges) -> TaskGraph:
    graph = TaskGraph(encoder=ENCODER)
    for task in tasks:
        graph.add(task, after=after.get(task.name))
    return graph


def randomized(model: CascadeModel) -> CascadeModel:
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()


def test_a_graph_is_checked_when_the_model_is_made() -> None:
    with pytest.raises(GraphError, match="reads layer 7"):
        CascadeModel(graph_of(tagging(layer=7)))


def test_names_and_units_that_cannot_be_are_all_reported() -> None:
    class Spans(Tagging):
        unit = "span"  # type: ignore[assignment]

    with pytest.raises(GraphError) as error:
        CascadeModel(graph_of(tagging("train"), Spans("spans"), tagging("fine")))
    assert [problem.split(":")[0] for problem in error.value.problems] == [
        "task 'train' is called like a method of torch modules",
        "task 'spans' is about spans, but nothing upstream proposes any",
    ]


def test_two_models_of_one_graph_share_nothing(docs: list[Doc]) -> None:
    graph = graph_of(tagging())
    first, second = CascadeModel(graph).initialize(docs), CascadeModel(graph).initialize(docs[:1])
    assert first.labels == {"tag": ("A", "D", "N", "V")}
    assert second.labels == {"tag": ("D", "N", "V")}
    assert graph.task("tag").vocabulary == ()
    assert not {id(p) for p in first.parameters()} & {id(p) for p in second.parameters()}


def test_initialization_happens_once(docs: list[Doc]) -> None:
    model = CascadeModel(graph_of(tagging()))
    assert not model.initialized
    for use in (lambda: model.batch(docs), lambda: model.predict(docs)):
        with pytest.raises(ModelError, match="no weights yet"):
            use()
    assert model.initialize(docs) is model
    assert model.initialized
    assert model.lang == "tlh"
    assert model.device == torch.device("cpu")
    with pytest.raises(ModelError, match="initialized already"):
        model.initialize(docs)


def test_labels_may_be_given(docs: list[Doc]) -> None:
    model = CascadeModel(graph_of(tagging(), tagging("more"))).initialize(docs, labels={"more": ["X", "Y"]})
    assert model.labels == {"tag": ("A", "D", "N", "V"), "more": ("X", "Y")}
    assert model.node("more").decoder.output.out_features == 2  # type: ignore[union-attr]


def test_a_task_without_labels_is_an_error_for_all_such_tasks_at_once() -> None:
    model = CascadeModel(graph_of(tagging(), Parsing("parse", hidden=4), Sentences("sents")))
    with pytest.raises(LabelError) as error:
        model.initialize([sentence("no", "gold")])
    assert [problem.split()[1] for problem in str(error.value).splitlines()] == ["'tag'", "'parse'"]
    assert not model.initialized


def test_widths_that_do_not_fit_name_the_task_and_leave_the_model_as_it_was(docs: list[Doc]) -> None:
    edges: Edges = {"a": [Labels(width=3, group="y")], "b": [Hidden(group="y")]}
    model = CascadeModel(graph_of(tagging("a"), tagging("b"), tagging("c"), c=edges))
    with pytest.raises(GraphError, match="task 'c': the edges of group 'y'.* 3 per token from a, 6 per token from b"):
        model.initialize(docs)
    assert not model.initialized
    uneven = TaskGraph(encoder=RecurrentEncoder(embedding=EMBEDDING, width=5, depth=1)).add(tagging(layer=Mix()))
    with pytest.raises(GraphError, match="task 'tag': a Mix adds layers.* layer 0: 8, layer 1: 10"):
        CascadeModel(uneven).initialize(docs)


def test_a_batch_is_what_its_docs_are_one_by_one(docs: list[Doc]) -> None:
    graph = graph_of(
        Sentences("sents", **SMALL),
        tagging(layer=Mix(layers=(1, 2))),
        Parsing("parse", layer=Recurrent(4), relations=4, hidden=6),
        parse={"sents": [Segments()], "tag": [Hidden(), Labels(width=4)]},
    )
    parsed = Doc(VOCAB, words=["a", "b"], heads=[1, 1], deps=["det", "ROOT"])
    model = randomized(CascadeModel(graph).initialize([*docs, parsed]))
    together = model.predict(docs)
    for doc, own in zip(docs, together, strict=True):
        (alone,) = model.predict([doc])
        assert own.keys() == alone.keys() == {"sents", "tag", "parse"}
        for name, predictions in own.items():
            for key, values in predictions.items():
                np.testing.assert_allclose(values, alone[name][key], atol=1e-5, err_msg=f"{name} {key}")
                assert len(values) == len(doc)


def test_predicting_needs_something_to_predict(docs: list[Doc]) -> None:
    model = CascadeModel(graph_of(tagging())).initialize(docs)
    assert model.predict([]) == []
    assert model.predict(docs, tasks=[]) == model.predict(docs, given=["tag"]) == [{}, {}, {}]
    with pytest.raises(GraphError, match="no task 'tog'"):
        model.predict(docs, tasks=["tog"])


def test_predicting_leaves_the_mode_as_it_was_and_takes_no_gradient(docs: list[Doc]) -> None:
    model = CascadeModel(graph_of(tagging())).initialize(docs)
    for training in (True, False):
        model.train(training)
        model.predict(docs)
        assert {module.training for module in model.modules()} == {training}
    model.train()
    model.encoder.dropout.p = 0.9  # type: ignore[union-attr, assignment]
    first, second = model.predict(docs), model.predict(docs)
    assert np.array_equal(first[0]["tag"]["probability"], second[0]["tag"]["probability"])


def test_losses_are_those_of_the_tasks_with_gold(docs: list[Doc]) -> None:
    model = CascadeModel(graph_of(tagging("a"), tagging("b"), Sentences("sents", **SMALL))).initialize(docs)
    batch = model.batch(docs[:2], targets=["a", "b", "sents"])
    losses = model.losses(batch, ["a", "sents"])
    assert list(losses) == ["a"]
    output = model(batch, ["a"])["a"]
    torch.testing.assert_close(losses["a"], model.task("a").loss(output, batch.targets["a"]))
    assert model.losses(model.batch([sentence("x", "y")], targets=["a"]), ["a"]) == {}


def test_pairs_are_compared_as_their_tasks_say(pairs: list[Doc]) -> None:
    graph = graph_of(
        Relatedness("rel", layer=Recurrent(4), **SMALL),
        Entailment("ent", layer=Recurrent(4), **SMALL),
        ent={"rel": [Hidden(), Labels(width=5)]},
    )
    model = CascadeModel(graph).initialize(pairs)
    output = model(model.batch(pairs), ["ent"])
    assert output["rel"].hidden.shape == (4, 8)
    assert output["ent"].scores["logits"].shape == (1, 3)
    assert model.node("ent").pool.compare == "signed"  # type: ignore[union-attr]
    assert model.node("rel").pool.compare == "absolute"  # type: ignore[union-attr]
    assert model.node("ent").late.width == 5


def test_an_upstream_distribution_is_computed_once_for_all_who_read_it(docs: list[Doc]) -> None:
    both = [Labels(width=3), Labels(width=4, source="hard", predict="hard")]
    graph = graph_of(tagging("up"), tagging("a"), tagging("b"), a={"up": both}, b={"up": both})
    model, asked = CascadeModel(graph).initialize(docs), []

    def distribution(output: Any) -> Tensor:
        asked.append(output)
        return output.scores["logits"].softmax(-1)

    model.task("up").distribution = distribution  # type: ignore[method-assign]
    model(model.batch(docs), ["a", "b"])
    assert len(asked) == 1


def kept(output: Any) -> list[bool]:
    return output.rows.alive.tolist()


@pytest.fixture
def shop() -> list[Doc]:
    """Pairs of texts of which the right one has the word `x`."""
    texts = [("x", "a b"), ("a", "x c"), ("b a", "c x a"), ("x b", "c"), ("b c", "x")]
    docs = []
    for first, second in texts:
        right = int("x" in second)
        words = [*first.split(), *second.split()]
        docs.append(pair_of(sentence(*words, tags=[w.upper() for w in words]), len(first.split()), right))
    return docs


def test_candidates_leave_the_k_best_rows_to_what_comes_after(shop: list[Doc]) -> None:
    graph = graph_of(
        Retrieve("retrieve", layer=0, **SMALL),
        Rerank("rerank", layer=2, **SMALL),
        tagging(layer=3),
        rerank={"retrieve": [Candidates(1)]},
        tag={"rerank": [Hidden(convert="broadcast")], "retrieve": [Candidates(2)]},
    )
    model = randomized(CascadeModel(graph).initialize(shop))
    batch = model.batch(shop, targets=graph.names())
    outputs = model(batch, ["tag"])
    assert all(kept(outputs["retrieve"]))
    scores = model.task("retrieve").keep(outputs["retrieve"]).view(-1, 2)
    best = scores.argmax(1)
    assert kept(outputs["rerank"]) == [i == b for b in best for i in (0, 1)]
    texts = batch.rows["token"].parent
    assert torch.equal(outputs["tag"].rows.alive, outputs["rerank"].rows.alive[texts])
    torch.testing.assert_close(outputs["rerank"].candidates, scores.flatten())
    torch.testing.assert_close(outputs["tag"].candidates, scores.flatten()[texts])


@pytest.mark.parametrize("forced", [True, False])
def test_gold_is_kept_in_training_and_only_then(forced: bool, shop: list[Doc]) -> None:
    edges: Edges = {"retrieve": [Candidates(1, gold=forced)]}
    graph = graph_of(Retrieve("retrieve", layer=0, **SMALL), Rerank("rerank", layer=1, **SMALL), rerank=edges)
    model = randomized(CascadeModel(graph).initialize(shop))
    batch = model.batch(shop, targets=["retrieve"])
    labels = batch.targets["retrieve"]["label"]
    right, wrong = (labels == 1).tolist(), (labels == 0).tolist()
    model.task("retrieve").keep = lambda output: -labels.float()  # type: ignore[method-assign]
    assert kept(model.train()(batch, ["rerank"])["rerank"]) == (right if forced else wrong)
    assert kept(model.eval()(batch, ["rerank"])["rerank"]) == wrong
    assert kept(model(batch, ["rerank"], given=["retrieve"])["rerank"]) == right


def test_the_layers_of_two_retrievers_meet(shop: list[Doc]) -> None:
    graph = graph_of(
        Retrieve("one", layer=0, **SMALL),
        Retrieve("two", layer=0, **SMALL),
        Rerank("a", layer=1, **SMALL),
        Rerank("b", layer=1, **SMALL),
        Rerank("c", layer=2, **SMALL),
        a={"one": [Candidates(1)]},
        b={"two": [Candidates(1)]},
        c={"a": [Hidden()], "b": [Hidden()]},
    )
    model = randomized(CascadeModel(graph).initialize(shop))
    out = model(model.batch(shop), ["c"])
    assert torch.equal(out["c"].rows.alive, out["a"].rows.alive & out["b"].rows.alive)
    torch.testing.assert_close(out["c"].candidates, out["a"].candidates + out["b"].candidates)


def test_a_model_can_be_copied(docs: list[Doc]) -> None:
    model = randomized(CascadeModel(graph_of(tagging("a"), tagging("b"), b={"a": [Labels(width=3)]})).initialize(docs))
    copy = deepcopy(model)
    for parameter in model.parameters():
        parameter.data.zero_()
    assert copy.predict(docs)[0]["b"]["probability"].std() > 0
    assert copy.graph.task("a").vocabulary == model.graph.task("a").vocabulary


def heads_of(model: CascadeModel, batch: Any, name: str) -> Tensor:
    """What the only early edge into a node brings, as it is worked out in a pass."""
    brought: list[Tensor] = []
    (carrier,) = model.node(name).early.carriers
    hook = carrier.register_forward_hook(lambda _, __, states: brought.append(states))
    model(batch, [name])
    hook.remove()
    return brought[0]


def test_label_embeddings_are_weighed_by_calibrated_probabilities(docs: list[Doc]) -> None:
    graph = graph_of(tagging("first"), tagging("second"), second={"first": [Labels(width=3)]})
    model = randomized(CascadeModel(graph).initialize(docs))
    batch = model.batch(docs)
    logits = model(batch, ["first"])["first"].scores["logits"]
    (carrier,) = model.node("second").early.carriers
    plain = {name: own["label"].tolist() for name, own in model.predict(docs)[1].items()}
    model.calibration["first"] = Recalibration(temperature=3.0)
    torch.testing.assert_close(
        heads_of(model, batch, "second"), (logits / 3).softmax(-1) @ carrier.embedding.embeddings
    )
    found = model.predict(docs)[1]["first"]
    assert found["label"].tolist() == plain["first"]
    rows = (logits / 3).softmax(-1).amax(-1)[len(docs[0]) :][: len(docs[1])]
    np.testing.assert_allclose(found["probability"], rows.detach(), rtol=1e-5)
    model.calibration["first"] = Recalibration(temperature=3.0, edges=False)
    torch.testing.assert_close(heads_of(model, batch, "second"), logits.softmax(-1) @ carrier.embedding.embeddings)
    np.testing.assert_allclose(model.predict(docs)[1]["first"]["probability"], rows.detach(), rtol=1e-5)


def test_training_knows_no_calibration(docs: list[Doc]) -> None:
    graph = graph_of(tagging("first"), tagging("second"), second={"first": [Labels(width=3)]})
    model = randomized(CascadeModel(graph).initialize(docs)).train()
    batch = model.batch(docs, targets=["first", "second"])
    before = model.losses(batch, ["first", "second"])
    model.calibration = {name: Recalibration(temperature=5.0) for name in ("first", "second")}
    after = model.losses(batch, ["first", "second"])
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("edges", [True, False])
def test_hard_edges_follow_thresholds(edges: bool) -> None:
    docs = [sentence("a", "b"), sentence("c"), sentence("a", "c")]
    for doc, cats in zip(docs, ({"X": 1.0, "Y": 1.0}, {"X": 0.0, "Y": 1.0}, {"X": 0.0, "Y": 0.0}), strict=True):
        doc.cats = cats
    topics = TextClassification("topic", layer=1, hidden=6, exclusive=False, threshold=(0.5, 0.5))
    edge = Labels(predict="hard", width=3, convert="broadcast")
    tags = Tagging("tag", attribute="POS", layer=1, hidden=6)
    graph = graph_of(topics, tags, tag={"topic": [edge]})
    model = randomized(CascadeModel(graph).initialize(docs, labels={"tag": ("NOUN", "VERB")}))
    batch = model.batch(docs)
    chances = (model(batch, ["topic"])["topic"].scores["logits"] / 2).sigmoid()
    model.task("topic").threshold = tuple(chances.detach().median(dim=0).values.tolist())
    model.calibration["topic"] = Recalibration(temperature=2.0, edges=edges)
    (carrier,) = model.node("tag").early.carriers
    chosen = (chances >= chances.median(dim=0).values).float()
    assert chosen.sum(0).tolist() == [2.0, 2.0]
    expected = (chosen @ carrier.embedding.embeddings).repeat_interleave(torch.tensor([2, 1, 2]), dim=0)
    torch.testing.assert_close(heads_of(model, batch, "tag"), expected)
