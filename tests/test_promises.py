"""What the toolkit promises of a model that runs: see each section's first line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab
from torch import Tensor

from cascade.docs import CHUNKS, PAIR
from cascade.errors import GraphError, LabelError
from cascade.graph import Candidates, Edge, Hidden, Labels, Mix, Recurrent, Segments, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.nn.encoders import Convolutional, Embedding
from cascade.nn.encoders import Recurrent as RecurrentEncoder
from cascade.nn.encoders.base import State
from cascade.nn.encoders.recurrent import RecurrentEncoder as RecurrentModule
from cascade.nn.node import Carrier
from cascade.tasks import Chunking, Entailment, Parsing, Relatedness, Sentences, Tagging, Task, TextClassification
from tests.toys import Rerank, Retrieve, pair_of

VOCAB = Vocab()
EMBEDDING = Embedding(words=6, characters=6, vocabulary=60, buckets=60, alpha=0.0)
ENCODER = RecurrentEncoder(embedding=EMBEDDING, width=5, depth=4, dropout=0.0)
SMALL = {"hidden": 7}
PLAIN = {"hidden": 7, "dropout": 0.0, "relations": 5}

Edges = dict[str, Sequence[Edge]]


def graph_of(*tasks: Task, encoder: Any = ENCODER, **after: Edges) -> TaskGraph:
    graph = TaskGraph(encoder=encoder)
    for task in tasks:
        graph.add(task, after=after.get(task.name))
    return graph


def model_of(graph: TaskGraph, docs: Sequence[Doc]) -> CascadeModel:
    """A model with weights that are all alike random, so that nothing is still by accident."""
    model = CascadeModel(graph).initialize(docs)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model.eval()


def annotated(*sentences: str) -> Doc:
    """Sentences with tags, chunks, boundaries, trees that hang on the last word, and a class."""
    words = [word for sentence in sentences for word in sentence.split()]
    starts = np.cumsum([0, *[len(sentence.split()) for sentence in sentences]])
    last = [int(end) - 1 for start, end in zip(starts, starts[1:], strict=False) for _ in range(start, end)]
    doc = Doc(
        VOCAB,
        words=words,
        tags=[word[-1].upper() for word in words],
        heads=last,
        deps=["ROOT" if i == head else word[0] for i, (word, head) in enumerate(zip(words, last, strict=True))],
    )
    doc.spans[CHUNKS] = [Span(doc, i, i + 1, label=word[0].upper()) for i, word in enumerate(words) if len(word) > 2]
    doc.cats = {"short": float(len(words) < 8), "long": float(len(words) >= 8)}
    return doc


def paired(first: str, second: str) -> Doc:
    doc = annotated(first, second)
    pair_of(doc, len(first.split()), right=int("x" in second))
    right = doc.cats
    doc.cats = {**right, "relatedness": 2.5, "ENTAILMENT": 0.0, "NEUTRAL": 1.0, "CONTRADICTION": 0.0}
    return doc


def bare(doc: Doc) -> Doc:
    copy = Doc(doc.vocab, words=[token.text for token in doc])
    if PAIR in doc.spans:
        copy.spans[PAIR] = [copy[span.start : span.end] for span in doc.spans[PAIR]]
    return copy


@pytest.fixture
def docs() -> list[Doc]:
    return [
        annotated("the old cat naps", "it rains"),
        annotated("dogs bark", "they are loud today", "nobody sleeps"),
        annotated("quiet"),
    ]


@pytest.fixture
def pairs() -> list[Doc]:
    return [paired("a b x", "c d"), paired("d a", "x b c"), paired("c c b a", "a x"), paired("b x", "d c b")]


def syntax(**settings: Any) -> TaskGraph:
    """Sentences, tags, chunks, trees and a class, each at a layer of its own, with all edges that they can have."""
    return graph_of(
        Sentences("sents", layer=1, **SMALL),
        Tagging("tag", layer=0, **SMALL),
        Chunking("chunk", layer=Recurrent(4, layer=2), **SMALL),
        Parsing("parse", layer=3, **PLAIN),
        TextClassification("class", layer=Mix(layers=(1, 2)), **SMALL),
        chunk={"tag": [Hidden(), Labels(width=4)]},
        parse={
            "sents": [Segments()],
            "chunk": [Hidden(), Labels(width=4, group="y")],
            "tag": [Labels(width=4, group="y", source="straight_through", predict="straight_through")],
        },
        **{"class": {"tag": [Labels(width=4, convert="mean")]}},
        **settings,
    )


# 1. One encoder pass per text, however many tasks; a subset runs its ancestors alone, no higher than it needs.


class Watch:
    """Counts what an encoder does for every text, and which nodes run."""

    def __init__(self, model: CascadeModel) -> None:
        self.featured: list[Sequence[Sequence[str]]] = []
        self.passes: Counter[tuple[int, int]] = Counter()
        self.nodes: list[str] = []
        encoder: Any = model.encoder
        features, embed, step = encoder.features, encoder.embed, encoder.step

        def watched_features(texts: Sequence[Sequence[str]]) -> Any:
            self.featured.append(texts)
            return features(texts)

        encoder.features = watched_features
        encoder.embed = lambda found, rows: self._note(embed(found, rows))
        encoder.step = lambda state: self._note(step(state))
        for name, node in model.nodes.items():
            node.register_forward_hook(lambda *_, name=name: self.nodes.append(name))

    def _note(self, state: State) -> State:
        self.passes.update((text, len(state.layers) - 1) for text in set(state.rows.parent.tolist()))
        return state

    def highest(self) -> int:
        return max(layer for _, layer in self.passes)


def test_all_tasks_together_take_one_pass_per_text(docs: list[Doc]) -> None:
    model = model_of(syntax(), docs)
    watch = Watch(model)
    model.predict(docs)
    assert len(watch.featured) == 1
    assert watch.passes == Counter(dict.fromkeys(product(range(3), range(4)), 1))
    assert Counter(watch.nodes) == Counter(model.graph.names())


def test_every_view_is_a_pass_of_its_own(pairs: list[Doc], monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graph_of(
        Tagging("tag", layer=2, **SMALL),
        Relatedness("rel", layer=1, **SMALL),
        Entailment("ent", layer=2, view="together", **SMALL),
        ent={"rel": [Hidden()]},
    )
    with pytest.raises(GraphError, match="'ent': Recurrent reads no texts in the view 'together', only apart"):
        model_of(graph, pairs)
    monkeypatch.setattr(RecurrentModule, "views", ("apart", "together"))
    monkeypatch.setattr(RecurrentModule, "joined", lambda self, texts, pairs: self.features(texts))
    model = model_of(graph, pairs)
    watch = Watch(model)
    model.predict(pairs)
    assert watch.passes == Counter(dict.fromkeys(product(range(8), range(3)), 2))
    watch.passes.clear()
    model.predict(pairs, tasks=["rel", "tag"])
    assert watch.passes == Counter(dict.fromkeys(product(range(8), range(3)), 1))


@pytest.mark.parametrize(
    ("tasks", "run", "highest"),
    [
        (["tag"], {"tag"}, 0),
        (["sents"], {"sents"}, 1),
        (["chunk"], {"tag", "chunk"}, 2),
        (["class"], {"tag", "class"}, 2),
        (["class", "sents"], {"tag", "class", "sents"}, 2),
        (["parse"], {"sents", "tag", "chunk", "parse"}, 3),
    ],
)
def test_a_subset_runs_its_ancestors_alone(tasks: list[str], run: set[str], highest: int, docs: list[Doc]) -> None:
    model = model_of(syntax(), docs)
    watch = Watch(model)
    found = model.predict(docs, tasks=tasks)
    assert set(watch.nodes) == run
    assert len(watch.nodes) == len(run)
    assert watch.highest() == highest
    assert all(own.keys() == set(tasks) for own in found)
    whole = model.predict(docs)
    for own, everything in zip(found, whole, strict=True):
        for name, predictions in own.items():
            for key, values in predictions.items():
                np.testing.assert_allclose(values, everything[name][key], atol=1e-6)


def test_training_runs_no_more_than_prediction_does(docs: list[Doc]) -> None:
    model = model_of(syntax(), docs).train()
    batch, watch = model.batch(docs, targets=model.graph.names()), Watch(model)
    model.losses(batch, ["chunk"])
    assert set(watch.nodes) == {"tag", "chunk"}
    assert watch.passes == Counter(dict.fromkeys(product(range(3), range(3)), 1))


def search(k: int = 1, *, gold: bool = False) -> TaskGraph:
    """Retrieve at layer 1, keep k texts, rerank and tag them at layer 4, and tag all texts at layer 2."""
    return graph_of(
        Retrieve("retrieve", layer=1, **SMALL),
        Rerank("rerank", layer=4, **SMALL),
        Tagging("tag", layer=4, **SMALL),
        Tagging("low", layer=2, **SMALL),
        rerank={"retrieve": [Candidates(k, gold=gold)]},
        tag={"rerank": [Labels(width=4, convert="broadcast")]},
    )


@pytest.mark.parametrize("encoder", [ENCODER, Convolutional(width=8, depth=4, words=4, parts=4, characters=4)])
def test_higher_layers_see_only_the_candidates(encoder: Any, pairs: list[Doc]) -> None:
    graph = search()
    graph.graph["encoder"] = encoder
    model = model_of(graph, pairs)
    watch = Watch(model)
    outputs = model(model.batch(pairs), model.graph.names())
    alive = outputs["rerank"].rows.alive
    assert alive.view(-1, 2).sum(1).tolist() == [1] * 4
    expected = [(text, layer) for text, left in enumerate(alive.tolist()) for layer in range(5 if left else 3)]
    assert watch.passes == Counter(expected)


def test_candidates_are_computed_as_if_they_were_alone(pairs: list[Doc]) -> None:
    model = model_of(search(), pairs)
    batch = model.batch(pairs)
    outputs = model(batch, ["tag"])
    words = [[token.text for token in span] for doc in pairs for span in doc.spans[PAIR]]
    logits, texts = outputs["tag"].scores["logits"], batch.rows["token"].parent
    for text in outputs["rerank"].rows.alive.nonzero().flatten().tolist():
        doc = pair_of(Doc(VOCAB, words=[*words[text], "x"]), len(words[text]))
        alone = model(model.batch([doc]), ["tag"])
        if alone["rerank"].rows.alive[0]:
            own = alone["tag"].scores["logits"][: len(words[text])]
            torch.testing.assert_close(logits[texts == text], own, atol=1e-5, rtol=1e-4)


# 2. Every edge is alive: gradient flows up a differentiable edge and no other, and without the edge the output changes.

UPSTREAM: dict[str, Callable[[], Task]] = {
    "tag": lambda: Tagging("up", layer=0, **SMALL),
    "recurrent": lambda: Tagging("up", layer=Recurrent(4), **SMALL),
    "sents": lambda: Sentences("up", layer=0, **SMALL),
    "crf": lambda: Chunking("up", layer=0, **SMALL),
    "softmax": lambda: Chunking("up", layer=0, decoder="softmax", **SMALL),
    "biaffine": lambda: Parsing("up", layer=0, **PLAIN),
    "selection": lambda: Parsing("up", layer=0, decoder="selection", hidden=7, dropout=0.0),
}
DOWNSTREAM: dict[str, Callable[[], Task]] = {
    "tag": lambda: Tagging("down", layer=0, **SMALL),
    "recurrent": lambda: Tagging("down", layer=Recurrent(4, shortcut=False), **SMALL),
    "crf": lambda: Chunking("down", layer=0, **SMALL),
    "biaffine": lambda: Parsing("down", layer=0, **PLAIN),
    "selection": lambda: Parsing("down", layer=0, decoder="selection", hidden=7, dropout=0.0),
}
SOFT: list[Edge] = [
    Hidden(),
    Hidden(group="y"),
    Labels(width=4),
    Labels(width=4, group="y"),
    Labels(width=4, source="straight_through", predict="straight_through"),
]
STIFF: list[Edge] = [
    Hidden(detach=True),
    Labels(width=4, detach=True),
    Labels(width=4, source="hard", predict="hard"),
    Labels(width=4, source="gold"),
]
PAIRED: list[tuple[Task, Task, Edge]] = [
    (Tagging("up", **SMALL), TextClassification("down", **SMALL), Labels(width=4, convert=how))
    for how in ("max", "mean", "first", "attention")
]
PAIRED += [
    (Tagging("up", **SMALL), Entailment("down", **SMALL), Hidden(convert="max")),
    (Tagging("up", **SMALL), Relatedness("down", **SMALL), Labels(width=4)),
    (Retrieve("up", **SMALL), Tagging("down", **SMALL), Labels(width=4, convert="broadcast")),
    (Retrieve("up", **SMALL), Tagging("down", **SMALL), Hidden(convert="broadcast")),
    (Relatedness("up", **SMALL), Entailment("down", **SMALL), Labels(width=4)),
    (Relatedness("up", layer=Recurrent(3), **SMALL), Entailment("down", layer=Recurrent(3), **SMALL), Hidden()),
]


def upstream_gradient(model: CascadeModel, docs: Sequence[Doc]) -> dict[str, Tensor]:
    """That of the downstream loss on the upstream node's own parameters."""
    model.train().zero_grad()
    batch = model.batch(docs, targets=["up", "down"])
    model.losses(batch, ["down"])["down"].backward()
    return {name: p.grad for name, p in model.node("up").named_parameters() if p.grad is not None and p.grad.any()}


