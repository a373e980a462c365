"""Hand-made questions in SQuAD's format, and a tiny random model that reads, for the tests of answering."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import spacy
import torch

from cascade.data import read_squad
from cascade.data.squad import Article
from cascade.graph import Candidates, Hidden, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Transformer
from cascade.retrieval.questions import asked
from cascade.tasks import Reading, Reranking, Retrieval
from tests.retrieval.letters import transformer

PEOPLE = {"Mara": ("clocks", "Oslo"), "Ilse": ("kites", "Turku"), "Tomas": ("lamps", "Ghent"), "Pim": ("nets", "Delft")}
PARTS = {"train": ["Mara", "Ilse"], "dev": ["Tomas", "Pim"]}


def article(name: str, *, unanswerable: bool = True) -> dict[str, Any]:
    """A paragraph about one person, with two questions that it answers and one that it does not."""
    thing, town = PEOPLE[name]
    context = f"{name} mends {thing} in {town}."
    facts = {f"What does {name} mend?": thing, f"Where does {name} mend?": town}
    if unanswerable:
        facts[f"When did {name} sleep?"] = ""
    qas = [
        {
            "id": f"{name}-{number}",
            "question": text,
            "answers": [{"text": answer, "answer_start": context.index(answer)}] if answer else [],
        }
        for number, (text, answer) in enumerate(facts.items())
    ]
    return {"title": name, "paragraphs": [{"context": context, "qas": qas}]}


def write_questions(folder: Path, *, unanswerable: bool = True) -> Path:
    """A file of twelve questions about four articles, or of the eight that have an answer; and `split.json` by it."""
    (folder / "split.json").write_text(json.dumps(PARTS))
    path = folder / f"questions{'' if unanswerable else '1'}.json"
    path.write_text(json.dumps({"data": [article(name, unanswerable=unanswerable) for name in PEOPLE]}))
    return path


def articles(folder: Path) -> tuple[Article, ...]:
    """The same as they are read."""
    return read_squad(write_questions(folder))


def reader(folder: Path, *, model_type: str = "bert", stages: bool = True, **settings: Any) -> CascadeModel:
    """A model with random weights that retrieves, reads and reranks, or reads alone."""
    encoder = Transformer(transformer(folder / model_type, model_type), bf16=False, **settings)
    graph = TaskGraph(encoder=encoder)
    if stages:
        graph.add(Retrieval("retrieve", layer=1, hidden=4))
        graph.add(Reading("read", layer=2, spans=3), after={"retrieve": [Candidates(2)]})
        graph.add(Reranking("rerank", layer=2, hidden=4), after={"read": [Hidden(), Candidates(2)]})
    else:
        graph.add(Reading("read", layer=2))
    torch.manual_seed(1)
    return CascadeModel(graph).initialize(list(asked(spacy.blank("en"), articles(folder)))).eval()
