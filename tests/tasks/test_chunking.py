from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import srsly
import torch
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOBES
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab

from cascade.docs import CHUNKS
from cascade.errors import LabelError
from cascade.graph import Hidden, Labels, Segments
from cascade.nn.rows import MISSING
from cascade.nn.structs.iobes import Iobes
from cascade.tasks import Chunking, Sentences, Tagging

Triple = tuple[int, int, str]


def chunked(doc: Doc, *chunks: Triple) -> Doc:
    doc.spans[CHUNKS] = [Span(doc, start, end, label) for start, end, label in chunks]
    return doc


def triples(doc: Doc) -> list[Triple]:
    return [(span.start, span.end, span.label_) for span in doc.spans[CHUNKS]]


@pytest.fixture
def docs(nlp: Language, pair: Callable[..., Doc]) -> list[Doc]:
    return [
        chunked(nlp.make_doc("The old clock strikes twelve"), (0, 3, "NP"), (3, 4, "VP"), (4, 5, "NP")),
        chunked(nlp.make_doc("It has  been \n raining today"), (0, 1, "NP"), (1, 6, "VP")),
        chunked(nlp.make_doc("Yes")),
        chunked(nlp.make_doc("")),
        chunked(pair("A dog sleeps", "It is quiet"), (0, 2, "NP"), (2, 3, "VP"), (3, 4, "NP")),
    ]


def test_labels_are_the_tags_of_sorted_chunk_labels(docs: list[Doc]) -> None:
    assert tuple(Chunking("chunk").labels(docs)) == Iobes(["NP", "VP"]).tags
    assert Chunking("chunk").labels(docs[2:4]) == ()


def test_targets_skip_white_space(docs: list[Doc], built: Callable[..., Any]) -> None:
    task = built(Chunking("chunk"), docs=docs).task("chunk")
    assert [token.text for token in docs[1]] == ["It", "has", " ", "been", "\n ", "raining", "today"]
    assert [task.vocabulary[i] for i in task.targets(docs[1])["label"]] == ["S-NP", "B-VP", "I-VP", "E-VP", "O"]


def test_gold_is_partial_where_labels_are_unknown_and_absent_without_the_key(
    nlp: Language, docs: list[Doc], built: Callable[..., Any]
) -> None:
    task = built(Chunking("chunk"), docs=docs).task("chunk")
    assert task.targets(nlp.make_doc("Nobody has looked")) is None
    new = chunked(nlp.make_doc("He runs very fast"), (0, 1, "NP"), (2, 4, "ADVP"))
    assert task.targets(new)["label"].tolist() == [task.vocabulary.index("S-NP"), 0, MISSING, MISSING]


def test_of_gold_chunks_that_overlap_the_longest_counts(
    nlp: Language, docs: list[Doc], built: Callable[..., Any]
) -> None:
    task = built(Chunking("chunk"), docs=docs).task("chunk")
    doc = chunked(nlp.make_doc("one two three"), (0, 1, "NP"), (0, 3, "VP"), (2, 3, "NP"))
    assert [task.vocabulary[i] for i in task.targets(doc)["label"]] == ["B-VP", "I-VP", "E-VP"]


@pytest.mark.parametrize("decoder", ["crf", "softmax"])
def test_round_trip(decoder: Any, docs: list[Doc], perfect: Callable[..., Any]) -> None:
    copies, results = perfect(Chunking("chunk", decoder=decoder), docs)
    assert [triples(copy) for copy in copies] == [triples(doc) for doc in docs]
    for copy, result in zip(copies, results, strict=True):
        scores = copy.spans[CHUNKS].attrs["scores"]
        assert scores == pytest.approx(np.ones(len(triples(copy))), abs=1e-4)
        assert len(result["probabilities"]) == sum(not token.is_space for token in copy)
        assert [(start, end, label) for start, end, label, _ in result["spans"]] == triples(copy)
        assert result["spans"] == srsly.msgpack_loads(srsly.msgpack_dumps(result["spans"]))  # as a DocBin has them
        assert Doc(copy.vocab).from_bytes(copy.to_bytes()).spans[CHUNKS].attrs["scores"].tolist() == scores.tolist()