@contextmanager
def ablated(model: CascadeModel) -> Iterator[None]:
    """Every edge into `down` brings zeros."""
    carriers = [module for module in model.node("down").modules() if isinstance(module, Carrier)]
    hooks = [carrier.register_forward_hook(lambda _, __, out: torch.zeros_like(out)) for carrier in carriers]
    yield
    for hook in hooks:
        hook.remove()


def scores_of(output: Output) -> Tensor:
    found = output.scores["arcs"] if "arcs" in output.scores else output.scores["logits"]
    return found[found > -1e8]


@torch.no_grad()
def check_ablation(model: CascadeModel, docs: Sequence[Doc]) -> None:
    model.eval()
    batch = model.batch(docs, targets=["up", "down"])
    first, again = (scores_of(model(batch, ["down"])["down"]) for _ in range(2))
    with ablated(model):
        without = scores_of(model(batch, ["down"])["down"])
    noise = (first - again).abs().max()
    assert (first - without).abs().max() > 1e-3 + 100 * noise


@pytest.mark.parametrize("edge", SOFT, ids=lambda edge: edge.describe())
@pytest.mark.parametrize(
    ("up", "down"), [*((up, "tag") for up in UPSTREAM), *(("tag", down) for down in DOWNSTREAM if down != "tag")]
)
def test_a_differentiable_edge_alone_carries_gradient_and_matters(
    up: str, down: str, edge: Edge, docs: list[Doc]
) -> None:
    model = model_of(graph_of(UPSTREAM[up](), DOWNSTREAM[down](), down={"up": [edge]}), docs)
    found = upstream_gradient(model, docs)
    hidden_layer = ("recurrent.", "decoder.hidden", "decoder.project", "decoder.arc", "decoder.root")
    if not (isinstance(edge, Hidden) and up == "selection"):  # whose hidden states are what it reads
        assert any(name.startswith(hidden_layer) for name in found), found.keys()
    check_ablation(model, docs)


