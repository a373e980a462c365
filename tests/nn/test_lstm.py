from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from cascade.nn.lstm import BiLSTM
from cascade.nn.rows import Rows


def rows_of(lengths: list[int]) -> Rows:
    parent = torch.tensor([i for i, n in enumerate(lengths) for _ in range(n)], dtype=torch.long)
    return Rows(parent=parent, alive=torch.ones(len(parent), dtype=torch.bool), size=len(lengths))


def torch_twin(lstm: BiLSTM, inputs: int, width: int, depth: int) -> nn.LSTM:
    """torch's own bidirectional LSTM with the same weights."""
    twin = nn.LSTM(inputs, width, num_layers=depth, bidirectional=True, batch_first=True)
    own = lstm.state_dict()
    names = [name.removeprefix("ahead.0.").removesuffix("_l0") for name in own if name.startswith("ahead.0.")]
    twin.load_state_dict(
        {
            f"{name}_l{layer}{suffix}": own[f"{side}.{layer}.{name}_l0"]
            for side, suffix in (("ahead", ""), ("back", "_reverse"))
            for layer in range(depth)
            for name in names
        }
    )
    return twin


def packed(twin: nn.LSTM, states: Tensor, lengths: list[int]) -> Tensor:
    texts = [text for text in states.split(lengths) if len(text)]
    output, sizes = pad_packed_sequence(twin(pack_sequence(texts, enforce_sorted=False))[0], batch_first=True)
    return torch.cat([text[:size] for text, size in zip(output, sizes, strict=True)])


@settings(max_examples=25)
@given(st.lists(st.sampled_from([0, 1, 2, 3, 7, 9, 20, 40]), min_size=1, max_size=6), st.integers(1, 2))
def test_it_is_torchs_packed_bidirectional_lstm(lengths: list[int], depth: int) -> None:
    torch.manual_seed(1)
    lstm, states = BiLSTM(3, 4, depth=depth, dropout=0.5).eval(), torch.randn(sum(lengths), 3)
    found = lstm(states, rows_of(lengths))
    assert found.shape == (sum(lengths), lstm.width) == (sum(lengths), 8)
    if any(lengths):
        torch.testing.assert_close(found, packed(torch_twin(lstm, 3, 4, depth), states, lengths), atol=1e-6, rtol=1e-5)


def test_its_gradient_is_torchs() -> None:
    lengths = [3, 17, 1]
    lstm = BiLSTM(3, 4)
    first, second = torch.randn(21, 3, requires_grad=True), torch.randn(21, 3, requires_grad=True)
    second.data.copy_(first.data)
    weights = torch.randn(21, 8)
    (lstm(first, rows_of(lengths)) * weights).sum().backward()
    (packed(torch_twin(lstm, 3, 4, 1), second, lengths) * weights).sum().backward()
    torch.testing.assert_close(first.grad, second.grad)


def test_no_state_passes_from_group_to_group() -> None:
    lstm, states = BiLSTM(3, 4), torch.randn(30, 3)
    before = lstm(states, rows_of([5, 20, 5]))
    changed = states.clone()
    changed[5:25] += 1
    after = lstm(changed, rows_of([5, 20, 5]))
    assert torch.equal(after[:5], before[:5])
    assert torch.equal(after[25:], before[25:])
    assert not torch.isclose(after[5:25], before[5:25]).all(1).any()


def test_dropout_falls_between_layers_only_in_training() -> None:
    states, rows = torch.randn(6, 3), rows_of([6])
    one, two = BiLSTM(3, 4, dropout=0.9), BiLSTM(3, 4, depth=2, dropout=0.9)
    assert torch.equal(one(states, rows), one(states, rows))
    assert not torch.equal(two(states, rows), two(states, rows))
    assert torch.equal(two.eval()(states, rows), two(states, rows))


@pytest.mark.parametrize("inputs", [2, 50])
def test_weights_begin_within_glorots_bound_and_forget_biases_at_one(inputs: int) -> None:
    lstm = BiLSTM(inputs, 4)
    for side in (lstm.ahead[0], lstm.back[0]):
        assert isinstance(side, nn.LSTM)
        assert 0 < side.weight_ih_l0.abs().max() <= (6 / (4 + inputs)) ** 0.5
        assert 0 < side.weight_hh_l0.abs().max() <= (6 / 8) ** 0.5
        gates = (side.bias_ih_l0 + side.bias_hh_l0).view(4, 4)
        assert gates.tolist() == [[0] * 4, [1] * 4, [0] * 4, [0] * 4]
