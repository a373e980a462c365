from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from spacy.tokens import Doc

from cascade import storage
from cascade.errors import DataError
from cascade.model import CascadeModel
from tests.bench import adapters
from tests.nn.conftest import tiny, tiny_bert  # noqa: F401 # fixtures

SETTINGS = adapters.Settings(share=1.0, cap=9, test_share=0.5, words=4, epochs=1)
TEXTS = {
    "trec": ("{} Who mends the clock ?", 6),
    "subj": ("{} the clock has a face , or so they say .", 2),
    "sst2": ("{} a clock to fall for", 2),
    "goemotions": ("I can't wait for the clock!\t{},27\tmade-up", 27),
}
FIGURES = adapters.Figures(
    scores={"trec": 0.5}, trained=2, parameters=300, start=100, peak=150, seconds=7, disk=1, borrowed=90
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 40 made-up lines in every file."""
    monkeypatch.setenv("CASCADE_DATA", str(tmp_path))
    for name, (line, number) in TEXTS.items():
        for file in adapters.FILES[name].values():
            path = tmp_path / file
            path.parent.mkdir(exist_ok=True)
            path.write_text("".join(f"{line.format(i % number)}\n" for i in range(40)))
    return tmp_path


@pytest.fixture
def small(request: pytest.FixtureRequest, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny encoder, and no other process; accelerate knows one precision a process, which other tests have set."""
    monkeypatch.setattr(adapters, "PRECISION", "no")
    monkeypatch.setattr(adapters, "ENCODER", request.getfixturevalue("tiny_bert"))
    monkeypatch.setattr(adapters, "in_fresh_process", lambda function, *arguments: function(*arguments))


def gold(doc: Doc) -> set[str]:
    return {label for label, value in doc.cats.items() if value == 1}


@pytest.mark.parametrize("name", TEXTS)
def test_parts_of_a_task(data: Path, name: str) -> None:
    parts = adapters.read(name, SETTINGS)
    assert {part: len(docs) for part, docs in parts.items()} == {
        "train": 9,
        "dev": 9 if "dev" in adapters.FILES[name] else 4,
        "test": 9 if "test" in adapters.FILES[name] else 4,
    }
    for doc in (doc for docs in parts.values() for doc in docs):
        assert len(doc) == 4 and tuple(doc.cats) == adapters.labels(name)
        assert len(gold(doc)) == (2 if name == adapters.MULTIPLE else 1)


def test_parts_of_a_file_share_no_line_whatever_is_taken_of_them(data: Path) -> None:
    lines = [f"{i % 2} number {i}\n" for i in range(100)]
    (data / adapters.FILES["subj"]["train"]).write_text("".join(lines))

    def numbers(share: float) -> dict[str, list[int]]:
        settings = adapters.Settings(share=share, cap=1000, test_share=share, words=4, epochs=1)
        return {part: [int(doc[1].text) for doc in docs] for part, docs in adapters.read("subj", settings).items()}

    whole, some = numbers(1.0), numbers(0.5)
    assert sorted(number for part in whole.values() for number in part) == list(range(100))
    assert {part: len(found) for part, found in whole.items()} == {"train": 80, "dev": 10, "test": 10}
    assert all(whole[part][: len(found)] == found for part, found in some.items())


def test_words_labels_and_other_encodings(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"3 What is a se\xf1or ?\n0 Why ?\n")
    assert list(adapters._lines("trec", path)) == [("What is a señor ?", frozenset({3})), ("Why ?", frozenset({0}))]
    path.write_text("a, b\t3,17\tid\n")
    assert list(adapters._lines("goemotions", path)) == [("a, b", frozenset({3, 17}))]


@pytest.mark.parametrize("line", ["6 Why ?", "Why ?", "", "-1 Why ?"])
def test_lines_without_a_label(tmp_path: Path, line: str) -> None:
    path = tmp_path / "lines"
    path.write_text(f"0 Who ?\n{line}\n")
    with pytest.raises(DataError, match=":2: expected labels from 0 to 5"):
        list(adapters._lines("trec", path))


@pytest.mark.parametrize("scheme", adapters.SCHEMES)
def test_graphs_of_the_schemes(small: None, scheme: str) -> None:
    names = ["trec"] if scheme == "single" else list(adapters.FILES)
    docs = [doc for name in names for doc in adapters.read(name, SETTINGS)["train"]]
    model = CascadeModel(adapters.make_graph(scheme, names)).initialize(docs)
    assert {name: set(found) for name, found in model.labels.items()} == {n: set(adapters.labels(n)) for n in names}
    trained = {name.split(".")[0] for name, _ in model.encoder.named_parameters()}
    assert trained == ({"conditioner"} if scheme in adapters.CONDITIONINGS else {"embeddings", "blocks"})
    assert model.encoder.conditions == (tuple(names) if scheme in adapters.CONDITIONINGS else ())


def test_scores_are_accuracy_and_f1(monkeypatch: pytest.MonkeyPatch, small: None) -> None:
    parts = {name: adapters.read(name, SETTINGS)["test"] for name in adapters.FILES}
    docs = [doc for docs in parts.values() for doc in docs]
    model = CascadeModel(adapters.make_graph("full", list(adapters.FILES))).initialize(docs).eval()
    for name, own in parts.items():
        chances = [found[name]["probability"][0] for found in model.predict(own)]
        vocabulary = model.task(name).vocabulary
        if name == adapters.MULTIPLE:
            found = [{v for v, p in zip(vocabulary, each, strict=True) if p >= adapters.THRESHOLD} for each in chances]
            f1 = [_f1([(v in said, v in gold(doc)) for said, doc in zip(found, own, strict=True)]) for v in vocabulary]
            pairs = [(v in said, v in gold(doc)) for said, doc in zip(found, own, strict=True) for v in vocabulary]
            expected = {f"{name} macro F1": sum(f1) / len(f1), f"{name} micro F1": _f1(pairs)}
        else:
            right = [vocabulary[int(each.argmax())] in gold(doc) for each, doc in zip(chances, own, strict=True)]
            expected = {name: sum(right) / len(own)}
        assert adapters.scored(model, name, own) == pytest.approx(expected)


def _f1(pairs: list[tuple[bool, bool]]) -> float:
    said, true, both = (sum(map(of, pairs)) for of in (lambda p: p[0], lambda p: p[1], all))
    return 2 * both / (said + true) if both else 0.0


@pytest.mark.parametrize("scheme", ["full", "single", "bottleneck"])
def test_a_run_and_its_figures(small: None, tmp_path: Path, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = adapters.run(scheme, 0, tmp_path / "out", SETTINGS)
    assert list(figures.scores) == ["trec", "subj", "sst2", "goemotions macro F1", "goemotions micro F1"]
    models = [storage.load(path.parent) for path in (tmp_path / "out").rglob("model.json")]
    assert len(models) == (4 if scheme == "single" else 1)
    own = [p for model in models for p in model.parameters() if p.requires_grad]
    saved = [path for path in (tmp_path / "out").rglob("best/**/*") if path.is_file()]
    assert figures.trained == sum(map(torch.numel, own))
    assert figures.disk == pytest.approx(sum(path.stat().st_size for path in saved) / 1e6)
    encoder = sum(t.numel() for n, t in models[0].encoder.named_buffers() if t.is_floating_point())
    assert figures.parameters == figures.trained + encoder
    assert (encoder > 0) == (scheme == "bottleneck") and figures.borrowed >= 4e-6 * encoder
    assert figures.peak >= figures.start > 0 and figures.seconds > 0
    assert not [*(tmp_path / "out").rglob("last")]
    monkeypatch.setattr(adapters, "trained", None)
    assert adapters.run(scheme, 0, tmp_path / "out", SETTINGS) == figures


def test_several_models_count_as_one() -> None:
    other = replace(FIGURES, scores={"subj": 1.0}, trained=3, start=110, peak=140, disk=2, borrowed=0)
    both = replace(FIGURES, scores={"trec": 0.5, "subj": 1.0}, trained=5, parameters=600, seconds=14, disk=3)
    assert adapters.Figures.together([FIGURES, other]) == both


def test_the_table_is_printed_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(adapters, "run", lambda *_: FIGURES)
    adapters.main([str(tmp_path), "--scheme", "lora", "--share", "0.5", "--seeds", "2"])
    printed = capsys.readouterr().out
    assert "50% of train" in printed and "seeds: 2" in printed
    (line,) = (line for line in printed.splitlines() if "lora" in line)
    assert line.replace("│", " ").split() == ["lora", "50.0", "2.0", "300", "150", "50.0", "1.0", "91.0", "7.0"]
    assert (tmp_path / "report.json").is_file()
    with pytest.raises(SystemExit, match="another folder"):
        adapters.main([str(tmp_path), "--scheme", "lora", "--share", "0.4"])
