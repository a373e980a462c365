from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from confection import Config
from spacy.language import Language
from spacy.training import Example
from typer.testing import CliRunner

from cascade import docs as documents
from cascade.cli.app import app
from cascade.components.questions import claims, questions
from cascade.errors import ConfigError, DataError
from cascade.graph import Candidates, Hidden, TaskGraph
from cascade.nn.encoders import Transformer
from cascade.registry import graph_to_config
from cascade.tasks import Reading, Reranking, Retrieval
from tests.retrieval.letters import transformer

PEOPLE = {
    "Mara": ("clocks", "Oslo"),
    "Ilse": ("kites", "Turku"),
    "Tomas": ("clocks", "Ghent"),
    "Pim": ("nets", "Delft"),
}
PARTS = {"train": ["Mara", "Ilse", "Tomas"], "dev": ["Pim"]}


def article(name: str, thing: str, town: str) -> dict[str, Any]:
    context = f"{name} mends {thing} in {town}. Nobody pays for it."
    asked = {
        f"What does {name} mend?": thing,
        f"Where does {name} mend {thing}?": town,
        f"Who mends {thing} in {town}?": name,
        f"When did {name} sleep?": None,
        f"How does {name} mend?": None,
    }
    qas = [
        {"id": text, "question": text, "answers": [{"text": a, "answer_start": context.index(a)}] if a else []}
        for text, a in asked.items()
    ]
    return {"title": name, "paragraphs": [{"context": context, "qas": qas}]}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty questions about four articles, beside a split of these."""
    folder = tmp_path_factory.mktemp("questions")
    data = [article(name, *facts) for name, facts in PEOPLE.items()]
    (folder / "split.json").write_text(json.dumps(PARTS))
    (folder / "questions.json").write_text(json.dumps({"data": data}))
    return folder / "questions.json"


@pytest.fixture(scope="module")
def nlp() -> Language:
    return spacy.blank("en")


def texts(examples: list[Example]) -> list[str]:
    return [example.reference.text for example in examples]


def test_gold_stands_on_the_reference_alone(file: Path, nlp: Language) -> None:
    examples = list(questions(str(file))(nlp))
    assert len(examples) == 20
    for example in examples:
        (passage,) = documents.passages(example.reference)
        assert documents.passages(example.predicted) == [passage]
        assert documents.answers(example.predicted) is None
        for answer in documents.answers(example.reference) or []:
            assert passage.text[answer.first : answer.last] == answer.text
    what, *_, how = examples[:5]
    assert [(a.text, a.passage) for a in documents.answers(what.reference) or []] == [("clocks", "Mara#0")]
    assert documents.answers(how.reference) == []


def test_negatives_come_from_the_part(file: Path, nlp: Language) -> None:
    split = {"titles": str(file.parent / "split.json"), "part": "train"}
    examples = list(questions(str(file), **split, negatives=3, unanswerable="none")(nlp))
    assert len(examples) == 9
    found = {e.reference.text: [p.document for p in documents.passages(e.reference)] for e in examples}
    assert set(found["Where does Mara mend clocks?"][1:]) == {"Ilse#1", "Tomas#2"}
    assert found["What does Mara mend?"] == ["Mara#0", "Ilse#1"]  # what Tomas mends are clocks too


@pytest.mark.parametrize(("unanswerable", "number"), [("all", 20), ("none", 12), ("only", 8)])
def test_unanswerable_questions(file: Path, nlp: Language, unanswerable: Any, number: int) -> None:
    examples = list(questions(str(file), unanswerable=unanswerable)(nlp))
    assert len(examples) == number
    assert {bool(documents.answers(e.reference)) for e in examples} == {
        "all": {True, False},
        "none": {True},
        "only": {False},
    }[unanswerable]


def test_a_limit_draws_the_same_questions_in_their_order(file: Path, nlp: Language) -> None:
    everything = texts(list(questions(str(file))(nlp)))
    drawn = texts(list(questions(str(file), limit=7)(nlp)))
    assert len(drawn) == 7 and drawn == sorted(drawn, key=everything.index) != everything[:7]
    assert texts(list(questions(str(file), limit=7)(nlp))) == drawn
    assert texts(list(questions(str(file), limit=99)(nlp))) == everything


def test_negatives_are_any_paragraphs_when_few_questions_are_drawn(file: Path, nlp: Language) -> None:
    examples = list(questions(str(file), limit=2, negatives=3, unanswerable="none")(nlp))
    assert all(len(documents.passages(example.reference)) > 2 for example in examples)


def test_a_context_of_two_articles_is_one_passage(tmp_path: Path, nlp: Language) -> None:
    first, second = (article("Mara", *PEOPLE["Mara"]) | {"title": title} for title in ("one", "two"))
    second["paragraphs"][0]["qas"] = [{"id": "again", "question": "Who mends clocks?", "answers": []}]
    (tmp_path / "twice.json").write_text(json.dumps({"data": [first, second]}))
    examples = list(questions(str(tmp_path / "twice.json"), negatives=2)(nlp))
    assert [[p.id for p in documents.passages(e.reference)] for e in examples] == [["one#0"]] * 6


@pytest.mark.parametrize(
    ("format", "name", "content"),
    [
        (
            "subjqa",
            "reviews.csv",
            "item_id,q_review_id,question,review,human_ans_spans,human_ans_indices\n"
            'pan,7,Is it good?,Very good. ANSWERNOTFOUND,Very good,"(0, 9)"\n',
        ),
        (
            "qed",
            "qed.jsonlines",
            '{"example_id": 7, "title_text": "Pan", "question_text": "Is it good?", "paragraph_text": "Very good.", '
            '"original_nq_answers": [[{"start": 0, "end": 9, "string": "Very good"}]]}\n',
        ),
    ],
)
def test_other_formats(tmp_path: Path, nlp: Language, format: Any, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    (example,) = questions(str(tmp_path / name), format)(nlp)
    assert example.reference.user_data["id"] == "7"
    assert [answer.text for answer in documents.answers(example.reference) or []] == ["Very good"]


def test_claims(tmp_path: Path, nlp: Language) -> None:
    sentences = ["Tea cools.", "Cups leak."]
    corpus = [{"doc_id": id, "title": f"Study {id}", "abstract": sentences} for id in range(3)]
    made = [
        {"id": n, "claim": f"Cups leak {n}", "cited_doc_ids": [n % 3], "evidence": {}}
        | ({"evidence": {str(n % 3): [{"sentences": [1], "label": "REFUTE"}]}} if n % 2 else {})
        for n in range(10)
    ]
    for name, lines in {"corpus": corpus, "claims": made}.items():
        (tmp_path / name).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    files = {"path": str(tmp_path / "claims"), "corpus": str(tmp_path / "corpus")}
    train, dev = (list(claims(**files, **part)(nlp)) for part in ({"end": 0.8}, {"begin": 0.8, "retrieved": 1}))
    assert [example.reference.user_data["id"] for example in [*train, *dev]] == [str(n) for n in range(10)]
    assert [len(documents.passages(example.predicted)) for example in [*train, *dev]] == [1] * 8 + [2] * 2
    refuted = dev[1]
    assert refuted.reference.cats == {"SUPPORT": 0.0, "CONTRADICT": 1.0} and not refuted.predicted.cats
    assert [answer.text for answer in documents.answers(refuted.reference) or []] == ["Cups leak."]
    with pytest.raises(ConfigError, match="has no path"):
        claims(files["path"], None)


def test_settings_that_do_not_work(file: Path, nlp: Language) -> None:
    split = str(file.parent / "split.json")
    with pytest.raises(ConfigError, match="has no path"):
        questions(None)
    with pytest.raises(ConfigError, match="titles need a part, such as train or dev"):
        questions(str(file), titles=split)
    with pytest.raises(ConfigError, match="no part 'test'; expected one of train, dev"):
        list(questions(str(file), titles=split, part="test")(nlp))
    with pytest.raises(DataError, match="limit = 0, got none"):
        list(questions(str(file), limit=0)(nlp))
    with pytest.raises(DataError, match="expected the field 'data'"):
        list(questions(split)(nlp))


@pytest.fixture(scope="module")
def config(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config that trains retrieval, reading and reranking for an epoch."""
    folder = tmp_path_factory.mktemp("config")
    graph = TaskGraph(encoder=Transformer(transformer(folder / "letters")))
    graph.add(Retrieval("retrieve", layer=1, hidden=4))
    graph.add(Reading("read", layer=2), after={"retrieve": [Candidates(2)]})
    graph.add(Reranking("rerank", layer=2, hidden=4), after={"read": [Hidden(), Candidates(3)]})
    corpora = {
        part: {
            "@readers": "cascade.Corpora.v1",
            "parts": {
                "people": {
                    "@readers": "cascade.Questions.v1",
                    "path": str(file),
                    "format": "squad",
                    "titles": str(file.parent / "split.json"),
                    "part": part,
                    "negatives": 1,
                }
            },
        }
        for part in ("train", "dev")
    }
    settings = {
        "nlp": {"lang": "en", "pipeline": ["cascade"]},
        "components": {"cascade": {"factory": "cascade", "graph": graph_to_config(graph)}},
        "corpora": corpora,
        "cascade": {"trainer": {"@cascade_trainers": "cascade.Trainer.v1", "epochs": 1, "cpu": True}},
    }
    Config(settings).to_disk(folder / "config.cfg")
    return folder / "config.cfg"


def test_a_config_is_checked(config: Path) -> None:
    result = CliRunner().invoke(app, ["check", str(config), "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "15 docs" in result.stdout and "retrieve, read, rerank" in result.stdout


def test_a_config_is_trained(config: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", str(config), "--output", str(tmp_path / "run"), "--json"])
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)["scores"]["dev"]
    assert {"retrieve_mrr", "read_f1", "rerank_f1"} <= scores.keys()
