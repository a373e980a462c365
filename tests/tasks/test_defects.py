"""What the released code of RE3QA (Hu et al. 2019) does otherwise than its paper, one test a defect that we mend."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from spacy.training import Example
from torch import Tensor

from cascade import docs as documents
from cascade.answering.proposals import Stages
from cascade.data.distant import distant_mentions
from cascade.data.squad import Article, GoldAnswer, Paragraph, Question
from cascade.evaluation import score_answers
from cascade.graph import Candidates, Hidden
from cascade.nn.decoders.reader import SpanReader
from cascade.retrieval.questions import asked as asked_of
from cascade.tasks import Reading, Reranking, Retrieval
from cascade.tasks.asked import best_answers
from cascade.tasks.reranking import overlap
from cascade.training.optimizers import Adam
from tests.questions import BOAT, CLOCK, LAMP, NLP, Watch, asked, chain, graph_of, model_of, question
from tests.tasks.test_reranking import gold_of, output_of

TASKS = ["retrieve", "read", "rerank"]


def test_d1_low_blocks_are_not_computed_again_for_passages_that_are_kept() -> None:
    model = model_of(chain(k=1, layers=(1, 2, 3)))
    watch, batch = Watch(model), model.batch(asked())
    model(batch, TASKS)
    windows = len(batch.features["asked"]["ids"])
    assert watch.windows[0] == windows
    assert watch.windows[1] == watch.windows[2] < windows, "higher blocks read what is kept, the lowest runs no more"


def test_d2_soft_labels_lie_between_0_and_1() -> None:
    gold = gold_of((0, 2))["spans"]
    spans = torch.tensor([(0, 0), (0, 1), (0, 2), (2, 3), (3, 3)])
    assert overlap(spans, gold).tolist() == pytest.approx([1 / 2, 4 / 5, 1.0, 2 / 5, 0.0])


def test_d3_the_soft_loss_is_of_the_sigmoid_and_the_hard_one_of_the_logit() -> None:
    """A logit far above 0 is what the softmax wants of a right span; a distance of logits would pull it back to 1."""
    output = output_of(spans=[(0, 1)])
    sure = {"score": torch.tensor([40.0], requires_grad=True)}
    output = type(output)(**{**vars(output), "scores": sure})
    loss = Reranking("r").loss(output, gold_of((0, 1)))
    loss.backward()
    assert loss.item() == pytest.approx(0.0, abs=1e-6)
    assert sure["score"].grad is not None
    assert sure["score"].grad.abs().item() < 1e-6


def test_d4_biases_and_normalization_do_not_decay() -> None:
    model = model_of(chain())
    shares = {
        p: group["weight_decay"] for group in Adam(weight_decay=0.01).build(model).param_groups for p in group["params"]
    }
    for name, parameter in model.named_parameters():
        spared = name.endswith("bias") or "LayerNorm" in name
        assert shares[parameter] == (0.0 if spared else 0.01), name


def test_d5_candidates_are_taken_from_the_same_forward_pass_without_its_gradient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Tensor] = []
    propose = SpanReader._propose
    monkeypatch.setattr(SpanReader, "_propose", lambda self, *given: seen.extend(given[:2]) or propose(self, *given))
    model = model_of(chain(gold=True)).train()
    watch, batch = Watch(model), model.batch(asked(), targets=TASKS)
    torch.stack(list(model.losses(batch, TASKS).values())).sum().backward()
    assert watch.windows[0] == len(batch.features["asked"]["ids"]), "one pass a step"
    assert len(seen) == 2
    assert not any(logits.requires_grad for logits in seen)


def test_d6_gold_that_is_forced_in_has_the_end_of_its_own_mention() -> None:
    doc = question("who slept", [LAMP], [(0, "the lamp"), (0, "by mara")])
    model = model_of(chain(gold=True)).train()
    targets = Reading("r").targets(doc)
    assert targets is not None
    assert np.argwhere(targets["spans"]).tolist() == [[0, 1], [4, 1]]
    output = model(model.batch([doc], targets=TASKS), TASKS)["rerank"]
    right = model.task("rerank").gold_rows(output, model.batch([doc], targets=TASKS).targets["rerank"])
    assert output.layout.spans[right].tolist() == [[0, 1], [4, 5]]
    first, last = output.layout.spans.unbind(1)
    assert (last >= first).all()


def test_d7_a_span_that_was_not_reranked_cannot_win() -> None:
    doc = question("who", [LAMP, CLOCK])
    model = model_of(chain(spans=1))
    with torch.no_grad():
        model.node("rerank").decoder.output.bias.fill_(-100.0)  # type: ignore[union-attr]
    found = model.predict([doc])[0]["rerank"]
    left = np.isfinite(found["score"])
    assert left.sum() == 2 < len(left)
    assert (found["score"][left] < -50).all()
    candidates = Stages(model).candidates(doc, model.predict([doc])[0])
    assert len(candidates) == 2
    np.testing.assert_allclose(candidates.scores["rerank"], found["own"][left])
    answers = best_answers(doc, found, found["score"])
    assert {(a.passage, a.first) for a in answers} == {
        (f"p{text}", documents.word_spans((LAMP, CLOCK)[text])[first][0])
        for text, first, alive in zip(found["text"], found["first"], left, strict=True)
        if alive
    }


def test_d8_a_batch_is_as_long_as_its_longest_window() -> None:
    model = model_of(chain(k=1))
    for docs in (asked(), [question("who", ["a b"])]):
        mask = model.batch(docs).features["asked"]["mask"]
        assert mask.shape[1] == mask.sum(1).max() <= 48
    lengths: list[int] = []
    model.encoder.blocks[2].register_forward_pre_hook(lambda _, given: lengths.append(given[0].shape[1]))  # type: ignore[index, union-attr]
    doc = question("who", ["a", LAMP])
    for given in ([(0, "a")], [(1, "mara")]):
        documents.set_answers(doc, documents.answers(question("who", ["a", LAMP], given)))
        model.predict([doc], given=["retrieve"])
    assert lengths[0] < lengths[1], "what is pruned leaves no padding behind"


def test_d9_training_keeps_as_many_candidates_as_prediction_unless_it_is_told_to() -> None:
    def kept(training: bool, **predict: int) -> tuple[list[int], list[int]]:
        graph = graph_of(
            Retrieval("retrieve", layer=1),
            Reading("read", layer=2, longest=4),
            Reranking("rerank", layer=3, longest=4),
            read={"retrieve": [Candidates(2, **predict)]},
            rerank={"read": [Hidden(), Candidates(3)]},
        )
        model = model_of(graph).train(training)
        outputs = model(model.batch([question("who", [LAMP, BOAT, CLOCK])], targets=TASKS), TASKS)
        texts, spans = outputs["read"].layout.rows["text"], outputs["rerank"].rows
        return [int(texts.alive.sum())], spans.parent[spans.alive].bincount().tolist()

    assert kept(True) == kept(False)
    assert kept(True)[0] == [2]
    assert max(kept(True)[1]) == 3
    assert (kept(True, predict=1)[0], kept(False, predict=1)[0]) == ([2], [1])


def test_d10_no_answer_competes_in_training_and_in_prediction() -> None:
    graph = chain(layers=(1, 1, 1))
    model = model_of(graph).train()
    unanswerable, names = question("who left", [LAMP, CLOCK], []), ["read", "rerank"]
    losses = model.losses(model.batch([unanswerable], targets=names), names)
    assert all(loss > 0 for loss in losses.values()), "to find no answer is learned"
    for bias, answered in ((50.0, False), (-50.0, True)):
        with torch.no_grad():
            model.node("read").decoder.null.bias.fill_(bias)  # type: ignore[union-attr]
        found, doc = model.eval().predict([unanswerable])[0], question("who left", [LAMP, CLOCK])
        for name in names:
            model.task(name).annotate(doc, found[name])
            assert bool(documents.answers(doc)) == answered


def test_d11_a_question_without_a_prediction_scores_0() -> None:
    table = score_answers({"a": "mara"}, {"a": ["Mara"], "b": ["the lamp"], "c": []})
    assert [table[id]["f1"] for id in "abc"] == [1.0, 0.0, 0.0]
    model = model_of(chain())
    predicted = [question("who", [LAMP]), question("who", [LAMP])]
    documents.set_stage(predicted[0], "read", {"answers": ["mara"]})
    reference = question("who", [LAMP], [(0, "mara")])
    assert model.task("read").score([Example(p, reference) for p in predicted])["read_em"] == 0.5


def test_d12_a_mention_is_of_whole_words() -> None:
    passage = "A party of artists. Art, they said, is the art of all."
    assert [passage[a:b] for a, b in distant_mentions(passage, ["art"])] == ["Art", "art"]


def test_d12_a_passage_that_has_the_string_of_an_answer_is_no_negative() -> None:
    def paragraph(context: str, *questions: Question) -> Paragraph:
        return Paragraph(context=context, questions=questions)

    asking = Question(id="q", text="what did the club sell", answers=(GoldAnswer(text="art", start=14),))
    articles = [
        Article(
            title="Clubs",
            paragraphs=(
                paragraph("The club sold art by the sea.", asking),
                paragraph("What the party club sold is not told."),
                paragraph("What the club did sell was soap."),
                paragraph("Nothing at all about it."),
            ),
        )
    ]
    (doc,) = asked_of(NLP, articles, negatives=3)
    texts = [passage.text for passage in documents.passages(doc)]
    assert texts[0] == "The club sold art by the sea."
    assert "What the party club sold is not told." not in texts
    assert "What the club did sell was soap." in texts
