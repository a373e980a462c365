"""The contracts of tasks and pipes as tests, for people who write their own.

    def test_my_task():
        cascade.testing.check_task(MyTask("mine"), docs)

Every check raises an AssertionError that says what is wrong.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from string import ascii_lowercase, digits
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from cascade import docs as documents
from cascade.components.pipe import CascadePipe
from cascade.data.batches import TOLD_BY, Batch, Targets
from cascade.evaluation import bare_copy
from cascade.graph import Candidates, Edge, Hidden, TaskGraph, layers_read
from cascade.model import CascadeModel
from cascade.nn.encoders import Convolutional, Transformer
from cascade.nn.encoders.base import EncoderSpec
from cascade.registry import from_config, to_config
from cascade.tasks import Reading
from cascade.tasks.base import Predictions, Task
from cascade.training.scoring import main_score

SPACE, OUTSIDE = " \n", "O"
READER = "reader"
"""Name of the task that proposes spans to one that is about spans."""


def check_task(task: Task, docs: Sequence[Doc]) -> None:
    """Check what graph, trainer and pipe rely on in a task.

    Args:
        task: The task, with a name.
        docs: Docs with gold for it, a few words each; questions with passages where it has the view `asked`.

    Raises:
        AssertionError: The task breaks its contract.
    """
    assert docs, "check_task needs Docs with gold"
    documents.register()
    config = to_config(task)
    assert to_config(from_config(config)) == config, "a task written to a config and read again differs"
    with _unchanged(docs):
        labels = list(task.labels(docs))
        assert labels, "labels() finds no label in Docs with gold"
        assert labels == list(task.labels(docs[::-1])), "labels() depends on the order of the Docs"
        assert len(labels) == len(set(labels)), "labels() gives a label twice"
        model = small_model(task, docs)
        task = model.task(task.name)
        _check_targets(task, docs, model.batch(docs))
        predicted = [bare_copy(doc) for doc in docs]
        with _unchanged(predicted):
            predictions = _predict(model, task, predicted)
        _check_loss(model, task, docs)
    _check_annotation(task, docs, predicted, predictions)
    _check_odd_docs(model, task, docs[0].vocab)


def small_model(task: Task, docs: Sequence[Doc]) -> CascadeModel:
    """A small model with one task, initialized from Docs; before one about spans, a `Reading` proposes them.

    Args:
        task: The task.
        docs: Docs with gold for it.
    """
    depth = max(1, *layers_read(task.layer, 1))
    if task.view == "asked":
        graph, assets = TaskGraph(encoder=Transformer("tiny", layers=depth)), tiny_transformer(depth)
    else:
        encoder: EncoderSpec = Convolutional(width=16, depth=depth, vocabulary=100, buckets=100, dropout=0.0)
        graph, assets = TaskGraph(encoder=encoder), None
    after: dict[str, Sequence[Edge]] = {}
    if task.unit == "span" and not task.proposes:
        graph.add(Reading(READER, layer=depth))
        after = {READER: [edge for edge in (Hidden(), Candidates(3)) if type(edge) in task.takes]}
    model = CascadeModel(graph.add(deepcopy(task), after=after))
    if assets is None:
        return model.initialize(docs)
    model.build({name: tuple(model.task(name).labels(docs)) for name in graph.names()}, assets=assets)
    return model


def tiny_transformer(layers: int, *, window: int = 48) -> dict[str, bytes]:
    """What a small transformer with random weights is built from, without a file: `spec.build(tiny_transformer(2))`.

    Args:
        layers: Number of blocks.
        window: Word pieces that it can read at a time.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    letters = [*ascii_lowercase, *digits]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(f"##{letter}" for letter in letters)]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    config = {
        "model_type": "bert",
        "vocab_size": len(pieces),
        "hidden_size": 16,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": window,
        "pad_token_id": 0,
        "initializer_range": 0.5,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    return {"config.json": json.dumps(config).encode(), "tokenizer.json": tokenizer.to_str().encode()}


def check_pipe(nlp: Language, docs: Sequence[Doc], *, name: str = "cascade") -> None:
    """Check what spaCy relies on in a pipe.

    Args:
        nlp: A pipeline with a pipe that is initialized.
        docs: Docs with gold for its tasks.
        name: The pipe's name.

    Raises:
        AssertionError: The pipe breaks its contract.
    """
    pipe = nlp.get_pipe(name)
    assert isinstance(pipe, CascadePipe), f"{name!r} is a {type(pipe).__name__}, no CascadePipe"
    plain = [bare_copy(doc) for doc in (*docs, Doc(nlp.vocab))]
    with _unchanged(plain):
        predictions = pipe.predict(plain)
    assert len(predictions) == len(plain), "predict() gives another number of predictions than Docs"
    assert pipe.predict([]) == [], "predict() of no Docs is not empty"
    alone = [pipe(bare_copy(doc)) for doc in plain]
    assert all(map(_alike, pipe.pipe(map(bare_copy, plain)), alone)), "pipe() differs from one by one"
    _check_saving(nlp, plain, name)
    _check_update(pipe, [Example(bare_copy(doc), doc) for doc in docs])


def _check_targets(task: Task, docs: Sequence[Doc], batch: Batch) -> None:
    counts = batch.counts[TOLD_BY.get(task.unit, task.unit)]
    gold = [task.targets(doc) for doc in docs]
    assert any(targets is not None for targets in gold), "targets() finds no gold in Docs with gold"
    for doc, targets, rows in zip(docs, gold, counts, strict=True):
        blank = task.blank(rows)
        for values in blank.values():
            assert len(values) == rows, f"blank({rows}) has {len(values)} rows"
        if targets is not None:
            assert _forms(targets) == _forms(blank), (
                f"targets() and blank() differ: {_forms(targets)}, {_forms(blank)}, {doc}"
            )


def _check_loss(model: CascadeModel, task: Task, docs: Sequence[Doc]) -> None:
    name = task.name
    batch = model.train().batch(docs, targets=[name])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):  # Weights may begin at zero, which lets no gradient through the first time.
        loss = model.losses(batch, [name])[name]
        assert loss.shape == () and torch.isfinite(loss), f"the loss should be one finite number, is {loss}"
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    for part, module in (("decoder", model.nodes[name]), ("encoder", model.encoder)):
        moved = [p for p in module.parameters() if p.grad is not None and bool(p.grad.any())]
        assert moved, f"no gradient reaches the {part}"
    rows = sum(batch.counts[TOLD_BY.get(task.unit, task.unit)])
    blank = {key: torch.from_numpy(value) for key, value in task.blank(rows).items()}
    unknown = task.loss(model(batch, [name])[name], blank)
    assert torch.isfinite(unknown), f"the loss without any gold should be finite, is {unknown}"
    model.zero_grad()