@pytest.mark.parametrize("edge", STIFF, ids=lambda edge: edge.describe())
@pytest.mark.parametrize("up", UPSTREAM)
def test_a_cut_edge_carries_no_gradient_and_matters(up: str, edge: Edge, docs: list[Doc]) -> None:
    docs = [doc for doc in docs if len(doc) > 1]  # a single token has no gold boundary, and a prediction in its place
    model = model_of(graph_of(UPSTREAM[up](), DOWNSTREAM["tag"](), down={"up": [edge]}), docs)
    assert not upstream_gradient(model, docs)
    check_ablation(model, docs)


@pytest.mark.parametrize(("up", "down", "edge"), PAIRED)
def test_an_edge_between_units_carries_gradient_and_matters(
    up: Task, down: Task, edge: Edge, docs: list[Doc], pairs: list[Doc]
) -> None:
    both = [*docs, *pairs]
    model = model_of(graph_of(up, down, down={"up": [edge]}), both)
    assert upstream_gradient(model, both)
    check_ablation(model, both)


def test_every_edge_of_a_bundle_reaches_upstream_by_itself(docs: list[Doc]) -> None:
    """Of several edges at once, all but one are cut by hand."""
    bundle = [Hidden(), Labels(width=4), Labels(width=4, group="y"), Hidden(group="z")]
    model = model_of(graph_of(UPSTREAM["tag"](), DOWNSTREAM["tag"](), down={"up": bundle}), docs)
    carriers = model.node("down").early.carriers
    assert [carrier.link.edge for carrier in carriers] == bundle
    for alone in carriers:
        hooks = [
            carrier.register_forward_hook(lambda _, __, out: out.detach())
            for carrier in carriers
            if carrier is not alone
        ]
        assert upstream_gradient(model, docs)
        for hook in hooks:
            hook.remove()


