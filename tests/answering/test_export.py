from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from cascade import docs as documents
from cascade.answering.export import export_reader
from cascade.errors import GraphError, ModelError
from cascade.graph import Candidates, Hidden, Mix, Recurrent, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import LoRA, Transformer
from cascade.retrieval.questions import asked, question_doc
from cascade.tasks import Reading, Retrieval
from tests.answering.tiny import articles, reader
from tests.retrieval.letters import transformer

PAIRS = [("a b?", "c d, e f."), ("g", "x y z (a) b c!"), ("who is e?", "i j k: l")]
LONGER = [("who?", "mara is in oslo."), ("a b", "the cat, c"), ("so?", "a big dog. no")]


def ours(model: CascadeModel, question: str, passage: str) -> torch.Tensor:
    """Logits of every word of a passage. Shape: [words, 2]."""
    doc = question_doc(spacy.blank("en"), question, [documents.passage_of(passage)])
    with torch.inference_mode():
        scores = model(model.batch([doc]), ["read"])["read"].scores
    return torch.stack([scores["start"], scores["end"]], dim=1)


def theirs(folder: Path, question: str, passage: str) -> tuple[torch.Tensor, list[tuple[int, int]]]:
    """Logits of every piece of a passage, shape [pieces, 2], and where each stands."""
    tokenizer, model = (kind.from_pretrained(folder) for kind in (AutoTokenizer, AutoModelForQuestionAnswering))
    read = tokenizer(question, passage, return_tensors="pt", return_offsets_mapping=True)
    places = read.pop("offset_mapping")[0].tolist()
    inside = [place for place, text in enumerate(read.sequence_ids(0)) if text == 1]
    with torch.inference_mode():
        logits = model.eval()(**read)
    both = torch.stack([logits.start_logits[0], logits.end_logits[0]], dim=1)
    return both[inside], [tuple(places[place]) for place in inside]


def means(logits: torch.Tensor, places: list[tuple[int, int]], passage: str) -> torch.Tensor:
    """The mean logits over the pieces of each word."""
    spans = documents.word_spans(passage)
    own = [[n for n, (start, end) in enumerate(places) if first <= start and end <= last] for first, last in spans]
    return torch.stack([logits[pieces].mean(0) for pieces in own])


KINDS: list[tuple[str, dict[str, Any]]] = [
    ("bert", {}),
    ("bert", {"fixed_embeddings": True}),
    ("distilbert", {}),
    ("electra", {}),
]


@pytest.mark.parametrize(("kind", "settings"), KINDS)
def test_logits_of_words_of_one_piece_are_ours(kind: str, settings: dict[str, Any], tmp_path: Path) -> None:
    model = reader(tmp_path, model_type=kind, stages=False, **settings)
    export_reader(model, tmp_path / "out")
    for question, passage in PAIRS:
        logits, places = theirs(tmp_path / "out", question, passage)
        assert places == documents.word_spans(passage)
        np.testing.assert_allclose(logits, ours(model, question, passage), atol=1e-4)


@pytest.mark.parametrize("stages", [False, True])
def test_the_mean_over_the_pieces_of_a_word_is_ours(stages: bool, tmp_path: Path) -> None:
    model = reader(tmp_path, stages=stages)
    export_reader(model, tmp_path / "out")
    for question, passage in LONGER:
        logits, places = theirs(tmp_path / "out", question, passage)
        assert len(logits) > len(documents.word_spans(passage))
        np.testing.assert_allclose(means(logits, places, passage), ours(model, question, passage), atol=1e-4)


def test_blocks_above_the_reader_are_left_out(tmp_path: Path) -> None:
    encoder = Transformer(transformer(tmp_path / "bert"), bf16=False)
    model = CascadeModel(TaskGraph(encoder=encoder).add(Reading("read", layer=1)))
    model.initialize(list(asked(spacy.blank("en"), articles(tmp_path)))).eval()
    export_reader(model, tmp_path / "out")
    logits, _ = theirs(tmp_path / "out", *PAIRS[0])
    assert AutoModelForQuestionAnswering.from_pretrained(tmp_path / "out").config.num_hidden_layers == 1
    np.testing.assert_allclose(logits, ours(model, *PAIRS[0]), atol=1e-4)


def test_nothing_is_made_up_and_nothing_left_over(tmp_path: Path) -> None:
    export_reader(reader(tmp_path), tmp_path / "out")
    model, report = AutoModelForQuestionAnswering.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    assert type(model).__name__ == "BertForQuestionAnswering" and model.qa_outputs.out_features == 2
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert (tokenizer.cls_token, tokenizer.sep_token, tokenizer.pad_token) == ("[CLS]", "[SEP]", "[PAD]")
    assert tokenizer.model_max_length == 24


def test_long_passages_are_read_in_windows(tmp_path: Path) -> None:
    export_reader(reader(tmp_path), tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    settings = {"truncation": "only_second", "max_length": 12, "stride": 3, "return_overflowing_tokens": True}
    read = tokenizer(["why"], ["a b c d e f g h i j k l m n"], padding=True, return_tensors="pt", **settings)
    read.pop("overflow_to_sample_mapping")
    assert AutoModelForQuestionAnswering.from_pretrained(tmp_path / "out")(**read).start_logits.shape[0] > 1


def test_the_card_says_what_gets_lost(tmp_path: Path) -> None:
    export_reader(reader(tmp_path), tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "retrieve, read, rerank" in card and "windows of 24 pieces" in card
    assert all(said in card for said in ("of word pieces, there of words", "no score", "no answer"))


def graph(folder: Path, reading: Reading, *, edges: tuple[Any, ...] = (), **settings: Any) -> CascadeModel:
    made = TaskGraph(encoder=Transformer(transformer(folder / "bert"), **settings))
    if edges:
        made.add(Retrieval("retrieve", layer=1, hidden=4))
    made.add(reading, after={"retrieve": list(edges)} if edges else None)
    return CascadeModel(made).initialize(list(asked(spacy.blank("en"), articles(folder))))


def test_readers_that_transformers_has_no_place_for(tmp_path: Path) -> None:
    layers = [Reading("read", layer=Mix()), Reading("read", layer=Recurrent(4))]
    models = [graph(tmp_path, reading) for reading in layers]
    models.append(graph(tmp_path, Reading("read", layer=2), edges=(Hidden(convert="broadcast"), Candidates(2))))
    models.append(graph(tmp_path, Reading("read", layer=2), case=True))
    models.append(graph(tmp_path, Reading("read", layer=2), lora=LoRA(rank=2)))
    for model in models:
        with pytest.raises(ModelError, match="has no place"):
            export_reader(model, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_places_and_models_that_will_not_do(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text("kept")
    with pytest.raises(ModelError, match="is there already"):
        export_reader(reader(tmp_path), tmp_path / "mine")
    assert (tmp_path / "mine" / "config.json").read_text() == "kept"
    encoder = Transformer(transformer(tmp_path / "other"))
    without = CascadeModel(TaskGraph(encoder=encoder).add(Retrieval("retrieve", layer=1, hidden=4)))
    without.initialize(list(asked(spacy.blank("en"), articles(tmp_path))))
    with pytest.raises(GraphError, match="reads answers"):
        export_reader(without, tmp_path / "out")
