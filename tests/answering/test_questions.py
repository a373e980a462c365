from __future__ import annotations

import json
from pathlib import Path

import pytest

from cascade import storage
from cascade.answering import Answering, Budget, Limits, QuestionAnswering, questions
from cascade.errors import ConfigError, StoreError
from cascade.model import CascadeModel
from cascade.retrieval import Index, MemoryRetriever, source_text
from cascade.retrieval.questions import paragraphs, question_doc
from tests.answering.shelf import TEXTS, save_reader, write_texts
from tests.answering.tiny import articles, reader

PAGE = "<p>M&aacute;ra m&eacute;nds cl&oacute;cks i&#110; Osl&omicron;&period;"
"""Whatever is told of it has to be read from it."""
ALWAYS = Answering(limits=Limits(refusal=float("inf")))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> CascadeModel:
    return reader(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> MemoryRetriever:
    return MemoryRetriever(list(paragraphs(articles(tmp_path_factory.mktemp("questions")))))


@pytest.fixture
def qa(model: CascadeModel, retriever: MemoryRetriever) -> QuestionAnswering:
    return QuestionAnswering(model, retriever, settings=ALWAYS)


def test_answers_stand_where_they_say(tmp_path: Path) -> None:
    folder, texts = save_reader(tmp_path), write_texts(tmp_path / "texts")
    with Index.build(tmp_path / "my.index", documents=texts, encoder=None):
        pass
    qa = QuestionAnswering.load(folder, index=tmp_path / "my.index")
    answers = qa.ask("Where does Mara mend clocks?", top_k=5)
    assert 0 < len(answers) <= 5
    for answer in answers:
        assert Path(answer.source).read_text()[answer.start : answer.end] == answer.text
        assert TEXTS[Path(answer.source).name][answer.start : answer.end] == answer.text
        assert 0 <= answer.confidence <= 1
        assert {"search", "retrieve", "read", "null", "rerank", "fused"} <= answer.scores.keys()
    assert answers[0] == answers.found[0] and list(answers) == list(answers[:])
    assert answers[0].confidence == max(answer.confidence for answer in answers)


def test_answers_stand_where_they_say_whatever_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source is named as it was given, and read from where it lies."""
    folder, page = save_reader(tmp_path), tmp_path / "pages" / "mara.html"
    page.parent.mkdir()
    page.write_text(PAGE)
    monkeypatch.chdir(tmp_path)
    Index.build("my.index", "pages", encoder=None).close()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    answers = QuestionAnswering.load(folder, index=tmp_path / "my.index").ask("Where does Mára?", top_k=20)
    assert len(answers) > 0
    for answer in answers:
        assert Path(answer.source) == Path("pages/mara.html")
        assert page.read_text()[answer.start : answer.end] == answer.text != answer.plain


def test_a_source_is_read_once_for_all_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, read = tmp_path / "mara.html", []
    page.write_text(PAGE)
    monkeypatch.setattr(questions, "source_text", lambda name: read.append(name) or source_text(name))
    with Index.build(tmp_path / "my.index", page, encoder=None) as index:
        qa = QuestionAnswering(reader(tmp_path), index, settings=ALWAYS)
        both = qa.ask_batch(["Where does Mára?", "What does Mára?"], top_k=20)
    assert all(answer.text != answer.plain for found in both for answer in found) and all(both)
    assert read == [str(page)]


def test_several_questions_are_answered_as_each_by_itself(qa: QuestionAnswering) -> None:
    questions = ["Where does Mara mend?", "What does Pim mend?", ""]
    together = qa.ask_batch(questions, 2)
    for question, found in zip(questions, together, strict=True):
        alone = qa.ask(question, 2)
        assert [a.text for a in alone] == [a.text for a in found]
        assert found.question == question
    assert qa.ask_batch([]) == []


@pytest.mark.parametrize("question", ["", "  \n", "zzz qqq", "Where does Mara mend? " * 2500])
def test_a_question_that_nothing_is_found_for_has_no_answer(qa: QuestionAnswering, question: str) -> None:
    answers = qa.ask(question)
    assert len(answers) == 0 and not answers.hits
    assert answers.no_answer_probability == 1.0


def test_a_long_question_is_read_by_its_beginning(qa: QuestionAnswering) -> None:
    assert len(qa.ask("Where does Mara mend? " * 50)) == 1


def test_an_empty_index_has_no_answer(model: CascadeModel, tmp_path: Path) -> None:
    with Index.build(tmp_path / "my.index", encoder=None) as index:
        answers = QuestionAnswering(model, index, settings=ALWAYS).ask("Where does Mara mend?")
    assert len(answers) == 0 and answers.no_answer_probability == 1.0


def test_abstaining_gives_no_answer_but_its_probability(model: CascadeModel, retriever: MemoryRetriever) -> None:
    never = QuestionAnswering(model, retriever, settings=Answering(limits=Limits(refusal=-float("inf"))))
    answers = never.ask("Where does Mara mend?")
    assert len(answers) == 0 and answers.hits
    assert 0 < answers.no_answer_probability <= 1


def test_answers_as_plain_values(qa: QuestionAnswering) -> None:
    plain = json.loads(json.dumps(qa.ask("Where does Mara mend?", 2, explain=True).to_json(), allow_nan=False))
    assert set(plain) == {"question", "answers", "no_answer_probability", "explanation"}
    assert {"text", "source", "start", "end", "confidence", "scores", "passage"} <= plain["answers"][0].keys()
    assert "explanation" not in qa.ask("Where does Mara mend?").to_json()


def test_an_index_tells_the_terms_that_matched(model: CascadeModel, tmp_path: Path) -> None:
    added = [(passage.id, "", [passage]) for passage in paragraphs(articles(tmp_path))]
    with Index.build(tmp_path / "my.index", added, encoder=None) as index:
        qa = QuestionAnswering(model, index, settings=ALWAYS)
        explanation = qa.ask("Where does Mara mend?", explain=True).explanation
    assert explanation is not None
    assert set(explanation["answers"][0]["terms"]) <= {"where", "doe", "does", "mara", "mend"}
    assert explanation["answers"][0]["terms"]
    assert {"read", "retrieve", "rerank"} <= explanation["without"].keys()


def test_a_budget_chooses_how_much_is_looked_at_and_read(qa: QuestionAnswering) -> None:
    docs = [qa.nlp.make_doc("Where does Mara mend?")]
    qa.find(docs)
    full = next(iter(qa.candidates(docs)))
    least = next(iter(qa.candidates(docs, budget=Budget(flops=1.0))))
    plenty = next(iter(qa.candidates(docs, budget=Budget(flops=1e15))))
    assert least.passages == 1 and set(least.passage.tolist()) == {0}
    assert full.texts == plenty.texts
    assert len(docs[0]._.passages) == len(qa.ask("Where does Mara mend?").hits)


def test_a_plan_is_made_once(qa: QuestionAnswering, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = [qa.nlp.make_doc("Where does Mara mend?")]
    qa.find(docs)
    plans, plan = [], qa.costs.plan
    monkeypatch.setattr(qa.costs, "plan", lambda *given: plans.append(plan(*given)) or plans[-1])
    list(qa.candidates(docs, budget=Budget(flops=1.0)))
    assert [(made.looked_at, made.read) for made in plans] == [(1, 1)]


def test_passages_may_come_with_the_question(model: CascadeModel, tmp_path: Path) -> None:
    qa = QuestionAnswering(model, settings=ALWAYS)
    doc = question_doc(qa.nlp, "Where does Mara mend?", list(paragraphs(articles(tmp_path))))
    assert not qa.decide([doc])[0].abstained
    with pytest.raises(ConfigError, match="nowhere to look for answers"):
        qa.ask("Where does Mara mend?")


def test_a_saved_model_brings_its_settings(tmp_path: Path) -> None:
    save_reader(tmp_path)
    assert QuestionAnswering.load(tmp_path / "model").settings == ALWAYS
    (tmp_path / "model" / "answering.json").unlink()
    assert QuestionAnswering.load(tmp_path / "model").settings == Answering()


def test_what_cannot_work_is_refused(model: CascadeModel, retriever: MemoryRetriever, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hits=0"):
        QuestionAnswering(model, retriever, hits=0)
    with pytest.raises(ConfigError, match="top_k=0"):
        QuestionAnswering(model, retriever).ask("Where?", 0)
    with pytest.raises(StoreError):
        storage.save(model, tmp_path / "model")
        QuestionAnswering.load(tmp_path / "model", index=tmp_path / "nowhere")