def test_gradient_goes_all_the_way_down_the_graph(docs: list[Doc]) -> None:
    model = model_of(syntax(), docs).train()
    model.losses(model.batch(docs, targets=model.graph.names()), ["parse"])["parse"].backward()
    touched = {name.split(".")[1] for name, p in model.nodes.named_parameters(prefix="nodes") if p.grad is not None}
    assert touched == {"tag", "chunk", "parse"}
    assert all(p.grad is not None and p.grad.any() for p in model.node("tag").decoder.parameters())


@torch.no_grad()
def test_segments_matter(docs: list[Doc]) -> None:
    graph = graph_of(Sentences("sents", **SMALL), Parsing("parse", **PLAIN), parse={"sents": [Segments()]})
    model = model_of(graph, docs)
    batch, task = model.batch(docs), model.task("sents")
    for starts in ([0, 4, 6, 8, 12, 14], [0, 6, 14]):
        flags = torch.zeros(15, dtype=torch.bool)
        flags[starts] = True
        task.starts = lambda output, flags=flags: flags  # type: ignore[method-assign, misc]
        ends = [*starts[1:], 15]
        output = model(batch, ["parse"])["parse"]
        lengths = [end - start for start, end in zip(starts, ends, strict=True)]
        assert output.rows.lengths.tolist() == lengths
        heads = torch.from_numpy(model.task("parse").decode(output)["head"]) + torch.arange(15)
        for start, end in zip(starts, ends, strict=True):
            assert ((heads[start:end] >= start) & (heads[start:end] < end)).all()


