"""Where the parts of an index lie in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cascade.errors import StoreError
from cascade.retrieval import manifest
from cascade.retrieval.lexical import LexicalIndex
from cascade.retrieval.locking import only_writer
from cascade.retrieval.manifest import Manifest
from cascade.retrieval.store import Store


@dataclass(frozen=True)
class Layout:
    """The folder of an index."""

    folder: Path

    @property
    def store(self) -> Path:
        """The file of passages and vectors."""
        return self.folder / "passages.sqlite"

    @property
    def lexical(self) -> Path:
        """The folder of the inverted index."""
        return self.folder / "lexical"

    @property
    def lock(self) -> Path:
        """The file that a writer locks."""
        return self.folder / "lock"

    def create(self, settings: Manifest) -> None:
        """Makes an empty index, which is one once it has its manifest.

        Raises:
            StoreError: The place is taken, or cannot be written.
        """
        self.check_free()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with only_writer(self.lock):
                self.check_free()
                LexicalIndex.create(self.lexical)
                Store.create(self.store)
                settings.save(self.folder)
        except OSError as error:
            raise StoreError(f"cannot make an index in {self.folder}: {error.strerror or error}") from error

    def size(self) -> int:
        """Bytes on the disk."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def check_free(self) -> None:
        """Sees to it that an index can be made here.

        Raises:
            StoreError: The place is taken.
        """
        if not self.folder.exists():
            return
        if not self.folder.is_dir():
            raise StoreError(f"{self.folder} is a file: name a new folder for the index")
        names = {path.name for path in self.folder.iterdir()}
        if manifest.FILE in names:
            raise StoreError(f"{self.folder} is an index already: add to it (cascade index add), or name a new folder")
        ours = (self.store.name, self.lexical.name, self.lock.name, manifest.FILE)
        if foreign := sorted(name for name in names if not name.startswith(ours)):  # a build that was killed is not
            raise StoreError(f"{self.folder} is no index and holds {foreign[0]}: name an empty or a new folder")
