from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from cascade.errors import DataError
from cascade.nn.rows import MISSING
from cascade.tasks import Relatedness


@pytest.fixture
def docs(nlp: Language, pair: Callable[..., Doc]) -> list[Doc]:
    single = nlp.make_doc("no pair")
    single.cats = {"relatedness": 3.0}
    return [
        pair("a dog runs", "the dog  is running", relatedness=4.7),
        pair("a dog runs", "the moon shines", relatedness=1.0),
        single,
        pair("stars shine", "", relatedness=2.25),
        pair("boats sail", "a boat sails", relatedness=5.0),
        pair("no", "score"),
    ]


def test_labels_are_fixed() -> None:
    assert tuple(Relatedness("rel").labels([])) == ("1", "2", "3", "4", "5")


def test_gold_is_the_sparse_distribution_of_the_paper() -> None:
    scores = [1.0, 4.7, 2.25, 5.0, MISSING]
    gold, known = Relatedness("rel").gold({"score": torch.tensor(scores)})
    expected = np.zeros((4, 5))
    for row, y in zip(expected, scores, strict=False):
        for i in range(1, 6):
            if i == np.floor(y) + 1:
                row[i - 1] = y - np.floor(y)
            elif i == np.floor(y):
                row[i - 1] = np.floor(y) - y + 1
    np.testing.assert_allclose(gold[:4].numpy(), expected, atol=1e-6)
    assert known.tolist() == [True] * 4 + [False]


def test_targets(docs: list[Doc], pair: Callable[..., Doc]) -> None:
    found = [Relatedness("rel").targets(doc) for doc in docs]
    assert [t and t["score"].tolist() for t in found] == [
        pytest.approx([y]) if y else None for y in (4.7, 1, 0, 2.25, 5, 0)
    ]
    with pytest.raises(DataError, match="from 1 to 5"):
        Relatedness("rel").targets(pair("a", "b", relatedness=0.5))


def test_round_trip(docs: list[Doc], perfect: Callable[..., Any]) -> None:
    copies, results = perfect(Relatedness("rel"), docs)
    for i in (0, 1, 3, 4):
        assert copies[i].cats == pytest.approx(docs[i].cats, abs=1e-4)
        assert type(copies[i].cats["relatedness"]) is float
    assert (copies[2].cats, results[2]) == ({}, {})
    assert results[0]["probabilities"] == pytest.approx(np.array([0, 0, 0, 0.3, 0.7]), abs=1e-4)


def test_the_loss_is_a_divergence(docs: list[Doc], built: Callable[..., Any]) -> None:
    model = built(Relatedness("rel"), docs=docs).eval()
    batch = model.batch(docs, targets=["rel"])
    output, task = model(batch, ["rel"])["rel"], model.task("rel")
    gold, known = task.gold(batch.targets["rel"])
    predicted = task.distribution(output)[known].detach().numpy()
    expected = stats.entropy(gold[known].numpy(), predicted, axis=1).mean()
    assert task.loss(output, batch.targets["rel"]).item() == pytest.approx(expected, rel=1e-4)
    assert model.losses(model.batch(docs[5:], targets=["rel"]), ["rel"]) == {}


def test_batches_without_pairs(docs: list[Doc], built: Callable[..., Any], nlp: Language) -> None:
    model = built(Relatedness("rel"), docs=docs)
    for batch in ([], [nlp.make_doc("")], docs[2:3]):
        predictions = model.predict(batch)
        assert all(len(p["rel"]["score"]) == 0 for p in predictions)


def test_scores(nlp: Language, pair: Callable[..., Doc]) -> None:
    gold, found = [1.0, 2.5, 4.0, 4.5], [1.5, 2.0, 4.5, 4.25]
    examples = [
        Example(pair("a", "b", relatedness=y), pair("a", "b", relatedness=x)) for x, y in zip(gold, found, strict=True)
    ]
    unscored = Example(pair("a", "b"), pair("a", "b", relatedness=3.0))
    scores = Relatedness("rel").score([*examples, unscored])
    assert scores == pytest.approx(
        {
            "relatedness_mse": (0.25 + 0.25 + 0.25 + 0.0625) / 4,
            "relatedness_pearson": np.corrcoef(gold, found)[0, 1],
            "relatedness_spearman": 0.8,
        }
    )
    assert set(Relatedness("rel").score([unscored]).values()) == {None}
    assert Relatedness("rel").score(examples[:1])["relatedness_pearson"] is None


def test_a_small_model_learns_its_docs(
    docs: list[Doc], overfit: Callable[..., Any], predict: Callable[..., Any]
) -> None:
    model = overfit(Relatedness("rel", hidden=16), docs=docs)
    copies = predict(model, docs)
    scores = model.task("rel").score([Example(c, d) for c, d in zip(copies, docs, strict=True)])
    assert scores["relatedness_mse"] < 0.01
    assert scores["relatedness_spearman"] == pytest.approx(1.0)
