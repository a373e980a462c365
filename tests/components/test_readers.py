from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import registry

from cascade.components.readers import Corpora, columns, conllu, corpora, docbin, fdu_mtl, sample, sick
from cascade.errors import ConfigError, DataError
from cascade.registry import from_config
from cascade.tasks import Sentences

SENTENCE = "1\tMara\tMara\tPROPN\tNNP\t_\t2\tnsubj\t_\t_\n2\tmends\tmend\tVERB\tVBZ\t_\t0\troot\t_\t_\n\n"
CHUNKS = "Mara NNP B-NP\nmends VBZ B-VP\n\n"
PAIRS = (
    "pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment\n"
    "1\tA dog runs.\tA dog sleeps.\t3.5\tNEUTRAL\n"
)


@pytest.fixture
def nlp() -> Language:
    return spacy.blank("en")


@pytest.fixture
def treebank(tmp_path: Path) -> Path:
    (tmp_path / "t.conllu").write_text(SENTENCE * 20)
    return tmp_path / "t.conllu"


def test_examples_have_bare_tokens_beside_the_gold(treebank: Path, nlp: Language) -> None:
    for example in conllu(str(treebank), sentences=5)(nlp):
        assert [t.text for t in example.predicted] == [t.text for t in example.reference]
        assert not any(example.predicted.has_annotation(name) for name in ("TAG", "DEP", "SENT_START"))
        assert example.reference.has_annotation("DEP")
        assert example.predicted.vocab is nlp.vocab


@pytest.mark.parametrize(("begin", "end", "found"), [(0.0, 1.0, 20), (0.0, 0.9, 18), (0.9, 1.0, 2), (0.25, 0.5, 5)])
def test_parts_of_a_file(treebank: Path, nlp: Language, begin: float, end: float, found: int) -> None:
    assert len(list(conllu(str(treebank), sentences=1, begin=begin, end=end)(nlp))) == found


@pytest.mark.parametrize("size", range(1, 25))
def test_two_parts_make_the_whole(tmp_path: Path, nlp: Language, size: int) -> None:
    (tmp_path / "t.txt").write_text("".join(f"word{i} NN B-NP\n\n" for i in range(size)))
    parts = [(0.0, 0.9), (0.9, 1.0)]
    read = [e.reference.text for b, e in parts for e in columns(str(tmp_path / "t.txt"), begin=b, end=e)(nlp)]
    assert read == [f"word{i} " for i in range(size)]


@pytest.mark.parametrize(("begin", "end"), [(0.5, 0.5), (-0.1, 1.0), (0.0, 1.1), (0.9, 0.1)])
def test_parts_that_hold_nothing(begin: float, end: float) -> None:
    with pytest.raises(ConfigError, match="0 <= begin < end <= 1"):
        conllu("x", begin=begin, end=end)


def test_chunks_pairs_and_docbins(tmp_path: Path, nlp: Language) -> None:
    (tmp_path / "c.txt").write_text(CHUNKS)
    (tmp_path / "s.txt").write_text(PAIRS)
    DocBin(docs=[Doc(nlp.vocab, words=["Mara"], tags=["NNP"])]).to_disk(tmp_path / "d.spacy")
    chunked = next(columns(str(tmp_path / "c.txt"))(nlp)).reference
    assert [span.label_ for span in chunked.spans["chunks"]] == ["NP", "VP"]
    pair = next(sick(str(tmp_path / "s.txt"))(nlp))
    assert pair.reference.cats["relatedness"] == 3.5
    assert [span.text for span in pair.predicted.spans["pair"]] == ["A dog runs.", "A dog sleeps."]
    assert next(docbin(str(tmp_path / "d.spacy"))(nlp)).reference[0].tag_ == "NNP"


def test_reviews_of_a_domain(tmp_path: Path, nlp: Language) -> None:
    (tmp_path / "r.txt").write_text("0\tIt leaks.\n")
    (example,) = fdu_mtl(str(tmp_path / "r.txt"), domain="pans", part="dev")(nlp)
    assert example.reference._.domain == "pans" and example.reference.cats["pans_negative"] == 1.0
    assert example.predicted._.domain is None and not example.predicted.cats


