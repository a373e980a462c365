from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.table import Table
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from cascade import storage
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding, Recurrent, Transformer
from cascade.nn.sharing import Bottleneck
from cascade.testing import tiny_transformer
from cascade.training import Corpus
from cascade.training.regularizers import Elastic, Successive
from tests.bench import continual
from tests.bench.continual import CONLL, EWT, GUM, OLD, WNUT, Data, Plan

PLAN = Plan(epochs=1, more=1, probed=2)
SMALL = Recurrent(embedding=Embedding(words=4, characters=4, vocabulary=20, buckets=20), width=4, depth=1)


def tree(vocab: Vocab, words: list[str]) -> Doc:
    """`Mara mends clocks`: a subject, the root, an object."""
    return Doc(vocab, words=words, tags=["NNP", "VBZ", "NNS"], heads=[1, 1, 1], deps=["nsubj", "ROOT", "obj"])


@pytest.fixture
def data(vocab: Vocab) -> Data:
    trees = [tree(vocab, words) for words in (["Mara", "mends", "clocks"], ["Odo", "winds", "watches"])]
    shifted = [tree(vocab, ["Ida", "texts", "pals"])]
    shifted[0][0].tag_ = "XX"  # a tag that the old task does not know
    chunks = [Doc(vocab, words=["old", "clocks", "tick"]) for _ in range(2)]
    for doc in chunks:
        doc.spans["chunks"] = [Span(doc, 0, 2, label="NP"), Span(doc, 2, 3, label="VP")]
    tweets = [Doc(vocab, words=["at", "Ida", "'s"]) for _ in range(2)]
    for doc in tweets:
        doc.set_ents([Span(doc, 1, 2, label="person")])
    docs = {EWT: trees, CONLL: chunks, WNUT: tweets, GUM: shifted}
    corpora = {name: Corpus(name=name, train=own, dev=own) for name, own in docs.items()}
    return Data(corpora=corpora, test=docs)


@pytest.fixture
def small(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hand-made data, a tiny encoder, and the one precision that all tests in this process have."""
    monkeypatch.setattr(continual, "PRECISION", "no")
    monkeypatch.setattr(continual, "read", lambda plan: data)
    monkeypatch.setattr(continual, "make_encoder", lambda *, adapters=False: SMALL)


def shown(table: Table) -> list[list[str]]:
    """Its lines."""
    return [list(row) for row in zip(*(column.cells for column in table.columns), strict=True)]


def cells(out: Path, names: Sequence[str]) -> list[continual.Measured]:
    return [
        continual.extended(setting, method, 0, out, PLAN) for setting, _, method in (n.partition(" ") for n in names)
    ]


@pytest.mark.usefixtures("small")
def test_what_is_done_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["entities plain", "entities ewc=10", "entities frozen", "gum successive=0.1", "gum replay=0.5"]
    before = continual.base(0, tmp_path, PLAN)
    found = cells(tmp_path, names)
    assert {path.name for path in (tmp_path / "base-0").iterdir()} >= {"best", "scores.json", "fisher.safetensors"}
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["base-0", *(f"{name.replace(' ', '-')}-0.json" for name in names)]
    )
    for part in ("dev", "test"):
        assert all(before[part].keys() >= {*OLD, f"{GUM} pos", f"{GUM} parse"} for part in before)
        assert [set(one[part]) - set(OLD) for one in found] == [{f"{WNUT} entities"}] * 3 + [
            {f"{GUM} pos", f"{GUM} parse"}
        ] * 2
        assert {name: before[part][name] for name in OLD} == {name: found[2][part][name] for name in OLD}, "frozen"
    monkeypatch.setattr(continual, "train", None)
    assert continual.base(0, tmp_path, PLAN) == before and cells(tmp_path, names) == found


@pytest.mark.usefixtures("small")
def test_adapters_leave_old_tasks_as_they_were(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def encoder(*, adapters: bool = False) -> Transformer:
        conditioning = Bottleneck(tasks=("entities",)) if adapters else None
        return Transformer("tiny", layers=1, conditioning=conditioning)

    monkeypatch.setattr(continual, "make_encoder", encoder)
    model = CascadeModel(continual.make_graph(encoder()))
    docs = [doc for name in (EWT, CONLL) for doc in data.corpora[name].train]
    model.build({name: model.task(name).labels(docs) for name in model.graph.order()}, assets=tiny_transformer(1))
    storage.save(model.eval(), tmp_path / "base-0" / "best")
    [found], before = cells(tmp_path, ["entities adapters"]), continual.measured(model, data)
    assert {name: found["test"][name] for name in OLD} == {name: before["test"][name] for name in OLD}


def test_graphs_and_penalties(tmp_path: Path) -> None:
    assert continual.make_graph(SMALL).names() == ["pos", "chunk", "parse"]
    assert continual.make_graph(SMALL, entities=True).ancestors(["entities"]) == {"pos"}
    assert continual.penalties("successive", "0.3", tmp_path) == [Successive(strength=0.3)]
    assert continual.penalties("ewc", "30", tmp_path) == [Elastic(strength=30, fisher=tmp_path)]
    assert continual.penalties("plain", "", tmp_path) == []
    assert continual.methods("gum", None) == [*continual.METHODS["gum"]]
    assert continual.methods("gum", ["ewc=3", "frozen", "ewc=5"]) == ["ewc=3", "ewc=5"]


def test_what_is_gone_over_again(data: Data) -> None:
    docs = [doc for own in data.test.values() for doc in own]
    corpus = continual.again(Corpus(train=docs, dev=docs, name="old"), 0.5, seed=1)
    assert (corpus.name, len(corpus.train), corpus.dev) == ("old", round(len(docs) / 2), ())


def test_means_and_changes() -> None:
    names = (*OLD, f"{WNUT} entities")
    before = [dict.fromkeys(OLD, 0.5), dict.fromkeys(OLD, 0.6)]
    after = [dict.fromkeys(names, 0.5) | {OLD[0]: 0.49}, dict.fromkeys(names, 0.6) | {OLD[0]: 0.57}]
    found = continual.summary(before, after, "entities")
    assert found["lost"] == pytest.approx(2) and found[OLD[0]]["change"] == pytest.approx(-2)
    # Student's t of 0.975 with one degree of freedom is 12.706; the deviation of -1 and -3 is the root of 2.
    assert found[OLD[0]]["interval"] == pytest.approx([-2 - 12.706, -2 + 12.706], abs=1e-3)
    assert found[OLD[1]] == {"mean": pytest.approx(55), "change": 0, "interval": [0, 0]}
    assert found[f"{WNUT} entities"] == {"mean": pytest.approx(55)}
    lines = shown(continual.table(before, {"plain": found}, "entities", ""))
    same = "55.00 +0.00 (+0.00 to +0.00)"
    assert lines[0] == ["before", "55.00", "55.00", "55.00", "", ""]
    assert lines[1] == ["plain", "53.00 -2.00 (-14.71 to +10.71)", same, same, "55.00", "2.00"]
    assert continual.summary(before[:1], after[:1], "entities")[OLD[0]]["interval"] is None


@pytest.mark.usefixtures("small")
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [str(tmp_path), "--seeds", "1", "--epochs", "1", "--more", "1", "--probed", "2", "--method", "plain"]
    continual.main(given)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["plan"]["epochs"] == 1 and report["on"] == "test"
    assert [list(report[setting]) for setting in ("entities", "gum")] == [["plain"], ["plain"]]
    assert "30% of train of EWT" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="holds results of"):
        continual.main([*given, "--share", "0.1"])
