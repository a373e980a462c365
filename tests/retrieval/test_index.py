from __future__ import annotations

import json
import os
import pickle
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from cascade.docs import Passage
from cascade.errors import ConfigError, DataError, ModelError, StoreError
from cascade.retrieval.analysis import Analysis
from cascade.retrieval.documents import source_text
from cascade.retrieval.fusion import convex_combination
from cascade.retrieval.hits import Hit
from cascade.retrieval.index import Index
from cascade.retrieval.locking import only_writer
from cascade.retrieval.memory import MemoryRetriever
from cascade.retrieval.splitting import Splitting
from tests.retrieval.made import ANIMALS, WordCounts, document, documents, passage


def ids(hits: list[Hit]) -> list[str]:
    return [hit.id for hit in hits]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "my.index"
    Index.build(folder, documents(), encoder=WordCounts()).close()
    return folder


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(built, tmp_path / "my.index"))


@pytest.fixture
def index(folder: Path) -> Iterator[Index]:
    with Index.open(folder, encoder=WordCounts()) as index:
        yield index


def test_what_is_in_it(index: Index) -> None:
    assert len(index) == 6
    assert sorted(index.documents()) == sorted(ANIMALS)
    assert [p.text for p in index.passages("cats")] == ANIMALS["cats"]
    assert index.passages("empty") == index.passages("unknown") == []
    info = index.info()
    assert (info["documents"], info["passages"], info["encoder"], info["vectors"]) == (4, 6, "word-counts", "flat")
    assert info["bytes"] > 0 and json.dumps(info)
    assert index.verify() == []


def test_by_words_as_in_memory(index: Index) -> None:
    memory = MemoryRetriever(p for _, _, passages in documents() for p in passages)
    for query in ("a cat and a dog", "barn", "Is there water in the garden?", "the the the dog"):
        hits, expected = index.search(query, mode="lexical"), memory.search(query)
        assert ids(hits) == ids(expected)
        assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in expected], abs=1e-4)
        assert [hit.passage for hit in hits] == [hit.passage for hit in expected]


def test_by_meaning_as_by_brute_force(index: Index) -> None:
    passages = [p for _, _, some in documents() for p in some]
    vectors = WordCounts().encode(["a dog in the garden", *(p.text for p in passages)])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = dict(zip((p.id for p in passages), (vectors[1:] @ vectors[0]).tolist(), strict=True))
    hits = index.search("a dog in the garden", mode="dense")
    assert ids(hits) == sorted(scores, key=lambda id: (-round(scores[id], 6), id))
    assert [hit.score for hit in hits] == pytest.approx(sorted(scores.values(), reverse=True), abs=1e-6)


def test_by_both(index: Index) -> None:
    query = "a dog in the garden"
    lexical, dense, hits = (index.search(query, mode=mode) for mode in ("lexical", "dense", None))  # type: ignore[arg-type]
    scores = [{hit.id: hit.score for hit in found} for found in (lexical, dense)]
    joined = convex_combination(scores, weights=[1 - 0.7, 0.7], floors=[0.0, -1.0])
    assert [(hit.id, hit.score) for hit in hits] == joined
    places = [
        {"lexical": lexical, "dense": dense}[name][place.rank - 1] for h in hits for name, place in h.stages.items()
    ]
    assert [p.id for p in places] == [hit.id for hit in hits for _ in hit.stages]
    assert [p.score for p in places] == [place.score for hit in hits for place in hit.stages.values()]
    assert index.search(query, 2) == hits[:2]


@pytest.mark.parametrize("mode", ["lexical", "dense", "hybrid"])
def test_batches_filters_and_blanks(index: Index, mode: str) -> None:
    queries = ["cat", " \n", "dog", ""]
    batch = index.search_batch(queries, 3, mode=mode)  # type: ignore[arg-type]
    assert batch == [index.search(query, 3, mode=mode) for query in queries]  # type: ignore[arg-type]
    assert batch[1] == batch[3] == index.search_batch([]) == []
    some = index.search("the dog", where={"document": ["cats", "birds"]}, mode=mode)  # type: ignore[arg-type]
    assert some and {hit.passage.document for hit in some} <= {"cats", "birds"}
    assert index.search("the dog", where={"source": "none"}, mode=mode) == []  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="k=0"):
        index.search("dog", 0)


QUERIES = [
    '"cat',
    "cat AND (",
    "text:cat",
    "+cat -cat",
    "[a TO z]",
    "cat~2",
    "*",
    "/cat/",
    "\\",
    "cat\0",
    "\ud83d cat",
    "?!",
]