def test_candidates_carry_gradient_through_their_scores_and_matter(pairs: list[Doc]) -> None:
    graph = graph_of(
        Retrieve("up", layer=0, **SMALL), Rerank("down", layer=1, **SMALL), down={"up": [Candidates(2, gold=True)]}
    )
    model = model_of(graph, pairs)
    assert "decoder.output.weight" in upstream_gradient(model, pairs)
    batch = model.eval().batch(pairs)
    output = model(batch, ["down"])
    down: Any = model.task("down")
    own, added = down.keep(output["down"]), down.keep(output["up"])
    torch.testing.assert_close(down.totals(output["down"]), own + added)
    assert added.abs().max() > 1e-3


# 3. Gold can be put in at any node, in place of its prediction.


@torch.no_grad()
def embedded(model: CascadeModel, docs: Sequence[Doc], **settings: Any) -> tuple[Tensor, Tensor]:
    """What the one edge into `down` brings, and its label embeddings."""
    (carrier,) = [module for module in model.node("down").modules() if isinstance(module, Carrier)]
    seen: list[Tensor] = []
    hook = carrier.register_forward_hook(lambda _, __, out: seen.append(out))
    model.predict(docs, **settings)
    hook.remove()
    assert carrier.embedding is not None
    return seen[0], carrier.embedding.embeddings


def numbers(model: CascadeModel, doc: Doc) -> Tensor:
    return torch.tensor([model.task("up").vocabulary.index(token.tag_) for token in doc])


@pytest.mark.parametrize("predict", ["soft", "hard", "straight_through", "gold"])
def test_given_tags_take_the_place_of_predicted_ones(predict: Any, docs: list[Doc]) -> None:
    edges: Edges = {"up": [Labels(width=4, predict=predict)]}
    model = model_of(graph_of(Tagging("up", **SMALL), Tagging("down", **SMALL), down=edges), docs)
    found, table = embedded(model, docs[:1], given=["up"])
    torch.testing.assert_close(found, table[numbers(model, docs[0])])
    assert model.predict(docs, given=["up"])[0].keys() == {"down"}


def test_an_edge_may_ask_for_annotation_by_itself(docs: list[Doc]) -> None:
    edges: Edges = {"up": [Labels(width=4, predict="gold")]}
    model = model_of(graph_of(Tagging("up", **SMALL), Tagging("down", **SMALL), down=edges), docs)
    found, table = embedded(model, docs[:1])
    torch.testing.assert_close(found, table[numbers(model, docs[0])])
    assert model.predict(docs)[0].keys() == {"up", "down"}
    plain = model.predict([bare(docs[0])])[0]
    assert not np.allclose(plain["down"]["probability"], model.predict(docs)[0]["down"]["probability"])
    np.testing.assert_array_equal(plain["up"]["probability"], model.predict(docs)[0]["up"]["probability"])


