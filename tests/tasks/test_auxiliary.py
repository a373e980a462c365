from __future__ import annotations

import math

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc
from spacy.training import Example
from torch.nn import functional

from cascade.errors import GraphError
from cascade.evaluation import score_tasks
from cascade.graph import Hidden, Labels, Recurrent, TaskGraph
from cascade.model import CascadeModel
from cascade.nn.encoders import Embedding
from cascade.nn.encoders import Recurrent as RecurrentEncoder
from cascade.nn.rows import MISSING
from cascade.tasks import AutoEncoding, Auxiliary, LanguageModeling, MaskedLanguageModeling, Tagging

VOCAB = spacy.blank("en").vocab
EMBEDDING = Embedding(words=6, characters=6, vocabulary=20, buckets=40, alpha=0.0)


def docs() -> list[Doc]:
    texts = ["The dog sees the cat", "A cat sleeps", "the moon likes every dog", "x"]
    return [Doc(VOCAB, words=text.split(), tags=[word[0].upper() for word in text.split()]) for text in texts]


def model(task: Auxiliary, *, deep: bool = False) -> CascadeModel:
    """A tagger beside an auxiliary task."""
    encoder = RecurrentEncoder(embedding=EMBEDDING, width=5, depth=1, dropout=0.0) if deep else EMBEDDING
    graph = TaskGraph(encoder=encoder).add(Tagging("tags", layer=int(deep))).add(task)
    torch.manual_seed(0)
    return CascadeModel(graph).initialize(docs())


def test_labels_are_the_most_frequent_words_in_lower_case() -> None:
    assert MaskedLanguageModeling("lm", words=3).labels(docs()) == ["cat", "dog", "the"]
    assert len(MaskedLanguageModeling("lm").labels(docs())) == 10


@pytest.mark.parametrize(
    "task",
    [
        MaskedLanguageModeling("aux", share=0.5),
        LanguageModeling("aux", layer=Recurrent(4, dropout=0.0)),
        AutoEncoding("aux"),
    ],
)
def test_it_is_trained_but_not_predicted_or_scored(task: Auxiliary) -> None:
    made = model(task)
    batch = made.batch(docs(), targets=["tags", "aux"])
    losses = made.losses(batch, ["tags", "aux"])
    assert set(losses) == {"tags", "aux"}
    losses["aux"].backward()
    assert made.encoder.embedding.words.weight.grad.abs().sum() > 0
    assert made.usual == ["tags"]
    assert set(made.predict(docs())[0]) == {"tags"}
    assert set(score_tasks(made, docs())) == {"tags"}
    assert set(made.predict(docs(), tasks=["aux"])[0]) == {"aux"}
    assert task.annotate(docs()[0], {}) == {}
    assert task.score([Example(doc, doc) for doc in docs()]) == {}