@pytest.mark.parametrize("query", QUERIES)
def test_nothing_in_a_query_is_syntax(index: Index, query: str) -> None:
    words = "".join(letter if letter.isalnum() else " " for letter in query)
    assert index.search(query, mode="lexical") == index.search(words, mode="lexical")
    index.search(query)


def test_a_query_of_ten_thousand_words(index: Index) -> None:
    long = " ".join(f"word{number}" for number in range(5_000)) + " heron" * 5_000
    assert ids(index.search(long, mode="lexical")) == ["birds#1"]
    assert ids(index.search(long, 1)) == ids(index.search(long, 1))


def test_explanation(index: Index) -> None:
    (hit,) = index.search("heron waits whale", mode="lexical")
    explained = index.explain("heron waits whale", hit.id)
    assert sorted(explained) == ["heron", "wait"]
    assert sum(explained.values()) == pytest.approx(hit.score, abs=1e-3)
    assert index.explain("heron", "unknown#0") == {}


def test_only_what_changed_is_read_and_encoded(index: Index) -> None:
    def unread() -> Iterator[Passage]:
        raise AssertionError("the passages of an unchanged document")
        yield passage("x#0", "")

    encoder = index.encoder
    assert isinstance(encoder, WordCounts)
    unchanged = [(id, fingerprint, unread()) for id, fingerprint, _ in documents()]
    changes = index.add([*unchanged, document("dogs", ["A quiet whippet."]), document("fish", ["A carp."])])
    assert (changes.added, changes.replaced, changes.unchanged) == (1, 1, 4)
    assert encoder.encoded == ["A quiet whippet.", "A carp."]
    assert ids(index.search("whippet", mode="lexical")) == ["dogs#0"]
    assert ids(index.search("bark barks", mode="lexical")) == []
    assert "dogs#1" not in ids(index.search("No dog likes the bath.", mode="dense"))
    assert index.verify() == []


def test_the_last_of_two_states_counts(index: Index) -> None:
    index.add([document("fish", ["A carp."]), document("fish", ["A pike."]), document("fish", ["A perch."])])
    assert [p.text for p in index.passages("fish")] == ["A perch."]
    assert index.search("carp pike", mode="lexical") == []
    assert index.verify() == []


def test_deletion(index: Index) -> None:
    assert index.delete(["cats", "unknown"]) == 1
    for mode in ("lexical", "dense", "hybrid"):
        assert not {"cats#0", "cats#1"} & set(ids(index.search("cat", mode=mode)))  # type: ignore[arg-type]
    assert (len(index), index.passages("cats")) == (4, [])
    assert index.info()["deleted"] == 0, "a third was deleted: compacted by itself"
    assert index.verify() == []


def test_compaction_comes_by_itself_and_clears_the_disk(tmp_path: Path) -> None:
    index = Index.build(tmp_path / "i", [document(f"d{n}", [f"boat secret{n}word"]) for n in range(10)], encoder=None)
    index.delete(["d0"])
    index.delete(["d1"])
    assert index.info()["deleted"] == 2, "a fifth is not more than a fifth"
    index.delete(["d2"])
    assert index.info()["deleted"] == 0
    on_disk = b"".join(path.read_bytes() for path in index.folder.rglob("*") if path.is_file())
    assert [n for n in range(10) if f"secret{n}word".encode() in on_disk] == list(range(3, 10))
    files = {path.name.partition(".")[0] for path in (index.folder / "lexical").glob("*.term")}
    assert len(files) == 1, "the old segments are gone"


def test_an_empty_index(tmp_path: Path) -> None:
    index = Index.build(tmp_path / "i", encoder=WordCounts())
    assert [index.search("boat", mode=mode) for mode in ("lexical", "dense", "hybrid")] == [[], [], []]  # type: ignore[arg-type]
    assert (len(index), index.verify(), index.delete(["x"])) == (0, [], 0)
    index.compact()
    index.add([document("d", ["boat"])])
    assert ids(index.search("boat")) == ["d#0"]
    index.delete(["d"])
    assert index.search("boat") == []


def test_another_one_sees_the_changes(folder: Path, index: Index) -> None:
    with Index.open(folder, encoder=WordCounts()) as other:
        index.add([document("fish", ["A carp."])])
        assert [ids(other.search("carp", 1, mode=mode)) for mode in ("lexical", "dense")] == [["fish#0"]] * 2  # type: ignore[arg-type]
        other.delete(["fish"])
        other.compact()
        assert index.search("carp", mode="lexical") == []
        assert "fish#0" not in ids(index.search("carp", mode="dense"))


