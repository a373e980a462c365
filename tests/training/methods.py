"""Every method, on one small graph or on the nearest one that it fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from spacy.tokens import Doc

from cascade import docs as documents
from cascade import storage
from cascade.graph import Hidden, Labels, Recurrent, TaskGraph, Tower
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding, Sluice, Transformer
from cascade.nn.encoders import Recurrent as RecurrentEncoder
from cascade.nn.encoders.base import EncoderSpec
from cascade.nn.encoders.transformer import LoRA
from cascade.nn.sharing import Bottleneck, ConditionalNorm, Conditioning, HyperNetwork, LowRank, SelectiveDropout
from cascade.tasks import Adversary, AutoEncoding, LanguageModeling, MaskedLanguageModeling, Sentences, Tagging
from cascade.tasks.base import Task
from cascade.training import Batches, Corpus, gradients, regularizers, sampling, schedules, weighting
from cascade.training.regularizers import measure_fisher, save_fisher
from cascade.training.unfreezing import Unfreezing
from tests.nn.tiny import save_tiny
from tests.training.conftest import make_docs, make_graph

Settings = Mapping[str, Any]
SMALL = Batches(docs=3)
TASKS = ("tags", "sents")
WORDS = Embedding(words=6, characters=6, vocabulary=20, buckets=40)


def settings(name: str, folder: Path) -> dict[str, Any]:
    """What a trainer is to be made with to use a method; files that it needs are left in a folder."""
    own = METHODS[name]
    return {"epochs": 3, "checkpoint_every": 1, **(own(folder) if callable(own) else own)}


def sampled(method: sampling.Sampling) -> Settings:
    return {"schedule": schedules.Sampled(sampling=method, batches=SMALL, length=4)}


def stack(encoder: EncoderSpec, *layers: Any, auxiliary: Task | None = None) -> TaskGraph:
    """Tags, and above them sentence boundaries; beside them a task that needs no gold."""
    graph = TaskGraph(encoder=encoder).add(Tagging("tags", layer=layers[0]))
    graph.add(Sentences("sents", layer=layers[-1]), after={"tags": [Hidden(), Labels(width=4, dropout=0.1)]})
    return graph if auxiliary is None else graph.add(auxiliary)


def pretrained(folder: Path, **given: Any) -> Settings:
    """A pretrained encoder in the place of word vectors."""
    torch.manual_seed(1)
    save_tiny(folder / "bert")
    return {"graph": stack(Transformer(str(folder / "bert"), bf16=False, hidden_dropout=0.1, **given), 1, 2)}


def conditioned(conditioning: Conditioning) -> Callable[[Path], Settings]:
    """Each task has its own way through it."""
    return lambda folder: pretrained(folder, conditioning=conditioning, fixed_body=not conditioning.train_body)


def aggregated(_: Path) -> Settings:
    pytest.importorskip("torchjd")
    return {"gradients": gradients.Aggregator(name="UPGrad"), "accumulate": 2}


def unfrozen(_: Path) -> Settings:
    encoder = RecurrentEncoder(embedding=WORDS, width=4, depth=2)
    return {"graph": stack(encoder, 1, 2), "unfreezing": Unfreezing()}


def beside(kind: type[Task], **given: Any) -> Callable[[Path], Settings]:
    encoder = RecurrentEncoder(embedding=WORDS, width=4, depth=1)
    return lambda _: {"graph": stack(encoder, 1, auxiliary=kind("words", **given))}


def towers(**given: Any) -> TaskGraph:
    return stack(Sluice(towers=TASKS, embedding=WORDS, width=4, depth=2, **given), *map(Tower, TASKS))


def shared_private(_: Path) -> Settings:
    """A shared layer that should not tell which corpus a text is from, and a private one for each task."""
    graph = TaskGraph(encoder=WORDS).add(Adversary("adversary", layer=Recurrent(4)))
    graph.add(Tagging("tags", layer=Recurrent(4)), after={"adversary": [Hidden()]})
    graph.add(Sentences("sents", layer=Recurrent(4)), after={"adversary": [Hidden()]})
    corpora = [
        Corpus(name=name, train=docs_of(name, 8, **own), dev=docs_of(name, 4, **own))
        for name, own in (("tagged", {"sentences": False}), ("split", {"tags": False}))
    ]
    return {"graph": graph, "corpora": corpora, "regularizers": [regularizers.Orthogonality()]}


def whole() -> list[Corpus]:
    """One corpus with gold for both tasks, so that a batch has two losses."""
    return [Corpus(train=make_docs(10), dev=make_docs(4, seed=1))]


def docs_of(domain: str, number: int, **annotated: bool) -> list[Doc]:
    docs = make_docs(number, **annotated)
    for doc in docs:
        documents.set_domain(doc, domain)
    return docs


def elastic(folder: Path) -> Settings:
    save_fisher(measure_fisher(taught(), make_docs(4)), folder / "fisher")
    return {"regularizers": [regularizers.Elastic(fisher=str(folder / "fisher"))]}


def distilled(folder: Path) -> Settings:
    storage.save(taught(), folder / "teacher")
    return {"regularizers": [regularizers.Distillation(teachers={"tags": str(folder / "teacher")}, epochs=2)]}


def taught() -> CascadeModel:
    torch.manual_seed(3)
    return CascadeModel(make_graph()).initialize(make_docs(10))


ALIKE = ("nodes.tags.recurrent.*weight_hh*", "nodes.sents.recurrent.*weight_hh*")

METHODS: Mapping[str, Settings | Callable[[Path], Settings]] = {
    "static": {"weighting": weighting.Static(weights={"tags": 0.3})},
    "uncertainty": {"weighting": weighting.Uncertainty()},
    "prioritization": {"weighting": weighting.Prioritization()},
    "dynamic average": {"weighting": weighting.DynamicAverage()},
    "gradnorm": {"weighting": weighting.GradNorm()},
    "random weights": {"weighting": weighting.RandomWeights()},
    "geometric": lambda _: {"weighting": weighting.Geometric(), "corpora": whole()},
    "pcgrad": {"gradients": gradients.PCGrad(), "accumulate": 2},
    "cagrad": {"gradients": gradients.CAGrad(), "accumulate": 2},
    "mgda": {"gradients": gradients.MGDA(), "accumulate": 2},
    "aggregator": aggregated,
    "uniform": sampled(sampling.Uniform()),
    "proportional": sampled(sampling.Proportional()),
    "temperature": sampled(sampling.Temperature()),
    "annealed": sampled(sampling.Annealed()),
    "loss-driven": sampled(sampling.LossDriven()),
    "gap-driven": sampled(sampling.GapDriven(goals={"tags": 0.9, "sents": 0.9})),
    "thompson": sampled(sampling.Thompson(main="sents")),
    "round robin": {"schedule": schedules.RoundRobin(batches=SMALL)},
    "mixed": {"schedule": schedules.Mixed(ratio={"tags": 2, "sents": 1}, batches=SMALL)},
    "successive": {"schedule": schedules.Successive(batches=SMALL), "regularizers": [regularizers.Successive()]},
    "curriculum": {"joins": {"sents": 0.4}, "join_warmup": 0.2},
    "unfreezing": unfrozen,
    "anchor": {"regularizers": [regularizers.Anchor()]},
    "elastic": elastic,
    "forgetless": {"regularizers": [regularizers.Forgetless()]},
    "distillation": distilled,
    "consistency": {"regularizers": [regularizers.Consistency()]},
    "soft sharing": {"regularizers": [regularizers.SoftSharing(between=ALIKE)]},
    "l2": {"regularizers": [regularizers.L2(strengths={"nodes.*": 1e-4})]},
    "sluice": lambda _: {"graph": towers(), "regularizers": [regularizers.Subspaces()]},
    "cross-stitch": lambda _: {"graph": towers(subspaces=1)},
    "adversarial": shared_private,
    "adapters": conditioned(Bottleneck(tasks=TASKS, reduction=3)),
    "lora": lambda folder: pretrained(folder, lora=LoRA(rank=2)),
    "lora by task": conditioned(LowRank(tasks=TASKS, rank=2)),
    "hypernetwork": conditioned(HyperNetwork(tasks=TASKS, reduction=4, size=6, hidden=5)),
    "conditional norm": conditioned(ConditionalNorm(tasks=TASKS, train_body=True)),
    "selective dropout": conditioned(SelectiveDropout(tasks=TASKS, share=0.7, seed=3)),
    "masked language": beside(MaskedLanguageModeling, layer=1, share=0.4),
    "language": beside(LanguageModeling, layer=Recurrent(4)),
    "auto-encoding": beside(AutoEncoding, layer=1),
    "vote": {"patience": 1, "vote": True, "best_by_task": True},
}
