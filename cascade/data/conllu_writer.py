"""Docs as CoNLL-U text, the other way of [`read_conllu`][cascade.data.conllu.read_conllu]."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count

from spacy.tokens import Doc, Span, Token

from cascade.data.conllu import CHUNK, ENTITY, ROOT
from cascade.data.iob import OUTSIDE


def write_conllu(docs: Iterable[Doc]) -> Iterator[str]:
    """Yields the sentences of `docs` as blocks of CoNLL-U; joined, they are a file.

    Each block has a running `# sent_id`, the `# text`, and a line for each token that is not white space; where a head
    is white space, the line names the next word above it. What a Doc does not have is `_`. Chunks and entities stand in
    MISC as `Chunk=B-NP` and `NE=B-PER`, `O` outside; a token whose entity is unknown has no `NE`. A Doc without
    sentence boundaries is one sentence.
    """
    number = count(1)
    for doc in docs:
        chunks = _tags(doc.spans["chunks"]) if "chunks" in doc.spans else None
        entities = _tags(doc.ents)
        for sentence in _sentences(doc):
            tokens = [token for token in sentence if not token.text.isspace()]
            if tokens:
                yield _block(tokens, next(number), chunks, entities)


def _sentences(doc: Doc) -> Iterable[Span]:
    return doc.sents if doc.has_annotation("SENT_START") else [doc[:]]


def _tags(spans: Iterable[Span]) -> dict[int, str]:
    """The IOB2 tags of the words inside `spans`, by their index in the Doc."""
    words = [(span.label_, [token.i for token in span if not token.text.isspace()]) for span in spans]
    return {i: f"{'I' if k else 'B'}-{label}" for label, indices in words for k, i in enumerate(indices)}


def _block(tokens: Sequence[Token], number: int, chunks: Mapping[int, str] | None, entities: Mapping[int, str]) -> str:
    spaces = [_space_after(token) for token in tokens]
    text = "".join(token.text + " " * space for token, space in zip(tokens, spaces, strict=True)).strip()
    lines = [f"# sent_id = {number}", f"# text = {text}"]
    arcs = _arcs(tokens)
    for i, (token, space) in enumerate(zip(tokens, spaces, strict=True)):
        columns = [str(i + 1), token.text, *_word_columns(token), *arcs[i], "_", _misc(token, space, chunks, entities)]
        lines.append("\t".join(columns))
    return "\n".join(lines) + "\n\n"


def _word_columns(token: Token) -> list[str]:
    features = "|".join(sorted(str(token.morph).split("|"), key=str.lower))
    return [value or "_" for value in (token.lemma_, token.pos_, token.tag_, features)]


def _space_after(token: Token) -> bool:
    following = token.i + 1
    return bool(token.whitespace_) or (following < len(token.doc) and token.doc[following].text.isspace())


def _arcs(tokens: Sequence[Token]) -> list[tuple[str, str]]:
    """HEAD and DEPREL; words that only white space held together hang from the first of them, the root."""
    numbers = {token.i: i for i, token in enumerate(tokens, start=1)}
    root = next((numbers[token.i] for token in tokens if token.dep_ and _head(token, numbers) is None), None)
    arcs = []
    for token in tokens:
        head = _head(token, numbers)
        if not token.dep_:
            arcs.append(("_", "_"))
        elif head is not None:
            arcs.append((str(head), token.dep_))
        elif numbers[token.i] == root or token.head.i == token.i:
            arcs.append(("0", "root" if token.dep_ == ROOT or token.head.i != token.i else token.dep_))
        else:
            arcs.append((str(root), token.dep_))
    return arcs


def _head(token: Token, numbers: Mapping[int, int]) -> int | None:
    """Number of the nearest word above `token` in its sentence, None if there is none."""
    head = token.head
    while head.i not in numbers and head.head.i != head.i:
        head = head.head
    return None if head.i == token.i else numbers.get(head.i)


def _misc(token: Token, space: bool, chunks: Mapping[int, str] | None, entities: Mapping[int, str]) -> str:
    notes = []
    if chunks is not None:
        notes.append(f"{CHUNK}={chunks.get(token.i, OUTSIDE)}")
    if token.ent_iob_:
        notes.append(f"{ENTITY}={entities.get(token.i, OUTSIDE)}")
    if not space:
        notes.append("SpaceAfter=No")
    return "|".join(notes) or "_"
