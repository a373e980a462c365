from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from spacy.language import Language
from spacy.pipeline.dep_parser import parser_score
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab
from torch import Tensor

from cascade.docs import PAIR
from cascade.graph import Segments
from cascade.nn.decoders.arcs import LOWEST, ArcDecoder, possible
from cascade.nn.decoders.base import Output
from cascade.nn.rows import MISSING, Rows
from cascade.nn.structs.trees import are_projective, is_tree
from cascade.tasks import Parsing, Sentences
from tests.layouts import layout_of

decoders = pytest.mark.parametrize("decoder", ["biaffine", "selection"])

# Heads as in CoNLL-U: places of words from 1, 0 is the root, None is unknown; white-space tokens are left out.
Word = tuple[str, int | None, str]
CROSSING: list[Word] = [("a", 3, "det"), ("b", 4, "det"), ("c", 0, "ROOT"), ("d", 3, "obj")]
SIMPLE: list[Word] = [("He", 2, "nsubj"), ("ran", 0, "ROOT"), ("home", 2, "obj"), (".", 2, "punct")]
PARTIAL: list[Word] = [("He", 2, "nsubj"), ("ran", None, ""), ("off", 2, "obj")]


def tree(*sentences: list[Word], space: dict[int, str] | None = None, vocab: Vocab | None = None) -> Doc:
    """A Doc of sentences, with white-space tokens before the words of those numbers, from 0 through all sentences."""
    words, heads, relations = [], [], []
    place: dict[int, int] = {}
    gaps, number = space or {}, 0
    for sentence in sentences:
        for word, _, _ in sentence:
            if number in gaps:
                words.append(gaps[number])
            place[number] = len(words)
            words.append(word)
            number += 1
    first = 0
    full: dict[int, tuple[int, str]] = {}
    for sentence in sentences:
        for i, (_, head, relation) in enumerate(sentence):
            own = place[first + i]
            full[own] = (place[first + head - 1] if head else own, relation)
        first += len(sentence)
    for i in range(len(words)):
        head, relation = full.get(i, (i, ""))
        heads.append(head)
        relations.append(relation)
    return Doc(vocab or Vocab(), words=words, heads=heads, deps=relations)


def arcs(doc: Doc) -> list[tuple[str, str, str]]:
    return [(t.text, t.head.text, t.dep_) for t in doc if not t.text.isspace()]


def rows_of(*lengths: int) -> Rows:
    parent = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths, dtype=torch.long))
    return Rows(parent=parent, alive=torch.ones(len(parent), dtype=torch.bool), size=len(lengths))


def knowing(*docs: Doc, **settings: Any) -> Parsing:
    task = Parsing("parse", **settings)
    task.vocabulary = tuple(task.labels(docs))
    return task


def bare(doc: Doc) -> Doc:
    return Doc(doc.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc])