def test_existing_chunks_stay_without_overwrite(nlp: Language, docs: list[Doc], built: Callable[..., Any]) -> None:
    model = built(Chunking("chunk"), docs=docs)
    (predictions,) = model.predict(docs[:1])
    doc = chunked(nlp.make_doc(docs[0].text), (0, 5, "X"))
    model.task("chunk").annotate(doc, predictions["chunk"], overwrite=False)
    assert triples(doc) == [(0, 5, "X")]


def test_the_score_of_a_span_is_its_probability_in_the_chain(built: Callable[..., Any], docs: list[Doc]) -> None:
    model = built(Chunking("chunk"), docs=docs).eval()
    tagger = model.nodes["chunk"].decoder
    torch.nn.init.normal_(tagger.chain.transitions)
    batch = model.batch(docs[:1])
    output = model(batch, ["chunk"])["chunk"]
    tags = torch.tensor(Iobes(["NP", "VP"]).encode([(0, 3, "NP"), (3, 5, "VP")], 5))
    steps = tagger.conditionals(output.scores, tags, output.rows)
    emissions, rows = output.scores["logits"], output.rows
    whole = tagger.chain.score(emissions, tags, rows) - tagger.chain.log_partition(emissions, rows)
    torch.testing.assert_close(steps.prod(), whole.exp()[0])
    forced = emissions.clone()
    forced[range(3), tags[:3]] += 1000.0
    stretch = (tagger.chain.log_partition(forced, rows) - 3000.0 - tagger.chain.log_partition(emissions, rows)).exp()
    marginal = output.scores["marginals"][0, tags[0]]
    torch.testing.assert_close(marginal * steps[1:3].prod(), stretch[0], rtol=1e-2, atol=1e-6)


def test_decoding_stays_inside_segments(nlp: Language, built: Callable[..., Any]) -> None:
    doc = chunked(nlp.make_doc("one two three four"), (0, 4, "NP"))
    for token in doc:
        token.is_sent_start = token.i in (0, 2)
    model = built(Sentences("sents"), Chunking("chunk"), docs=[doc], chunk={"sents": [Segments(predict="gold")]}).eval()
    legal = {(0, 0)} | {(1, 3), (4, 4), (0, 4), (4, 0)}
    with torch.no_grad():
        output = model(model.batch([doc], targets=["sents"]), ["chunk"])["chunk"]
        tags = model.task("chunk").decode(output)["label"].tolist()
    assert output.rows.lengths.tolist() == [2, 2]
    assert {tuple(tags[:2]), tuple(tags[2:])} <= legal


def test_a_chunk_cut_by_a_segment_costs_no_more_than_its_tokens(nlp: Language, built: Callable[..., Any]) -> None:
    doc = chunked(nlp.make_doc("one two three four"), (0, 4, "NP"))
    for token in doc:
        token.is_sent_start = token.i in (0, 2)
    model = built(Sentences("sents"), Chunking("chunk"), docs=[doc], chunk={"sents": [Segments()]}).train()
    loss = model.losses(model.batch([doc], targets=["sents", "chunk"]), ["chunk"])["chunk"]
    assert 0 < loss.item() < 10


@pytest.mark.parametrize("decoder", ["crf", "softmax"])
def test_batches_without_rows_or_gold(decoder: Any, nlp: Language, docs: list[Doc], built: Callable[..., Any]) -> None:
    model = built(Chunking("chunk", decoder=decoder), docs=docs)
    for batch in ([nlp.make_doc("")], [nlp.make_doc("\n")], [nlp.make_doc("Nobody looked")]):
        assert model.losses(model.batch(batch, targets=["chunk"]), ["chunk"]) == {}
        model.predict(batch)
    task, batch = model.task("chunk"), model.batch([nlp.make_doc("Nobody looked")])
    unknown = {"label": torch.tensor([MISSING, MISSING])}
    loss = task.loss(model.train()(batch, ["chunk"])["chunk"], unknown)
    loss.backward()
    assert loss.item() == 0.0


