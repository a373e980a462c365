from __future__ import annotations

import pytest
import torch
from spacy.tokens import Doc
from spacy.vocab import Vocab

from cascade.errors import TrainingError
from cascade.graph import TaskGraph, Tower
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding, Sluice
from cascade.tasks import Tagging
from cascade.training.regularizers import Subspaces
from tests.training.regularizers.diamonds import added


@pytest.fixture
def texts(vocab: Vocab) -> list[Doc]:
    return [Doc(vocab, words=["a", "b"], tags=["A", "B"])]


def sluice(docs: list[Doc], subspaces: int) -> CascadeModel:
    embedding = Embedding(words=2, characters=3, vocabulary=50, buckets=20)
    encoder = Sluice(towers=("pos", "other"), embedding=embedding, width=6, depth=2, subspaces=subspaces)
    return CascadeModel(TaskGraph(encoder=encoder).add(Tagging("pos", layer=Tower("pos"), hidden=4))).initialize(docs)


@pytest.mark.parametrize("subspaces", [2, 3])
def test_the_penalty_gate_by_gate(texts: list[Doc], subspaces: int) -> None:
    model, regularizer = sluice(texts, subspaces), Subspaces(strength=0.1)
    regularizer.begin(model, sweeps=False)
    expected, units = 0.0, 6 // subspaces
    for name, parameter in model.encoder.named_parameters():
        if name.startswith("lstms.") and parameter.dim() == 2:
            for gate in parameter.detach().double().split(6):
                parts = gate.split(units)
                for i in range(subspaces):
                    for j in range(i):
                        expected += float(torch.linalg.matrix_norm(parts[i].T @ parts[j]) ** 2)
    penalty = added(regularizer, ["pos"])
    assert penalty.item() == pytest.approx(0.1 * expected, rel=1e-5)
    penalty.backward()
    assert model.encoder.lstms["other"][1].back[0].weight_hh_l0.grad.any()  # type: ignore[index,union-attr]


def test_encoders_without_subspaces(texts: list[Doc], diamond: CascadeModel) -> None:
    for model in (diamond, sluice(texts, 1)):
        with pytest.raises(TrainingError, match="expected a Sluice with subspaces=2 or more, got (Embedding|Sluice)"):
            Subspaces().begin(model, sweeps=False)