def test_partial_annotation_falls_back_to_the_prediction(docs: list[Doc]) -> None:
    edges: Edges = {"up": [Labels(width=4)]}
    model = model_of(graph_of(Tagging("up", **SMALL), Tagging("down", **SMALL), down=edges), docs)
    partial = bare(docs[0])
    partial[1].tag_ = docs[0][1].tag_
    given, table = embedded(model, [partial], given=["up"])
    predicted, _ = embedded(model, [partial])
    assert torch.equal(given[[0, 2, 3, 4, 5]], predicted[[0, 2, 3, 4, 5]])
    torch.testing.assert_close(given[1], table[numbers(model, docs[0])[1]])
    without, _ = embedded(model, [bare(docs[0])], given=["up"])
    assert torch.equal(without, predicted)


@pytest.mark.parametrize(("predict", "given"), [("soft", ["up"]), ("gold", [])])
def test_an_unknown_label_is_an_error(predict: Any, given: list[str], docs: list[Doc]) -> None:
    edges: Edges = {"up": [Labels(width=4, predict=predict)]}
    model = model_of(graph_of(Tagging("up", **SMALL), Tagging("down", **SMALL), down=edges), docs)
    strange = bare(docs[0])
    strange[2].tag_ = "never seen"
    with pytest.raises(LabelError, match="'up' does not know the label 'never seen'.*initialize"):
        model.predict([docs[0], strange], given=given)


@pytest.mark.parametrize(("predict", "given"), [("hard", ["sents"]), ("gold", [])])
def test_given_boundaries_divide_what_is_parsed(predict: Any, given: list[str], docs: list[Doc]) -> None:
    edges: Edges = {"sents": [Segments(predict=predict)]}
    graph = graph_of(Sentences("sents", **SMALL), Parsing("parse", **PLAIN), parse=edges)
    model = model_of(graph, docs)
    lengths: list[list[int]] = []
    model.node("parse").register_forward_hook(lambda _, __, out: lengths.append(out.rows.lengths.tolist()))
    model.predict(docs, given=given)
    assert lengths[-1] == [4, 2, 2, 4, 2, 1] == [len(sentence) for doc in docs for sentence in doc.sents]
    partial = bare(docs[0])
    partial[3].is_sent_start, partial[4].is_sent_start = True, False
    model.task("sents").starts = lambda output: torch.tensor([1, 0, 1, 0, 1, 1]).bool()  # type: ignore[method-assign]
    model.predict([partial], given=given)
    assert lengths[-1] == [2, 1, 2, 1]


def test_given_candidates_are_kept(pairs: list[Doc]) -> None:
    model = model_of(search(), pairs)
    alive: list[Tensor] = []
    model.node("rerank").register_forward_hook(lambda _, __, out: alive.append(out.rows.alive))
    model.predict(pairs, given=["retrieve"])
    right = [round(doc.cats[key]) == 1 for doc in pairs for key in ("first", "second")]
    assert alive[-1].tolist() == right
    for doc in pairs:
        doc.cats["first"], doc.cats["second"] = doc.cats["second"], doc.cats["first"]
    model.predict(pairs, given=["retrieve"])
    assert alive[-1].tolist() == [not row for row in right]


@pytest.mark.parametrize("name", ["sents", "tag", "chunk"])
def test_gold_at_any_node_of_a_graph_reaches_its_descendants_alone(name: str, docs: list[Doc]) -> None:
    model = model_of(syntax(), docs)
    plain, given = model.predict(docs), model.predict(docs, given=[name])
    below = {"sents": {"parse"}, "tag": {"chunk", "parse", "class"}, "chunk": {"parse"}}[name]
    changed = {
        task
        for before, after in zip(plain, given, strict=True)
        for task in after
        if any(not np.array_equal(before[task][key], after[task][key]) for key in after[task])
    }
    assert changed == below
    assert all(own.keys() == set(model.graph.names()) - {name} for own in given)


