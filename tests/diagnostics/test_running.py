from __future__ import annotations

import numpy as np
import pytest
import torch
from spacy.tokens import Doc

from cascade.diagnostics.running import examples, mode, parts_of, predict, require_gold, score, with_gold
from cascade.errors import DataError
from cascade.graph import Labels
from tests.diagnostics.made import VOCAB, accuracy, docs, masked, obedient, pair, tagged


@pytest.mark.parametrize("given", [[], ["up"]])
@pytest.mark.parametrize("words", [1, 7, 4000])
def test_predictions_are_those_of_the_model(given: list[str], words: int) -> None:
    model = pair(Labels(width=4))
    parts = parts_of(model, docs(), words)
    found = predict(model, parts, ["down"], given)
    ordered = [doc for part in parts for doc in part.docs]
    for own, expected in zip(found, model.predict(ordered, given=given), strict=True):
        assert own.keys() == {"down"}
        np.testing.assert_array_equal(own["down"]["label"], expected["down"]["label"])
        np.testing.assert_allclose(own["down"]["probability"], expected["down"]["probability"], atol=1e-5)


def test_a_strange_label_counts_as_unknown() -> None:
    model = pair(Labels(width=4))
    strange = Doc(VOCAB, words=["a0", "b1"], tags=["Z", "B"], pos=["NOUN", "VERB"])
    half = Doc(VOCAB, words=["a0", "b1"], tags=["", "B"], pos=["NOUN", "VERB"])
    one, other = (predict(model, parts_of(model, [doc], 10), ["down"], ["up"]) for doc in (strange, half))
    np.testing.assert_array_equal(one[0]["down"]["probability"], other[0]["down"]["probability"])


def test_scores_are_of_docs_with_gold() -> None:
    model, given = obedient(), [*docs(), tagged("AB", pos=False), Doc(VOCAB)]
    parts = parts_of(model, given, 5)
    made = examples(model, parts, predict(model, parts, ["down"]), "down")
    assert len(made) == 4
    assert score(model, made, "down") == ("pos_acc", pytest.approx(accuracy(model, "down", docs())))
    assert [len(doc) for doc in with_gold(model, given, ["up", "down"])] == [5, 4, 1, 4]


def test_another_gold_for_one_batch() -> None:
    model = obedient()
    (part,) = parts_of(model, [tagged("AAA")], 10)
    changed = part.with_gold("up", {"label": torch.tensor([0, 1, 2])})
    assert predict(model, [changed], ["down"], ["up"])[0]["down"]["label"].tolist() == [0, 1, 2]
    assert predict(model, [part], ["down"], ["up"])[0]["down"]["label"].tolist() == [0, 0, 0]


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_comes_back(training: bool) -> None:
    model = pair(Labels(width=4)).train(training)
    with pytest.raises(ZeroDivisionError), mode(model, training=not training):
        assert model.training is not training
        _ = 1 / 0
    assert model.training is training


def test_gold_is_required() -> None:
    require_gold(obedient(), docs())
    with pytest.raises(DataError, match="expected gold for up or down in 0 Docs"):
        require_gold(obedient(), [])


def test_auxiliary_tasks_hide_no_words_and_are_no_gold() -> None:
    model = masked()
    (part,) = parts_of(model, docs(), 4000)
    assert set(part.batch.targets) == {"up", "down"}
    for own, expected in zip(predict(model, [part], ["down"]), model.predict(part.docs), strict=True):
        np.testing.assert_allclose(own["down"]["probability"], expected["down"]["probability"], atol=1e-5)
    with pytest.raises(DataError, match="expected gold for up or down in 1 Docs"):
        require_gold(model, [Doc(VOCAB, words=["a0"])])
