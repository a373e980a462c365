"""Accuracy on the 16 domains of FDU-MTL: a model for every domain, hard sharing, shared-private with an adversary.

    python -m tests.bench.fdu OUT --encoder recurrent
    python -m tests.bench.fdu OUT --encoder minilm --method single --method hard --share 0.25 --epochs 2

The recurrent encoder begins with word vectors made by MiniLM, which reads each word by itself. They take the place of
GloVe in the paper.

Every training writes its accuracies to a folder of its own below OUT and is not repeated where these are there. Dev
(the last 200 reviews of each training file) chooses the epoch; the figures are of test.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean

import spacy
import torch
from accelerate.utils import set_seed
from rich.console import Console
from rich.table import Table
from spacy.tokens import Doc
from torch import Tensor
from torch.nn import functional

from cascade import docs as documents
from cascade.data import downloads, read_fdu_mtl
from cascade.data.batches import by_length
from cascade.data.fdu_mtl import DOMAINS, Part, labels
from cascade.evaluation import bare_copy
from cascade.graph import Hidden, Layer, Recurrent, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding, Transformer
from cascade.nn.encoders import Recurrent as RecurrentEncoder
from cascade.nn.encoders.base import EncoderSpec
from cascade.nn.precision import Precision
from cascade.nn.rows import Rows
from cascade.tasks import Adversary, TextClassification
from cascade.training import Batches, Corpus, Trainer, curves, optimizers, schedules
from cascade.training.regularizers import Orthogonality, Regularizer
from tests.bench.grids import SEVERAL, keep, require_same

ENCODERS = ("recurrent", "minilm")
METHODS = ("single", "hard", "adversarial")
ADVERSARY = "adversary"
WIDTH = 200
"""Of word vectors."""
RATES = {"recurrent": 3e-3, "minilm": 5e-5}
HEADS = 10.0
"""How much faster the parts above a pretrained encoder learn than itself."""
BATCH = 2000
PRECISION: Precision = "bf16"

Accuracies = dict[str, float]


def make_graph(encoder: str, method: str, domains: Sequence[str]) -> TaskGraph:
    """The graph of a method; with `single` it is called with one domain at a time."""
    spec = make_encoder(encoder)
    graph = TaskGraph(encoder=spec)
    if method != "adversarial":
        for domain in domains:
            graph.add(make_task(domain, spec.depth))
        return graph
    graph.add(Adversary(ADVERSARY, layer=spec.depth, pool="mean"))
    for domain in domains:
        graph.add(make_task(domain, Recurrent(50, dropout=0.2)), after={ADVERSARY: [Hidden()]})
    return graph


def make_task(domain: str, layer: Layer) -> TextClassification:
    """Whether a review of a domain is positive."""
    return TextClassification(domain, layer=layer, classes=labels(domain), pool="mean", dropout=0.2)


def make_encoder(name: str) -> EncoderSpec:
    """The shared encoder."""
    if name == "minilm":
        return Transformer("minilm", window=384, stride=288, fixed_embeddings=True)
    return RecurrentEncoder(embedding=Embedding(words=WIDTH, characters=50), width=100, depth=1, dropout=0.2)


def make_model(graph: TaskGraph, docs: Sequence[Doc]) -> CascadeModel:
    """The model; a recurrent encoder knows what the words of these Docs mean by themselves."""
    model = CascadeModel(graph)
    if isinstance(graph.encoder, RecurrentEncoder):
        model.initialize(docs)
        words = sorted({token.text for doc in docs for token in doc})
        model.encoder.embedding.set_vectors(words, word_vectors(words, WIDTH))  # type: ignore[operator, union-attr]
    return model


@torch.inference_mode()
def word_vectors(words: Sequence[str], width: int) -> Tensor:
    """What MiniLM makes of words by themselves, in their main directions, as long as random vectors on average.

    Args:
        words: The words.
        width: Of a vector.

    Returns:
        Shape: [words, width].
    """
    spec = Transformer("minilm")
    encoder, made = spec.build().eval(), []
    for begin in range(0, len(words), 500):
        texts = [[word] for word in words[begin : begin + 500]]
        rows = Rows(parent=torch.arange(len(texts)), alive=torch.ones(len(texts), dtype=torch.bool), size=len(texts))
        state = encoder.embed(encoder.features(texts), rows)
        made.append(encoder.advance(state, spec.depth).read(spec.depth))
    states = torch.cat(made)
    states = states - states.mean(0)
    vectors = states @ torch.pca_lowrank(states, q=min(width, len(words)), center=False)[2]
    vectors = functional.pad(vectors, (0, width - vectors.shape[1]))
    return vectors / vectors.norm(dim=1).mean()


def read(domain: str, part: Part, *, share: float, words: int) -> list[Doc]:
    """The first reviews of a part, each up to a number of words."""
    nlp = spacy.blank("en")
    split = "train" if part != "all" else "test"
    path = downloads.find(f"fdu_mtl/{domain}-{split}")
    docs = list(read_fdu_mtl(path, vocab=nlp.vocab, domain=domain, part=part))
    return [cut(doc, words) for doc in docs[: max(8, round(share * len(docs)))]]


def cut(doc: Doc, words: int) -> Doc:
    """A review without what is beyond its first words."""
    short = doc[:words].as_doc() if len(doc) > words else doc
    short.cats = dict(doc.cats)
    documents.set_domain(short, documents.domain(doc))
    return short


def train(
    graph: TaskGraph, corpora: Sequence[Corpus], folder: Path, *, encoder: str, epochs: int, seed: int
) -> CascadeModel:
    """Train a model."""
    set_seed(seed)
    tasks = graph.names()
    regularizers: list[Regularizer] = [Orthogonality(normalized=True)] if ADVERSARY in tasks else []
    model = make_model(graph, [doc for corpus in corpora for doc in corpus.train])
    Trainer(
        model,
        corpora=corpora,
        schedule=schedules.Joint(batches=Batches(words=BATCH)),
        optimizer=optimizers.Adam(rate=RATES[encoder], curve=curves.WarmupLinear(), weight_decay=0.01),
        rates=dict.fromkeys(tasks, HEADS) if encoder == "minilm" else {},
        regularizers=regularizers,
        epochs=epochs,
        precision=PRECISION,
        seed=seed,
        cpu=True,
        console=Console(quiet=True),
    ).fit(folder, resume=True)
    return model.eval()


def accuracy(model: CascadeModel, docs: Sequence[Doc], domain: str) -> float:
    """Share of the reviews of a domain whose label is right."""
    names, right = model.task(domain).vocabulary, 0
    for places in by_length([documents.size(doc) for doc in docs], 4000):
        found = model.predict([bare_copy(docs[i]) for i in places], tasks=[domain])
        chosen = [names[int(own[domain]["probability"][0].argmax())] for own in found]
        right += sum(docs[i].cats[label] == 1 for i, label in zip(places, chosen, strict=True))
    return right / len(docs)


def run(
    method: str, seed: int, folder: Path, corpora: Mapping[str, Corpus], test: Mapping[str, list[Doc]], *,
    encoder: str, epochs: int,
) -> Accuracies:  # fmt: skip
    """Train a method and measure it, unless that has been done."""
    file = folder / "accuracy.json"
    if file.is_file():
        found: Accuracies = json.loads(file.read_text())
        return found
    accuracies: Accuracies = {}
    groups = [[domain] for domain in corpora] if method == "single" else [list(corpora)]
    for domains in groups:
        own = folder / (domains[0] if method == "single" else "all")
        graph, chosen = make_graph(encoder, method, domains), [corpora[domain] for domain in domains]
        model = train(graph, chosen, own, encoder=encoder, epochs=epochs, seed=seed)
        accuracies |= {domain: accuracy(model, test[domain], domain) for domain in domains}
    keep(file, accuracies)
    return accuracies


def table(found: Mapping[str, Sequence[Accuracies]], title: str) -> Table:
    """A line for every domain and one for their mean, a column for every method: mean over seeds, in per cent."""
    made = Table("domain", title=title, header_style="bold")
    for method in found:
        made.add_column(method, justify="right")
    for domain in next(iter(found.values()))[0]:
        made.add_row(domain, *(f"{100 * mean(run[domain] for run in runs):.1f}" for runs in found.values()))
    made.add_section()
    made.add_row("mean", *(f"{100 * mean(mean(run.values()) for run in runs):.1f}" for runs in found.values()))
    return made


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What is to be run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--encoder", choices=ENCODERS, default="recurrent")
    parser.add_argument("--method", choices=METHODS, action="append", help=SEVERAL)
    parser.add_argument("--domain", choices=DOMAINS, action="append", help=SEVERAL)
    parser.add_argument("--share", type=float, default=1.0, help="of train and dev of each domain")
    parser.add_argument("--test-share", type=float, default=1.0, help="of test")
    parser.add_argument("--words", type=int, default=250, help="of a review that are read")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=1)
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> None:
    """Run what the command line says, and print the table."""
    options = arguments(given)
    domains, words = options.domain or DOMAINS, options.words
    settings = ("share", "test_share", "words", "epochs")
    plan = {name: getattr(options, name) for name in settings}
    require_same(options.out / f"{options.encoder}.json", {"domains": list(domains), **plan})
    corpora = {domain: Corpus(name=domain, **dict(_parts(domain, options.share, words))) for domain in domains}
    test = {domain: read(domain, "all", share=options.test_share, words=words) for domain in domains}
    found: dict[str, list[Accuracies]] = {}
    for seed in range(options.seeds):
        for method in options.method or METHODS:
            folder = options.out / f"{options.encoder}-{method}-{seed}"
            accuracies = run(method, seed, folder, corpora, test, encoder=options.encoder, epochs=options.epochs)
            found.setdefault(method, []).append(accuracies)
    title = (
        f"accuracy on test, {options.encoder}, {options.share:.0%} of train, up to {words} words of a review, "
        f"{options.epochs} epochs, seeds: {options.seeds}"
    )
    Console().print(table(found, title))


def _parts(domain: str, share: float, words: int) -> Iterator[tuple[str, list[Doc]]]:
    for part in ("train", "dev"):
        yield part, read(domain, part, share=share, words=words)


if __name__ == "__main__":
    main()