def test_one_writer(folder: Path, index: Index) -> None:
    with only_writer(folder / "lock"):
        for change in (lambda: index.add([]), lambda: index.delete([]), index.compact, index.verify):
            with pytest.raises(StoreError, match="somebody else is writing"):
                change()
        assert index.search("cat")


def test_searches_go_on_while_somebody_writes(index: Index) -> None:
    """From other threads, each search sees whole states."""
    seen, done = [], threading.Event()

    def search() -> None:
        while not done.wait(0.005):
            seen.append([hit.passage.text for hit in index.search("ferry", mode="lexical")])

    thread = threading.Thread(target=search)
    thread.start()
    for state in range(4):
        index.add([document("boats", [f"ferry {state}"] * 3)])
    done.set()
    thread.join()
    assert {tuple(texts) for texts in seen} <= {(), *((f"ferry {state}",) * 3 for state in range(4))}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_copies_in_other_processes(index: Index) -> None:
    copy = pickle.loads(pickle.dumps(index))
    assert copy.search("cat") == index.search("cat")
    child = os.fork()
    if not child:
        os._exit(0 if ids(index.search("heron", 1, mode="lexical")) == ["birds#1"] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert ids(index.search("heron", 1, mode="lexical")) == ["birds#1"]


def test_encoders_must_fit(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="word-counts.*other"):
        Index.open(folder, encoder=WordCounts(fingerprint="other"))
    with Index.open(folder) as index:
        assert ids(index.search("heron")) == ["birds#1"]
        with pytest.raises(StoreError, match="without its encoder word-counts"):
            index.search("heron", mode="hybrid")
        with pytest.raises(StoreError, match="word-counts to add"):
            index.add([])
        assert index.delete(["birds"]) == 1
        assert index.verify() == []
    with Index.open(folder, encoder=WordCounts(width=7)) as index, pytest.raises(StoreError, match=r"\[1, 32\]"):
        index.search("heron")
    Index.build(tmp_path / "words", encoder=None).close()
    with pytest.raises(StoreError, match="without an encoder"):
        Index.open(tmp_path / "words", encoder=WordCounts())
    with Index.open(tmp_path / "words") as index, pytest.raises(StoreError, match="without an encoder"):
        index.search("boat", mode="dense")
    with Index.open(tmp_path / "words") as index, pytest.raises(ConfigError, match="mode"):
        index.search("boat", mode="fuzzy")  # type: ignore[arg-type]


def test_settings_stay(tmp_path: Path) -> None:
    analysis = Analysis(stemmer=None, stop_words="english")
    Index.build(tmp_path / "i", [document("d", ["the boats"])], encoder=None, analysis=analysis).close()
    with Index.open(tmp_path / "i") as index:
        assert index.search("the boat") == []
        assert ids(index.search("boats")) == ["d#0"]


def test_places_that_are_taken(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is an index already"):
        Index.build(folder)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(StoreError, match="thesis.txt"):
        Index.build(tmp_path / "full")
    with pytest.raises(StoreError, match="is a file"):
        Index.build(tmp_path / "full" / "thesis.txt")
    with pytest.raises(StoreError, match="holds no index"):
        Index.open(tmp_path / "full")
    (folder / "manifest.json").unlink()  # as a build leaves it that is killed at once
    Index.build(folder, encoder=None).close()


def test_wrong_passages(index: Index) -> None:
    with pytest.raises(StoreError, match="of cats"):
        index.add([("dogs", "9", [passage("cats#0", "")])])
    with pytest.raises(StoreError, match="half of a character"):
        index.add([document("x", ["\ud83d"])])
    for number in (float("nan"), float("inf")):
        with pytest.raises(StoreError, match="x#0: expected a finite number as 'year', got"):
            index.add([document("x", ["boat"], year=number)])
    with pytest.raises(StoreError, match="an id of its own"):
        index.add([("x", "9", [passage("x#0", "boat"), passage("x#0", "cart")])])
    assert (index.verify(), index.search("boat", mode="lexical"), len(index)) == ([], [], 6)
    index.add([document("x", ["boat"])])
    assert ids(index.search("boat", mode="lexical")) == ["x#0"]


def spoil_lexical(folder: Path) -> None:
    path = next((folder / "lexical").glob("*.idx"))
    path.write_bytes(b"x" + path.read_bytes()[1:])


def lose_lexical(folder: Path) -> None:
    shutil.rmtree(folder / "lexical")


def spoil_cache(folder: Path) -> None:
    (folder / "vectors.faiss").write_bytes(b"nonsense")


@pytest.mark.parametrize("damage", [spoil_lexical, lose_lexical, spoil_cache])
def test_damaged_parts_are_made_again(folder: Path, damage: Callable[[Path], None]) -> None:
    with Index.open(folder, encoder=WordCounts()) as index:
        before = index.search("a dog in the garden")
    damage(folder)
    with pytest.raises(StoreError, match="repair=True"):
        Index.open(folder, encoder=WordCounts())
    with Index.open(folder, encoder=WordCounts(), repair=True) as index:
        assert index.search("a dog in the garden") == before
        assert index.verify() == []


def test_an_older_inverted_index_is_noticed(folder: Path, index: Index, tmp_path: Path) -> None:
    shutil.copytree(folder / "lexical", tmp_path / "old")
    index.add([document("fish", ["A carp."])])
    shutil.rmtree(folder / "lexical")
    shutil.copytree(tmp_path / "old", folder / "lexical")
    with pytest.raises(StoreError, match="lacks passages"):
        Index.open(folder)
    with Index.open(folder, repair=True) as repaired:
        assert ids(repaired.search("carp")) == ["fish#0"]


def test_a_damaged_store(folder: Path) -> None:
    content = bytearray((folder / "passages.sqlite").read_bytes())
    content[100:] = b"x" * (len(content) - 100)
    (folder / "passages.sqlite").write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        Index.open(folder)


def test_damage_after_opening_is_found(folder: Path, index: Index) -> None:
    spoil_lexical(folder)
    spoil_cache(folder)
    found = index.verify()
    assert any("idx is damaged" in problem for problem in found)
    assert any("vectors.faiss is damaged" in problem for problem in found)


def loader(name: str, layer: int | None) -> WordCounts:
    if name != "counts":
        raise ModelError(f"there is no model {name}")
    return WordCounts(8, fingerprint=f"{name}/{layer}")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("The ferry is blue. It sails at nine.")
    (folder / "sub" / "b.md").write_text("A heron waits.")
    (folder / "r.jsonl").write_text('{"text": "One boat."}\n{"text": "Two carts.", "year": 7}\n')
    return folder


def test_an_index_of_a_folder(files: Path, tmp_path: Path) -> None:
    with Index.build(tmp_path / "i", documents=files, encoder=None) as index:
        assert list(index.documents()) == ["a.txt", "r.jsonl:1", "r.jsonl:2", "sub/b.md"]
        (hit,) = index.search("Where are carts?", where={"year": 7})
        assert hit.passage.source == f"{files / 'r.jsonl'}:2"
        assert (index.changes.added, index.changes.skipped) == (4, ())
        assert index.named(files / "r.jsonl") == ["r.jsonl:1", "r.jsonl:2"]
    paths = (str(path) for path in (files / "a.txt", files / "sub"))
    with Index.build(tmp_path / "j", paths, encoder=None, splitting=Splitting(words=4)) as index:
        assert [p.text for p in index.passages("a.txt")] == ["The ferry is blue.", "It sails at nine."]
        assert list(index.documents()) == ["a.txt", "b.md"]


def test_adding_a_changed_folder_touches_what_changed(files: Path, tmp_path: Path) -> None:
    with Index.build(tmp_path / "i", files, encoder=WordCounts()) as index:
        encoder = index.encoder
        assert isinstance(encoder, WordCounts)
        index.add([document("ready", ["A quiet whippet."])])
        encoder.encoded.clear()
        (files / "a.txt").write_text("The ferry is red.")
        (files / "sub" / "b.md").unlink()
        (files / "r.jsonl").write_text('{"text": "One boat."}\n')
        (files / "new.txt").write_text("A carp.")
        changes = index.add(files)
        assert (changes.added, changes.replaced, changes.unchanged) == (1, 1, 1)
        assert changes.removed == ("r.jsonl:2", "sub/b.md")
        assert sorted(encoder.encoded) == ["A carp.", "The ferry is red."]
        assert list(index.documents()) == ["a.txt", "new.txt", "r.jsonl:1", "ready"]
        assert index.search("heron carts blue", mode="lexical") == []
        assert index.verify() == []
        unchanged = index.add([files, files / "a.txt"])
        assert (unchanged.added, unchanged.replaced, unchanged.unchanged, unchanged.removed) == (0, 0, 3, ())


def test_what_cannot_be_read_stays_as_it_was(files: Path, tmp_path: Path) -> None:
    with Index.build(tmp_path / "i", files, encoder=None) as index:
        (files / "a.txt").write_bytes(b"\xff\xfe")
        changes = index.add(files)
        assert [Path(entry.source).name for entry in changes.problems] == ["a.txt"]
        assert ids(index.search("ferry")) == ["a.txt#0"]
        (files / "a.txt").write_text("")
        assert index.add(files).removed == ("a.txt",)
        assert index.search("ferry") == []


def test_files_of_one_id_do_not_replace_each_other(files: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.txt").write_text("A ferry of another line.")
    with Index.build(tmp_path / "i", files, encoder=None) as index:
        changes = index.add(other)
        assert changes.problems[0].reason.startswith("has the id 'a.txt', as ")
        assert [hit.passage.source for hit in index.search("ferry")] == [str(files / "a.txt")]
        index.add(tmp_path)
        assert {hit.passage.document for hit in index.search("ferry")} == {"a.txt", "other/a.txt"}


def test_a_folder_that_was_moved_is_the_same(files: Path, tmp_path: Path) -> None:
    with Index.build(tmp_path / "i", files, encoder=None) as index:
        files.rename(tmp_path / "new")
        assert index.add(tmp_path / "new").replaced == 4
        assert [hit.passage.source for hit in index.search("heron")] == [str(tmp_path / "new" / "sub" / "b.md")]


def test_a_source_that_was_deleted(files: Path, tmp_path: Path) -> None:
    """What is in the index is still found, and the next addition removes it."""
    with Index.build(tmp_path / "i", files, encoder=None) as index:
        (files / "a.txt").unlink()
        (hit,) = index.search("ferry")
        assert hit.passage.text.startswith("The ferry")
        with pytest.raises(DataError, match="there is no such file"):
            source_text(hit.passage.source)
        with pytest.raises(DataError, match="there is no such file"):
            index.add(files / "a.txt")
        assert ids(index.search("ferry")) == ["a.txt#0"]
        index.add(files)
        assert index.search("ferry") == []


def test_a_folder_that_looks_empty_loses_nothing(files: Path, tmp_path: Path) -> None:
    with Index.build(tmp_path / "i", files, encoder=None) as index:
        files.rename(tmp_path / "elsewhere")
        files.mkdir()
        with pytest.raises(DataError, match="expected files that end with"):
            index.add(files)
        assert len(index.documents()) == 4


def test_nothing_is_built_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "blank.html").write_text("<p></p>")
    for paths in (tmp_path / "docs", tmp_path / "none"):
        with pytest.raises(DataError):
            Index.build(tmp_path / "i", paths, encoder=None)
        assert not (tmp_path / "i").exists()
    with pytest.raises(ModelError, match="no model nix"):
        Index.build(tmp_path / "i", encoder="nix", loader=loader)
    assert not (tmp_path / "i").exists()


def test_what_is_skipped_is_warned_of(files: Path, tmp_path: Path) -> None:
    (files / "bad.txt").write_bytes(b"\xff")
    (files / ".hidden").touch()
    with pytest.warns(
        UserWarning, match=r"skipped 1 documents or files, the first: .*bad\.txt: line 1: expected UTF-8"
    ):
        Index.build(tmp_path / "i", files, encoder=None).close()


def test_the_encoder_is_remembered(files: Path, tmp_path: Path) -> None:
    folder = tmp_path / "i"
    Index.build(folder, files, encoder="counts", layer=2, loader=loader).close()
    with Index.open(folder, loader=loader) as index:
        assert index.encoder is not None and index.encoder.fingerprint == "counts/2"
        assert {stage for hit in index.search("a ferry") for stage in hit.stages} == {"lexical", "dense"}
        assert [index.info()[name] for name in ("encoder_name", "encoder_layer")] == ["counts", 2]
    with Index.open(folder, encoder=None) as index:
        assert index.encoder is None
    with Index.open(folder, encoder="counts", loader=loader) as index:
        assert index.encoder is not None
    with pytest.raises(StoreError, match="built with the encoder counts/2 and cannot be searched with word-counts"):
        Index.open(folder, loader=lambda name, layer: WordCounts())
    with pytest.raises(StoreError, match="built with the encoder counts, which cannot be loaded: there is no model x"):
        Index.open(folder, loader=lambda name, layer: loader("x", layer))


def test_compaction_without_the_encoder_clears_vectors_too(tmp_path: Path) -> None:
    kinds = [document(f"d{number}", [f"boat number {number}"]) for number in range(50)]
    with Index.build(tmp_path / "i", kinds, encoder=WordCounts(), vectors="hnsw") as index:
        index.compact()
        size = (index.folder / "vectors.faiss").stat().st_size
    with Index.open(tmp_path / "i", encoder=None) as index:
        index.delete([f"d{number}" for number in range(40)])
        assert (index.folder / "vectors.faiss").stat().st_size < size / 2
    with Index.open(tmp_path / "i", encoder=WordCounts()) as index:
        assert len(index.search("boat", 50, mode="dense")) == 10
