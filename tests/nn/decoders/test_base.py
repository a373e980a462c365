from __future__ import annotations

import torch
from torch import nn

from cascade.nn.decoders.base import Classifier, Output
from cascade.nn.rows import Rows
from tests.layouts import layout_of

ROWS = Rows(parent=torch.zeros(5, dtype=torch.long), alive=torch.ones(5, dtype=torch.bool), size=1)


def test_a_classifier_is_a_hidden_relu_layer_and_a_linear_one() -> None:
    decoder, states = Classifier(4, hidden=7, classes=3), torch.randn(5, 4)
    twin = nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, 3))
    twin.load_state_dict(dict(zip(twin.state_dict(), decoder.state_dict().values(), strict=True)))
    scores = decoder(states, ROWS)
    torch.testing.assert_close(scores["logits"], twin(states))
    torch.testing.assert_close(scores["hidden"], twin[:2](states))
    assert scores["hidden"].shape == (5, decoder.hidden_width)


def test_dropout_falls_on_inputs_and_hidden_values_in_training_only() -> None:
    decoder, states = Classifier(400, hidden=300, classes=3, dropout=0.5), torch.ones(5, 400)
    first, second = decoder(states, ROWS), decoder(states, ROWS)
    assert not torch.equal(first["hidden"], second["hidden"])
    again = decoder.output(first["hidden"])
    assert not torch.allclose(first["logits"], again)
    decoder.eval()
    assert torch.equal(decoder(states, ROWS)["logits"], decoder(states, ROWS)["logits"])


def test_an_output_in_single_precision() -> None:
    scores = {"logits": torch.randn(5, 3, dtype=torch.bfloat16, requires_grad=True), "hidden": torch.randn(5, 2)}
    output = Output(
        rows=ROWS,
        hidden=scores["hidden"],
        scores=scores,
        decoder=nn.Identity(),  # type: ignore[arg-type]
        candidates=torch.zeros(5),
        layout=layout_of(ROWS),
    )
    widened = output.float()
    assert {score.dtype for score in widened.scores.values()} == {torch.float32}
    assert output.scores["logits"].dtype == torch.bfloat16
    widened.scores["logits"].sum().backward()
    assert scores["logits"].grad is not None