class Fixed(ArcDecoder):
    """Scores relations as it is told to, whatever the heads."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, states: Tensor, rows: Rows) -> dict[str, Tensor]:
        raise NotImplementedError

    def relations(self, scores: dict[str, Tensor], rows: Rows, heads: Tensor) -> Tensor:
        return self.logits

    def expected_relations(self, scores: dict[str, Tensor], rows: Rows) -> Tensor:
        return self.logits.softmax(-1)


def scored(rows: Rows, table: Tensor, logits: Tensor) -> Output:
    """What a decoder would give; `table` holds scores of arcs, [groups, longest, 1 + longest]."""
    masked = rows.flatten(table).masked_fill(~possible(rows), LOWEST)
    return Output(
        rows=rows,
        hidden=logits,
        scores={"arcs": masked},
        decoder=Fixed(logits),
        candidates=logits[:, 0],
        layout=layout_of(rows),
    )


@pytest.mark.parametrize("vocab", [Vocab(), None], ids=["bare", "english"])
@pytest.mark.parametrize(
    ("sentences", "space"),
    [
        ([SIMPLE], {}),
        ([SIMPLE, CROSSING], {}),
        ([CROSSING], {0: "\n", 2: "  "}),
        ([SIMPLE, SIMPLE], {0: " \n", 4: "\n\n", 6: "\t"}),
        ([[("Hi", 0, "ROOT")]], {}),
        ([[("Hi", 0, "ROOT")]], {0: "\n"}),
    ],
)
def test_round_trip(sentences: list[list[Word]], space: dict[int, str], vocab: Vocab | None, nlp: Language) -> None:
    doc = tree(*sentences, space=space, vocab=vocab or nlp.vocab)
    task = knowing(doc)
    targets = task.targets(doc)
    assert targets is not None
    copy = bare(doc)
    task.annotate(copy, {**targets, "probability": np.ones(len(targets["head"]))})
    assert arcs(copy) == arcs(doc)
    assert [s.text.split() for s in copy.sents] == [[word for word, _, _ in sentence] for sentence in sentences]
    found = task.targets(copy)
    assert found is not None
    assert {name: values.tolist() for name, values in found.items()} == {n: v.tolist() for n, v in targets.items()}
    for token in copy:
        if token.text.isspace():
            assert token.dep_ == "dep"
            assert token.head.i == max(token.i - 1, 0) if token.i else not token.head.text.isspace()


def test_targets_are_offsets_over_words_alone() -> None:
    doc = tree(SIMPLE, space={1: "\n", 3: "  "})
    task = knowing(doc)
    assert task.vocabulary == ("ROOT", "nsubj", "obj", "punct")
    targets = task.targets(doc)
    assert targets is not None
    assert targets["head"].tolist() == [1, 0, -1, -2]
    assert targets["label"].tolist() == [1, 0, 2, 3]


def test_partial_trees_give_partial_gold() -> None:
    doc = tree(PARTIAL)
    targets = knowing(doc).targets(doc)
    assert targets is not None
    assert targets["head"].tolist() == [1, MISSING, -1]
    assert targets["label"].tolist() == [0, MISSING, 1]
    unknown = knowing(tree(CROSSING)).targets(doc)
    assert unknown is not None
    assert unknown["head"].tolist() == [1, MISSING, -1], "an arc is known even where its relation is not"
    assert unknown["label"].tolist() == [MISSING, MISSING, 2]


def test_a_head_that_is_white_space_is_no_gold() -> None:
    doc = Doc(Vocab(), words=["a", "\n", "b"], heads=[1, 1, 1], deps=["x", "ROOT", "y"])
    targets = knowing(doc).targets(doc)
    assert targets is not None
    assert targets["head"].tolist() == [MISSING, MISSING]


@pytest.mark.parametrize("words", [[], ["one", "two"], ["one"], ["\n", " "]])
def test_docs_without_gold(words: list[str]) -> None:
    assert knowing(tree(SIMPLE)).targets(Doc(Vocab(), words=words)) is None


@pytest.mark.parametrize("words", [[], ["\n", " "]])
def test_docs_without_words_are_annotated(words: list[str]) -> None:
    doc, nothing = Doc(Vocab(), words=words), np.zeros(0, dtype=np.int64)
    knowing(tree(SIMPLE)).annotate(doc, {"head": nothing, "label": nothing, "probability": nothing})
    assert len(list(doc.sents)) == min(len(doc), 1)


def test_both_texts_of_a_pair_have_a_tree() -> None:
    doc = tree(SIMPLE, CROSSING)
    doc.spans[PAIR] = [doc[:4], doc[4:]]
    copy = bare(doc)
    copy.spans[PAIR] = [copy[:4], copy[4:]]
    task = knowing(doc)
    targets = task.targets(doc)
    assert targets is not None
    task.annotate(copy, {**targets, "probability": np.ones(8)})
    assert arcs(copy) == arcs(doc)


def test_a_tree_that_is_there_stays_without_overwrite() -> None:
    doc, other = tree(SIMPLE), tree([(w, 0 if i == 0 else 1, "obj") for i, (w, _, _) in enumerate(SIMPLE)])
    task = knowing(doc, other)
    targets = task.targets(other)
    assert targets is not None
    predictions = {**targets, "probability": np.full(4, 0.5)}
    before = arcs(doc)
    assert task.annotate(doc, predictions, overwrite=False)["probabilities"].tolist() == [0.5] * 4
    assert arcs(doc) == before
    task.annotate(doc, predictions)
    assert arcs(doc) == arcs(other)


def test_the_loss_by_hand() -> None:
    task = knowing(tree(SIMPLE))
    rows = rows_of(2, 0, 1)
    table = torch.tensor([[[1.0, 9.0, 2.0], [0.0, 1.0, 9.0]], [[3.0, 9.0, 9.0], [9.0, 9.0, 9.0]]])
    logits = torch.randn(3, 4)
    targets = {"head": torch.tensor([1, MISSING, 0]), "label": torch.tensor([3, 2, MISSING])}
    e = np.exp([1.0, 2.0])
    expected = -np.log(e[1] / e.sum()) / 2 - float(logits[0].log_softmax(0)[3])
    assert task.loss(scored(rows, table, logits), targets).item() == pytest.approx(expected, rel=1e-5)


def test_a_head_outside_of_the_segment_gives_no_loss() -> None:
    task, rows = knowing(tree(SIMPLE)), rows_of(2, 2)
    output = scored(rows, torch.randn(2, 2, 3), torch.randn(4, 4))
    inside = {"head": torch.tensor([1, 0, 0, -1]), "label": torch.tensor([0, 1, 2, 3])}
    for outside in (2, -1, -3, 100):
        moved = {"head": torch.tensor([outside, 0, 0, -1]), "label": torch.tensor([0, 1, 2, 3])}
        known = {"head": torch.tensor([MISSING, 0, 0, -1]), "label": torch.tensor([MISSING, 1, 2, 3])}
        assert task.loss(output, moved) == task.loss(output, known) != task.loss(output, inside)


def test_dead_rows_and_no_gold_give_no_loss() -> None:
    task, rows = knowing(tree(SIMPLE)), rows_of(2)
    output = scored(rows, torch.randn(1, 2, 3), torch.randn(2, 4))
    gold = {"head": torch.tensor([1, 0]), "label": torch.tensor([0, 1])}
    dead = replace(output, rows=replace(rows, alive=torch.tensor([False, False])))
    blank = {name: torch.from_numpy(values) for name, values in task.blank(2).items()}
    assert task.loss(dead, gold) == task.loss(output, blank) == 0
    assert task.loss(output, gold) > 0


@decoders
@pytest.mark.parametrize("projective", [False, True])
@torch.no_grad()
def test_every_segment_gets_a_tree_with_one_root(decoder: Any, projective: bool, built: Callable[..., Any]) -> None:
    docs = [tree(CROSSING, SIMPLE), tree(SIMPLE, CROSSING, SIMPLE)]
    task = Parsing("parse", decoder=decoder, hidden=8, relations=8, projective=projective)
    model = built(Sentences("sents"), task, docs=docs, parse={"sents": [Segments()]}).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    batch = model.batch(docs, targets=["sents"])
    output = model(batch, ["parse"], given=["sents"])["parse"]
    assert output.rows.lengths.tolist() == [4] * 5
    task = model.task("parse")
    predictions = task.decode(output)
    places = output.rows.position.numpy()
    heads = np.where(predictions["head"] == 0, 0, places + predictions["head"] + 1).reshape(5, 4)
    for sentence in heads:
        assert is_tree(sentence)
    assert not projective or are_projective(heads).all()
    assert ((predictions["label"] == task.vocabulary.index("ROOT")) == (heads.reshape(-1) == 0)).all()
    chances = output.scores["arcs"].softmax(-1)[range(20), heads.reshape(-1)].numpy()
    assert ((predictions["probability"] > 0) & (predictions["probability"] <= chances + 1e-6)).all()


def test_the_best_tree_is_decoded_not_the_best_heads() -> None:
    task, rows = knowing(tree(SIMPLE)), rows_of(2, 1)
    table = torch.tensor([[[1.0, 0.0, 5.0], [0.0, 4.0, 0.0]], [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    logits = torch.tensor([[9.0, 0, 0, 0], [9.0, 1, 0, 0], [0, 0, 0, 9.0]])
    predictions = task.decode(scored(rows, table, logits))
    # Both words want each other; 5 + 0 beats 1 + 4 by nothing, so either root is right, but never none.
    assert sorted((predictions["head"][:2] == 0).tolist()) == [False, True]
    assert predictions["head"][2] == 0
    assert predictions["label"][2] == 0, "the relation of a root is ROOT, whatever the classifier says"


def test_no_rows_are_decoded_to_nothing() -> None:
    output = scored(rows_of(0, 0), torch.zeros(0, 0, 1), torch.zeros(0, 4))
    task = knowing(tree(SIMPLE))
    assert {name: len(values) for name, values in task.decode(output).items()} == {
        "head": 0,
        "label": 0,
        "probability": 0,
    }
    blank = {name: torch.from_numpy(values) for name, values in task.blank(0).items()}
    assert task.loss(output, blank) == 0


def test_scores_are_those_of_spacys_parser() -> None:
    rng = np.random.default_rng(3)
    gold = [tree(SIMPLE, CROSSING, space={0: "\n", 5: " "}), tree(CROSSING), tree(SIMPLE), tree(PARTIAL)]
    task = knowing(*gold)
    examples = [Example(bare(gold[2]), gold[2])]
    for doc in gold:
        targets = task.targets(doc)
        assert targets is not None
        heads, labels = (np.where(values == MISSING, 0, values) for values in targets.values())
        wrong = rng.random(len(heads)) < 0.3
        heads, labels = np.where(wrong, 0, heads), np.where(rng.random(len(heads)) < 0.3, 1, labels)
        task.annotate(copy := bare(doc), {"head": heads, "label": labels, "probability": heads})
        examples.append(Example(copy, doc))
    theirs = parser_score(examples)
    assert 0 < theirs["dep_las"] < theirs["dep_uas"] < 1
    assert task.score(examples) == {name: value for name, value in theirs.items() if name.startswith("dep")}
    assert Sentences("s").score(examples) == {
        name: theirs[f"sents_{name[-1]}"] for name in ("sents_p", "sents_r", "sents_f")
    }
    perfect = task.score([Example(doc, doc) for doc in gold[1:3]])
    assert (perfect["dep_uas"], perfect["dep_las"]) == (1, 1)


@decoders
def test_a_small_model_learns_its_docs(
    decoder: Any, nlp: Language, overfit: Callable[..., Any], predict: Callable[..., Any]
) -> None:
    docs = [
        tree(SIMPLE, CROSSING, space={0: "\n", 5: " "}, vocab=nlp.vocab),
        tree(CROSSING, vocab=nlp.vocab),
        tree([("Hi", 0, "ROOT")], vocab=nlp.vocab),
        Doc(nlp.vocab, words=[]),
        Doc(nlp.vocab, words=["He", "ran"]),
    ]
    parse = Parsing("parse", decoder=decoder, hidden=16, relations=16, dropout=0.0)
    model = overfit(Sentences("sents", hidden=16), parse, docs=docs, parse={"sents": [Segments()]})
    copies = predict(model, docs)
    assert [arcs(copy) for copy in copies[:4]] == [arcs(doc) for doc in docs[:4]]