def _check_annotation(
    task: Task, docs: Sequence[Doc], predicted: Sequence[Doc], predictions: Sequence[Predictions]
) -> None:
    for doc, found in zip(predicted, predictions, strict=True):
        _check_results(task.annotate(doc, found))
    if task.targets(docs[0]) is not None:
        kept = docs[0].copy()
        task.annotate(kept, predictions[0], overwrite=False)
        _check_kept(task, docs[0], kept)
    _, other = main_score(task, task.score([Example(p, doc) for p, doc in zip(predicted, docs, strict=True)]))
    if task.view == "asked":  # scored by what annotate() keeps beside the answers, which gold does not have
        return
    key, own = main_score(task, task.score([Example(doc, doc) for doc in docs]))
    assert own >= other, f"gold scores {key} = {own} against itself, less than the {other} of a random model"


def _check_odd_docs(model: CascadeModel, task: Task, vocab: Any) -> None:
    """Docs without words, with white space alone, with one word; questions without passages, or with such passages."""
    words: list[list[str]] = [[], [SPACE], ["word"], ["a", SPACE, "b"]]
    odd = [Doc(vocab, words=own) for own in words]
    if task.view == "asked":
        for own, texts in zip(words, ([], [""], [SPACE, "", "a b"], ["word"]), strict=True):
            doc = Doc(vocab, words=own)
            documents.set_passages(doc, [documents.passage_of(text, id=str(i)) for i, text in enumerate(texts)])
            odd.append(doc)
    for doc in odd:
        task.targets(doc)
    for batch in (odd, odd[:1], odd[:2], odd[-4:], odd[-4:-3], odd[-3:-2]):
        for doc, found in zip(batch, _predict(model, task, batch), strict=True):
            task.annotate(doc, found)


