"""The pipe of question answering: Docs that are questions, or Docs that questions are asked of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import srsly
from spacy import util
from spacy.pipeline import Pipe
from spacy.tokens import Doc
from thinc.util import get_torch_default_device

from cascade import docs as documents
from cascade import storage
from cascade.answering import Answering
from cascade.answering.encoders import passage_encoder
from cascade.answering.questions import HITS, Answers, QuestionAnswering, is_askable, located
from cascade.answering.settings import FILE
from cascade.components.answers import AnswerScorer, score_answered, write_answers, write_spans
from cascade.components.processes import spare_threads
from cascade.docs import Passage
from cascade.errors import ConfigError, ModelError, StoreError
from cascade.evaluation import bare_copy
from cascade.model import CascadeModel
from cascade.retrieval import Document, Hit, Index, MemoryRetriever, sentence_splitter, source_text, split
from cascade.retrieval.questions import question_doc

NO_ANSWER = "no_answer_probability"
"""Key of `doc._.cascade[pipe]` under which, by question, stands how probable it is that there is no answer."""
SETTINGS = ("index", "hits", "top_k", "questions")

Prediction = Answers | list[Answers]
"""The answers to the question that a Doc is, or those to each question that is asked of it."""

_sentences = cache(sentence_splitter)


class AnsweringPipe(Pipe):
    """Answers questions inside a spaCy pipeline; it is trained elsewhere.

    Without `questions` a Doc is a question. Passages are searched for it in the index, unless `doc._.passages` is set
    already, and `doc._.passages` and `doc._.answers` come out. With `questions` a Doc is a document, and its answers
    are spans in `doc.spans["answers"]`, labelled with their question, the best first; how sure they are is in
    `doc.spans["answers"].attrs["scores"]`. Either way `doc._.cascade[name]["no_answer_probability"]` has for each
    question how probable it is that there is no answer.

    Args:
        model: The model; None until one is loaded.
        name: The component's name.
        settings: How answers are made of candidates.
        index: The folder of an index, opened when it is first needed; None where no question needs one.
        hits: Passages that are searched for a question; of a Doc that has more, those that BM25 finds are read.
        top_k: How many answers a question gets at most.
        questions: What each Doc is asked, nothing if empty; None where Docs are questions themselves.
        device: A torch device; that of spaCy's current `ops` when None.
        scorer: The scorer; see `cascade.components.answers`.

    Attributes:
        index: As above, and so are `hits`, `top_k` and `questions`: what is set anew is saved with the pipeline.

    Raises:
        ConfigError: `hits` or `top_k` is below 1.
        GraphError: The model does not read answers.
    """

    def __init__(
        self,
        model: CascadeModel | None,
        name: str = "cascade_qa",
        *,
        settings: Answering | None = None,
        index: str | None = None,
        hits: int = HITS,
        top_k: int = 1,
        questions: Sequence[str] | None = None,
        device: str | None = None,
        scorer: AnswerScorer | None = score_answered,
    ) -> None:
        documents.register()
        if top_k < 1 or hits < 1:
            raise ConfigError(f"component {name!r} needs hits and top_k of 1 or more, got {hits} and {top_k}")
        self.name, self.device, self.scorer = name, device, scorer
        self.index, self.hits, self.top_k = index, hits, top_k
        self.questions = None if questions is None else list(dict.fromkeys(questions))
        self._made = {key: getattr(self, key) for key in SETTINGS}
        self._opened: Index | None = None
        self._qa: QuestionAnswering | None = None
        if model is not None:
            self._settle(model, settings)

    @property
    def qa(self) -> QuestionAnswering:
        """What answers.

        Raises:
            ModelError: The pipe is empty.
        """
        if self._qa is None:
            raise ModelError(f"the pipe {self.name!r} is empty: give it model= in its config, or load it")
        return self._qa

    @property
    def module(self) -> CascadeModel:
        """The cascade; see `qa`."""
        return self.qa.model

    @property
    def cfg(self) -> dict[str, Any]:
        """What is saved beside the model: the settings, and those that the pipe was made with."""
        return {**{key: getattr(self, key) for key in SETTINGS}, "made": self._made}

    def open(self) -> Index:
        """The index, opened when it is first asked for.

        Raises:
            ConfigError: None is named.
            StoreError: It is gone or cannot be opened.
        """
        if self.index is None:
            raise ConfigError(
                f"the pipe {self.name!r} has nowhere to look for answers: name an index in its config, set "
                "doc._.passages before, or give it questions=[...] to ask of Docs"
            )
        if self._opened is None or self._opened.folder != Path(self.index):
            try:
                self._opened = Index.open(self.index, loader=passage_encoder)
            except StoreError as error:
                raise StoreError(
                    f"the pipe {self.name!r} cannot open its index, {Path(self.index).absolute()}: {error}; if it has "
                    f"moved, nlp.get_pipe({self.name!r}).index = ..."
                ) from error
        return self._opened

    def ask(self, doc: Doc, question: str, top_k: int | None = None) -> Answers:
        """Ask a question of a Doc; the answers are added to `doc.spans["answers"]`, in the place of earlier ones to it.

        Args:
            doc: The document.
            question: The question.
            top_k: How many answers at most; that of the pipe when None.

        Returns:
            The answers, the best first; `start` and `end` count in `doc.text`.
        """
        found = self._ask(doc, [question], self.top_k if top_k is None else top_k)
        self.set_annotations([doc], [found])
        return found[0]

    def __call__(self, doc: Doc) -> Doc:
        """Answer one Doc."""
        return next(self.pipe([doc]), doc)

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Answer a stream of Docs, in batches for which the index is searched at once."""
        for batch in util.minibatch(stream, size=batch_size):
            try:
                self.set_annotations(batch, self.predict(batch))
            except Exception as error:  # whatever it is, spaCy lets the user's handler decide
                self.get_error_handler()(self.name, self, batch, error)
            else:
                yield from batch

    def predict(self, docs: Iterable[Doc]) -> list[Prediction]:
        """Answer without changing any Doc.

        Args:
            docs: The Docs; any may be empty.

        Raises:
            ModelError: The pipe is empty.
            ConfigError: A question has no passages, and there is no index.
            StoreError: The index cannot be opened or read.
        """
        spare_threads()
        if self.questions is None:
            return self._answer(list(docs))
        return [self._ask(doc, self.questions, self.top_k) for doc in docs]

    def set_annotations(self, docs: Iterable[Doc], predictions: Iterable[Prediction]) -> None:
        """Write answers to Docs.

        Args:
            docs: The Docs.
            predictions: What `predict` gave for them.
        """
        for doc, found in zip([docs] if isinstance(docs, Doc) else docs, predictions, strict=True):
            asked = [found] if isinstance(found, Answers) else found
            probabilities = doc._.cascade.setdefault(self.name, {}).setdefault(NO_ANSWER, {})
            probabilities.update({each.question: each.no_answer_probability for each in asked})
            if isinstance(found, Answers):
                write_answers(doc, found)
            elif asked:
                write_spans(doc, asked)

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save to a folder that is a model folder too, with the settings of answering; the index stays where it is.

        Args:
            path: The folder.
            exclude: What to leave out: `cfg`, `model`.

        Raises:
            ModelError: See `cascade.storage.save`.
        """
        path = Path(path)
        (path / "cfg").unlink(missing_ok=True)
        if "model" not in exclude and self._qa is not None:
            storage.save(self.module, path)
            self._qa.settings.save(path)
        path.mkdir(parents=True, exist_ok=True)
        if "cfg" not in exclude:
            srsly.write_json(path / "cfg", self.cfg)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> AnsweringPipe:
        """Load what `to_disk` has saved, or any model folder.

        Args:
            path: The folder.
            exclude: What to leave out: `cfg`, `model`.

        Raises:
            ModelError: See `cascade.storage.load`.
            GraphError: The model does not read answers.
        """
        path = Path(path)
        saved = (path / "cfg").is_file()
        if "cfg" not in exclude and saved:
            self._take_up(srsly.read_json(path / "cfg"))
        if "model" not in exclude and ((path / storage.META).is_file() or not saved):
            self._settle(storage.load(path), Answering.load(path) if (path / FILE).is_file() else None)
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The pipe as bytes; see `to_disk`."""
        parts = {"cfg": lambda: srsly.json_dumps(self.cfg, sort_keys=True)}
        if self._qa is not None:
            parts["model"] = lambda: [storage.to_bytes(self.module), json.dumps(self.qa.settings.to_json())]
        packed: bytes = util.to_bytes(parts, tuple(exclude))
        return packed

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> AnsweringPipe:
        """Load what `to_bytes` gave; see `from_disk`."""

        def settle(parts: tuple[bytes, str]) -> None:
            self._settle(storage.from_bytes(parts[0]), Answering.from_json(json.loads(parts[1])))

        parts = {"cfg": lambda text: self._take_up(srsly.json_loads(text)), "model": settle}
        util.from_bytes(bytes_data, parts, tuple(exclude))
        return self

    def _take_up(self, saved: dict[str, Any]) -> None:
        """Take up a saved `cfg`; a setting gives way to a config that has been changed since."""
        for key in SETTINGS:
            if saved["made"][key] == self._made[key]:
                setattr(self, key, saved[key])

    def _settle(self, model: CascadeModel, settings: Answering | None) -> None:
        model.to(self.device or get_torch_default_device())
        self._qa = QuestionAnswering(model, settings=settings)

    def _answer(self, docs: Sequence[Doc]) -> list[Prediction]:
        """The answers to Docs that are questions."""
        asked = [_question(doc) for doc in docs]
        hits: list[list[Hit]] = [[] for _ in asked]
        unsearched = [i for i, question in enumerate(asked) if not documents.is_question(question)]
        if unsearched:
            self.qa.retriever, self.qa.hits = self.open(), self.hits
            for i, found in zip(unsearched, self.qa.find([asked[i] for i in unsearched]), strict=True):
                hits[i] = found
        source = cache(source_text)
        decided = zip(asked, self.qa.decide(asked), hits, strict=True)
        return [located(*each, top_k=self.top_k, source=source) for each in decided]

    def _ask(self, doc: Doc, questions: Sequence[str], top_k: int) -> list[Answers]:
        """The answers that a Doc gives to questions."""
        passages = self._foremost(doc)
        asked = [question_doc(self.qa.nlp, question, ()) for question in questions]
        for question in filter(is_askable, asked):
            documents.set_passages(question, passages(question.text))
        decided = zip(asked, self.qa.decide(asked), strict=True)
        return [located(*each, top_k=top_k, source=lambda _: doc.text) for each in decided]

    def _foremost(self, doc: Doc) -> Callable[[str], Sequence[Passage]]:
        """Gives for a question the passages of a Doc that are read: all, or those that share most words with it."""
        document = Document.from_text(doc.text, id="doc")
        passages = list(split(document, _sentences(self.module.lang)))
        if len(passages) <= self.hits:
            return lambda question: passages
        retriever = MemoryRetriever(passages)

        def foremost(question: str) -> Sequence[Passage]:
            found = {hit.id: hit.passage for hit in retriever.search(question, self.hits)}
            return [*found.values(), *(passage for passage in passages if passage.id not in found)][: self.hits]

        return foremost


def _question(doc: Doc) -> Doc:
    """A copy of a question, with the passages that it has; one that cannot have an answer gets none."""
    question = bare_copy(doc)
    if not is_askable(doc):
        documents.set_passages(question, ())
    return question
