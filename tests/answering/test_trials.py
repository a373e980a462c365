from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cascade import docs as documents
from cascade.answering.questions import QuestionAnswering
from cascade.answering.trials import REACH, is_gold, trials
from cascade.data.squad import GoldAnswer, questions
from cascade.errors import ConfigError
from cascade.retrieval import MemoryRetriever
from cascade.retrieval.questions import paragraphs, question_doc
from tests.answering.tiny import articles, reader


@pytest.fixture(scope="module")
def qa(tmp_path_factory: pytest.TempPathFactory) -> QuestionAnswering:
    folder = tmp_path_factory.mktemp("tiny")
    found = MemoryRetriever(paragraphs(articles(folder)))
    return QuestionAnswering(reader(folder), found, hits=3)


def test_the_given_paragraph_is_the_one_passage(qa: QuestionAnswering, tmp_path: Path) -> None:
    asked = list(questions(articles(tmp_path)))
    for (paragraph, question), trial in zip(asked, trials(qa, asked), strict=True):
        assert (trial.id, trial.setting) == (question.id, "given")
        assert [passage.text for passage in trial.passages] == [paragraph.context]
        assert trial.gold == trial.kept == {0}
        assert trial.answers == tuple(answer.text for answer in question.answers)
        assert len(trial.candidates) > 0 and "search" not in trial.candidates.scores


def test_candidates_do_not_depend_on_what_is_read_with_them(qa: QuestionAnswering, tmp_path: Path) -> None:
    asked = list(questions(articles(tmp_path)))
    for (paragraph, question), trial in zip(asked, trials(qa, asked), strict=True):
        doc = question_doc(qa.nlp, question.text, [documents.passage_of(paragraph.context)])
        (alone,) = qa.candidates([doc])
        assert alone.texts == trial.candidates.texts
        for name, values in alone.scores.items():
            np.testing.assert_allclose(values, trial.candidates.scores[name], atol=1e-4)


def test_open_trials_are_of_the_hits(qa: QuestionAnswering, tmp_path: Path) -> None:
    asked = list(questions(articles(tmp_path)))
    for (paragraph, question), trial in zip(asked, trials(qa, asked, setting="open"), strict=True):
        assert qa.retriever is not None
        hits = qa.retriever.search(question.text, 3)
        assert [passage.text for passage in trial.passages] == [hit.passage.text for hit in hits]
        assert trial.gold == {n for n, hit in enumerate(hits) if hit.passage.text == paragraph.context}
        assert trial.retrieved is not None and len(trial.retrieved) == len(hits)
        assert trial.kept == set(np.argsort(-trial.retrieved)[:2].tolist())
        assert set(trial.candidates.passage.tolist()) <= trial.kept
        assert "search" in trial.candidates.scores


def test_open_trials_want_a_retriever(qa: QuestionAnswering, tmp_path: Path) -> None:
    bare = QuestionAnswering(qa.model)
    with pytest.raises(ConfigError, match="nowhere to look"):
        list(trials(bare, questions(articles(tmp_path)), setting="open"))


def test_labelled_leaves_one_of_the_spans_that_passages_share(qa: QuestionAnswering, tmp_path: Path) -> None:
    (own, *_) = articles(tmp_path)
    pool = [documents.passage_of(own.paragraphs[0].context, id=str(n), source="same") for n in range(2)]
    twice = QuestionAnswering(qa.model, MemoryRetriever(pool))
    (trial, *_) = trials(twice, questions([own]), setting="open")
    labelled = trial.labelled(twice)
    assert labelled.answers == ("clocks",)
    assert sorted(set(labelled.candidates.texts)) == sorted(labelled.candidates.texts)
    assert len(labelled.candidates) < len(trial.candidates)


SENTENCES = ["Mara came to Oslo with a cart of clocks. ", "She mends them in a low room.  ", "Nobody in Oslo pays her."]
CONTEXT = "".join(SENTENCES)
FIRST, SECOND = CONTEXT.index("Oslo"), CONTEXT.rindex("Oslo")


def gold(*starts: int) -> list[GoldAnswer]:
    return [GoldAnswer(text="Oslo", start=start) for start in starts]


@pytest.mark.parametrize(
    ("text", "starts", "expected"),
    [
        (CONTEXT, (), True),
        (CONTEXT.replace("  ", "\n"), (), True),
        (CONTEXT.replace("low", "high"), (), False),
        (SENTENCES[0], (FIRST,), True),
        (SENTENCES[0], (SECOND,), False),
        (SENTENCES[1] + SENTENCES[2], (SECOND,), True),
        (SENTENCES[1], (FIRST, SECOND), False),
        ("A street of Bergen is told of before. " + CONTEXT + " And another one behind.", (FIRST,), True),
        ("Ilse left Bergen. " + SENTENCES[0], (FIRST,), True),
        ("In Oslo it rains.", (FIRST, SECOND), False),
        ("Oslo", (FIRST,), True),
    ],
)
def test_passages_of_whole_documents_are_gold_where_the_answer_stands(
    text: str, starts: tuple[int, ...], expected: bool
) -> None:
    assert is_gold(text, CONTEXT, gold(*starts)) is expected


def test_an_answer_at_the_edges_of_both_is_no_proof() -> None:
    ends_with = "They moved from town to town, and at last they came to Oslo"
    answer = [GoldAnswer(text="Oslo", start=ends_with.index("Oslo"))]
    begins_with = "Oslo lies at the end of a fjord, and it rains there on most days of the year."
    assert not is_gold(begins_with, ends_with, answer)
    assert is_gold("moved from town to town, and at last they came to Oslo", ends_with, answer)


def test_agreement_reaches_as_far_as_is_said() -> None:
    context = f"{'a' * 100} Oslo {'b' * 100}"
    answer = [GoldAnswer(text="Oslo", start=101)]
    assert is_gold(f"x{'a' * REACH} Oslo {'b' * REACH}x", context, answer)
    assert not is_gold(f"x{'a' * (REACH - 1)} Oslo {'b' * REACH}x", context, answer)