def _alike(one: Doc, other: Doc) -> bool:
    """Whether two Docs are annotated alike, and what else they carry is equal but for rounding."""
    plain = [doc.to_bytes(exclude=["user_data"]) for doc in (one, other)]
    return plain[0] == plain[1] and _close(one.user_data, other.user_data)


def _close(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_close(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_close, one, other))
    if isinstance(one, float | np.ndarray):
        return np.shape(one) == np.shape(other) and np.allclose(one, other, atol=1e-4)
    return bool(one == other)


def _check_saving(nlp: Language, docs: Sequence[Doc], name: str) -> None:
    def annotated(other: Language) -> list[dict[str, Any]]:
        loaded = other.get_pipe(name)
        return [loaded(Doc(other.vocab).from_bytes(doc.to_bytes())).to_json() for doc in docs]

    expected = annotated(nlp)
    assert annotated(pickle.loads(pickle.dumps(nlp))) == expected, "pickled and unpickled, the pipe annotates otherwise"
    with TemporaryDirectory() as folder:
        nlp.to_disk(folder)
        once = spacy.load(folder)
        assert annotated(once) == expected, "saved and loaded, the pipe annotates otherwise"
        loaded = cast(CascadePipe, once.get_pipe(name))
        data = loaded.to_bytes(exclude=["vocab"])
        assert loaded.from_bytes(data).to_bytes(exclude=["vocab"]) == data, "a second round trip changes the bytes"


def _check_update(pipe: CascadePipe, examples: Sequence[Example]) -> None:
    before = {key: value.clone() for key, value in pipe.module.state_dict().items()}
    losses = pipe.update(examples, sgd=None, losses={})
    assert np.isfinite(losses[pipe.name]), f"update() gives the loss {losses}"
    changed = [key for key, value in pipe.module.state_dict().items() if not torch.equal(value, before[key])]
    assert not changed, f"update() without an optimizer changes {', '.join(changed)}"
    assert any(p.grad is not None for p in pipe.module.parameters()), "update() leaves no gradient"
    assert not pipe.module.training, "update() leaves the cascade in training mode"
    pipe.module.zero_grad()
    scores = pipe.score([Example(pipe(example.predicted), example.reference) for example in examples])
    broken = [key for key, value in scores.items() if not isinstance(value, int | float | dict | None)]
    assert not broken, f"scores should be numbers, dicts or None, but not {', '.join(broken)}"


def _check_results(results: Mapping[str, Any]) -> None:
    plain = (np.ndarray, list, tuple, dict, str, int, float, type(None))
    odd = [f"{key}: {type(value).__name__}" for key, value in results.items() if not isinstance(value, plain)]
    assert not odd, f"annotate() should return numpy arrays and plain values, got {', '.join(odd)}"


def _check_kept(task: Task, before: Doc, after: Doc) -> None:
    """What was annotated still is; the tag O says that nothing is there."""
    kept = task.targets(after) or {}
    for key, values in (task.targets(before) or {}).items():
        annotated = np.ones(values.shape, dtype=bool)
        if key == "label" and OUTSIDE in task.vocabulary:
            annotated = values != task.vocabulary.index(OUTSIDE)
        assert np.array_equal(values[annotated], kept[key][annotated]), f"annotate(overwrite=False) changes gold: {key}"


def _predict(model: CascadeModel, task: Task, docs: Sequence[Doc]) -> list[Predictions]:
    """Predictions of a task, each with a row for every row of the Doc."""
    found = [prediction[task.name] for prediction in model.predict(docs)]
    counts = model.batch(docs).counts
    spans = [max(map(len, prediction.values()), default=0) for prediction in found]
    for prediction, rows in zip(found, counts.get(task.unit, spans), strict=True):
        for key, values in prediction.items():
            assert len(values) == rows, f"decode() gives {key} of {len(values)} rows, not {rows}"
    return found


def _forms(targets: Targets) -> dict[str, tuple[Any, ...]]:
    return {key: (value.dtype, *value.shape) for key, value in sorted(targets.items())}


@contextmanager
def _unchanged(docs: Sequence[Doc]) -> Iterator[None]:
    """No Doc may change in here."""
    before = [doc.to_bytes() for doc in docs]
    yield
    assert [doc.to_bytes() for doc in docs] == before, "a Doc has been changed outside of annotate()"
