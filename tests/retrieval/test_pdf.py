from __future__ import annotations

import re
import sys

import pytest

from cascade.errors import ConfigError, DataError
from cascade.retrieval.content import Content
from cascade.retrieval.pdf import read_pdf
from tests.retrieval.files import encrypted, pdf


def read(*pages: list[str]) -> Content:
    return read_pdf(pdf(*pages), "paper.pdf")


def origin(content: Content, part: str) -> str:
    start = content.text.index(part)
    return content.source[slice(*content.offsets.origin(start, start + len(part)))]


def test_pages() -> None:
    content = read(["The ferry sails", "at noon."], ["It is blue."], [], ["It is café-old."])
    assert content.source == "The ferry sails\nat noon.\fIt is blue.\f\fIt is café-old."
    assert content.text == "The ferry sails\nat noon.\n\fIt is blue.\n\f\fIt is café-old."
    assert [content.text[page:].split("\n")[0] for page in content.pages] == [
        "The ferry sails",
        "It is blue.",
        "\fIt is café-old.",
        "It is café-old.",
    ]
    assert content.text.count("\f") == content.source.count("\f") == len(content.pages) - 1


def test_divided_words_are_made_whole() -> None:
    content = read(["The harbour mas-", "ter of Port-", "Vane counts 1-", "2  boats."])
    assert content.text == "The harbour master of Port-\nVane counts 1-\n2 boats."
    assert origin(content, "master") == "mas-\nter"
    assert origin(content, "2 boats") == "2  boats"


def test_every_character_comes_from_itself() -> None:
    content = read(["A  line-", "end", "", "here."], ["x"])
    for i, character in enumerate(content.text):
        written = content.source[slice(*content.offsets.origin(i, i + 1))]
        assert written == character or (character.isspace() and written.isspace())
    assert re.sub(r"\s", "", content.text) == "Alineendhere.x"


def test_an_owner_password_alone_does_not_hide_the_text() -> None:
    assert read_pdf(encrypted(pdf(["Open."]), ""), "a.pdf").text == "Open."


def test_an_encrypted_file() -> None:
    with pytest.raises(DataError, match=r"a\.pdf: the PDF is encrypted; save it without a password"):
        read_pdf(encrypted(pdf(["Shut."]), "secret"), "a.pdf")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("raw", [b"", b"no PDF", pdf(["x"])[:200], pdf(["x"]).replace(b"/Pages", b"/Pagez")])
def test_a_damaged_file(raw: bytes) -> None:
    with pytest.raises(DataError, match=r"a\.pdf: the PDF cannot be read \(.*\); is it complete\?"):
        read_pdf(raw, "a.pdf")


def test_without_pypdf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    with pytest.raises(ConfigError, match=r"pip install 'cascade-nlp\[documents\]'"):
        read(["x"])
