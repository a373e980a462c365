"""How well an index ranks, by words, by meaning and by both, beside bm25s and rank_bm25."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from cascade.docs import passage_of
from cascade.evaluation import means, score_rankings
from cascade.retrieval import Analysis, Index, reciprocal_rank_fusion
from cascade.retrieval.encoding import text_encoder
from cascade.retrieval.memory import K1, B
from tests.bench.testsets import TESTSETS, Testset

MODES = ("lexical", "dense", "hybrid")
DEPTH = 100

Rankings = dict[str, list[str]]


def ranking(name: str) -> dict[str, float]:
    """nDCG@10, recall@1 and recall@5 of each system on a test set of `CASCADE_DATA`.

    All systems are given the same terms. `ranks` joins the rankings by words and by meaning by reciprocal rank fusion.
    """
    testset = TESTSETS[name](Path(os.environ["CASCADE_DATA"]))
    rankings = _ours(testset) | _peers(testset)
    return {
        f"{system} {measure}": value
        for system, ranked in rankings.items()
        for measure, value in means(score_rankings(ranked, testset.relevance, recall_at=(1, 5))).items()
        if measure != "mrr@10"
    }


def _ours(testset: Testset) -> dict[str, Rankings]:
    queries = list(testset.queries.values())
    documents = ((id, "", [passage_of(text, id=id)]) for id, text in testset.documents.items())
    with tempfile.TemporaryDirectory() as folder:
        index = Index.build(Path(folder) / "i", documents, encoder=text_encoder("minilm"))
        found = {mode: index.search_batch(queries, DEPTH, mode=mode) for mode in MODES}  # type: ignore[arg-type]
        index.close()
    rankings = {mode: _by_query(testset, [[hit.id for hit in hits] for hits in some]) for mode, some in found.items()}
    pairs = [[rankings[mode][query] for mode in ("lexical", "dense")] for query in testset.queries]
    fused = [[id for id, _ in reciprocal_rank_fusion(pair)] for pair in pairs]
    return {**rankings, "ranks": _by_query(testset, fused)}


def _peers(testset: Testset) -> dict[str, Rankings]:
    """bm25s with the formula and the parameters of the index, and rank_bm25 with its own."""
    from bm25s import BM25
    from rank_bm25 import BM25Okapi

    analysis, ids = Analysis(), np.array(list(testset.documents))
    terms = [analysis.terms(text) or [""] for text in testset.documents.values()]  # neither takes an empty one
    bm25s, rank_bm25 = BM25(k1=K1, b=B, method="lucene"), BM25Okapi(terms)
    bm25s.index(terms, show_progress=False)
    found: dict[str, list[list[str]]] = {"bm25s": [], "rank_bm25": []}
    for query in testset.queries.values():
        asked = analysis.terms(query)
        for system, scores in (("bm25s", bm25s.get_scores(asked)), ("rank_bm25", rank_bm25.get_scores(asked))):
            found[system].append(ids[np.lexsort((ids, -scores))[:DEPTH]].tolist())
    return {system: _by_query(testset, some) for system, some in found.items()}


def _by_query(testset: Testset, rankings: list[list[str]]) -> Rankings:
    return dict(zip(testset.queries, rankings, strict=True))
