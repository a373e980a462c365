"""The text of PDF files, page by page, with the help of pypdf."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from cascade.docs import Transcript
from cascade.errors import ConfigError, DataError
from cascade.retrieval.content import Content

if TYPE_CHECKING:
    from pypdf import PageObject

# A word that is divided at the end of a line; white space other than a single space or line end.
_UNCLEAN = re.compile(r"(?<=[^\W\d_])[-\u00ad]\n(?=[^\W\d_A-Z])|\s{2,}|[^\S \n]|\u00ad")


def read_pdf(raw: bytes, path: str | Path) -> Content:
    """Reads the text of a PDF.

    Its source text is the text of the pages, joined by form feeds, as pypdf extracts it. Words that are divided at the
    end of a line are made whole, and white space is tidied; a form feed still stands between two pages.

    Args:
        raw: The file.
        path: Its name, for messages.

    Raises:
        DataError: It is encrypted, or damaged.
        ConfigError: pypdf is not installed.
    """
    source = "\f".join(_pages(raw, path))
    transcript, place = Transcript(source), 0
    for match in _UNCLEAN.finditer(source):
        transcript.copy(place, match.start())
        transcript.replace(_tidy(match.group()), *match.span())
        place = match.end()
    transcript.copy(place, len(source))
    text, offsets = transcript.finish()
    pages = (0, *(match.end() for match in re.finditer("\f", text)))
    return Content(source=source, text=text, offsets=offsets, pages=pages)


def _pages(raw: bytes, path: str | Path) -> list[str]:
    """The text of each page."""
    try:
        from pypdf import PdfReader
        from pypdf.errors import DependencyError, FileNotDecryptedError
    except ImportError as error:
        raise ConfigError(f"{path}: PDF needs pypdf; install it with pip install 'cascade-nlp[documents]'") from error
    try:
        return [_text(page) for page in PdfReader(BytesIO(raw)).pages]
    except (FileNotDecryptedError, DependencyError) as error:
        message = "the PDF is encrypted; save it without a password, for example with qpdf --decrypt"
        raise DataError(message, path=path) from error
    except Exception as error:  # what a damaged file makes pypdf raise is not for it to say
        raise DataError(f"the PDF cannot be read ({error}); is it complete?", path=path) from error


def _text(page: PageObject) -> str:
    # A form feed of the page's own would be taken for its end; halves of surrogate pairs are characters in UTF-16 only.
    text: str = page.extract_text().replace("\f", "\n")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _tidy(unclean: str) -> str:
    if not unclean.isspace():
        return ""
    lines = unclean.count("\n")
    # A form feed alone does not part words for every tokenizer.
    return "\n" + "\f" * unclean.count("\f") if "\f" in unclean else "\n\n" if lines > 1 else "\n" if lines else " "
