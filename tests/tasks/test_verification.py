from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from spacy.tokens import Doc
from spacy.training import Example

from cascade import docs as documents
from cascade.errors import GraphError
from cascade.evaluation import bare_copy
from cascade.graph import Candidates, Hidden
from cascade.model import CascadeModel
from cascade.nn.decoders.base import Classifier, Output
from cascade.nn.rows import MISSING
from cascade.tasks import Reading, Retrieval, Verification
from cascade.tasks.verification import right_classes
from cascade.testing import check_task, tiny_transformer
from tests.questions import BOAT, CLOCK, LAMP, NLP, graph_of, odd, question
from tests.tasks.test_reranking import BROUGHT, LENGTHS, SPANS
from tests.tasks.test_reranking import output_of as spans_of

YES, NO = {"CONTRADICT": 0.0, "SUPPORT": 1.0}, {"CONTRADICT": 1.0, "SUPPORT": 0.0}
LOGITS = torch.tensor([[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [0.5, 0.5, 0.5], [2.0, 0.0, 1.0], [0, 4.0, 0], [1.0, 1.0, 0]])


def claim(passages: Sequence[str], evidence: Sequence[tuple[int, str]] | None, cats: dict[str, float]) -> Doc:
    doc = question("mara is awake", passages, evidence)
    doc.cats = dict(cats)
    return doc


def claims() -> list[Doc]:
    """Supported, contradicted in two passages, without evidence, with evidence that says nobody knows what, unknown."""
    return [
        claim([CLOCK, LAMP], [(1, "the lamp was lit by mara")], YES),
        claim([BOAT, LAMP], [(0, "mara slept"), (1, "at nine")], NO),
        claim([CLOCK], [], {}),
        claim([LAMP], [(0, "lit by mara")], {}),
        claim([BOAT], None, YES),
    ]


def task_of(**settings: Any) -> Verification:
    task = Verification("v", **settings)
    task.vocabulary = ("CONTRADICT", "SUPPORT")
    return task


def output_of(alive: Sequence[bool] | None = None) -> Output:
    output = spans_of(alive)
    decoder = Classifier(2, hidden=2, classes=3)
    return replace(output, scores={"logits": LOGITS.clone().requires_grad_()}, decoder=decoder)


def targets_of(
    *gold: tuple[int, int], label: int | Sequence[int] = 1, unknown: Sequence[int] = ()
) -> dict[str, torch.Tensor]:
    """Gold spans, and the label of every token or of all."""
    table = torch.zeros(sum(LENGTHS), 3, dtype=torch.long)
    for first, last in gold:
        table[first, last - first] = 1
    table[list(unknown)] = MISSING
    return {"spans": table, "label": torch.tensor(label).expand(sum(LENGTHS)).clone()}


def test_labels_are_those_of_claims_whose_evidence_is_known() -> None:
    assert Verification("v").labels(claims()) == ["CONTRADICT", "SUPPORT"]
    other = NLP.make_doc("no question")
    other.cats = {"POSITIVE": 1.0}
    assert Verification("v").labels([*claims()[2:], other]) == []


def test_targets() -> None:
    task, read = task_of(longest=8), Reading("r", longest=8)
    found = [task.targets(doc) for doc in claims()]
    labels = [None if own is None else set(own["label"].tolist()) for own in found]
    assert labels == [{1}, {0}, {MISSING}, {MISSING}, None]
    for doc, own in zip(claims()[:4], found, strict=False):
        spans = read.targets(doc)
        assert own is not None and spans is not None
        assert np.array_equal(own["spans"], spans["spans"]) and len(own["label"]) == len(own["spans"])
    assert {key: value.shape for key, value in task.blank(3).items()} == {"spans": (3, 8), "label": (3,)}
    assert task.targets(NLP.make_doc("plain")) is None


def test_what_candidates_are() -> None:
    """Half of the words shared makes a candidate evidence, none shared makes it none, less than half is not known."""
    spans = torch.tensor(SPANS)  # (0, 0), (0, 1), (2, 3), (4, 5), (6, 6), (7, 8)
    found = right_classes(spans, targets_of((0, 2), (4, 6)))
    f1 = [1 / 2, 4 / 5, 2 / 5, 4 / 5, 1 / 2, 0]
    assert found.tolist() == [2 if share >= 0.5 else MISSING if share else 0 for share in f1]
    assert right_classes(spans, targets_of((0, 2), label=0)).tolist()[:2] == [1, 1]
    unlabelled = right_classes(spans, targets_of((0, 2), label=MISSING))
    assert unlabelled.tolist() == [MISSING, MISSING, MISSING, 0, 0, 0], "that there is no evidence needs no label"
    assert right_classes(spans, targets_of((0, 2), unknown=[7])).tolist()[-1] == MISSING
    assert right_classes(spans, targets_of(unknown=range(9))).tolist() == [MISSING] * 6
    assert right_classes(spans[:0], targets_of()).tolist() == []


def cross_entropy(row: int, right: int) -> float:
    none, *evidence = LOGITS[row].tolist()
    logits = [none, *(value + BROUGHT[row] for value in evidence)]
    return math.log(sum(map(math.exp, logits))) - logits[right]


def test_the_loss_by_hand() -> None:
    """The scores that edges bring are for evidence, whatever it says."""
    output = output_of([True, True, True, True, False, True])
    loss = task_of().loss(output, targets_of((0, 2), (4, 6)))
    kept = [(0, 2), (1, 2), (3, 2), (5, 0)]
    assert loss.item() == pytest.approx(sum(cross_entropy(*each) for each in kept) / len(kept), rel=1e-5)
    loss.backward()
    grad = output.scores["logits"].grad
    assert grad is not None
    assert grad.abs().sum(1).gt(0).tolist() == [True, True, False, True, False, True]


def test_without_gold_or_candidates_the_loss_is_zero_and_has_a_gradient() -> None:
    for output, targets in (
        (output_of(), targets_of(unknown=range(9))),
        (output_of([False] * 6), targets_of((0, 1))),
        (output_of(), targets_of((0, 2), (4, 6), (7, 8), label=MISSING)),
    ):
        loss = task_of().loss(output, targets)
        assert loss.item() == 0
        loss.backward()


def test_predictions() -> None:
    with torch.no_grad():
        found = task_of().decode(output_of([True] * 5 + [False]))
    for row in range(5):
        expected = [math.exp(-cross_entropy(row, right)) for right in (1, 2)]
        np.testing.assert_allclose(found["probability"][row], expected, rtol=1e-5)
    assert found["probability"][5].tolist() == [0.0, 0.0]
    assert found["text"].tolist() == [0, 0, 0, 1, 1, 2]
    assert (found["first"][3], found["last"][3]) == (0, 1)


def predicted(doc: Doc, *spans: tuple[int, float, float], overwrite: bool = True) -> Doc:
    """A Doc annotated with spans: number of the passage, probabilities of CONTRADICT and SUPPORT."""
    made = bare_copy(doc)
    text, *probability = np.array(spans, dtype=np.float32).reshape(-1, 3).T
    task_of().annotate(
        made, {"text": text.astype(int), "probability": np.stack(probability, axis=1)}, overwrite=overwrite
    )
    return made


def test_a_claim_has_its_best_passage_and_that_its_best_evidence() -> None:
    doc = predicted(claims()[1], (0, 0.1, 0.2), (1, 0.7, 0.1), (1, 0.3, 0.6))
    assert doc.cats == pytest.approx({"CONTRADICT": 0.7, "SUPPORT": 0.6})
    assert documents.stage(doc, "v") == {"claim": "CONTRADICT", "passages": {"p1": "CONTRADICT"}}
    unsure = predicted(claims()[1], (0, 0.3, 0.4), (1, 0.5, 0.1))
    assert documents.stage(unsure, "v") == {"claim": None, "passages": {}}, "a half is not enough"
    assert predicted(claims()[1]).cats == {"CONTRADICT": 0.0, "SUPPORT": 0.0}
    assert predicted(question("who", [])).cats == {"CONTRADICT": 0.0, "SUPPORT": 0.0}


def test_categories_that_are_there_already() -> None:
    doc = claims()[0]
    found = {"text": np.array([0]), "probability": np.array([[0.9, 0.0]], dtype=np.float32)}
    task_of().annotate(doc, found, overwrite=False)
    assert doc.cats == YES
    task_of().annotate(doc, found)
    assert doc.cats == pytest.approx({"CONTRADICT": 0.9, "SUPPORT": 0.0})
    plain = NLP.make_doc("plain")
    before = plain.to_bytes()
    assert task_of().annotate(plain, found) == {}
    assert plain.to_bytes() == before


def test_scores_by_hand() -> None:
    """Two of three passages with evidence are found, one of them with the right label; one more is found wrongly."""
    supported, contradicted, nothing, unclear, unknown = claims()
    examples = [
        Example(predicted(supported, (1, 0.1, 0.8)), supported),
        Example(predicted(contradicted, (0, 0.1, 0.9)), contradicted),
        Example(predicted(nothing, (0, 0.6, 0.1)), nothing),
    ]
    others = [Example(predicted(doc, (0, 0.9, 0.0)), doc) for doc in (unclear, unknown)]
    expected = {"v_f": 2 * 1 / (3 + 3), "v_p": 1 / 3, "v_r": 1 / 3, "v_acc": 1 / 3}
    assert task_of().score([*examples, *others]) == pytest.approx(expected)
    right = Example(predicted(nothing), nothing)
    assert task_of().score([examples[0], right]) == {"v_f": 1.0, "v_p": 1.0, "v_r": 1.0, "v_acc": 1.0}
    assert task_of().score([right]) == {"v_f": 0.0, "v_p": 0.0, "v_r": 0.0, "v_acc": 1.0}
    assert task_of().score(others) == dict.fromkeys(["v_f", "v_p", "v_r", "v_acc"])


def test_evidence_in_a_passage_that_was_not_found_counts() -> None:
    reference = claim([LAMP, BOAT], [(0, "at nine"), (1, "mara slept")], YES)
    short = question("mara is awake", [LAMP])
    assert task_of().score([Example(predicted(short, (0, 0.0, 0.9)), reference)])["v_r"] == 0.5


def test_it_keeps_the_contract_of_a_task() -> None:
    check_task(Verification("v", layer=2, hidden=8, longest=8), claims())
    check_task(Verification("v", pool="mean", hidden=8), claims())


def test_a_chain_learns_what_evidence_says() -> None:
    """Retrieve -> rationale -> label, all trained together."""
    graph = graph_of(
        Retrieval("retrieve", layer=1, hidden=8),
        Reading("rationale", layer=2, spans=3, longest=8, overlap="any"),
        Verification("label", layer=3, hidden=8, longest=8),
        rationale={"retrieve": [Candidates(1, gold=True)]},
        label={"rationale": [Hidden(), Candidates(2, gold=True)]},
    )
    torch.manual_seed(0)
    model, docs = CascadeModel(graph), claims()[:3]
    model.build({name: tuple(model.task(name).labels(docs)) for name in graph.names()}, assets=tiny_transformer(3))
    optimizer, names = torch.optim.Adam(model.parameters(), lr=0.01), graph.names()
    for _ in range(60):
        losses = model.losses(model.train().batch(docs, targets=names), names)
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
    task, made = model.task("label"), [bare_copy(doc) for doc in docs]
    for doc, found in zip(made, model.eval().predict(made), strict=True):
        task.annotate(doc, found["label"])
    assert task.score([Example(*each) for each in zip(made, docs, strict=True)])["label_acc"] == 1.0
    for doc, found in zip(odd(), model.predict(odd()), strict=True):
        task.annotate(doc, found["label"])


@pytest.mark.parametrize("settings", [{"pool": "sum"}, {"hidden": 0}, {"longest": 0}, {"dropout": 1.0}])
def test_wrong_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(GraphError, match=next(iter(settings))):
        Verification("v", **settings)
