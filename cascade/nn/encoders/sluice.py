"""A tower of bidirectional LSTMs for every task, and learned exchange between the towers after every layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn

from cascade.errors import GraphError
from cascade.graph import out_of_range
from cascade.nn.encoders.base import Encoder, Features, State, narrowed
from cascade.nn.encoders.embedding import Embedding, WordEmbedding
from cascade.nn.encoders.words import word_features
from cascade.nn.lstm import BiLSTM
from cascade.nn.rows import Rows


@dataclass(frozen=True, kw_only=True)
class Sluice:
    """Sluice networks: towers of LSTMs that mix their subspaces after every layer (Ruder et al. 2019, section 2).

    The states h_{t,g} of tower t in subspace g become sum_{u,f} alpha_{tg,uf} h_{u,f}, with alpha learned for each
    layer: they are what tasks read of the layer with `Tower`, and what its next one is fed with. The states of all
    towers lie side by side. With one subspace these are the cross-stitch units of Misra et al. (2016, section 3). The
    penalty that keeps subspaces apart is the regularizer `Subspaces`.

    Args:
        towers: Their names, usually those of the tasks.
        embedding: Layer 0, which the towers share.
        width: Hidden units per direction and tower; layers 1 and up are 2 * width * towers wide.
        depth: Number of the highest layer.
        dropout: Share of each LSTM's inputs dropped in training.
        subspaces: Parts that the states of each direction are cut into.
        balanced: Whether all of alpha begins as 1 / (towers * subspaces). Otherwise a state begins with 0.9 of its own
            tower and 0.1 of the others together, times, with several subspaces, 0.95 of its own and 0.05 of the others.

    Raises:
        GraphError: A number is out of range, or the names are not several different ones that torch modules can have.
    """

    towers: tuple[str, ...]
    embedding: Embedding = field(default_factory=Embedding)
    width: int = 100
    depth: int = 2
    dropout: float = 0.2
    subspaces: int = 2
    balanced: bool = False

    def __post_init__(self) -> None:
        problems = out_of_range("Sluice", self, sizes=("width", "depth", "subspaces"), shares=("dropout",))
        if len(set(self.towers)) < max(2, len(self.towers)):
            problems.append(
                f"Sluice needs towers of two or more different names, got {', '.join(self.towers) or 'none'}"
            )
        problems += [
            f"Sluice has a tower {tower!r}: give it a name without dots that no method of torch modules has"
            for tower in self.towers
            if not tower or "." in tower or hasattr(nn.ModuleDict(), tower)
        ]
        if self.subspaces >= 1 and self.width % self.subspaces:
            problems.append(
                f"Sluice: subspaces={self.subspaces} does not divide width={self.width}: choose one that does"
            )
        if problems:
            raise GraphError(problems)

    def build(self, assets: Mapping[str, bytes] | None = None) -> SluiceEncoder:
        """Make the module."""
        return SluiceEncoder(self)


class Exchange(nn.Module):
    """What the towers give to one another after a layer: alpha.

    Args:
        towers: Their number.
        subspaces: Subspaces of each.
        balanced: See `Sluice`.
    """

    def __init__(self, towers: int, subspaces: int, *, balanced: bool) -> None:
        super().__init__()
        size = towers * subspaces
        self.subspaces = subspaces
        among = torch.kron(_mostly_own(towers, 0.9), _mostly_own(subspaces, 0.95))
        self.alpha = nn.Parameter(torch.full((size, size), 1 / size) if balanced else among)

    def forward(self, states: Tensor) -> Tensor:
        """Mix; each direction by itself.

        Args:
            states: Of one layer of every tower, forward beside backward. Shape: [tokens, towers, 2, width].

        Returns:
            The same shape.
        """
        tokens, towers, directions, width = states.shape
        parts = states.view(tokens, towers, directions, self.subspaces, width // self.subspaces)
        alpha = self.alpha.view(towers, self.subspaces, towers, self.subspaces)
        return torch.einsum("tguf,nudfw->ntdgw", alpha, parts).reshape(states.shape)


class SluiceEncoder(Encoder):
    """Towers of bidirectional LSTMs; the carry is the highest layer's states of the rows that are left.

    Args:
        spec: What to build.
    """

    def __init__(self, spec: Sluice) -> None:
        super().__init__()
        self.spec, self.towers = spec, spec.towers
        self.embedding = WordEmbedding(spec.embedding)
        self.widths = (self.embedding.width, *[2 * spec.width * len(spec.towers)] * spec.depth)
        inputs = [self.embedding.width, *[2 * spec.width] * (spec.depth - 1)]
        self.lstms = nn.ModuleDict({t: nn.ModuleList(BiLSTM(n, spec.width) for n in inputs) for t in spec.towers})
        self.exchanges = nn.ModuleList(
            Exchange(len(spec.towers), spec.subspaces, balanced=spec.balanced) for _ in inputs
        )
        self.dropout = nn.Dropout(spec.dropout)

    def prepare(self, texts: Iterable[Sequence[str]]) -> None:
        """Fill the vocabulary."""
        self.embedding.vocabulary.fill(texts)

    def features(self, texts: Sequence[Sequence[str]]) -> Features:
        """Hash the words; see `word_features`."""
        return word_features(texts)

    def layer_of(self, parameter: str) -> int | None:
        """Layer i for the i-th LSTM of each tower and the exchange behind these, and layer 0 for all else."""
        path = parameter.split(".")
        number = {"lstms": 2, "exchanges": 1}.get(path[0])
        return 0 if number is None else int(path[number]) + 1

    def embed(self, features: Features, rows: Rows) -> State:
        """Layer 0: the vectors."""
        states = self.embedding(features)
        return State(rows=rows, index=None, total=len(rows)).reached(states, carry=states)

    def step(self, state: State) -> State:
        """One LSTM of every tower higher, and the exchange behind it."""
        number, towers, width = len(state.layers) - 1, len(self.towers), self.spec.width
        below = [state.carry] * towers if number == 0 else state.carry.chunk(towers, dim=1)
        lstms = [cast(nn.ModuleList, tower)[number] for tower in self.lstms.values()]
        own = [lstm(self.dropout(inputs), state.rows) for lstm, inputs in zip(lstms, below, strict=True)]
        mixed = self.exchanges[number](torch.stack(own, dim=1).view(-1, towers, 2, width)).flatten(1)
        return state.reached(mixed, carry=mixed)

    def narrow(self, state: State, keep: Tensor) -> State:
        """Go on with some of the texts only."""
        return narrowed(state, keep, state.carry[keep])

    def subspaces(self) -> list[Tensor]:
        """The LSTMs' matrices, gate by gate and cut into subspaces. Shape of each: [4, subspaces, units, inputs]."""
        cut = (4, self.spec.subspaces, self.spec.width // self.spec.subspaces, -1)
        return [weight.view(cut) for name, weight in self.lstms.named_parameters() if "weight" in name]


def _mostly_own(size: int, own: float) -> Tensor:
    """A matrix whose rows sum to 1, with `own` on its diagonal. Shape: [size, size]."""
    if size == 1:
        return torch.ones(1, 1)
    return torch.full((size, size), (1 - own) / (size - 1)).fill_diagonal_(own)
