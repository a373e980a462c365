"""The lexical part of an index: BM25 over an inverted index on disk, by tantivy.

The score is Lucene's: the sum over the terms of the query of idf * 2.2 tf / (tf + 1.2 (0.25 + 0.75 dl / avgdl)), where
idf = ln(1 + (N - n + 0.5) / (n + 0.5)), and dl is the passage's length in terms as one byte tells it: exact up to 40,
then rounded down to a grid. A deleted passage is never found, but stays in N, n and avgdl until the index is rebuilt.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tantivy import Document, Index, IndexWriter, Occur, Query, Schema, SchemaBuilder

from cascade.errors import StoreError
from cascade.retrieval.analysis import Analysis
from cascade.retrieval.segments import damaged_files

_ROW, _TEXT, _FACTS = "row", "text", "facts"
_HEAP = 64_000_000
"""Bytes of memory in which a writer collects passages before it makes a segment of them."""
_MANY = 10_000

Required = Sequence[frozenset[str]]
"""Sets of facts, of each of which a passage must have one; see `cascade.retrieval.facts`."""


class LexicalIndex:
    """An inverted index, opened for search; it shows one state until `reload`.

    Args:
        folder: What `create` has made.
        analysis: How texts become terms: the one that it was made with.

    Raises:
        StoreError: There is none, or it is damaged.
    """

    def __init__(self, folder: Path, analysis: Analysis) -> None:
        self.folder, self.analysis = folder, analysis
        with _errors(folder):
            self._index = Index.open(str(folder))
            self._index.register_tokenizer("cascade", analysis.analyzer)
            self._index.config_reader("manual")
            self._schema = self._index.schema
            self.reload()
        if damaged := damaged_files(folder):
            raise StoreError(f"{folder} is damaged in {', '.join(damaged)}; {_MEND}")

    @classmethod
    def create(cls, folder: Path) -> None:
        """Makes an empty one, in the place of whatever stood there."""
        shutil.rmtree(folder, ignore_errors=True)
        with _errors(folder):
            folder.mkdir(parents=True)
            Index(_schema(), str(folder))

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    def reload(self) -> None:
        """Shows the last commit."""
        with _errors(self.folder):
            self._index.reload()
            self._searcher = self._index.searcher()

    def search(self, terms: Iterable[str], limit: int, required: Required = ()) -> list[tuple[int, float]]:
        """The rows that score best.

        Args:
            terms: The analysed query; a term that occurs twice counts twice.
            limit: How many rows at most.
            required: Facts that a row must have.

        Returns:
            Rows with scores above zero, the best first.
        """
        query = self._either(
            Query.boost_query(self._term(term), count) if count > 1 else self._term(term)
            for term, count in Counter(terms).items()
        )
        return self._found(self._restricted(query, required), limit)

    def rows(self, required: Required = ()) -> np.ndarray:
        """All rows that have these facts, ascending. Shape: [rows], int64."""
        query = self._restricted(Query.const_score_query(Query.all_query(), 0.0), required)
        return np.sort(np.array([row for row, _ in self._found(query, len(self))], dtype=np.int64))

    def explain(self, terms: Iterable[str], row: int) -> dict[str, float]:
        """What each term that matches adds to a row's score, the greatest first."""
        with _errors(self.folder):
            places = self._searcher.search(Query.term_query(self._schema, _ROW, row, "basic"), 1).hits
            if not places:
                return {}
            found = {}
            for term, count in Counter(terms).items():
                query = Query.boolean_query([(Occur.Must, self._term(term)), (Occur.Must, self._row(row))])
                hits = self._searcher.search(query, 1, count=False).hits
                if hits:
                    found[term] = count * float(hits[0][0])
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    @contextmanager
    def writing(self) -> Iterator[LexicalWriter]:
        """A writer; what it has not committed is lost when the block is left.

        Raises:
            StoreError: There is another one, or writing fails.
        """
        with _errors(self.folder):
            writer = self._index.writer(_HEAP, 1)
        try:
            yield LexicalWriter(writer, self.folder, self._schema, self.analysis)
        except BaseException:
            writer.rollback()
            raise
        finally:
            with _errors(self.folder):
                writer.wait_merging_threads()  # lets go of tantivy's lock too

    def collect_garbage(self) -> None:
        """Removes files from the disk that no search of this process uses any more.

        Raises:
            StoreError: There is a writer.
        """
        with _errors(self.folder):
            writer = self._index.writer(_HEAP, 1)
            writer.garbage_collect_files()
            writer.wait_merging_threads()

    def _term(self, term: str) -> Query:
        return Query.term_query(self._schema, _TEXT, term, "freq")

    def _row(self, row: int) -> Query:
        return Query.const_score_query(Query.term_query(self._schema, _ROW, row, "basic"), 0.0)

    def _restricted(self, query: Query, required: Required) -> Query:
        clauses = [(Occur.Must, query)]
        for alternatives in required:
            terms = (Query.term_query(self._schema, _FACTS, fact, "basic") for fact in sorted(alternatives))
            clauses.append((Occur.Must, Query.const_score_query(self._either(terms), 0.0)))
        return Query.boolean_query(clauses) if required else query

    @staticmethod
    def _either(queries: Iterable[Query]) -> Query:
        return Query.boolean_query([(Occur.Should, query) for query in queries])

    def _found(self, query: Query, limit: int) -> list[tuple[int, float]]:
        if not len(self):
            return []
        with _errors(self.folder):
            hits = self._searcher.search(query, min(limit, len(self)), count=False).hits
            rows = self._searcher.fast_field_values(_ROW, [place for _, place in hits])
        return [(int(row or 0), float(score)) for row, (score, _) in zip(rows, hits, strict=True)]


