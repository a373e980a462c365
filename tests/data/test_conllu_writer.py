from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from cascade.data import read_conllu, write_conllu

FORMS = ["owl", "_", "cafe\u0301", "𝒳", "東京", "-", "#", "1 000", "O'k", "\u200b"]


def columns(block: str) -> list[list[str]]:
    return [line.split("\t") for line in block.splitlines() if line and not line.startswith("#")]


def reread(docs: list[Doc], folder: Path, sentences: int) -> list[Doc]:
    path = folder / "written.conllu"
    path.write_text("".join(write_conllu(docs)), encoding="utf-8")
    return list(read_conllu(path, vocab=docs[0].vocab, sentences=sentences))


def random_tree(size: int, random: Random) -> list[int]:
    """Heads of any tree, crossing arcs and all, the root its own."""
    order = random.sample(range(size), size)
    heads = list(range(size))
    for place, node in enumerate(order[1:], start=1):
        heads[node] = order[random.randrange(place)]
    return heads


def random_segments(doc: Doc, sizes: list[int], random: Random) -> list[Span]:
    spans, start = [], 0
    for size in sizes:
        cuts = sorted({start, start + size, *random.choices(range(start, start + size), k=2)})
        spans += [
            Span(doc, a, b, label=random.choice("XY"))
            for a, b in zip(cuts, cuts[1:], strict=False)
            if random.random() < 0.6
        ]
        start += size
    return spans


def random_doc(seed: int) -> tuple[Doc, int]:
    """A Doc of one to three sentences with every annotation, and the number of sentences."""
    random = Random(seed)
    sizes = [random.randint(1, 7) for _ in range(random.randint(1, 3))]
    offsets = [sum(sizes[:i]) for i in range(len(sizes))]
    heads = [offset + head for offset, size in zip(offsets, sizes, strict=True) for head in random_tree(size, random)]
    words = random.choices(FORMS, k=sum(sizes))
    last = {offset - 1 for offset in offsets}
    doc = Doc(
        Vocab(),
        words=words,
        spaces=[i in last or random.random() < 0.7 for i in range(len(words))],
        tags=random.choices(["NN", "VB", ""], k=len(words)),
        pos=random.choices(["NOUN", "X", ""], k=len(words)),
        morphs=["Case=Nom|NumType=Card|Number=Sing", *random.choices(["", "Number=Plur"], k=len(words) - 1)],
        lemmas=["_" if word == "_" else random.choice(["lemma", ""]) for word in words],
        heads=heads,
        deps=["ROOT" if head == i else random.choice(["nsubj", "nmod:of"]) for i, head in enumerate(heads)],
    )
    doc.spans["chunks"] = random_segments(doc, sizes, random)
    entities = random_segments(doc, sizes, random)
    taken = {token.i for span in entities for token in span}
    missing = [Span(doc, i, i + 1) for i in range(len(doc)) if i not in taken and random.random() < 0.2]
    doc.set_ents(entities, missing=missing)
    return doc, len(sizes)


@given(st.integers(0, 10**6))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    doc, sentences = random_doc(seed)
    (again,) = reread([doc], tmp_path_factory.getbasetemp(), sentences)
    assert again.text == doc.text
    assert [token.morph.key for token in again] == [token.morph.key for token in doc]
    assert [token.ent_iob_ for token in again] == [token.ent_iob_ for token in doc]
    assert again.to_json() == doc.to_json()


def test_block_by_hand() -> None:
    doc = Doc(
        Vocab(),
        words=["Ada", "Lovelace", "wrote", "it", "."],
        spaces=[True, True, True, False, False],
        tags=["NNP", "NNP", "VBD", "PRP", "."],
        pos=["PROPN", "PROPN", "VERB", "PRON", "PUNCT"],
        morphs=["NumType=Card|Number=Sing", "", "", "", ""],
        lemmas=["Ada", "Lovelace", "write", "it", "."],
        heads=[2, 0, 2, 2, 2],
        deps=["nsubj", "flat", "ROOT", "obj", "punct"],
        ents=["B-PER", "I-PER", "O", "", "O"],
    )
    doc.spans["chunks"] = [Span(doc, 0, 2, label="NP"), Span(doc, 2, 3, label="VP")]
    assert "".join(write_conllu([doc])) == (
        "# sent_id = 1\n"
        "# text = Ada Lovelace wrote it.\n"
        "1\tAda\tAda\tPROPN\tNNP\tNumber=Sing|NumType=Card\t3\tnsubj\t_\tChunk=B-NP|NE=B-PER\n"
        "2\tLovelace\tLovelace\tPROPN\tNNP\t_\t1\tflat\t_\tChunk=I-NP|NE=I-PER\n"
        "3\twrote\twrite\tVERB\tVBD\t_\t0\troot\t_\tChunk=B-VP|NE=O\n"
        "4\tit\tit\tPRON\tPRP\t_\t3\tobj\t_\tChunk=O|SpaceAfter=No\n"
        "5\t.\t.\tPUNCT\t.\t_\t3\tpunct\t_\tChunk=O|NE=O|SpaceAfter=No\n"
        "\n"
    )


def test_plain_docs() -> None:
    vocab = Vocab()
    docs = [Doc(vocab), Doc(vocab, words=["a", "b"]), Doc(vocab, words=[" "]), Doc(vocab, words=["c"])]
    first, second = write_conllu(docs)
    assert columns(first) == [["1", "a", *["_"] * 8], ["2", "b", *["_"] * 8]]
    assert second.startswith("# sent_id = 2\n# text = c\n")


def test_white_space_is_left_out(tmp_path: Path) -> None:
    doc = Doc(
        Vocab(),
        words=["\n", "a", "\n\n", "b", "c", "  ", "d"],
        spaces=[False, False, False, True, True, False, False],
        heads=[1, 1, 1, 1, 5, 3, 3],
        deps=["dep", "ROOT", "dep", "nmod", "nmod", "dep", "obj"],
        ents=["O", "O", "B-X", "I-X", "I-X", "I-X", "B-X"],
    )
    (block,) = write_conllu([doc])
    assert "# text = a b c d\n" in block
    rows = columns(block)
    assert [row[:2] for row in rows] == [["1", "a"], ["2", "b"], ["3", "c"], ["4", "d"]]
    assert [row[6] for row in rows] == ["0", "1", "2", "2"], "c hung from white space below b"
    assert [row[9] for row in rows] == ["NE=O", "NE=B-X", "NE=I-X", "NE=B-X|SpaceAfter=No"]
    (again,) = reread([doc], tmp_path, 1)
    assert [ent.text for ent in again.ents] == ["b c", "d"]


def test_white_space_as_root_leaves_one_root(tmp_path: Path) -> None:
    doc = Doc(Vocab(), words=["a", " ", "b"], heads=[1, 1, 1], deps=["nsubj", "ROOT", "obj"])
    (block,) = write_conllu([doc])
    assert [row[6:8] for row in columns(block)] == [["0", "root"], ["1", "obj"]]
    assert reread([doc], tmp_path, 1)[0][1].head.i == 0


def test_chunks_without_any_are_not_missing(tmp_path: Path) -> None:
    doc = Doc(Vocab(), words=["a"])
    doc.spans["chunks"] = []
    (again,) = reread([doc], tmp_path, 1)
    assert list(again.spans["chunks"]) == []
