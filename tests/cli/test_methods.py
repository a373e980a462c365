from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from cascade import registry
from cascade.cli.methods import describe
from cascade.graph import Hidden
from cascade.registry import maker


def test_every_registry_and_every_name(run) -> None:
    listed = json.loads(run("methods", "--json").stdout)
    assert listed.keys() == registry.registries.keys()
    for name, entries in listed.items():
        assert [entry["name"] for entry in entries] == registry.registries[name].names()
        assert all(entry.keys() == {"name", "summary", "source"} for entry in entries)
        own = [entry for entry in entries if entry["name"].startswith("cascade.")]
        assert own and all(entry["summary"].endswith(".") for entry in own), own
    assert {"cascade_tasks", "cascade_edges", "cascade_encoders", "cascade_schedules"} <= listed.keys()
    labels = next(entry for entry in listed["cascade_edges"] if entry["name"] == "cascade.Labels.v1")
    assert labels["summary"].startswith("Label embeddings") and labels["source"] == "Hashimoto et al. 2017, equation 1"


def test_some_registries_as_a_table(run) -> None:
    shown = run("methods", "cascade_edges", "cascade_layers").stdout
    assert "cascade.Hidden.v1" in shown and "cascade.Mix.v1" in shown and "cascade.Tagging.v1" not in shown
    said = run("methods", "cascade_egdes", code=1).stderr
    assert "no registry cascade_egdes" in said and "cascade_edges" in said


def test_a_plugin_shows_up(run) -> None:
    @registry.edges("theirs.Wide.v1")
    @dataclass(frozen=True, kw_only=True)
    class Wide(Hidden):
        """States, widened (Doe and Roe 2031, section 4).

        Args:
            group: See `Hidden` (Poe 1999).
        """

    entries = json.loads(run("methods", "cascade_edges", "--json").stdout)["cascade_edges"]
    assert {
        "name": "theirs.Wide.v1",
        "summary": "States, widened (Doe and Roe 2031, section 4).",
        "source": "Doe and Roe 2031, section 4",
    } in entries


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("Sums (Hu et al. 2019, ACL, section 3.2).", "Hu et al. 2019, ACL, section 3.2"),
        ("Mixes (scheduled sampling, Bengio et al. 2015).", "Bengio et al. 2015"),
        ("By the rates of Liu et al. (2019, equation 7).", "Liu et al. 2019, equation 7"),
        ("Two (Désidéri 2012; Sener and Koltun 2018, section 3).", "Désidéri 2012; Sener and Koltun 2018, section 3"),
        ("One line.\n\nThe rest (Kendall et al.\n2018).", "Kendall et al. 2018"),
        ("None (or so), in 2019.", ""),
        ("None.\n\nArgs:\n    rate: From elsewhere (Doe 2001).", ""),
    ],
)
def test_sources(text: str, source: str) -> None:
    def made() -> None: ...

    made.__doc__ = text
    assert describe("x", made) == {"name": "x", "summary": text.partition("\n")[0], "source": source}


def test_what_has_no_docstring() -> None:
    @dataclass
    class Bare:
        width: int = 3

    for made in (Bare, maker(Bare), lambda: None):
        assert describe("x", made) == {"name": "x", "summary": "", "source": ""}
