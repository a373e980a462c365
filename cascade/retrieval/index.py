"""The index: a folder on disk in which passages are found, by their words and by their meaning.

manifest.json       format, settings, the encoder's fingerprint
passages.sqlite     passages and vectors: the truth, see `store`
lexical/            inverted index, see `lexical`
vectors.faiss       cache of the dense part, see `dense`; from some size on
lock                held by the one that writes
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args

import numpy as np

from cascade.docs import Passage
from cascade.errors import ConfigError, StoreError
from cascade.retrieval import verification
from cascade.retrieval.analysis import Analysis
from cascade.retrieval.dense import DenseIndex, Encoder, encode, kind_for
from cascade.retrieval.documents import Known
from cascade.retrieval.facts import Where, conditions
from cascade.retrieval.hits import Hit
from cascade.retrieval.ingest import Ingestion, Progress, Sources, named, sorted_out
from cascade.retrieval.layout import Layout
from cascade.retrieval.loading import AUTO, Loader, absolute, chosen, load, of_manifest
from cascade.retrieval.locking import only_writer
from cascade.retrieval.manifest import FORMAT, Manifest
from cascade.retrieval.parts import Mode, Parts
from cascade.retrieval.splitting import Splitting
from cascade.retrieval.store import Store
from cascade.retrieval.writing import Changes, Writer


class Index:
    """Passages on disk and the ways to find them; made by `build` and `open`.

    Any number of processes and threads may search while one writes. A search shows each document as it was before a
    change or after it, never in between.

    Args:
        folder: The folder.
        encoder: Makes vectors of queries and of passages that are added; None for words alone.

    Attributes:
        changes: What the building or the last addition has changed, and what it skipped.
    """

    def __init__(self, folder: Path, encoder: Encoder | None) -> None:
        self.folder, self.encoder, self.changes = folder, encoder, Changes()
        self._layout, self._manifest = Layout(folder), Manifest.load(folder)
        self._check_encoder()
        self._parts = Parts(self._layout, self._manifest, vectors=encoder is not None)

    @classmethod
    def build(
        cls,
        folder: str | Path,
        documents: Sources = (),
        *,
        encoder: Encoder | str | None = AUTO,
        layer: int | None = None,
        loader: Loader = load,
        splitting: Splitting | None = None,
        analysis: Analysis | None = None,
        vectors: str | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Makes an index.

        Killed meanwhile, it holds the documents that were written until then: open it and add them all again.

        Args:
            folder: A new folder, or an empty one.
            documents: See `add`.
            encoder: Makes the vectors of the dense part: an encoder, or the name of one, which the index remembers.
                None for an index without; `auto` for MiniLM where its extra is installed, and none where it is not.
            layer: Which of its layers an encoder reads that is given by its name; what is usual when None.
            loader: Makes an encoder of its name.
            splitting: How files are cut into passages, now and whenever they are added.
            analysis: How texts become terms.
            vectors: How vectors are searched: `flat`, `sq8`, `hnsw` or `ivf`; chosen by size when None.
            progress: See `add`.

        Raises:
            StoreError: The place is taken or cannot be written.
            DataError: Files are given, and there is no text in them; nothing is made then.
            ModelError: There is no encoder of that name.
        """
        layout = Layout(Path(folder))
        layout.check_free()
        DenseIndex(layout.folder, kind=vectors)  # checks the name
        vectorizer, name, layer = chosen(encoder, layer, loader)
        settings = Manifest(
            analysis=analysis or Analysis(),
            splitting=splitting or Splitting(),
            encoder=vectorizer.fingerprint if vectorizer else None,
            encoder_name=name,
            encoder_layer=layer,
            kind=vectors,
        )
        paths, ready = sorted_out(documents)
        files = Ingestion(paths, settings.splitting, progress=progress) if paths else None
        if files:
            files.require_any()
        layout.create(settings)
        index = cls(layout.folder, vectorizer)
        with index._writing() as writer:
            index.changes = files.write(writer) if files else writer.add(ready)
        if passed := index.changes.problems:
            warnings.warn(f"{folder}: skipped {len(passed)} documents or files, the first: {passed[0]}", stacklevel=2)
        return index

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        encoder: Encoder | str | None = AUTO,
        loader: Loader = load,
        repair: bool = False,
    ) -> Self:
        """Opens an index.

        Args:
            folder: What `build` has made.
            encoder: The one that it was built with, or its name; `auto` for the one that the index remembers. Without,
                passages are found by their words alone.
            loader: Makes an encoder of its name.
            repair: Whether parts that are damaged or missing are made again from the passages and vectors.

        Raises:
            StoreError: There is no index, it is damaged, of a newer format, or was built with another encoder, or with
                one that cannot be loaded.
            ModelError: There is no encoder of the name that is given.
        """
        folder = Path(folder)
        if repair:
            verification.repair(folder)
        manifest = Manifest.load(folder)
        if encoder == AUTO:
            encoder = of_manifest(manifest, folder, loader)
        elif isinstance(encoder, str):
            encoder = loader(absolute(encoder), manifest.encoder_layer)
        return cls(folder, encoder)

    def __len__(self) -> int:
        """The number of passages."""
        with self._parts.reading() as parts:
            return len(parts.store)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.folder, self.encoder)

    def close(self) -> None:
        """Lets go of the files."""
        self._parts.close()

    def add(self, documents: Sources, *, progress: Progress | None = None) -> Changes:
        """Adds documents, and replaces those that are there in another state.

        They are written in batches, each document at once.

        Args:
            documents: Files and folders, one path or several: only what has changed is read and cut into passages, and
                documents are removed whose files are gone from these folders or have no text any more. Or documents
                that are ready, of each its id, its fingerprint, and its passages, which are read only if the
                fingerprint is new.
            progress: Passes the files on that are read, and shows how far they are.

        Returns:
            What has changed, and what was skipped, since one file that cannot be read does not stop the others.

        Raises:
            StoreError: Another one is writing, a passage's id is taken, or the index needs its encoder.
            DataError: There is no such path, or nothing there that could be read.
        """
        if self._manifest.encoder and not self.encoder:
            name = self._manifest.encoder_name or self._manifest.encoder
            raise StoreError(f"{self.folder} has vectors: open it with the encoder {name} to add to it")
        paths, ready = sorted_out(documents)
        with self._writing() as writer:
            if paths:
                known = {id: Known(fingerprint=state, place=place) for id, state, place in writer.store.known()}
                files = Ingestion(paths, self._manifest.splitting, known=known, progress=progress)
                self.changes = files.write(writer)
            else:
                self.changes = writer.add(ready)
        return self.changes

    def delete(self, documents: Iterable[str]) -> int:
        """Deletes documents by their ids, and gives the number of those that were there.

        Raises:
            StoreError: Another one is writing.
        """
        with self._writing() as writer:
            return writer.delete(documents)

    def compact(self) -> None:
        """Makes the searchable parts again, and removes what is deleted from the disk.

        Scores are then those of an index that was built of the same passages. It happens by itself once more than a
        fifth is deleted.

        Raises:
            StoreError: Another one is writing.
        """
        with self._writing(compact=True):
            pass

    def documents(self) -> dict[str, str]:
        """Fingerprints of documents by id."""
        with self._parts.reading() as parts:
            return parts.store.documents()

    def named(self, name: str | Path) -> list[str]:
        """Ids of the documents that a name stands for: an id, or the path of a file or folder, which may be gone."""
        with self._parts.reading() as parts:
            return named(name, {id: place for id, _, place in parts.store.known()})

    def passages(self, document: str) -> list[Passage]:
        """The passages of a document, in the order of its text; none if it is not there."""
        with self._parts.reading() as parts:
            return parts.store.passages_of(document)

    def search(self, query: str, k: int = 10, *, where: Where | None = None, mode: Mode | None = None) -> list[Hit]:
        """The best passages for a text.

        Args:
            query: A user's text; nothing in it is syntax.
            k: How many hits at most.
            where: What must hold for a passage, see [`conditions`][cascade.retrieval.facts.conditions].
            mode: By words, by meaning, or by both joined; when None by both if there is an encoder, else by words.

        Returns:
            The best first; equal scores in the order of their ids. None for a blank query. In hybrid mode the score is
            the convex combination of both scores, from 0 to 1, and the hit's stages tell rank and score in both
            rankings.

        Raises:
            StoreError: The mode needs vectors or an encoder, or a part is damaged.
            ConfigError: `k` is below 1, or `where` asks for what no passage can have.
        """
        return self.search_batch([query], k, where=where, mode=mode)[0]

    def search_batch(
        self, queries: Sequence[str], k: int = 10, *, where: Where | None = None, mode: Mode | None = None
    ) -> list[list[Hit]]:
        """The best passages for each of several texts; see `search`."""
        if k < 1:
            raise ConfigError(f"expected to find 1 or more passages, got k={k}")
        mode, required = self._mode(mode), conditions(where)
        queries = [
            query.encode("utf8", "replace").decode("utf8") for query in queries
        ]  # no encoder takes half a character
        vectors = self._encode(queries) if queries and mode != "lexical" else [None] * len(queries)
        with self._parts.reading() as parts:
            allowed = parts.lexical.rows(required) if required and mode != "lexical" else None
            searches = zip(queries, vectors, strict=True)
            return [parts.search(query, vector, k, mode, required, allowed) for query, vector in searches]

    def explain(self, query: str, passage: str) -> dict[str, float]:
        """The terms of a query that match a passage, and what each adds to its lexical score, the greatest first.

        Args:
            query: The query.
            passage: The passage's id.
        """
        with self._parts.reading() as parts:
            row = parts.store.row(passage)
            return {} if row is None else parts.lexical.explain(self._manifest.analysis.terms(query), row)

    def info(self) -> dict[str, Any]:
        """What the index holds and how it was built, as plain values."""
        with self._parts.reading() as parts:
            return {
                "folder": str(self.folder),
                "format": FORMAT,
                "cascade": self._manifest.written_by,
                "documents": len(parts.store.documents()),
                "passages": len(parts.store),
                "deleted": parts.store.deleted(),
                "generation": parts.store.generation(),
                "analysis": self._manifest.analysis.to_json(),
                "splitting": asdict(self._manifest.splitting),
                "encoder": self._manifest.encoder,
                "encoder_name": self._manifest.encoder_name,
                "encoder_layer": self._manifest.encoder_layer,
                "width": parts.store.width(),
                "vectors": (self._manifest.kind or kind_for(len(parts.store))) if self._manifest.encoder else None,
                "bytes": self._layout.size(),
            }

    def verify(self) -> list[str]:
        """Reads everything and gives what is wrong, in sentences; nothing if the index is whole.

        Raises:
            StoreError: Another one is writing.
        """
        with only_writer(self._layout.lock), self._parts.reading() as parts:
            dense = DenseIndex(self.folder) if self._manifest.encoder else None
            return verification.problems(parts.store, parts.lexical, dense)

    def _mode(self, mode: Mode | None) -> Mode:
        if mode is None:
            return "hybrid" if self.encoder else "lexical"
        if mode not in get_args(Mode):
            raise ConfigError(f"expected a mode of search from {', '.join(get_args(Mode))}, got {mode!r}")
        if mode != "lexical" and not self.encoder:
            built = self._manifest.encoder
            why = f"was opened without its encoder {built}" if built else "was built without an encoder"
            raise StoreError(f"{self.folder} {why}: search it in the mode 'lexical', not {mode!r}")
        return mode

    def _encode(self, queries: Sequence[str]) -> np.ndarray:
        if self.encoder is None:
            raise StoreError(f"{self.folder} was opened without an encoder")
        with self._parts.reading() as parts:
            width = parts.store.width()
        return encode(self.encoder, queries, width)

    def _check_encoder(self) -> None:
        built, given = self._manifest.encoder, self.encoder and self.encoder.fingerprint
        if given is None or built == given:
            return
        if built is None:
            raise StoreError(
                f"{self.folder} was built without an encoder: open it without one, or build it again with {given}"
            )
        raise StoreError(
            f"{self.folder} was built with the encoder {built} and cannot be searched with {given}: "
            "open it with that one or with none, or build it again"
        )

    @contextmanager
    def _writing(self, *, compact: bool = False) -> Iterator[Writer]:
        with only_writer(self._layout.lock), closing(Store(self._layout.store)) as store:
            writer = Writer(store, self._parts.lexical, self.encoder)
            yield writer
            compact = compact or writer.is_crowded()
            if compact:
                writer.compact()
            with self._parts.reading() as parts:  # which lets go of the files of older states
                parts.tidy(compact=compact)
            if compact:
                store.shrink()
