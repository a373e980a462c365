"""HTML without its markup: every character of the text knows the place in the file that it was read from."""

from __future__ import annotations

import re
from functools import cache
from html import unescape
from html.entities import html5
from html.parser import HTMLParser
from itertools import accumulate
from pathlib import Path

from cascade.data.files import BOM, decode
from cascade.docs import Transcript
from cascade.retrieval.content import Content

_UNSEEN = {"iframe", "noscript", "object", "script", "style", "svg", "template", "title"}
_PARAGRAPHS = re.compile(
    "address|article|aside|blockquote|body|caption|center|details|dialog|dl|fieldset|figcaption|figure|footer|form|"
    "h[1-6]|header|hgroup|hr|main|menu|nav|ol|p|pre|section|summary|table|ul"
)
_LINES = re.compile("br|dd|div|dt|legend|li|option|optgroup|select|textarea|tr")
_CELLS = re.compile("td|th")
_GAPS = ("", " ", "\n", "\n\n")

# A byte-order mark and a soft hyphen are nothing that one reads.
_IGNORED = f"{BOM}\u00ad"
_TOKEN = re.compile(rf"(\s+)|[^\s{_IGNORED}]+")
# The standard library's parser stops at such an `&#` and such a `<!`, which a browser shows and passes over.
_STUMBLING = re.compile(r"&#(?!(?:[0-9]+|[xX][0-9a-fA-F]+)[^0-9a-fA-F])|<!\[")


def read_html(raw: bytes, path: str | Path) -> Content:
    """Reads what a browser shows of a page.

    Tags, comments, scripts and the like are left out. Block elements are set apart by a blank line, lines and rows by
    a line end, cells by a space; all white space in between becomes a single one of these. An entity becomes the
    character that it names. `metadata` has the title.

    Args:
        raw: The file.
        path: Its name, for messages.

    Raises:
        DataError: It is not UTF-8.
    """
    source = decode(raw, path)
    parser = _Parser(source)
    parser.feed(_STUMBLING.sub(lambda match: match.group()[:-1] + ".", source + "\n"))
    parser.close()
    text, offsets = parser.text.finish()
    title = " ".join(unescape("".join(parser.title)).split())
    return Content(source=source, text=text, offsets=offsets, metadata={"title": title} if title else {})


class _Parser(HTMLParser):
    """Sees a copy of the source that is made easy to parse, of the same length and a line end longer."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=False)
        self.source = source
        self.text = Transcript(source)
        self.title: list[str] = []
        self._lines = [0, *accumulate(len(line) + 1 for line in source.split("\n"))]
        self._gap = 0  # how strongly what comes next is set apart from the text so far
        self._unseen: list[str] = []  # open elements that are not shown; all of one name

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN and (not self._unseen or tag == self._unseen[0]):
            self._unseen.append(tag)
        self._set_apart(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._unseen and tag == self._unseen[0]:
            self._unseen.pop()
        self._set_apart(tag)

    def handle_data(self, data: str) -> None:
        start = self._place()
        end = min(start + len(data), len(self.source))  # without the line end that was added
        if self._unseen:
            self._keep_title(start, end)
            return
        for match in _TOKEN.finditer(self.source, start, end):
            if match[1]:
                self._gap = max(self._gap, 1)
            else:
                self._begin(match.start())
                self.text.copy(*match.span())

    def handle_entityref(self, name: str) -> None:
        self._reference("&" + name)

    def handle_charref(self, name: str) -> None:
        self._reference("&#" + name)

    def _reference(self, written: str) -> None:
        start = self._place()
        end = start + len(written)
        end += self.source.startswith(";", end)
        if self._unseen:
            self._keep_title(start, end)
            return
        meaning, middle = _meaning(self.source[start:end])
        if meaning.isspace():
            self._gap = max(self._gap, 1)
        elif meaning.strip(_IGNORED):
            self._begin(start)
            self.text.replace(meaning, start, start + middle)
        if start + middle < end:
            self._begin(start + middle)
            self.text.copy(start + middle, end)

    def _begin(self, start: int) -> None:
        """Write what sets the character at `start` apart from the text so far."""
        if len(self.text):
            self.text.replace(_GAPS[self._gap], self.text.end, start)
        self._gap = 0

    def _set_apart(self, tag: str) -> None:
        if not self._unseen:
            self._gap = max(self._gap, _strength(tag))

    def _keep_title(self, start: int, end: int) -> None:
        if self._unseen == ["title"]:
            self.title.append(self.source[start:end])

    def _place(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column


@cache
def _strength(tag: str) -> int:
    """How far an element is set apart, as an index of the gaps."""
    return 3 if _PARAGRAPHS.fullmatch(tag) else 2 if _LINES.fullmatch(tag) else 1 if _CELLS.fullmatch(tag) else 0


def _meaning(reference: str) -> tuple[str, int]:
    """What a character reference stands for, and how many of its characters are needed to say so."""
    if reference.startswith("&#"):
        return unescape(reference), len(reference)
    names = (end for end in range(len(reference), 1, -1) if reference[1:end] in html5)
    end = next(names, 0)
    return html5.get(reference[1:end], ""), end