def test_entities_of_tweets(tmp_path: Path, nlp: Language) -> None:
    (tmp_path / "tweets.txt").write_text("Mara\tB-person\n\tO\nknits\tO\nOats\tB-product\n\nwow\tO\n")
    part = {
        "@readers": "cascade.Columns.v1",
        "path": str(tmp_path / "tweets.txt"),
        "into": "ents",
        "separator": "\t",
        "boundaries": False,
        "skip_malformed": True,
        "label_map": {"person": "PER", "product": None},
    }
    with pytest.warns(UserWarning, match="left out 1 malformed line"):
        first, second = (example.reference for example in from_config(part)(nlp))
    assert [(token.text, token.ent_iob_, token.ent_type_) for token in first] == [
        ("Mara", "B", "PER"),
        ("knits", "O", ""),
        ("Oats", "", ""),
    ]
    assert [Sentences("sents").targets(doc) for doc in (first, second)] == [None, None]


def test_corpora_inside_of_corpora(tmp_path: Path, nlp: Language) -> None:
    (tmp_path / "c.txt").write_text(CHUNKS)
    sections = corpora({"a": columns(str(tmp_path / "c.txt")), "b": columns(str(tmp_path / "c.txt"))})
    assert len(list(corpora({"sections": sections, "more": columns(str(tmp_path / "c.txt"))})(nlp))) == 3


def test_several_corpora(treebank: Path, tmp_path: Path, nlp: Language) -> None:
    (tmp_path / "c.txt").write_text(CHUNKS)
    both = corpora({"trees": conllu(str(treebank)), "chunks": columns(str(tmp_path / "c.txt"))})
    assert list(both.parts) == ["trees", "chunks"]
    assert [example.reference.has_annotation("DEP") for example in both(nlp)] == [True, True, False]


def test_names_of_public_data(tmp_path: Path, nlp: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASCADE_DATA", str(tmp_path))
    (tmp_path / "ud_english_ewt").mkdir()
    (tmp_path / "ud_english_ewt" / "en_ewt-ud-dev.conllu").write_text(SENTENCE)
    assert len(list(conllu("ewt/dev")(nlp))) == 1


def test_a_file_that_is_not_there(nlp: Language) -> None:
    with pytest.raises(DataError, match="nowhere"):
        list(conllu("nowhere.conllu")(nlp))
    with pytest.raises(ConfigError, match=r"has no path.*--paths\.train FILE"):
        conllu(None)


@pytest.mark.parametrize("name", ["Corpora", "Conllu", "Columns", "Sick", "DocBin"])
def test_spacy_finds_the_readers_by_their_names(name: str) -> None:
    assert callable(registry.get("readers", f"cascade.{name}.v1"))


def test_readers_in_a_config(treebank: Path, nlp: Language) -> None:
    part = {"@readers": "cascade.Conllu.v1", "path": str(treebank)}
    read = from_config({"@readers": "cascade.Corpora.v1", "parts": {"a": part, "b": {**part, "begin": 0.5}}})
    assert isinstance(read, Corpora)
    assert [len(list(reader(nlp))) for reader in read.parts.values()] == [2, 1]
    with pytest.raises(ConfigError, match=r"\[config\] does not resolve: .*parth"):
        from_config({"@readers": "cascade.Conllu.v1", "parth": "x"})


def test_a_share_of_another_reader(nlp: Language) -> None:
    def reader(nlp: Language) -> Iterator[Example]:
        return (Example(nlp.make_doc(f"w{i}"), nlp.make_doc(f"w{i}")) for i in range(20))

    def texts(share: float, seed: int = 0) -> list[str]:
        return [example.reference.text for example in sample(reader, share, seed)(nlp)]

    everything, some = texts(1.0), texts(0.25)
    assert everything == [f"w{i}" for i in range(20)]
    assert len(some) == 5 and some == [text for text in everything if text in some] == texts(0.25)
    assert some != texts(0.25, seed=1) and texts(0.0) == []
    with pytest.raises(ConfigError, match=r"from 0 to 1, got share = 1\.5"):
        sample(reader, 1.5)