@pytest.mark.parametrize("task", [MaskedLanguageModeling("aux", share=0.5), AutoEncoding("aux")])
def test_it_can_be_overfitted(task: Auxiliary) -> None:
    made = model(task, deep=True)
    optimizer, batch, losses = torch.optim.Adam(made.parameters(), lr=0.02), made.batch(docs(), targets=["aux"]), []
    for _ in range(60):
        optimizer.zero_grad()
        loss = made.losses(batch, ["aux"])["aux"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.75 * losses[0]


def test_exactly_the_words_that_are_to_be_found_are_hidden() -> None:
    """The encoder reads the mask in their place, which is one unknown word; all else reads what is there."""
    made = model(MaskedLanguageModeling("aux", share=0.4), deep=True)
    torch.manual_seed(1)
    batch = made.batch(docs(), targets=["tags", "aux"])
    hidden = batch.targets["aux"]["label"] != MISSING
    assert 0 < hidden.sum() < len(hidden)
    plain, masked = (
        made.encoder.embed(batch.features[view], batch.rows["token"]).read(0) for view in ("apart", "masked")
    )
    assert torch.equal(plain[~hidden], masked[~hidden])
    assert len(masked[hidden].unique(dim=0)) == 1
    words = [word.text.lower() for doc in docs() for word in doc]
    found = [made.task("aux").vocabulary[i] for i in batch.targets["aux"]["label"][hidden]]
    assert found == [word for word, gone in zip(words, hidden, strict=True) if gone]


def test_what_is_hidden_is_drawn_anew_from_torchs_generator() -> None:
    task = MaskedLanguageModeling("aux", share=0.3)
    task.vocabulary = tuple(task.labels(docs()))
    torch.manual_seed(3)
    first, second = task.targets(docs()[0]), task.targets(docs()[0])
    torch.manual_seed(3)
    again = task.targets(docs()[0])
    assert np.array_equal(first["label"], again["label"])
    draws = [task.targets(docs()[0])["label"] != MISSING for _ in range(2000)]
    assert np.mean(draws) == pytest.approx(0.3, abs=0.02)
    assert second is not None


def test_a_doc_without_words_has_no_targets() -> None:
    empty = Doc(VOCAB)
    for task in (MaskedLanguageModeling("a"), LanguageModeling("b", layer=Recurrent(3)), AutoEncoding("c")):
        task.vocabulary = ("x",)
        assert task.targets(empty) is None


def test_the_next_word_and_the_one_before_worked_by_hand() -> None:
    task = LanguageModeling("aux", layer=Recurrent(4))
    task.vocabulary = ("cat", "dog", "sees", "the")
    gold = task.targets(docs()[0])
    assert gold["next"].tolist() == [1, 2, 3, 0, MISSING]  # The -> dog -> sees -> the -> cat
    assert gold["previous"].tolist() == [MISSING, 3, 1, 2, 3]


def test_neither_direction_has_seen_what_it_is_to_find() -> None:
    """Changing a word changes no forward score before it and no backward score behind it."""
    made = model(LanguageModeling("aux", layer=Recurrent(4, dropout=0.0))).eval()

    def scores(word: str) -> dict[str, torch.Tensor]:
        doc = Doc(VOCAB, words=["the", "dog", word, "the", "cat"])
        return made(made.batch([doc]), ["aux"])["aux"].scores

    one, other = scores("sees"), scores("likes")
    assert torch.equal(one["next"][:2], other["next"][:2])
    assert torch.equal(one["previous"][3:], other["previous"][3:])
    assert not torch.equal(one["next"][2:], other["next"][2:])
    assert not torch.equal(one["previous"][:3], other["previous"][:3])


def test_the_loss_of_both_directions_against_torch() -> None:
    made = model(LanguageModeling("aux", layer=Recurrent(4, dropout=0.0))).eval()
    batch = made.batch(docs()[:1], targets=["aux"])
    output, gold = made(batch, ["aux"])["aux"], batch.targets["aux"]
    expected = functional.cross_entropy(output.scores["next"][:4], gold["next"][:4])
    expected = expected + functional.cross_entropy(output.scores["previous"][1:], gold["previous"][1:])
    torch.testing.assert_close(made.losses(batch, ["aux"])["aux"], expected)


@pytest.mark.parametrize("layer", [0, Recurrent(4, layer=1), Recurrent(4, depth=2)])
def test_a_layer_that_shows_the_words_is_refused(layer: int | Recurrent) -> None:
    with pytest.raises(GraphError, match=r"LanguageModeling\('aux'\) has layer=.*give it layer=Recurrent\(width\)"):
        LanguageModeling("aux", layer=layer)


@pytest.mark.parametrize("task", [LanguageModeling("aux", layer=Recurrent(4)), MaskedLanguageModeling("aux")])
def test_a_language_model_takes_no_edges(task: Auxiliary) -> None:
    """A tagger, for one, has read the words that are hidden."""
    graph = TaskGraph(encoder=EMBEDDING).add(Tagging("tags"))
    with pytest.raises(GraphError, match="does not read such an edge"):
        graph.add(task, after={"tags": [Hidden()]})


@pytest.mark.parametrize(
    "task",
    [LanguageModeling("aux", layer=Recurrent(4)), MaskedLanguageModeling("aux"), AutoEncoding("aux")],
)
def test_it_gives_no_labels(task: Auxiliary) -> None:
    graph = TaskGraph(encoder=EMBEDDING).add(task)
    with pytest.raises(GraphError, match="has nothing for it to carry; it can feed Hidden"):
        graph.add(Tagging("tags"), after={"aux": [Labels(width=4)]})


def test_the_tagger_reads_the_states_of_the_language_model() -> None:
    """As in the paper: one recurrent layer, trained by both."""
    graph = TaskGraph(encoder=EMBEDDING).add(LanguageModeling("lm", layer=Recurrent(4, dropout=0.0)))
    made = CascadeModel(graph.add(Tagging("tags"), after={"lm": [Hidden()]})).initialize(docs())
    made.losses(made.batch(docs(), targets=["tags"]), ["tags"])["tags"].backward()
    assert all(p.grad.abs().sum() > 0 for p in made.node("lm").recurrent.parameters() if p.grad is not None)


def test_auto_encoding_is_the_likelihood_of_a_texts_words() -> None:
    task = AutoEncoding("aux")
    made = model(task).eval()
    batch = made.batch(docs()[:1], targets=["aux"])
    output = made(batch, ["aux"])["aux"]
    probabilities = output.scores["logits"].softmax(-1)[0].detach()
    vocabulary = made.task("aux").vocabulary
    words = ["the", "dog", "sees", "the", "cat"]
    expected = -sum(math.log(float(probabilities[vocabulary.index(word)])) for word in words) / len(words)
    assert made.losses(batch, ["aux"])["aux"].item() == pytest.approx(expected, rel=1e-5)
