"""Gold annotation laid over the tokens that a pipeline has made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from spacy.attrs import DEP, HEAD, LEMMA, MORPH, ORTH, POS, SENT_START, TAG
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example

from cascade import docs as documents

WORD = 2**64
"""Arrays of attributes are unsigned: a negative number, such as the offset of a head, is stored with this added."""
ATTRIBUTES = {"TAG": TAG, "POS": POS, "MORPH": MORPH, "LEMMA": LEMMA}


def aligned(example: Example) -> Doc:
    """The gold of an example over its predicted tokens.

    Args:
        example: Predicted and reference Doc of one text; their tokens may differ.

    Returns:
        The reference itself where the tokens are the same. Else a new Doc, in which tokens, arcs and spans that do not
        lie on the predicted tokens are left without annotation.
    """
    predicted, reference = example.predicted, example.reference
    if len(predicted) == len(reference) and np.array_equal(predicted.to_array(ORTH), reference.to_array(ORTH)):
        return reference
    words = [token.text for token in predicted]
    gold = Doc(reference.vocab, words=words, spaces=[bool(token.whitespace_) for token in predicted])
    _align_tokens(example, gold)
    if reference.has_annotation("ENT_IOB"):
        ents, tags = example.get_aligned_ents_and_ner()
        outside = [gold[i : i + 1] for i, tag in enumerate(tags) if tag == "O"]
        gold.set_ents(_on(gold, ents), outside=outside, default="missing")
    for key, group in reference.spans.items():
        spans = example.get_aligned_spans_y2x(list(group), allow_overlap=True)
        gold.spans[key] = SpanGroup(gold, name=key, spans=_on(gold, spans))
    gold.cats = dict(reference.cats)
    documents.set_domain(gold, documents.domain(reference))
    if documents.is_question(reference):
        documents.set_passages(gold, documents.passages(reference))
        documents.set_answers(gold, documents.answers(reference))
    return gold


def _align_tokens(example: Example, gold: Doc) -> None:
    """Write what every single token carries; 0 stands for a token without a counterpart."""
    reference, columns = example.reference, {}
    for name, attribute in ATTRIBUTES.items():
        if reference.has_annotation(name):
            columns[attribute] = [value or 0 for value in example.get_aligned(name)]
    if reference.has_annotation("DEP"):
        heads, relations = example.get_aligned_parse(projectivize=False)
        known = [head is not None and relation is not None for head, relation in zip(heads, relations, strict=True)]
        columns[HEAD] = [head - i if ok else 0 for i, (head, ok) in enumerate(zip(heads, known, strict=True))]
        add = gold.vocab.strings.add
        columns[DEP] = [add(str(relation)) if ok else 0 for relation, ok in zip(relations, known, strict=True)]
    _write(gold, columns)
    if reference.has_annotation("SENT_START"):
        # After the tree: what is left of one would bring sentence starts of its own.
        _write(gold, {SENT_START: [1 if start else -1 for start in example.get_aligned_sent_starts()]})


def _write(doc: Doc, columns: Mapping[int, Sequence[int]]) -> None:
    if columns and len(doc):
        values = [[value % WORD for value in column] for column in columns.values()]
        documents.assign(doc, list(columns), np.array(values, dtype=np.uint64).T)


def _on(doc: Doc, spans: Iterable[Span]) -> list[Span]:
    return [Span(doc, span.start, span.end, label=span.label) for span in spans]
