"""Documents as the user has them, cut into passages that know where in their source they stand."""

from cascade.retrieval.documents import Document, Documents, source_text
from cascade.retrieval.offsets import Offsets
from cascade.retrieval.passages import Passage, split
from cascade.retrieval.sentences import Splitter, paragraphs, sentence_splitter

__all__ = [
    "Document",
    "Documents",
    "Offsets",
    "Passage",
    "Splitter",
    "paragraphs",
    "sentence_splitter",
    "source_text",
    "split",
]
