"""Files to read documents from."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from html import escape
from io import BytesIO, StringIO


def written(text: str, suffix: str) -> bytes:
    """A file of some format, whose document is `text`, or has its words; plain ones begin with a byte-order mark."""
    if suffix == ".jsonl":
        return json.dumps({"text": text}).encode()
    if suffix == ".csv":
        stream = StringIO(newline="")
        csv.writer(stream).writerows([["text"], [text]])
        return stream.getvalue().encode()
    if suffix == ".html":
        return "<b>".join(escape(text).partition(" ")).replace("é", "&eacute;").encode()
    if suffix == ".pdf":
        lines = [re.sub(r"[^ -~]|[()\\]", "", line) for line in text.replace(".", ".-").splitlines()]
        return pdf(lines[::2], lines[1::2])
    return b"\xef\xbb\xbf" + text.encode()


def pdf(*pages: Sequence[str]) -> bytes:
    """A PDF with the lines of each page, of Latin-1 characters; written out by hand, as the specification has it."""
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for i, lines in enumerate(pages):
        shown = b" T* ".join(b"(" + line.encode("latin1") + b") Tj" for line in lines)
        content = b"BT /F1 12 Tf 14 TL 50 700 Td " + shown + b" ET"
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {5 + 2 * i} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode(),
            f"<< /Length {len(content)} >> stream\n".encode() + content + b"\nendstream",
        ]
    return _file(objects)


def encrypted(raw: bytes, password: str) -> bytes:
    """The same PDF, which opens with a password."""
    from pypdf import PdfWriter

    writer, stream = PdfWriter(clone_from=BytesIO(raw)), BytesIO()
    writer.encrypt(password, owner_password="owner", algorithm="RC4-128")
    writer.write(stream)
    return stream.getvalue()


def _file(objects: Sequence[bytes]) -> bytes:
    written, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(written))
        written += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer << /Size {size} /Root 1 0 R >>\n"
    return written + end.encode() + f"startxref\n{len(written)}\n%%EOF\n".encode()
