"""Documents as the user has them, cut into passages that know where in their source they stand, and found again."""

from cascade.docs import Offsets, Passage
from cascade.retrieval.analysis import Analysis
from cascade.retrieval.documents import Document, Documents, source_text
from cascade.retrieval.fusion import reciprocal_rank_fusion
from cascade.retrieval.hits import Hit, Retriever
from cascade.retrieval.index import Index
from cascade.retrieval.memory import MemoryRetriever
from cascade.retrieval.sentences import Splitter, paragraphs, sentence_splitter
from cascade.retrieval.splitting import split

__all__ = [
    "Analysis",
    "Document",
    "Documents",
    "Hit",
    "Index",
    "MemoryRetriever",
    "Offsets",
    "Passage",
    "Retriever",
    "Splitter",
    "paragraphs",
    "reciprocal_rank_fusion",
    "sentence_splitter",
    "source_text",
    "split",
]
