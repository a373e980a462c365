from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from spacy.tokens import Doc

from cascade.errors import TrainingError
from cascade.graph import Recurrent, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding
from cascade.tasks import Entailment, LanguageModeling, Tagging
from cascade.training.regularizers import Consistency
from cascade.training.regularizers.consistency import _divergence
from cascade.training.schedules import Step

Make = Callable[..., list[Doc]]
BOTH = ("tags", "sents")


def penalty(model: CascadeModel, regularizer: Consistency, docs: list[Doc], tasks: tuple[str, ...]) -> torch.Tensor:
    regularizer.begin(model, sweeps=False)
    batch = model.batch(docs, targets=tasks)
    return regularizer.penalty(Step(docs, tasks), batch, model(batch, tasks))


def test_the_divergence_against_scipy() -> None:
    rng = np.random.default_rng(0)
    one, other = (torch.from_numpy(rng.dirichlet(np.ones(4), size=6)) for _ in range(2))
    expected = np.mean([jensenshannon(p, q) ** 2 for p, q in zip(one.numpy(), other.numpy(), strict=True)])
    assert _divergence(one, other).item() == pytest.approx(expected)
    assert _divergence(one, one).item() == pytest.approx(0.0, abs=1e-12)
    certain = torch.eye(4)
    assert _divergence(certain, certain.flip(0)).item() == pytest.approx(np.log(2))


@pytest.mark.parametrize("span", [False, True])
def test_it_is_the_loss_of_the_view_and_the_divergence(model: CascadeModel, docs: Make, span: bool) -> None:
    """Worked out from a batch of Docs whose words have been replaced by hand."""
    model.eval()
    some, regularizer = docs(3), Consistency(strength=0.5, share=0.3, span=span)
    regularizer.begin(model, sweeps=False)
    torch.manual_seed(4)
    masked = [regularizer._masked([t.text for t in doc], model.encoder.mask) for doc in some]
    tags = [[t.tag_ for t in doc] for doc in some]
    cut = [Doc(doc.vocab, words=words, tags=own) for doc, words, own in zip(some, masked, tags, strict=True)]
    views = [model.batch(x, targets=["tags"]) for x in (some, cut)]
    loss = model.losses(views[1], ["tags"])["tags"]
    shares = [model.task("tags").distribution(model(view, ["tags"])["tags"]) for view in views]
    torch.manual_seed(4)
    found = penalty(model, regularizer, some, ("tags",))
    torch.testing.assert_close(found, 0.5 * (loss + _divergence(*shares)))


def test_what_is_masked(model: CascadeModel) -> None:
    words = [f"w{i}" for i in range(20)]
    tokens, spans = Consistency(share=0.2), Consistency(share=0.2, span=True)
    drawn = [[word == "?" for word in tokens._masked(words, "?")] for _ in range(2000)]
    assert np.mean(drawn) == pytest.approx(0.2, abs=0.02)
    for _ in range(50):
        places = [i for i, word in enumerate(spans._masked(words, "?")) if word == "?"]
        assert places == list(range(places[0], places[0] + 4))
    assert spans._masked([], "?") == tokens._masked([], "?") == []


def test_docs_without_gold_are_judged_alike_all_the_same(model: CascadeModel, docs: Make) -> None:
    bare = [Doc(doc.vocab, words=[t.text for t in doc]) for doc in docs(3)]
    found = penalty(model.eval(), Consistency(share=0.5), bare, ("tags",))
    assert 0 < found.item() < np.log(2)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_share_that_makes_no_sense_is_an_error(model: CascadeModel, share: float) -> None:
    with pytest.raises(TrainingError, match="between 0 and 1"):
        Consistency(share=share).begin(model, sweeps=False)


def test_a_language_model_is_trained_by_the_view_but_not_compared(docs: Make) -> None:
    graph = TaskGraph(encoder=Embedding(words=6, characters=6, vocabulary=20, buckets=40)).add(Tagging("tags"))
    graph.add(LanguageModeling("lm", layer=Recurrent(4, dropout=0.0)))
    made, regularizer = CascadeModel(graph).initialize(docs(5)).eval(), Consistency(share=0.3)
    found = penalty(made, regularizer, docs(3), ("tags", "lm"))
    assert found.item() > penalty(made, regularizer, docs(3), ("tags",)).item() > 0
    assert regularizer._judged == ["tags"]


def test_without_a_task_that_reads_each_text_by_itself_there_is_nothing_to_compare(docs: Make) -> None:
    graph = TaskGraph(encoder=Embedding(words=6)).add(Entailment("nli", view="together"))
    with pytest.raises(TrainingError, match="read each text by itself, but none of nli"):
        Consistency().begin(CascadeModel(graph), sweeps=False)
