from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cascade.errors import TrainingError
from cascade.nn.encoders import Transformer
from cascade.nn.encoders.transformer import TransformerEncoder
from cascade.retrieval.encoding import TextEncoder
from cascade.training.contrastive import Epoch, contrastive_loss, fit_retriever
from cascade.training.mining import Mining, Pair
from tests.retrieval.letters import transformer
from tests.retrieval.made import passage

# A question is answered where its letter is spelt out.
LETTERS = "abcdefgh"
PASSAGES = [passage(f"{letter}#0", f"{letter} {letter} {letter} x") for letter in LETTERS]
PAIRS = [Pair(question=f"{letter} {letter}?", positives=(f"{letter}#0",)) for letter in LETTERS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return transformer(tmp_path_factory.mktemp("bert"))


def encoder(folder: str) -> TransformerEncoder:
    return Transformer(folder, bf16=False, hidden_dropout=0.0).build()


def fit(made: TransformerEncoder, pairs: list[Pair] = PAIRS, **settings: Any) -> list[Epoch]:
    return fit_retriever(made, pairs, PASSAGES, **{"epochs": 2, "batch": 4, "rate": 1e-2, **settings})


def recall(made: TransformerEncoder, layer: int | None = None) -> float:
    text_encoder = TextEncoder(made, layer=layer)
    vectors = text_encoder.encode([p.text for p in PASSAGES]), text_encoder.encode([p.question for p in PAIRS])
    return float((np.argmax(vectors[1] @ vectors[0].T, axis=1) == np.arange(len(PAIRS))).mean())


def test_the_loss_by_hand() -> None:
    cosines, target = torch.tensor([[0.5, 0.25, -1.0], [0.0, 0.5, 0.25]]), torch.tensor([0, 2])
    found = contrastive_loss(cosines, target, torch.zeros(2, 3, dtype=torch.bool), 0.5)
    first = -math.log(math.exp(1) / (math.exp(1) + math.exp(0.5) + math.exp(-2)))
    second = -math.log(math.exp(0.5) / (math.exp(0) + math.exp(1) + math.exp(0.5)))
    assert found.tolist() == pytest.approx([first, second])


def test_what_is_ignored_counts_for_nothing() -> None:
    cosines = torch.tensor([[0.5, 0.9, -0.3]], requires_grad=True)
    found = contrastive_loss(cosines, torch.tensor([0]), torch.tensor([[False, True, False]]), 1.0)
    assert found.tolist() == pytest.approx([math.log(1 + math.exp(-0.3 - 0.5))])
    (gradient,) = torch.autograd.grad(found.sum(), cosines)
    assert gradient[0, 1] == 0 and gradient[0, 0] == pytest.approx(-gradient[0, 2]) and gradient[0, 2] > 0


def test_a_question_without_a_negative() -> None:
    """Its loss would be 0, and nobody would see that it teaches nothing."""
    ignored = torch.tensor([[False, False], [False, True]])
    with pytest.raises(TrainingError, match="no negative in its batch"):
        contrastive_loss(torch.zeros(2, 2), torch.tensor([0, 0]), ignored, 1.0)


def test_no_negative_by_the_settings(folder: str) -> None:
    with pytest.raises(TrainingError, match="batch=1"):
        fit(encoder(folder), batch=1, mining=Mining(count=0))


def test_it_learns(folder: str) -> None:
    made, reported = encoder(folder), list[Epoch]()
    before = recall(made)
    history = fit(made, epochs=30, report=reported.append)
    assert reported == history and [epoch.number for epoch in history] == list(range(1, 31))
    assert history[-1].loss < history[0].loss / 4 and history[-1].accuracy > 0.9
    assert before < 0.5 and recall(made) > 0.9
    assert made.training


def test_a_low_layer_alone(folder: str) -> None:
    made = encoder(folder)
    above = [p.clone() for p in made.blocks[1].parameters()]
    fit(made, epochs=12, layer=1)
    assert recall(made, layer=1) > 0.9
    assert all(torch.equal(p, q) for p, q in zip(above, made.blocks[1].parameters(), strict=True))


def test_the_seed_decides_and_draws_no_one_elses_numbers(folder: str) -> None:
    first, again, other = (encoder(folder) for _ in range(3))
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    histories = [fit(made, seed=seed) for made, seed in ((first, 1), (again, 1), (other, 2))]
    assert torch.equal(torch.rand(1), expected)
    assert histories[0] == histories[1] != histories[2]
    assert all(torch.equal(p, q) for p, q in zip(first.parameters(), again.parameters(), strict=True))


def test_other_positives_are_no_negatives(folder: str) -> None:
    """Two questions, each answered by the other's passage too, have one passage left to be told from, a third one."""
    both = ("a#0", "b#0")
    pairs = [Pair(question="a?", positives=both), Pair(question="b?", positives=both)]
    (epoch,) = fit(encoder(folder), pairs, epochs=1, batch=2, mining=Mining(count=0), rate=0.0, temperature=1e9)
    # Of equal odds: its positive and the one or two others that were drawn for a batch without any negative.
    assert epoch.loss == pytest.approx(math.log(2), abs=1e-4)


def test_a_batch_of_one_passage_gets_another(folder: str) -> None:
    pairs = [Pair(question=question, positives=("a#0",)) for question in ("a?", "aa?")]
    (epoch,) = fit(encoder(folder), pairs, epochs=1, mining=Mining(count=0), temperature=1e9)
    assert epoch.loss == pytest.approx(math.log(2), abs=1e-4)


def test_hard_negatives_are_in_the_batch(folder: str) -> None:
    """Alone in its batch, a question is told from as many as were mined."""
    (epoch,) = fit(encoder(folder), epochs=1, batch=1, mining=Mining(count=3, margin=math.inf), temperature=1e9)
    assert epoch.loss == pytest.approx(math.log(4), abs=1e-4) and epoch.mined == 3


def test_what_an_epoch_shows(folder: str) -> None:
    pairs = [Pair(question="a?", positives=("a#0",), answers=("b b", "c x"))]
    (epoch,) = fit(encoder(folder), pairs, epochs=1, mining=Mining(count=9, margin=math.inf))
    assert (epoch.mined, epoch.false_negatives, epoch.close) == (5, 2 / 7, 0)
    (epoch,) = fit(encoder(folder), pairs, epochs=1, mining=Mining(count=9, margin=-math.inf))
    assert (epoch.mined, epoch.false_negatives, epoch.close) == (0, 2 / 7, 5 / 7)


def test_a_loss_that_is_not_finite(folder: str) -> None:
    made = encoder(folder)
    with torch.no_grad():
        next(made.blocks.parameters()).fill_(torch.nan)
    with pytest.raises(TrainingError, match="the loss became nan"):
        fit(made, mining=Mining(count=0))


def test_trained_saved_and_found_again(folder: str, tmp_path: Path) -> None:
    from cascade.retrieval.encoding import text_encoder
    from cascade.training.transformers import save_transformer

    made = encoder(folder)
    fit(made)
    save_transformer(made, tmp_path / "trained")
    again = text_encoder(str(tmp_path / "trained"))
    assert again.fingerprint == TextEncoder(made, name="trained").fingerprint
