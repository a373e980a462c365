from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin
from typer.testing import Result

from cascade.cli.readers import Reader, guess
from cascade.components.loading import load
from cascade.data import read_conllu
from cascade.errors import ConfigError

Evaluate = Callable[..., Result]

KEYS = {"tag_acc", "pos_acc", "morph_acc", "lemma_acc", "dep_uas", "dep_las", "sents_f", "ents_f", "chunk_f"}


@pytest.fixture
def evaluate(run, model: Path) -> Evaluate:
    """Runs the command with the tiny model."""
    return lambda *arguments, **settings: run("evaluate", model, *arguments, **settings)


def scores(result: Result) -> dict[str, float]:
    return json.loads(result.stdout)["scores"]


def test_json_has_the_keys_of_the_scorer(evaluate: Evaluate, treebank: Path) -> None:
    result = evaluate(treebank, "--json")
    assert result.stderr == ""
    report = json.loads(result.stdout)
    assert report["scores"].keys() >= KEYS | {"words_per_second"}
    assert report["files"] == [{"file": str(treebank), "documents": 2, "sentences": 12, "words": 56}]
    assert (report["tokens"], report["sentences"]) == ("gold", "predicted")


def test_scores_are_those_of_spacy(evaluate: Evaluate, model: Path, treebank: Path) -> None:
    nlp = load(model)
    docs = [nlp(spacy.tokens.Doc(nlp.vocab, [t.text for t in d])) for d in read_conllu(treebank, vocab=nlp.vocab)]
    gold = list(read_conllu(treebank, vocab=nlp.vocab))
    hits = [a.tag_ == b.tag_ for x, y in zip(docs, gold, strict=True) for a, b in zip(x, y, strict=True)]
    assert scores(evaluate(treebank, "--json"))["tag_acc"] == pytest.approx(sum(hits) / len(hits))


def test_the_table_names_files_and_sizes(evaluate: Evaluate, treebank: Path) -> None:
    shown = evaluate(treebank, treebank).stdout
    assert f"{treebank}: 2 documents, 12 sentences, 56 words" in shown
    assert "tag_acc" in shown and "%" in shown and "words_per_second" in shown


def test_gold_sentences_and_raw_tokens(evaluate: Evaluate, treebank: Path) -> None:
    gold = scores(evaluate(treebank, "--json", "--sentences", "gold"))
    assert "sents_f" not in gold and "dep_las" in gold
    raw = scores(evaluate(treebank, "--json", "--tokens", "raw"))
    assert raw["token_acc"] == 1 and raw["tag_acc"] > 0


def test_gold_sentences_are_documents(evaluate: Evaluate, treebank: Path) -> None:
    for sentences, documents in [("gold", 12), ("predicted", 2)]:
        report = json.loads(evaluate(treebank, "--json", "--sentences", sentences).stdout)
        assert report["files"][0]["documents"] == documents