class LexicalWriter:
    """Changes an inverted index; nothing shows before `commit`, and then all of it.

    Made by [`LexicalIndex.writing`][cascade.retrieval.lexical.LexicalIndex.writing].
    """

    def __init__(self, writer: IndexWriter, folder: Path, schema: Schema, analysis: Analysis) -> None:
        self._writer, self._folder, self._schema, self._analysis = writer, folder, schema, analysis

    def add(self, row: int, text: str, facts: Iterable[str]) -> None:
        """Adds a passage under a row that was never used before."""
        document = Document()
        document.add_unsigned(_ROW, row)
        document.add_text(_TEXT, self._analysis.prepare(text))
        for fact in sorted(facts):
            document.add_text(_FACTS, fact)
        with _errors(self._folder):
            self._writer.add_document(document)

    def delete(self, rows: Sequence[int]) -> None:
        """Deletes rows; those that are not there are no error."""
        with _errors(self._folder):
            for start in range(0, len(rows), _MANY):
                some = list(rows[start : start + _MANY])
                self._writer.delete_documents_by_query(Query.term_set_query(self._schema, _ROW, some))

    def clear(self) -> None:
        """Deletes everything; passages that are added afterwards stay."""
        with _errors(self._folder):
            self._writer.delete_all_documents()

    def commit(self) -> None:
        """Makes the changes last, all of them or, if the process is killed meanwhile, none."""
        with _errors(self._folder):
            self._writer.commit()


_MEND = (
    "if files are damaged, cascade index compact makes this part again from the passages, and so does Index.open with "
    "repair=True"
)


def _schema() -> Schema:
    builder = SchemaBuilder().add_unsigned_field(_ROW, indexed=True, fast=True)
    builder = builder.add_text_field(_TEXT, tokenizer_name="cascade", index_option="freq")
    return builder.add_text_field(_FACTS, tokenizer_name="raw", index_option="basic").build()


@contextmanager
def _errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except StoreError:
        raise
    except Exception as error:  # tantivy raises whatever comes
        raise StoreError(f"{folder} fails: {error}; {_MEND}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of Rust, on files that make no sense
            raise
        raise StoreError(f"{folder} is damaged: {error}; {_MEND}") from error
