"""Documents as the user has them, cut into passages that know where in their source they stand, and found again."""

from cascade.docs import Offsets, Passage
from cascade.retrieval.analysis import Analysis
from cascade.retrieval.documents import Document, Documents, source_text
from cascade.retrieval.fusion import convex_combination, reciprocal_rank_fusion
from cascade.retrieval.hits import Hit, Retriever
from cascade.retrieval.index import Index
from cascade.retrieval.memory import MemoryRetriever
from cascade.retrieval.sentences import Splitter, paragraphs, sentence_splitter
from cascade.retrieval.splitting import Splitting, split
from cascade.retrieval.writing import Changes

__all__ = [
    "Analysis",
    "Changes",
    "Document",
    "Documents",
    "Hit",
    "Index",
    "MemoryRetriever",
    "Offsets",
    "Passage",
    "Retriever",
    "Splitter",
    "Splitting",
    "convex_combination",
    "paragraphs",
    "reciprocal_rank_fusion",
    "sentence_splitter",
    "source_text",
    "split",
]