def test_any_pipeline_of_spacy(run, treebank: Path, tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(tmp_path / "rules")
    found = scores(run("evaluate", tmp_path / "rules", treebank, "--json"))
    assert found["sents_f"] == 1 and found["words_per_second"] > 0


def test_a_saved_pipeline_scores_as_its_model(
    evaluate: Evaluate, run, model: Path, treebank: Path, tmp_path: Path
) -> None:
    load(model).to_disk(tmp_path / "saved")
    saved = scores(run("evaluate", tmp_path / "saved", treebank, "--json"))
    folder = scores(evaluate(treebank, "--json"))
    assert {k: v for k, v in saved.items() if k != "words_per_second"} == {
        k: v for k, v in folder.items() if k != "words_per_second"
    }


def test_a_docbin_scores_as_the_file_it_was_made_of(evaluate: Evaluate, treebank: Path, tmp_path: Path) -> None:
    docs = list(read_conllu(treebank, vocab=spacy.blank("en").vocab))
    DocBin(docs=docs, attrs=["TAG", "POS", "MORPH", "LEMMA", "HEAD", "DEP"]).to_disk(tmp_path / "x.spacy")
    for file in (tmp_path / "x.spacy", tmp_path):
        options = [] if file.is_file() else ["--reader", "docbin"]
        assert scores(evaluate(file, *options, "--json"))["tag_acc"] == scores(evaluate(treebank, "--json"))["tag_acc"]


def test_chunks_of_conll2000_and_entities(evaluate: Evaluate, tmp_path: Path) -> None:
    chunks, entities = tmp_path / "chunks.txt", tmp_path / "entities.txt"
    chunks.write_text("Mara NNP B-NP\nmends VBZ B-VP\nclocks NNS B-NP\n")
    entities.write_text("Mara B-PER\nticks O\n")
    found = scores(evaluate(chunks, "--reader", "conll2000", "--json"))
    assert "chunk_f" in found and "ents_f" not in found and "tag_acc" not in found
    assert "ents_f" in scores(evaluate(entities, "--reader", "entities", "--json"))
    (tmp_path / "x.iob2").write_text("# text = Mara ticks\n1\tMara\tB-PER\n2\tticks\tO\n")
    assert "ents_f" in scores(evaluate(tmp_path / "x.iob2", "--json"))


ENTITY_FILES = {
    "uner/test": ("uner_english_ewt/en_ewt-ud-test.iob2", "# text = Mara ran\n1\tMara\tB-PER\n2\tran\tO\n" * 12),
    "btc/f": ("btc_ner/f.conll", "Mara\tB-PER\n\tO\nran\tO\n\nwow\tO\n"),
    "conll04/test": ("conll04/test.txt", "#doc 1\n0\tMara\tB-Peop\n#doc 2\n0\tMay\tB-Other\n1\tcame\tO\n"),
    "wnut17/test": ("wnut17/emerging.test.annotated", "Mara\tB-person\nOats\tB-group\n\t\nx\tB-product\ny\tO\n"),
}


@pytest.mark.filterwarnings("ignore:left out 1 malformed line")
@pytest.mark.parametrize(
    ("name", "documents", "labels"),
    [
        ("uner/test", 2, {"PER"}),
        ("btc/f", 2, {"PER"}),
        ("conll04/test", 2, {"PER"}),
        ("wnut17/test", 2, {"PER", "ORG"}),
    ],
)
def test_entity_sets_by_their_names(
    evaluate: Evaluate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, documents: int, labels: set[str]
) -> None:
    monkeypatch.setenv("CASCADE_DATA", str(tmp_path))
    path, content = ENTITY_FILES[name]
    (tmp_path / path).parent.mkdir()
    (tmp_path / path).write_text(content)
    report = json.loads(evaluate(name, "--json").stdout)
    assert report["files"][0]["documents"] == documents
    assert labels <= report["scores"]["ents_per_type"].keys() <= {"PER", "LOC", "ORG"}
    assert "sents_f" not in report["scores"] or name in ("uner/test", "conll04/test")


@pytest.mark.parametrize(
    ("content", "reader", "says"),
    [
        ("", "conllu", "expected at least one sentence"),
        ("1\tMara\n", "conllu", ":1: expected 10 columns"),
        ("Mara NNP B-NP\nmends\n", "conll2000", ":2: expected 3 columns"),
        ("no docbin", "docbin", "expected a DocBin"),
        ("a\tb\n", "sick", ":1: expected a tab-separated header"),
    ],
)
def test_broken_files_are_named(evaluate: Evaluate, tmp_path: Path, content: str, reader: str, says: str) -> None:
    (tmp_path / "gold.txt").write_text(content)
    result = evaluate(tmp_path / "gold.txt", "--reader", reader, code=1)
    assert str(tmp_path / "gold.txt") in result.stderr and says in result.stderr
    assert result.stdout == ""


def test_gold_for_nothing_that_is_predicted(run, treebank: Path, tmp_path: Path) -> None:
    spacy.blank("en").to_disk(tmp_path / "blank")
    assert "expected gold for something" in run("evaluate", tmp_path / "blank", treebank, code=1).stderr


def test_missing_files_and_broken_pipelines(evaluate: Evaluate, run, treebank: Path, tmp_path: Path) -> None:
    assert "no such file" in evaluate(tmp_path / "nix.conllu", code=1).stderr
    (tmp_path / "meta.json").write_text("{}")
    assert "spaCy cannot load" in run("evaluate", tmp_path, treebank, code=1).stderr


@pytest.mark.parametrize(
    ("file", "reader"),
    [
        ("a.conllu", Reader.CONLLU),
        ("a.conllu.gz", Reader.CONLLU),
        ("a.spacy", Reader.DOCBIN),
        ("a.iob2", Reader.UNER),
        ("ewt/test", Reader.CONLLU),
        ("conll2000/test", Reader.CONLL2000),
        ("uner/test", Reader.UNER),
        ("btc/f", Reader.BTC),
        ("conll04/test", Reader.CONLL04),
        ("wnut17/test", Reader.WNUT17),
        ("sick/test", Reader.SICK),
        ("fdu_mtl/MR-test", Reader.FDU_MTL),
        ("squad2/dev", Reader.SQUAD),
    ],
)
def test_names_tell_the_reader(file: str, reader: Reader) -> None:
    assert guess(file) is reader


@pytest.mark.parametrize("file", ["a.txt", "sick/train/x.txt", "nix/test"])
def test_a_name_that_does_not_tell_asks_for_the_reader(file: str) -> None:
    with pytest.raises(ConfigError, match="does not tell how to read it.*conll2000.*--reader"):
        guess(file)
