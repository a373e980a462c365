"""What the toolkit promises, kept by a cascade that retrieves, reads and reranks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from torch import Tensor

from cascade import docs as documents
from cascade import storage
from cascade.docs import PAIR
from cascade.errors import GraphError
from cascade.evaluation import bare_copy, evaluate
from cascade.graph import Candidates, Hidden, Labels, Mix, Recurrent
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Output
from cascade.nn.encoders import Convolutional
from cascade.nn.node import Carrier
from cascade.tasks import Predictions, Reading, Reranking, Retrieval, Tagging
from tests.questions import BOAT, CLOCK, LAMP, NLP, Watch, asked, chain, graph_of, model_of, odd, question

TASKS = ["retrieve", "read", "rerank"]


def everything() -> CascadeModel:
    """The chain, and beside it all that tasks about passages may have."""
    graph = chain()
    graph.add(Retrieval("more", layer=Mix(), hidden=6), after={"retrieve": [Hidden(), Labels(width=3)]})
    graph.add(
        Reading("reread", layer=Recurrent(4, layer=1), mentions="all", overlap="any", spans=3, longest=4),
        after={"more": [Labels(width=3, convert="broadcast"), Candidates(1)]},
    )
    graph.add(
        Reranking("rerank2", layer=3, pool="max", hidden=6, soft=0.0, longest=4),
        after={
            "read": [Candidates(2)],
            "more": [Hidden(convert="broadcast"), Candidates(1)],
            "rerank": [Hidden(), Candidates(2)],
        },
    )
    return model_of(graph)


def same(one: Predictions, other: Predictions, tolerance: float = 1e-4) -> None:
    assert one.keys() == other.keys()
    for key, values in one.items():
        np.testing.assert_allclose(values, other[key], atol=tolerance, rtol=1e-3, err_msg=key)


def bare(docs: Sequence[Doc]) -> list[Doc]:
    return [bare_copy(doc) for doc in docs]


def test_a_question_is_answered_alike_whatever_the_others_of_its_batch() -> None:
    model, docs = everything(), [*asked(), *odd()]
    for doc, together in zip(docs, model.predict(docs), strict=True):
        (alone,) = model.predict([doc])
        assert alone.keys() == together.keys() == set(model.graph.names())
        for name in alone:
            same(alone[name], together[name])


def test_predictions_have_a_row_for_every_passage_or_span() -> None:
    model = everything()
    for doc, found in zip([*asked(), *odd()], model.predict([*asked(), *odd()]), strict=True):
        passages = len(documents.passages(doc))
        words = [len(own) for own in documents.passage_words(doc)]
        assert {len(values) for values in found["retrieve"].values()} == {passages}
        for name in ("read", "rerank", "reread", "rerank2"):
            own = found[name]
            assert len({len(values) for values in own.values()}) == 1
            assert all(0 <= text < passages for text in own["text"])
            for text, first, last in zip(own["text"], own["first"], own["last"], strict=True):
                assert 0 <= first <= last < words[text]
        assert len(set(found["read"]["text"].tolist())) <= min(2, sum(n > 0 for n in words))
        assert np.isfinite(found["rerank"]["score"]).sum() <= 3 * 2


def test_odd_questions_are_predicted_annotated_and_scored() -> None:
    model = everything()
    for batch in ([*asked(), *odd()], odd(), *([doc] for doc in odd())):
        for doc, found in zip(batch, model.predict(batch), strict=True):
            for name, own in found.items():
                model.task(name).annotate(doc, own)
            for answer in documents.answers(doc) or []:
                passage = next(p for p in documents.passages(doc) if p.id == answer.passage)
                assert passage.text[answer.first : answer.last] == answer.plain == answer.text
                assert 0.5 < answer.confidence <= 1
    scores = evaluate(model, [*asked(), *odd()])
    assert scores.keys() >= {"retrieve_mrr", "read_f1", "rerank_em"}
    assert all(0 <= value <= 1 for value in scores.values())


@pytest.mark.parametrize("gold", [True, False])
def test_odd_and_unlabelled_questions_train_along(gold: bool) -> None:
    model = model_of(chain(gold=gold)).train()
    plain = [doc for doc in odd() if documents.answers(doc) is None]
    batches = [[*asked(), *plain], [*plain, *asked()], asked()[:4]]
    losses = [model.losses(model.batch(docs, targets=TASKS), TASKS) for docs in batches]
    for own in losses:
        assert own.keys() == set(TASKS)
        for name in TASKS:
            torch.testing.assert_close(own[name], losses[2][name], atol=1e-4, rtol=1e-3)
    torch.stack(list(losses[0].values())).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    for docs in (plain, asked()[4:], []):
        batch = model.batch(docs, targets=TASKS)
        assert batch.targets == {}
        assert model.losses(batch, TASKS) == {}
    nothing = model.batch([question("who", [""], []), question("who", [], [])], targets=TASKS)
    assert all(loss.isfinite() for loss in model.losses(nothing, TASKS).values())


def test_predicting_changes_no_doc() -> None:
    model, docs = everything(), [*asked(), *odd()]
    before = [doc.to_bytes() for doc in docs]
    for given in ([], ["retrieve"], ["read", "more"]):
        model.predict(docs, given=given)
        assert [doc.to_bytes() for doc in docs] == before


def test_the_last_stage_has_the_say_unless_answers_were_there() -> None:
    model, doc, kept = model_of(chain()), asked()[0], asked()[0]
    documents.set_answers(doc, None)
    before = documents.answers(kept)
    assert before is not None
    for each, own in ((doc, True), (kept, False)):
        found = model.predict([each])[0]
        found["rerank"] = {**found["rerank"], "score": np.where(np.isfinite(found["rerank"]["score"]), 9.0, -np.inf)}
        for name in TASKS:
            model.task(name).annotate(each, found[name], overwrite=False)
        assert (documents.answers(each) == before) is not own
    best = documents.stage(doc, "rerank")["answers"]
    assert [answer.plain for answer in documents.answers(doc) or []] == best


def test_questions_survive_bytes_and_doc_bins() -> None:
    model, docs = model_of(chain()), asked()
    for doc, found in zip(docs, model.predict(docs), strict=True):
        for name, own in found.items():
            model.task(name).annotate(doc, own)
    bins = DocBin(store_user_data=True, docs=docs).to_bytes()
    copies = [Doc(Vocab()).from_bytes(doc.to_bytes()) for doc in docs]
    for doc, *others in zip(docs, copies, DocBin().from_bytes(bins).get_docs(Vocab()), strict=True):
        for other in others:
            assert documents.passages(other) == documents.passages(doc)
            assert documents.answers(other) == documents.answers(doc)
            for name in TASKS:  # a list comes back from bytes as a tuple
                found = documents.stage(other, name).items()
                kept = {key: list(v) if isinstance(v, tuple) else v for key, v in found}
                assert kept == documents.stage(doc, name)
    same(model.predict(copies)[0]["rerank"], model.predict(docs)[0]["rerank"], 0.0)


def test_a_question_in_two_parts_is_one_question() -> None:
    doc = question("who lit it", [LAMP, CLOCK])
    split = bare_copy(doc)
    split.spans[PAIR] = [split[:1], split[1:]]
    model = model_of(chain())
    same(model.predict([split])[0]["rerank"], model.predict([doc])[0]["rerank"])


# 1. One encoder pass per text; what is pruned is read no further.


@pytest.mark.parametrize("training", [False, True])
def test_low_blocks_read_every_passage_once_and_high_blocks_those_that_are_kept(training: bool) -> None:
    docs = [*asked(), question("who", [" ".join("abc" for _ in range(60)), CLOCK])]
    model = model_of(chain(k=1, layers=(1, 2, 4))).train(training)
    watch = Watch(model)
    batch = model.batch(docs)
    outputs = model(batch, TASKS)
    features, token = batch.features["asked"], batch.rows["token"]
    kept = outputs["read"].layout.rows["text"].alive
    assert batch.rows["text"].parent[kept].tolist() == list(range(len(docs)))
    text = token.parent[features["token"]]
    windows = {(int(w), bool(kept[t])) for w, t in zip(features["window"], text, strict=True)}
    high = sum(alive for _, alive in windows)
    assert watch.cut == 1
    assert watch.windows == {0: len(windows), 1: high, 2: high, 3: high}
    assert 0 < high < len(windows)


def test_a_subset_of_the_tasks_climbs_no_higher_than_it_needs() -> None:
    model = model_of(chain())
    for tasks, highest in ((["retrieve"], 1), (["read"], 2), (["rerank"], 3)):
        watch = Watch(model)
        found = model.predict(asked(), tasks=tasks)
        assert max(watch.windows) + 1 == highest
        assert all(own.keys() == set(tasks) for own in found)
        for own, whole in zip(found, model.predict(asked()), strict=True):
            same(own[tasks[0]], whole[tasks[0]])


def test_kept_passages_are_read_as_if_they_were_alone() -> None:
    model = model_of(chain(k=1))
    for doc in asked():
        found = model.predict([doc])[0]
        best = int(found["retrieve"]["score"].argmax())
        assert set(found["read"]["text"].tolist()) == {best}
        alone = question(doc.text, [documents.passage_texts(doc)[best]])
        own = model.predict([alone])[0]["rerank"]
        same({k: v for k, v in own.items() if k != "text"}, {k: found["rerank"][k] for k in own if k != "text"})


# 2. Every edge is alive.


def gradients(model: CascadeModel, loss: str) -> dict[str, Tensor]:
    model.zero_grad()
    model.losses(model.train().batch(asked(), targets=TASKS), [loss])[loss].backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}


def test_the_last_loss_reaches_every_stage_through_the_scores_of_candidates() -> None:
    found = gradients(model_of(chain()), "rerank")
    for part in ("retrieve.decoder.output", "read.decoder.ends", "read.decoder.null", "rerank.decoder.output"):
        assert f"nodes.{part}.weight" in found
    assert {"nodes.retrieve.pool.query.weight", "nodes.read.decoder.pool.query.weight"} <= found.keys()
    assert all(f"encoder.blocks.{i}.output.dense.weight" in found for i in range(3))
    below = gradients(model_of(chain()), "read")
    assert "nodes.retrieve.decoder.output.weight" in below
    assert not any(name.startswith("nodes.rerank") for name in below)


def test_without_candidates_no_score_carries_gradient_but_hidden_states_do() -> None:
    """Of the reader's own parameters none lies under its hidden states, which are the encoder's at the two ends."""
    graph = graph_of(
        Reading("read", layer=2, longest=4), Reranking("rerank", layer=1, longest=4), rerank={"read": [Hidden()]}
    )
    found = gradients_of(graph, "rerank")
    assert not any(name.startswith("nodes.read") for name in found)
    assert "encoder.blocks.1.output.dense.weight" in found, "only the reader reads this block"


def gradients_of(graph: Any, loss: str) -> dict[str, Tensor]:
    model = model_of(graph)
    model.losses(model.train().batch(asked(), targets=[loss]), [loss])[loss].backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}


@contextmanager
def ablated(model: CascadeModel, name: str) -> Iterator[None]:
    hooks = [
        module.register_forward_hook(lambda _, __, out: torch.zeros_like(out))
        for module in model.node(name).modules()
        if isinstance(module, Carrier)
    ]
    assert hooks
    yield
    for hook in hooks:
        hook.remove()


@torch.no_grad()
def test_hidden_states_and_candidates_matter() -> None:
    model = model_of(chain())
    whole = model(model.batch(asked()), TASKS)
    with ablated(model, "rerank"):
        without = model(model.batch(asked()), TASKS)
    assert (whole["rerank"].scores["score"] - without["rerank"].scores["score"]).abs().max() > 1e-3
    torch.testing.assert_close(
        whole["rerank"].candidates,
        model.task("read").keep(whole["read"])
        + model.task("retrieve").keep(whole["retrieve"])[whole["rerank"].rows.parent],
    )
    assert whole["rerank"].candidates.abs().max() > 1e-3
    assert not whole["rerank"].rows.alive.all()


# 3. Gold can be put in at any node.


def gold_spans(doc: Doc) -> set[tuple[int, int, int]]:
    targets = Reading("read", longest=4).targets(doc)
    assert targets is not None
    parent = [text for text, own in enumerate(documents.passage_words(doc)) for _ in own]
    starts = [parent.index(text) if text in parent else 0 for text in range(max(parent) + 1)]
    found = np.argwhere(targets["spans"] == 1).tolist()
    return {(parent[i], i - starts[parent[i]], i - starts[parent[i]] + more) for i, more in found}


def test_given_passages_are_kept() -> None:
    for doc, wanted in ((asked()[0], {1}), (asked()[1], {0, 1})):
        for seed in range(3):
            model = model_of(chain(k=len(wanted)), seed=seed)
            found = model.predict([doc], given=["retrieve"])[0]
            assert found.keys() == {"read", "rerank"}
            assert set(found["read"]["text"].tolist()) == wanted
    pruned = {int(model_of(chain(k=1), seed=s).predict([asked()[0]])[0]["read"]["text"][0]) for s in range(6)}
    assert len(pruned) > 1, "otherwise this test shows nothing"


def test_given_answers_are_candidates() -> None:
    doc = asked()[1]
    for seed in range(3):
        model = model_of(chain(spans=2), seed=seed)
        found = model.predict([doc], given=["read"])[0]
        spans = {
            (int(t), int(a), int(b))
            for t, a, b, score in zip(*(found["rerank"][k] for k in ("text", "first", "last", "score")), strict=True)
            if np.isfinite(score)
        }
        assert spans >= gold_spans(doc)
        plain = model.predict([bare_copy(doc)], given=["read"])[0]["rerank"]
        same(plain, model.predict([doc])[0]["rerank"])


def test_gold_is_forced_among_the_candidates_in_training_alone() -> None:
    def found(model: CascadeModel) -> tuple[Output, dict[str, Tensor]]:
        batch = model.batch(asked(), targets=TASKS)
        return model(batch, TASKS)["rerank"], dict(batch.targets["rerank"])

    hits = Counter[bool]()
    for seed in range(3):
        model = model_of(chain(k=2, spans=3, gold=True), seed=seed)
        output, targets = found(model.train())
        right = model.task("rerank").gold_rows(output, targets) & output.rows.alive
        assert int(right.sum()) == int((targets["spans"] == 1).sum())
        model.eval()
        output, targets = found(model)
        hits[bool((model.task("rerank").gold_rows(output, targets) & output.rows.alive).sum() < right.sum())] += 1
    assert hits[True], "unforced, some gold is missed"


# 5. and 6. What is saved is the same when it is loaded.


def test_saved_and_loaded_it_answers_bit_for_bit_the_same(tmp_path: Path) -> None:
    model, docs = everything(), [*asked(), *odd()]
    storage.save(model, tmp_path / "model")
    loaded = storage.load(tmp_path / "model")
    for one, other in zip(model.predict(docs), loaded.predict(docs), strict=True):
        for name in one:
            assert all(np.array_equal(values, other[name][key]) for key, values in one[name].items())


# Graphs that cannot be.


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (lambda: graph_of(Retrieval("a"), Tagging("tag")), "a read the passages of a question, tag the Doc itself"),
        (lambda: graph_of(Reranking("a")), "'a' is about spans, but nothing upstream proposes any: add a Reading"),
        (
            lambda: graph_of(
                Reading("a"), Reading("b"), Reranking("c"), c={"a": [Candidates(2)], "b": [Candidates(2)]}
            ),
            "'c' is behind several tasks that propose spans: keep one",
        ),
    ],
)
def test_what_cannot_be_asked(graph: Any, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        CascadeModel(graph())


def test_the_encoder_has_to_read_questions_and_passages_together() -> None:
    model = CascadeModel(graph_of(Retrieval("a"), encoder=Convolutional(width=8, depth=1)))
    with pytest.raises(GraphError, match=r"'a': Convolutional reads no texts in the view 'asked'.*a Transformer"):
        model.initialize(asked())


def test_three_stages_learn_a_few_questions_by_heart() -> None:
    docs = asked()[:4]
    model = model_of(chain(gold=True, k=1, layers=(1, 2, 2)), std=None).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(60):
        optimizer.zero_grad()
        torch.stack(list(model.losses(model.batch(docs, targets=TASKS), TASKS).values())).sum().backward()
        optimizer.step()
    scores = evaluate(model.eval(), docs)
    assert {key: scores[key] for key in ("retrieve_mrr", "read_em", "rerank_em")} == {
        "retrieve_mrr": 1.0,
        "read_em": 1.0,
        "rerank_em": 1.0,
    }
    assert [[a.plain for a in documents.answers(doc) or []][:1] for doc in annotated(model, docs)] == [
        ["mara"],
        ["mara"],
        ["old clocks"],
        [],
    ]


def annotated(model: CascadeModel, docs: Sequence[Doc]) -> list[Doc]:
    copies = bare(docs)
    for doc, found in zip(copies, model.predict(copies), strict=True):
        for name in TASKS:
            model.task(name).annotate(doc, found[name])
    return copies


def test_boats_and_lamps_are_read_in_one_window_or_more() -> None:
    """The passages of these tests are longer and shorter than what the encoder reads at a time."""
    features = model_of(chain()).batch([question("who slept", [BOAT, LAMP]), NLP.make_doc("x")]).features["asked"]
    assert len(features["ids"]) >= 2
