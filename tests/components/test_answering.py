"""The pipe of question answering: what spaCy relies on in it, and its answers beside those of `QuestionAnswering`."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from cascade import storage
from cascade.answering.questions import LONGEST, Answers, QuestionAnswering
from cascade.answering.settings import FILE, Answering
from cascade.components.answering import AnsweringPipe
from cascade.components.metadata import requirements
from cascade.docs import passage_of, set_passages
from cascade.errors import ConfigError, ModelError, StoreError
from cascade.retrieval import Index
from tests.answering.shelf import TEXTS, save_reader, write_texts

WHO, WHAT = "Who mends clocks?", "What is blue?"
BLANK = ["", " ", " \n\t ", "word " * (LONGEST + 1)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that always answers."""
    return save_reader(tmp_path_factory.mktemp("reader"))


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that never answers."""
    return save_reader(tmp_path_factory.mktemp("silent"), answers=False)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    Index.build(folder / "my.index", write_texts(folder / "docs"), encoder=None).close()
    return folder / "my.index"


def pipeline(model: Path | None, **config: Any) -> tuple[Language, AnsweringPipe]:
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("cascade_qa", config={"model": model and str(model), **config})
    assert isinstance(pipe, AnsweringPipe)
    return nlp, pipe


@pytest.fixture(scope="module")
def nlp(model: Path, index: Path) -> Language:
    """Docs are questions about three documents."""
    return pipeline(model, index=str(index), top_k=2)[0]


@pytest.fixture(scope="module")
def asking(model: Path) -> Language:
    """Docs are asked two questions."""
    return pipeline(model, questions=[WHO, WHAT], top_k=2)[0]


def pipe_of(nlp: Language) -> AnsweringPipe:
    pipe = nlp.get_pipe("cascade_qa")
    assert isinstance(pipe, AnsweringPipe)
    return pipe


def spans_of(doc: Doc) -> list[tuple[str, int, int, float]]:
    group = doc.spans["answers"]
    scores = group.attrs["scores"].tolist()
    return [(s.label_, s.start_char, s.end_char, score) for s, score in zip(group, scores, strict=True)]


def test_a_question_is_answered_as_without_spacy(nlp: Language, model: Path, index: Path) -> None:
    expected = QuestionAnswering.load(model, index=index).ask(WHO, 2)
    doc = nlp(WHO)
    assert doc._.answers == list(expected) != []
    assert doc._.passages == [hit.passage for hit in expected.hits] != []
    assert doc._.cascade == {"cascade_qa": {"no_answer_probability": {WHO: expected.no_answer_probability}}}
    for answer in doc._.answers:
        assert Path(answer.source).read_text()[answer.start : answer.end] == answer.text


def test_a_stream_is_searched_in_batches(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []
    search = Index.search_batch

    def counting(self: Index, queries: list[str], *args: Any, **kwargs: Any) -> Any:
        searched.append(len(queries))
        return search(self, queries, *args, **kwargs)

    expected = [nlp(text).to_bytes() for text in [WHO, WHAT, *BLANK]]
    monkeypatch.setattr(Index, "search_batch", counting)
    assert [doc.to_bytes() for doc in nlp.pipe([WHO, WHAT, *BLANK, WHO], batch_size=6)][:6] == expected
    assert searched == [2, 1]


def test_predict_changes_no_doc(nlp: Language, asking: Language) -> None:
    for pipe in map(pipe_of, (nlp, asking)):
        docs = [nlp.make_doc(text) for text in [WHO, TEXTS["mara.txt"], *BLANK]]
        before = [doc.to_bytes() for doc in docs]
        predictions = pipe.predict(docs)
        assert [doc.to_bytes() for doc in docs] == before
        assert len(predictions) == len(docs) and pipe.predict([]) == []
        pipe.set_annotations(docs, predictions)
        again = [pipe(nlp.make_doc(doc.text)) for doc in docs]
        assert [doc.to_bytes() for doc in docs] == [doc.to_bytes() for doc in again]


@pytest.mark.parametrize("text", BLANK)
def test_what_is_no_question_has_no_answer(model: Path, text: str) -> None:
    """And no need of an index; not even of passages that are given."""
    nlp, pipe = pipeline(model)
    given = nlp.make_doc(text)
    given._.passages = [passage_of(TEXTS["mara.txt"])]
    for doc in (nlp(text), pipe(given)):
        assert doc._.answers == []
        assert doc._.cascade["cascade_qa"]["no_answer_probability"] == {text: 1.0}
    assert len(given._.passages) == 1
    doc = nlp.make_doc(TEXTS["mara.txt"])
    assert list(pipe.ask(doc, text)) == [] and len(doc.spans["answers"]) == 0


def test_a_question_that_nothing_answers(silent: Path, index: Path) -> None:
    doc = pipeline(silent, index=str(index))[0](WHO)
    assert doc._.answers == [] and len(doc._.passages) == 1


def test_passages_that_are_given_are_used(nlp: Language, model: Path) -> None:
    without, pipe = pipeline(model)
    doc = without.make_doc(WHO)
    set_passages(doc, [passage_of(TEXTS["mara.txt"]), passage_of(TEXTS["ilse.txt"])], [2.0, 1.0])
    doc._.passages = [passage_of(TEXTS["ilse.txt"], id="mine")]  # of which the search has said nothing
    assert [answer.passage for answer in pipe(doc)._.answers] == ["mine"]
    with pytest.raises(ConfigError, match=r"'cascade_qa' has nowhere to look for answers: name an index"):
        without(WHO)
    twice = nlp.get_pipe("cascade_qa")(nlp(WHO))  # type: ignore[operator]
    assert twice.to_bytes() == nlp(WHO).to_bytes()


def test_questions_are_asked_of_a_doc(asking: Language) -> None:
    doc = asking(TEXTS["mara.txt"])
    spans = spans_of(doc)
    assert [label for label, *_ in spans] == [WHO, WHO, WHAT, WHAT]
    for question in (WHO, WHAT):
        scores = [score for label, *_, score in spans if label == question]
        assert scores == sorted(scores, reverse=True) and scores[-1] > 0 and scores[0] < 1
    assert doc._.answers is None and doc._.passages == []
    assert doc._.cascade["cascade_qa"]["no_answer_probability"].keys() == {WHO, WHAT}


def test_ask_adds_to_the_answers_of_a_doc(model: Path) -> None:
    nlp, pipe = pipeline(model, questions=[])
    doc = nlp(TEXTS["mara.txt"])
    assert "answers" not in doc.spans
    first = pipe.ask(doc, WHO)
    assert isinstance(first, Answers) and len(first) == 1
    for answer in pipe.ask(doc, WHAT, 2):
        assert doc.text[answer.start : answer.end] == answer.text
    assert [label for label, *_ in spans_of(doc)] == [WHO, WHAT, WHAT]
    pipe.ask(doc, WHAT)
    assert [label for label, *_ in spans_of(doc)] == [WHO, WHAT]
    assert spans_of(doc)[0][3] == pytest.approx(first[0].confidence)


@pytest.mark.parametrize("text", ["", " \n ", "Mara", "😀 Über\r\n\r\nMara  mends\tclocks ."])
def test_odd_documents(asking: Language, text: str) -> None:
    doc = asking(text)
    assert doc.text == text
    assert len(doc.spans["answers"]) == 0 or text.strip()


def test_answers_of_a_long_doc_stand_where_they_say(model: Path) -> None:
    """Of a Doc with more passages than are read, those that share words with the question are."""
    nlp, pipe = pipeline(model, questions=[], hits=2)
    filler = "Nothing happens here, and 🎾 it rains on the old wall. " * 40
    doc = nlp(filler + "Mara mends clocks in Oslo. " + filler + filler)
    found = pipe.ask(doc, WHO, 20)
    passages = {answer.passage for answer in found}
    assert 1 <= len(passages) <= 2
    assert [doc.text[a.start : a.end] for a in found] == [a.text for a in found]
    for span, answer in zip(doc.spans["answers"], found, strict=True):
        assert span.start_char <= answer.start and answer.end <= span.end_char
    assert any("Mara" in sentence for sentence in (doc.text[a.start - 200 : a.end + 200] for a in found))
    assert len(pipe.ask(doc, "the")) == 1  # of which BM25 finds nothing


def test_scores(nlp: Language, asking: Language) -> None:
    gold = nlp(WHO)
    gold._.answers = gold._.answers[:1]
    wrong = nlp(WHAT)
    wrong._.answers = []
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in (gold, wrong)]
    scores = nlp.evaluate([*examples, Example(nlp.make_doc("x"), nlp.make_doc("x"))])
    assert (scores["answers_f1"], scores["answers_em"]) == (0.5, 0.5)
    assert (scores["answers_has_answer_f1"], scores["answers_no_answer_accuracy"]) == (1, 0)
    assert nlp.evaluate([Example(nlp.make_doc("x"), nlp.make_doc("x"))])["answers_f1"] is None
    document = asking(TEXTS["mara.txt"])
    del document.spans["answers"].attrs["scores"]  # type: ignore[attr-defined]
    assert asking.evaluate([Example(asking.make_doc(document.text), document)])["answers_em"] == 1


def test_a_saved_pipeline_needs_the_index_when_it_is_asked(nlp: Language, index: Path, tmp_path: Path) -> None:
    expected = nlp(WHO).to_json()
    nlp.to_disk(tmp_path / "saved")
    assert spacy.load(tmp_path / "saved")(WHO).to_json() == expected
    config = {"components": {"cascade_qa": {"index": "elsewhere"}}}
    loaded = spacy.load(tmp_path / "saved", config=config)
    assert loaded("")._.answers == []
    with pytest.raises(StoreError, match=r"cannot open its index, /.*elsewhere: .*if it has moved, nlp.get_pipe"):
        loaded(WHO)
    pipe_of(loaded).index = str(index)
    loaded.to_disk(tmp_path / "again")
    assert loaded(WHO).to_json() == spacy.load(tmp_path / "again")(WHO).to_json() == expected


def test_round_trips(nlp: Language, asking: Language, model: Path, tmp_path: Path) -> None:
    texts = [WHO, "", TEXTS["mara.txt"]]
    for name, one in {"nlp": nlp, "asking": asking}.items():
        expected = [doc.to_bytes() for doc in one.pipe(texts)]
        for _ in range(2):
            one.to_disk(tmp_path / name)
        from_bytes = spacy.util.get_lang_class("en").from_config(one.config, meta=one.meta).from_bytes(one.to_bytes())
        for other in (spacy.load(tmp_path / name), from_bytes):
            assert [doc.to_bytes() for doc in other.pipe(texts)] == expected
            assert pipe_of(other).to_bytes() == pipe_of(one).to_bytes()
    folder = tmp_path / "nlp" / "cascade_qa"
    assert {path.name for path in folder.iterdir()} >= {"cfg", FILE, storage.META, storage.WEIGHTS}
    assert Answering.load(folder) == Answering.load(model)
    assert QuestionAnswering.load(folder).settings == pipe_of(nlp).qa.settings


def test_settings_are_saved_as_they_are(nlp: Language, tmp_path: Path) -> None:
    copy = pickle.loads(pickle.dumps(nlp))
    assert copy(WHO).to_bytes() == nlp(WHO).to_bytes()
    pipe_of(copy).top_k = 1
    copy.to_disk(tmp_path)
    config = {"components": {"cascade_qa": {"hits": 7}}}
    loaded = pipe_of(spacy.load(tmp_path, config=config))
    assert (loaded.top_k, loaded.hits, loaded.index) == (1, 7, pipe_of(nlp).index)


def test_the_model_is_read_once(silent: Path, index: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(silent, copy)
    pipeline(copy, index=str(index))[0].to_disk(tmp_path / "saved")
    shutil.rmtree(copy)
    assert spacy.load(tmp_path / "saved")(WHO)._.answers == []


def test_parts_are_left_out_when_asked(nlp: Language, tmp_path: Path) -> None:
    pipe = pipe_of(nlp)
    pipe.to_disk(tmp_path / "cfg", exclude=["model"])
    assert [path.name for path in (tmp_path / "cfg").iterdir()] == ["cfg"]
    pipe.to_disk(tmp_path / "cfg", exclude=["cfg"])
    assert not (tmp_path / "cfg" / "cfg").exists()
    empty = pipeline(None, index=pipe.index)[1]
    assert len(empty.to_bytes()) < 500 < len(pipe.to_bytes())
    with pytest.raises(ModelError, match="'cascade_qa' is empty"):
        empty.from_bytes(pipe.to_bytes(), exclude=["model"]).predict([nlp.make_doc(WHO)])
    empty.from_disk(tmp_path / "cfg")
    assert empty(nlp.make_doc(WHO))._.answers == nlp(WHO)._.answers[: empty.top_k]


def test_an_empty_pipe_is_saved_and_filled(nlp: Language, tmp_path: Path) -> None:
    other, _ = pipeline(None, index=pipe_of(nlp).index)
    other.to_disk(tmp_path / "empty")
    loaded = spacy.load(tmp_path / "empty")
    loaded.from_bytes(nlp.to_bytes())
    assert loaded(WHO).to_json() == nlp(WHO).to_json()


def test_what_does_not_fit(model: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot open its index, .*nowhere"):
        pipeline(model, index="nowhere")
    with pytest.raises(ConfigError, match="no model nowhere"):
        pipeline(Path("nowhere"))
    with pytest.raises(ConfigError, match="needs hits and top_k of 1 or more, got 0 and 1"):
        pipeline(model, hits=0)


def test_docs_travel_in_a_docbin(nlp: Language, asking: Language) -> None:
    question, document = nlp(WHO), asking(TEXTS["mara.txt"])
    data = DocBin(docs=[question, document], store_user_data=True).to_bytes()
    first, second = DocBin().from_bytes(data).get_docs(spacy.blank("en").vocab)
    assert (first._.answers, first._.passages) == (question._.answers, question._.passages)
    assert spans_of(second) == spans_of(document)
    assert second._.cascade == document._.cascade


def test_errors_go_to_the_handler(model: Path) -> None:
    nlp, _ = pipeline(model)
    failed: list[str] = []
    nlp.set_error_handler(lambda name, proc, docs, error: failed.extend(doc.text for doc in docs))
    assert [doc.text for doc in nlp.pipe([WHO, "", WHAT, ""], batch_size=1)] == ["", ""]
    assert failed == [WHO, WHAT]


def test_beside_other_components(model: Path, index: Path) -> None:
    """It is no trainable component, so training leaves it alone; and it says what it assigns."""
    nlp, _ = pipeline(model, index=str(index))
    nlp.add_pipe("sentencizer")
    nlp.initialize(lambda: [Example(nlp.make_doc("x"), nlp.make_doc("x"))])
    assert nlp.update([Example(nlp.make_doc("x"), nlp.make_doc("x"))], sgd=nlp.create_optimizer()) == {}
    assert nlp.analyze_pipes()["summary"]["cascade_qa"]["assigns"] == [
        "doc._.passages",
        "doc._.answers",
        "doc.spans",
        "doc._.cascade",
    ]
    other = spacy.blank("en")
    other.add_pipe("cascade_qa", source=nlp)
    assert other(WHO)._.answers == nlp(WHO)._.answers
    assert any(requirement.startswith("cascade-nlp") for requirement in requirements(nlp))


FORK = """
import sys, spacy, torch
torch.set_num_threads(4)
(torch.randn(500, 500) @ torch.randn(500, 500)).exp().sum()
nlp = spacy.load(sys.argv[1])
texts = ["Who mends clocks?", "", "What is blue?", "Where is Turku?"] * 3
one = [doc._.answers for doc in nlp.pipe(texts, batch_size=2)]
two = [doc._.answers for doc in nlp.pipe(texts, batch_size=2, n_process=2)]
assert any(one)
for a, b in zip(one, two, strict=True):
    assert [(x.text, x.source, x.start) for x in a] == [(x.text, x.source, x.start) for x in b]
    assert all(abs(x.confidence - y.confidence) < 1e-5 for x, y in zip(a, b))
print("done")
"""


def test_two_processes(model: Path, tmp_path: Path) -> None:
    """Beside an index that finds passages by their meaning too, after threads have run."""
    encoder = str(model.parent / "bert")
    Index.build(tmp_path / "my.index", write_texts(tmp_path / "docs"), encoder=encoder).close()
    pipeline(model, index=str(tmp_path / "my.index"))[0].to_disk(tmp_path / "saved")
    environment = {**os.environ, "OMP_NUM_THREADS": "4"}
    command = [sys.executable, "-W", "ignore", "-c", FORK, str(tmp_path / "saved")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "done", done.stderr
