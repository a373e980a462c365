"""How fast a cascade answers from thirty passages, beside readers that read all of them; to be measured in a fresh
process. Every question is answered by all systems in turn, so that whatever else the machine does slows all alike.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from cascade import docs as documents
from cascade.answering import QuestionAnswering, passage_encoder
from cascade.answering.export import export_reader
from cascade.data.answers import token_f1
from cascade.evaluation import interval, permutation_test
from cascade.nn.precision import has_bf16
from cascade.retrieval import Index
from cascade.retrieval.questions import question_doc
from tests.bench.answering import HITS, V1, Figures, drawn

System = Callable[[Doc], str]
"""Answers a question from its passages."""
WARM, COUNTED = 3, 20
"""Questions before the clock runs, and questions whose operations are counted."""


def pruned(model: str, index: str, part: str, limit: int) -> Figures:
    """Ours, with most passages pruned early, beside the same weights that read them all.

    Both are length-sorted and compute in one precision. `times_faster` is the median over questions of the ratio;
    `f1_lost` is positive where reading all is better.

    Args:
        model: The model.
        index: See `shelve`.
        part: The part of the split.
        limit: Questions at most.
    """
    qa, docs, gold = _ready(model, index, part, limit)
    retrieve = qa.stages.retrieve or ""
    keeps: dict[str, dict[str, int]] = {"ours": {}, "all": {retrieve: HITS}}
    systems = {name: _ours(qa, keep) for name, keep in keeps.items()}
    found = compared(systems, docs, gold)
    operations = {name: operations_of(system, docs[:COUNTED]) for name, system in systems.items()}
    return {
        **found,
        **{f"{name} GFLOP": count / 1e9 / len(docs[:COUNTED]) for name, count in operations.items()},
        "times_fewer_operations": operations["all"] / operations["ours"],
        "f1_lost": found["all f1"] - found["ours f1"],
    }


def haystack(model: str, index: str, part: str, limit: int) -> Figures:
    """Ours beside the exported reader under transformers-haystack, with its defaults, over the same passages.

    Both answer always. `theirs` computes as the package does; `theirs, bf16` in bfloat16 where the machine has it, as
    ours does there by itself.

    Args:
        model: The model.
        index: See `shelve`.
        part: The part of the split.
        limit: Questions at most.
    """
    os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
    qa, docs, gold = _ready(model, index, part, limit)
    with tempfile.TemporaryDirectory() as folder:
        export_reader(qa.model, Path(folder) / "reader")
        theirs = _theirs(str(Path(folder) / "reader"))
        systems = {"ours": _ours(qa, {}), "theirs": theirs}
        if has_bf16():
            systems["theirs, bf16"] = torch.autocast("cpu", torch.bfloat16)(theirs)
        found = compared(systems, docs, gold)
    return {**found, "f1_gain": found["ours f1"] - max(found[f"{name} f1"] for name in systems if name != "ours")}


def compared(systems: Mapping[str, System], docs: Sequence[Doc], gold: Sequence[Sequence[str]]) -> Figures:
    """Median seconds and mean F1 of each system, and how many times as long as the first each of the others takes."""
    for system in systems.values():
        for doc in docs[:WARM]:
            system(doc)
    taken, f1 = ({name: np.zeros(len(docs)) for name in systems} for _ in range(2))
    names = list(systems)
    for number, (doc, answers) in enumerate(zip(docs, gold, strict=True)):
        for name in names if number % 2 else reversed(names):
            begin = perf_counter()
            answer = systems[name](doc)
            taken[name][number] = perf_counter() - begin
            f1[name][number] = token_f1(answer, answers)
    first, *others = names
    figures: Figures = {"questions": len(docs), "threads": torch.get_num_threads()}
    figures |= {f"{name} s": float(np.median(seconds)) for name, seconds in taken.items()}
    figures |= {f"{name} f1": float(values.mean()) for name, values in f1.items()}
    for name in others:
        called, lost = f" {name}" if len(others) > 1 else "", interval(f1[name] - f1[first])
        figures[f"times_faster{called}"] = float(np.median(taken[name] / taken[first]))
        figures |= {f"f1_lost{called} low": lost.low, f"f1_lost{called} high": lost.high}
        figures[f"f1_lost{called} p"] = permutation_test(f1[first], f1[name])
    if len(others) > 1:
        figures["times_faster"] = min(figures[f"times_faster {name}"] for name in others)
    return figures


def operations_of(system: System, docs: Sequence[Doc]) -> int:
    """Floating-point operations of matrix products and attention, as torch counts them."""
    fused = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention}
    with FlopCounterMode(display=False, custom_mapping=fused) as counter:
        for doc in docs:
            system(doc)
    return int(counter.get_total_flops())


def _attention(query: Any, key: Any, value: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    """The fused attention of a CPU, which torch does not count."""
    return int(sdpa_flop_count(query, key, value))


def _ready(model: str, index: str, part: str, limit: int) -> tuple[QuestionAnswering, list[Doc], list[list[str]]]:
    """The model, questions with their passages, and the gold answers."""
    asked = drawn(V1, part, limit)
    with Index.open(index, loader=passage_encoder) as shelf:
        qa = QuestionAnswering.load(model, index=shelf, hits=HITS)
        docs = [question_doc(qa.nlp, question.text, ()) for _, question in asked]
        qa.find(docs)
    return qa, docs, [[answer.text for answer in question.answers] for _, question in asked]


def _ours(qa: QuestionAnswering, keep: Mapping[str, int]) -> System:
    def answer(doc: Doc) -> str:
        predictions = qa.model.predict([doc], tasks=qa.stages.names, keep=keep)[0]
        decision = qa.settings.decide(qa.stages.candidates(doc, predictions), documents.passages(doc))
        return decision.text(decision.best) if decision.best else ""

    return answer


def _theirs(reader: str) -> System:
    from haystack import Document
    from haystack_integrations.components.readers.transformers import TransformersExtractiveReader

    component = TransformersExtractiveReader(reader)
    component.warm_up()

    def answer(doc: Doc) -> str:
        given = [Document(content=text) for text in documents.passage_texts(doc)]
        found = component.run(query=doc.text, documents=given)["answers"]
        return next((each.data for each in found if each.data is not None), "")

    return answer
