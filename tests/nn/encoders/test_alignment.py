from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from cascade.nn.encoders.alignment import Alignment, WordPieces, best_windows, window_starts


@pytest.fixture
def pieces(tokenizer: Tokenizer) -> WordPieces:
    return WordPieces(copy.deepcopy(tokenizer), padding=0, window=6, stride=2)


@given(st.integers(0, 60), st.integers(1, 12), st.integers(1, 12))
def test_windows_cover_a_text_and_the_best_one_is_farthest_from_its_edges(pieces: int, room: int, stride: int) -> None:
    stride = min(stride, room)
    starts = window_starts(pieces, room=room, stride=stride)
    size = min(room, pieces)
    assert len(starts) == (0 if not pieces else 1 + -(-max(pieces - room, 0) // stride))
    best = best_windows(starts, pieces)
    for piece in range(pieces):
        margins = [min(piece - start, start + size - 1 - piece) for start in starts]
        assert margins[best[piece]] == max(margins) >= 0


def test_pieces_worked_by_hand(pieces: WordPieces, tokenizer: Tokenizer) -> None:
    features = pieces.features([["The", "catting"], [], ["X"]])
    ids = [tokenizer.token_to_id(piece) for piece in ("[CLS]", "the", "cat", "##ting", "[SEP]", "x")]
    assert features["ids"].tolist() == [ids[:5], [ids[0], ids[5], ids[4], 0, 0]]
    assert features["mask"].tolist() == [[1] * 5, [1, 1, 1, 0, 0]]
    assert features["word"].tolist() == [[0, 1, 2, 2, 0], [0, 3, 0, 0, 0]]
    assert not features["segment"].any()
    assert features["window"].tolist() == [0, 0, 0, 1]
    assert features["place"].tolist() == [1, 2, 3, 1]
    assert features["token"].tolist() == [0, 1, 1, 2]


def test_words_without_pieces_keep_their_place(pieces: WordPieces) -> None:
    assert pieces.features([[" ", "a", "\n", "\u200b", "b"], ["\t"], ["c"]])["token"].tolist() == [1, 4, 6]


def test_a_batch_without_pieces_has_no_windows(pieces: WordPieces) -> None:
    for texts in ([], [[]], [[], [" "]]):
        assert not any(part.numel() for part in pieces.features(texts).values())


@given(st.lists(st.lists(st.sampled_from(["a", "the", "catting", " ", "xyz"]), max_size=12), max_size=4))
def test_every_piece_is_read_where_it_stands(tokenizer: Tokenizer, texts: list[list[str]]) -> None:
    tokenizer = copy.deepcopy(tokenizer)
    features = WordPieces(tokenizer, padding=0, window=6, stride=3).features(texts)
    words = [word for text in texts for word in text]
    cut = [tokenizer.encode([word], is_pretokenized=True, add_special_tokens=False).ids for word in words]
    assert features["ids"][features["window"], features["place"]].tolist() == [i for ids in cut for i in ids]
    assert features["token"].tolist() == [token for token, ids in enumerate(cut) for _ in ids]
    assert features["ids"].shape[1] <= 6


def test_truncation_and_padding_of_a_saved_tokenizer_are_ignored(tokenizer: Tokenizer) -> None:
    settings = copy.deepcopy(tokenizer)
    settings.enable_truncation(3)
    settings.enable_padding(length=50)
    features = WordPieces(settings, padding=0, window=20, stride=10).features([["a", "b", "c", "d", "e"]])
    assert features["ids"].shape == (1, 7)


@pytest.mark.parametrize("special", [True, False])
def test_special_pieces_are_found_around_a_word_of_two(special: bool) -> None:
    tokenizer = Tokenizer(models.BPE(vocab={"_": 0, "a": 1, "<s>": 2, "</s>": 3}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="_")
    if special:
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 3), ("<s>", 2))
    pieces = WordPieces(tokenizer, padding=0, window=12, stride=6)
    runs = [pieces.before, pieces.after, pieces.first, pieces.between, pieces.last]
    assert runs == ([[2], [3], [2], [3, 3], [3]] if special else [[]] * 5)
    joined = [2, 0, 1, 3, 3, 0, 1, 3] if special else [0, 1, 0, 1]
    assert pieces.features([["a"], ["a"]], pairs=[0])["ids"].tolist() == [joined]


def test_pooling_is_the_mean_over_a_tokens_pieces() -> None:
    states = torch.randn(2, 4, 3, dtype=torch.bfloat16)
    window, place, token = torch.tensor([0, 0, 1, 1]), torch.tensor([1, 2, 0, 3]), torch.tensor([1, 1, 1, 3])
    alignment = Alignment(window=window, place=place, token=token)
    pooled = alignment.pool(states, 5)
    assert pooled.dtype == torch.float32
    torch.testing.assert_close(pooled[1], states.float()[[0, 0, 1], [1, 2, 0]].mean(0))
    torch.testing.assert_close(pooled[3], states.float()[1, 3])
    assert not pooled[[0, 2, 4]].any()


def test_a_pair_is_read_in_one_window(tokenizer: Tokenizer) -> None:
    pieces = WordPieces(copy.deepcopy(tokenizer), padding=0, window=8, stride=4)
    features = pieces.features([["a"], ["catting", "b"], ["c", "x"], ["the"] * 9, ["d"]], pairs=[1, 3])
    ids = [tokenizer.token_to_id(piece) for piece in ("[CLS]", "cat", "##ting", "b", "[SEP]", "c", "x", "[SEP]")]
    assert features["ids"][0].tolist() == ids
    assert features["segment"][0].tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    assert features["word"][0].tolist() == [0, 2, 2, 3, 0, 4, 5, 0]
    assert features["token"].tolist() == [1, 1, 2, 3, 4, *range(5, 15)], "other texts are left out"
    assert features["window"].tolist() == [*[0] * 5, *[1] * 5, *[2] * 4, 3]
    assert features["place"].tolist() == [1, 2, 3, 5, 6, 1, 2, 3, 4, 5, 3, 4, 5, 6, 1]
    assert features["segment"].sum() == 3, "what does not fit into one window is read apart"


def test_a_pair_without_pieces_has_no_window(tokenizer: Tokenizer) -> None:
    pieces = WordPieces(copy.deepcopy(tokenizer), padding=0, window=8, stride=4)
    assert pieces.features([[], [" "]], pairs=[0])["ids"].shape == (0, 0)
    features = pieces.features([[], ["a"]], pairs=[0])
    assert features["place"].tolist() == [2]
    assert features["segment"].tolist() == [[0, 0, 1, 1]]


def test_narrowing_is_aligning_the_rest_alone(pieces: WordPieces) -> None:
    texts = [["catting"] * 4, [], ["a", " "], ["the"] * 7]
    keys = ("window", "place", "token")
    features, rest = pieces.features(texts), pieces.features(texts[2:])
    tokens = torch.tensor([False] * 4 + [True] * 9)
    narrowed, kept = Alignment(**{key: features[key] for key in keys}).narrow(tokens, len(features["ids"]))
    assert kept.tolist() == [False] * 3 + [True] * 4
    assert all(torch.equal(getattr(narrowed, key), rest[key]) for key in keys)


def test_starts_are_integers() -> None:
    assert window_starts(0, room=3, stride=1).dtype == window_starts(9, room=3, stride=2).dtype == np.int64


WORDS = st.lists(st.sampled_from(["a", "the", "catting", " ", "xyz"]), max_size=12)


def words_read(features: dict[str, torch.Tensor], window: int) -> list[int]:
    """Numbers of the words that a window shows, special pieces as 0."""
    return features["word"][window][features["mask"][window].bool()].tolist()  # type: ignore[no-any-return]


def test_a_passage_stands_behind_the_question_in_every_window(tokenizer: Tokenizer) -> None:
    pieces = WordPieces(copy.deepcopy(tokenizer), padding=0, window=8, stride=6)
    features = pieces.asked([["a", "b"], [], ["c", "d", "e", "f", "g"]], [["x"], ["y"], ["z", "z"]])
    ids = {piece: tokenizer.token_to_id(piece) for piece in ("[CLS]", "[SEP]", *"abcdefgxyz")}
    expected = [["[CLS]", "x", "[SEP]", "a", "b", "[SEP]"]]
    expected += [["[CLS]", "z", "z", "[SEP]", *part, "[SEP]"] for part in ("cde", "efg")]
    assert [[ids[piece] for piece in row] for row in expected] == [
        row[mask.bool()].tolist() for row, mask in zip(features["ids"], features["mask"], strict=True)
    ]
    assert [words_read(features, i) for i in range(3)] == [
        [0, 8, 0, 1, 2, 0],
        [0, 10, 11, 0, 3, 4, 5, 0],
        [0, 10, 11, 0, 5, 6, 7, 0],
    ]
    assert [row.bool().nonzero().flatten().tolist() for row in features["segment"]] == [[3, 4, 5], [4, 5, 6, 7]] + [
        [4, 5, 6, 7]
    ]
    assert features["token"].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert features["window"].tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert features["place"].tolist() == [3, 4, 4, 5, 6, 5, 6]


@given(st.lists(st.tuples(WORDS, WORDS), max_size=4), st.integers(8, 20), st.integers(1, 9))
def test_every_piece_of_a_passage_is_read_once_and_none_of_the_question(
    tokenizer: Tokenizer, both: list[tuple[list[str], list[str]]], window: int, stride: int
) -> None:
    pieces = WordPieces(copy.deepcopy(tokenizer), padding=0, window=window, stride=stride)
    texts, questions = [text for text, _ in both], [asking for _, asking in both]
    features = pieces.asked(texts, questions)

    def cut(words: list[str]) -> list[int]:
        encoded = tokenizer.encode(words, is_pretokenized=True, add_special_tokens=False)
        return list(encoded.ids)

    flat = [word for text in texts for word in text]
    pieces_of = [cut([word]) for word in flat]
    assert features["ids"][features["window"], features["place"]].tolist() == [i for ids in pieces_of for i in ids]
    assert features["token"].tolist() == [token for token, ids in enumerate(pieces_of) for _ in ids]
    read = features["window"], features["place"]
    assert torch.equal(features["word"][read], features["token"] + 1)
    assert features["segment"][read].all()
    assert features["ids"].shape[1] <= window
    limit, before, windows = min(64, (window - 3) // 2), 0, 0
    for text, asking in both:
        own = features["window"][(features["token"] >= before) & (features["token"] < before + len(text))].unique()
        for row in own.tolist():
            asked = features["ids"][row][(features["word"][row] > len(flat)) & (features["segment"][row] == 0)]
            assert asked.tolist() == cut(asking)[:limit], "every window shows the question, as far as it fits"
            shown = features["word"][row][features["segment"][row].bool()]
            assert not ((shown > 0) & ((shown <= before) | (shown > before + len(text)))).any()
        before, windows = before + len(text), windows + len(own)
    assert len(features["ids"]) >= windows


def test_of_a_long_question_64_pieces_are_read(tokenizer: Tokenizer) -> None:
    pieces = WordPieces(copy.deepcopy(tokenizer), padding=0, window=300, stride=200)
    features = pieces.asked([["a"] * 400, []], [["b"] * 1000, ["c"]])
    assert (features["segment"].argmax(1) == 66).all(), "[CLS], 64 pieces and [SEP] come first"
    assert features["token"].tolist() == list(range(400))
    assert not (features["word"] == 401 + 1000).any(), "the question about an empty passage is not read at all"


def test_nothing_is_asked(tokenizer: Tokenizer) -> None:
    pieces = WordPieces(copy.deepcopy(tokenizer), padding=0, window=8, stride=3)
    for texts in ([], [[]], [[], [" "]]):
        features = pieces.asked(texts, [["why"]] * len(texts))
        assert not any(part.numel() for part in features.values())
    assert pieces.asked([["a", "b"]], [[]])["token"].tolist() == [0, 1]