# 4. Predicting changes no Doc, and odd Docs are ordinary input.

ODD = [
    [],
    ["\n"],
    [" ", "\n\n", "\t"],
    ["one"],
    ["\n", "one"],
    ["a", "  ", "b", "\n"],
    [f"w{i % 50}" for i in range(3000)],
]


@pytest.fixture
def odd() -> list[Doc]:
    found = [Doc(VOCAB, words=words) for words in ODD]
    found += [pair_of(Doc(VOCAB, words=["a", "b", "c"]), cut) for cut in (0, 1, 3)]
    return [*found, pair_of(Doc(VOCAB, words=["\n", "a"]), 1)]


def everything(docs: Sequence[Doc]) -> CascadeModel:
    graph = syntax()
    graph.add(Relatedness("rel", layer=1, **SMALL))
    graph.add(
        Entailment("ent", layer=1, **SMALL), after={"rel": [Labels(width=3)], "tag": [Hidden(convert="attention")]}
    )
    graph.add(Retrieve("retrieve", layer=1, **SMALL))
    graph.add(Rerank("rerank", layer=4, **SMALL), after={"retrieve": [Candidates(1, gold=True)]})
    model = model_of(graph, docs)
    starts: Any = model.node("sents").decoder
    starts.output.bias.data[1] += 1  # a tree over thousands of words takes its time
    return model


def test_predicting_changes_no_doc(docs: list[Doc], pairs: list[Doc], odd: list[Doc]) -> None:
    model, vocab = everything([*docs, *pairs]), Vocab()
    before = [doc.to_bytes() for doc in [*docs, *pairs, *odd]]
    every = [Doc(vocab).from_bytes(data) for data in before]
    strings = len(vocab.strings)
    for given in ([], ["tag", "sents"], ["retrieve", "chunk"]):
        model.predict(every, given=given)
        assert [doc.to_bytes() for doc in every] == before
        assert len(vocab.strings) == strings


def test_odd_docs_are_predicted_and_annotated(docs: list[Doc], pairs: list[Doc], odd: list[Doc]) -> None:
    model = everything([*docs, *pairs])
    together = model.predict(odd)
    for doc, predictions in zip(odd, together, strict=True):
        words = sum(not token.text.isspace() for token in doc)
        texts = 2 if PAIR in doc.spans else 1
        rows = {"token": words, "text": texts, "pair": texts - 1}
        assert predictions.keys() == set(model.graph.names())
        for name, own in predictions.items():
            task = model.task(name)
            assert {len(values) for values in own.values()} == {rows[task.unit]}
            task.annotate(doc, own)
        assert all(token.tag_ and token.dep_ and token.is_sent_start is not None for token in doc)
        assert all(0 <= token.head.i < len(doc) for token in doc)
        assert sum(len(sentence) for sentence in doc.sents) == len(doc)


def test_a_batch_of_nothing_but_odd_docs(docs: list[Doc], pairs: list[Doc], odd: list[Doc]) -> None:
    model = everything([*docs, *pairs])
    for doc in odd:
        for name, own in model.predict([doc])[0].items():
            model.task(name).annotate(doc, own)


@pytest.mark.parametrize("shuffled", [False, True])
def test_unlabelled_and_odd_docs_train_along(shuffled: bool, docs: list[Doc], pairs: list[Doc], odd: list[Doc]) -> None:
    model = everything([*docs, *pairs]).train()
    names = model.graph.names()
    batch = [*docs, *odd[:6], *pairs, *odd[7:], bare(docs[0])]
    alone = model.losses(model.batch([*docs, *pairs], targets=names), names)
    losses = model.losses(model.batch(batch[::-1] if shuffled else batch, targets=names), names)
    assert losses.keys() == alone.keys() == set(names)
    torch.stack(list(losses.values())).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    for name in set(names) - {"sents"}:  # a Doc of one token does have a boundary
        torch.testing.assert_close(losses[name], alone[name], atol=1e-4, rtol=1e-4)


def test_a_batch_without_any_gold_has_no_loss(docs: list[Doc], pairs: list[Doc]) -> None:
    model = everything([*docs, *pairs]).train()
    batch = model.batch([bare(docs[0]), Doc(VOCAB), bare(pairs[0])], targets=model.graph.names())
    assert batch.targets == {}
    assert model.losses(batch, model.graph.names()) == {}
