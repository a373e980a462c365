from __future__ import annotations

from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import DataError
from cascade.retrieval.content import Content
from cascade.retrieval.html import read_html


def read(source: str) -> Content:
    content = read_html(source.encode(), "page.html")
    assert content.source == source
    return content


def origin(content: Content, part: str) -> str:
    start = content.text.index(part)
    return content.source[slice(*content.offsets.origin(start, start + len(part)))]


# Pieces of pages with what a reader sees of them: words, or a gap.
WORDS = [(word, word) for word in ("Ferry", "x", "été", "🎾", "7", "&;", "a&b", "&#", "&#x;", "AT&T")]
ENTITIES = [(name, unescape(name)) for name in ("&amp;", "&lt;", "&eacute;", "&#127934;", "&#x41;", "&notit;", "&no;")]
SPACES = [(space, " ") for space in (" ", "\r\n", "\t \n", "&nbsp;", "&#160;", "&#10;")]
BLOCKS = [(tag, " ") for tag in ("<p>", "</p>", "<br>", "<DIV class='a>b'>", "<td>", "</h2 >", "<li/>", "<hr />")]
INLINE = [
    (tag, "") for tag in ("<b>", "</i>", '<a href="x?a=1&amp;b=2">', "<!-- <p>no</p> -->", "<?php no ?>", "&shy;")
]
UNSEEN = [
    (element, "")
    for element in (
        "<script>if (a<b) {'<p>no'}</script>",
        "<STYLE>p > b {}</STYLE>",
        "<noscript>no <b>no</b></noscript>",
        "<svg><title>no</title><svg>no</svg>no</svg>",
        "<title>no &amp; no</title>",
        "<![if no]>",
    )
]
pages = st.lists(st.sampled_from(WORDS + ENTITIES + SPACES + BLOCKS + INLINE + UNSEEN), max_size=25)


def join(pieces: list[tuple[str, str]]) -> tuple[str, str]:
    return "".join(html for html, _ in pieces), "".join(seen for _, seen in pieces)


def are_apart(pieces: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Words and entities with a comment between them, lest `&` and `no` should join to a reference."""
    return [piece for one in pieces for piece in (one, ("<!-- -->", ""))]


@given(pages)
def test_all_that_is_seen_is_read(pieces: list[tuple[str, str]]) -> None:
    source, seen = join(are_apart(pieces))
    assert read(source).text.split() == seen.split()


@given(pages, st.data())
def test_every_slice_is_read_from_its_origin(pieces: list[tuple[str, str]], data: st.DataObject) -> None:
    content = read(join(are_apart(pieces))[0])
    start = data.draw(st.integers(0, len(content.text)))
    end = data.draw(st.integers(start, len(content.text)))
    first, last = content.offsets.origin(start, end)
    assert read(content.source[first:last]).text == content.text[start:end].strip()


@given(st.text("<>&;#x1ab/!-?[] '\"\r\n=p\ufeff🎾", max_size=60))
def test_any_text_can_be_read(source: str) -> None:
    content = read(source)
    assert content.text == content.text.strip()
    for i, character in enumerate(content.text):
        written = content.source[slice(*content.offsets.origin(i, i + 1))]
        assert character in unescape(written) or character.isspace()


class _Plain(HTMLParser):
    """The text as the standard library gives it, where it does not stumble."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.feed(source)
        self.close()

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


@given(st.lists(st.sampled_from(["<b>", "</b>", "&amp;", "&copy", "&#8364;", " ", "\n", "word", "é", "&nosuch;", "<"])))
def test_it_reads_as_the_standard_library_does(parts: list[str]) -> None:
    source = " ".join(parts)
    assert read(source).text.split() == "".join(_Plain(source).parts).split()


def test_origins() -> None:
    content = read("\ufeff<h1>Head</h1><p>R&amp;D in\r\n<b>Ber</b>lin, caf&eacute;&nbsp;x</p>")
    assert content.text == "Head\n\nR&D in Berlin, café x"
    assert origin(content, "R&D") == "R&amp;D"
    assert origin(content, "Berlin") == "Ber</b>lin"
    assert origin(content, "in Berlin") == "in\r\n<b>Ber</b>lin"
    assert origin(content, "café") == "caf&eacute;"
    assert origin(content, "Head\n\nR") == "Head</h1><p>R"


def test_gaps() -> None:
    text = read("<div>one<br>two</div><ul><li>a<li>b</ul><table><tr><td>1<td>2<tr><td>3</table>end<i>ed</i>").text
    assert text == "one\ntwo\n\na\nb\n\n1 2\n3\n\nended"


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("<title>A &amp;\n &lt;B></title>x", "A & <B>"),
        ("<head><title/></head>x", None),
        ("x<svg><title>no</title></svg>", None),
    ],
)
def test_title(source: str, title: str | None) -> None:
    content = read(source)
    assert content.metadata.get("title") == title
    assert content.text == "x"


@pytest.mark.parametrize("source", ["", "   \r\n", "<html><body></body></html>", "<script>x</script>", "\ufeff"])
def test_pages_without_text(source: str) -> None:
    content = read(source)
    assert not content.text
    assert len(content.offsets) == 0


def test_an_entity_of_two_characters() -> None:
    content = read("a&nGt;b")
    assert len(content.text) == 4
    assert origin(content, content.text[1]) == origin(content, content.text[2]) == "&nGt;"


def test_stray_references_do_not_let_the_markup_through() -> None:
    assert read("a &# b; &#; c &#xg; <b>d</b> e").text == "a &# b; &#; c &#xg; d e"


def test_another_encoding() -> None:
    with pytest.raises(DataError, match=r"page\.html:2: expected UTF-8, got byte 0xe9 at position 7.*iconv"):
        read_html(b"<p>\ncaf\xe9", "page.html")
