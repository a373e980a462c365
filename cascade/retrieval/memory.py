"""BM25 over a handful of passages in memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from rank_bm25 import BM25Okapi

from cascade.docs import Passage
from cascade.retrieval.analysis import Analysis
from cascade.retrieval.facts import Where, conditions, holds
from cascade.retrieval.hits import Hit

K1, B = 1.2, 0.75


class MemoryRetriever:
    """Ranks passages that need no index on disk; the scores are those of the index's lexical part.

    Every search reads all passages: fine for hundreds.

    Args:
        passages: What is searched.
        analysis: How texts become terms.
    """

    def __init__(self, passages: Iterable[Passage], *, analysis: Analysis | None = None) -> None:
        self.analysis = analysis or Analysis()
        self.passages = list(passages)
        self._terms = [self.analysis.terms(passage.text) for passage in self.passages]
        # The library divides by the number of passages and by their mean length.
        self._bm25 = _Lucene(self._terms, k1=K1, b=B) if any(self._terms) else None

    def __len__(self) -> int:
        return len(self.passages)

    def search(self, query: str, k: int = 10, *, where: Where | None = None) -> list[Hit]:
        """The best passages for a text; see [`Retriever`][cascade.retrieval.hits.Retriever]."""
        if self._bm25 is None:
            return []
        required = conditions(where)
        scores = self._bm25.get_scores(self.analysis.terms(query)).tolist()
        found = [(score, p) for score, p in zip(scores, self.passages, strict=True) if score and holds(p, required)]
        found.sort(key=lambda pair: (-pair[0], pair[1].id))
        return [Hit(passage=p, score=score, rank=rank) for rank, (score, p) in enumerate(found[:k], start=1)]

    def search_batch(self, queries: Sequence[str], k: int = 10, *, where: Where | None = None) -> list[list[Hit]]:
        """The best passages for each of several texts."""
        return [self.search(query, k, where=where) for query in queries]


class _Lucene(BM25Okapi):  # type: ignore[misc]  # the library has no types
    """Lucene's inverse document frequency, ln(1 + (N - n + 0.5) / (n + 0.5)).

    The library's own is zero for a term in half of the passages and negative beyond, so that of two passages none
    would score.
    """

    def _calc_idf(self, nd: Mapping[str, int]) -> None:
        self.idf = {term: math.log(1 + (self.corpus_size - n + 0.5) / (n + 0.5)) for term, n in nd.items()}
