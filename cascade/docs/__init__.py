"""What a Doc carries beyond spaCy's own attributes, and which of its tokens the tasks see."""

from cascade.docs.answers import Answer
from cascade.docs.extensions import (
    answers,
    is_question,
    passage_texts,
    passages,
    register,
    set_answers,
    set_passages,
    set_stage,
    stage,
)
from cascade.docs.offsets import Offsets, Transcript
from cascade.docs.passages import Passage, Value, passage_of, word_spans, words_of
from cascade.docs.tokens import (
    CHUNKS,
    PAIR,
    assign,
    is_pair,
    lookup,
    passage_words,
    size,
    spaces,
    texts,
    tokens,
    words,
    write,
)

__all__ = [
    "CHUNKS",
    "PAIR",
    "Answer",
    "Offsets",
    "Passage",
    "Transcript",
    "Value",
    "answers",
    "assign",
    "is_pair",
    "is_question",
    "lookup",
    "passage_of",
    "passage_texts",
    "passage_words",
    "passages",
    "register",
    "set_answers",
    "set_passages",
    "set_stage",
    "size",
    "spaces",
    "stage",
    "texts",
    "tokens",
    "word_spans",
    "words",
    "words_of",
    "write",
]
