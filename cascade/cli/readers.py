"""Readers by name, for files with gold annotation."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cascade.errors import ConfigError

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc


class Reader(StrEnum):
    """What a file with gold annotation can be read as."""

    CONLLU = "conllu"
    CONLL2000 = "conll2000"
    ENTITIES = "entities"
    UNER = "uner"
    BTC = "btc"
    CONLL04 = "conll04"
    WNUT17 = "wnut17"
    SICK = "sick"
    FDU_MTL = "fdu_mtl"
    DOCBIN = "docbin"
    SQUAD = "squad"


_SUFFIXES = {".conllu": Reader.CONLLU, ".conllu.gz": Reader.CONLLU, ".spacy": Reader.DOCBIN, ".iob2": Reader.UNER}
_DATASETS = {
    "ewt": Reader.CONLLU,
    "squad1": Reader.SQUAD,
    "squad2": Reader.SQUAD,
    "fdu_mtl": Reader.FDU_MTL,
    **{r.value: r for r in (Reader.CONLL2000, Reader.UNER, Reader.BTC, Reader.CONLL04, Reader.WNUT17, Reader.SICK)},
}
_CONLL04_LABELS = {"Peop": "PER", "Loc": "LOC", "Org": "ORG", "Other": None}
_WNUT17_LABELS = {
    "person": "PER",
    "location": "LOC",
    "corporation": "ORG",
    "group": "ORG",
    "product": None,
    "creative-work": None,
}


def guess(file: str) -> Reader:
    """The reader for a file, by its suffix, or by its data set in the table of `cascade data list`.

    Raises:
        ConfigError: Neither tells.
    """
    if Path(file).is_dir():
        return Reader.DOCBIN
    by_suffix = [reader for suffix, reader in _SUFFIXES.items() if file.endswith(suffix)]
    by_name = _DATASETS.get(file.split("/")[0]) if file.count("/") == 1 and not Path(file).exists() else None
    found = by_suffix[0] if by_suffix else by_name
    if found is None:
        raise ConfigError(
            f"{file}: the name does not tell how to read it, expected one that ends in {', '.join(_SUFFIXES)}; name "
            f"one of {', '.join(Reader)} with --reader"
        )
    return found


def read(file: str, reader: Reader, nlp: Language, *, sentences: int = 10) -> Iterator[Doc]:
    """Read a file.

    Args:
        file: Its path, for `docbin` also that of a folder, or a name of `cascade data list`.
        reader: Any but `squad`, which is of questions. `conllu` and `uner` (Universal NER) make documents of sentences;
            `conll2000` reads chunks; `entities` reads the word from the first column and the entity from the last;
            `btc`, `conll04` and `wnut17` read PER, LOC and ORG of these sets, with what they call otherwise renamed,
            and tokens of their other labels without annotation; `sick` splits the pairs by the pipeline's tokenizer, as
            `fdu_mtl` does reviews of a domain.
        nlp: The pipeline that gives the vocabulary.
        sentences: Sentences per document of `conllu` and `uner`.

    Raises:
        DataError: It cannot be read.
    """
    from cascade.components import readers

    entities = partial(readers.columns, file, into="ents", separator="\t")
    made = {
        Reader.CONLLU: lambda: readers.conllu(file, sentences=sentences),
        Reader.CONLL2000: lambda: readers.columns(file),
        Reader.ENTITIES: lambda: readers.columns(file, into="ents"),
        Reader.UNER: lambda: entities(word=1, label=2, comments=True, sentences=sentences),
        Reader.BTC: lambda: entities(boundaries=False, skip_malformed=True),
        Reader.CONLL04: lambda: entities(word=1, label=2, comments=True, label_map=_CONLL04_LABELS),
        Reader.WNUT17: lambda: entities(boundaries=False, label_map=_WNUT17_LABELS),
        Reader.SICK: lambda: readers.sick(file),
        Reader.FDU_MTL: lambda: readers.fdu_mtl(file),
        Reader.DOCBIN: lambda: readers.docbin(file),
    }
    return made[reader]().read(nlp)