@pytest.mark.parametrize("decoder", ["crf", "softmax"])
def test_soft_labels_carry_gradient(decoder: Any, docs: list[Doc], built: Callable[..., Any]) -> None:
    for doc in docs:
        for token in doc:
            token.tag_ = "X" if token.i % 2 else "Y"
    tasks = Chunking("chunk", decoder=decoder), Tagging("tag")
    model = built(*tasks, docs=docs, tag={"chunk": [Labels(width=4), Hidden()]}).train()
    model.losses(model.batch(docs, targets=["tag"]), ["tag"])["tag"].backward()
    classifier = model.nodes["chunk"].decoder
    assert classifier.output.weight.grad.abs().sum() > 0
    if decoder == "crf":
        assert classifier.chain.transitions.grad.abs().sum() > 0


@pytest.mark.parametrize("decoder", ["crf", "softmax"])
def test_a_small_model_learns_its_docs(
    decoder: Any, docs: list[Doc], overfit: Callable[..., Any], predict: Callable[..., Any]
) -> None:
    model = overfit(Chunking("chunk", decoder=decoder, hidden=16), docs=docs)
    copies = predict(model, docs)
    assert [triples(copy) for copy in copies] == [triples(doc) for doc in docs]
    scores = model.task("chunk").score([Example(c, d) for c, d in zip(copies, docs, strict=True)])
    assert scores["chunk_f"] == 1.0


tags = st.lists(st.sampled_from(["O", "NP", "VP"]), max_size=5)


@given(st.lists(st.tuples(tags, tags), min_size=1, max_size=4))
def test_scores_are_those_of_seqeval(cases: list[tuple[list[str], list[str]]]) -> None:
    vocab, scheme = Vocab(), Iobes(["NP", "VP"])
    examples, written = [], []
    for gold, found in cases:
        size = max(len(gold), len(found))
        words = [f"w{i}" for i in range(size)]
        both = [chunked(Doc(vocab, words=words), *runs(labels)) for labels in (found, gold)]
        examples.append(Example(*both))
        written.append([[scheme.tags[t] for t in scheme.encode(triples(doc), size)] for doc in both])
    scores = Chunking("chunk").score(examples)
    found, gold = map(list, zip(*written, strict=True))
    if not any(tag != "O" for sequence in found + gold for tag in sequence):
        assert set(scores.values()) == {None}
        return
    options: dict[str, Any] = {"mode": "strict", "scheme": IOBES, "zero_division": 0}
    assert scores["chunk_f"] == pytest.approx(f1_score(gold, found, **options))
    assert scores["chunk_p"] == pytest.approx(precision_score(gold, found, **options))
    assert scores["chunk_r"] == pytest.approx(recall_score(gold, found, **options))


def runs(labels: list[str]) -> list[Triple]:
    """Runs of one label as chunks."""
    edges = [i for i in range(len(labels) + 1) if i in (0, len(labels)) or labels[i] != labels[i - 1]]
    return [(a, b, labels[a]) for a, b in zip(edges, edges[1:], strict=False) if a < b and labels[a] != "O"]


def test_docs_without_gold_do_not_count(nlp: Language) -> None:
    found = chunked(nlp.make_doc("one two"), (0, 1, "NP"))
    scores = Chunking("chunk").score([Example(found, nlp.make_doc("one two"))])
    assert scores == {"chunk_p": None, "chunk_r": None, "chunk_f": None, "chunk_per_type": None}


def test_labels_that_are_no_tags_are_refused() -> None:
    with pytest.raises(LabelError, match="IOBES"):
        Chunking("chunk").build(8, ("B-NP", "I-NP", "O"))
