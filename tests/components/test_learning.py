from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam

from cascade.components.learning import forward, gold_loss, rehearsal_loss
from cascade.components.pipe import CascadePipe
from cascade.errors import ConfigError, LabelError
from cascade.evaluation import bare_copy
from cascade.nn.recalibration import Recalibration


def weights(pipe: CascadePipe) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in pipe.module.named_parameters()}


def moved(pipe: CascadePipe, before: dict[str, torch.Tensor]) -> bool:
    return any(not torch.equal(value, before[name]) for name, value in weights(pipe).items())


def gradients(pipe: CascadePipe) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in pipe.module.named_parameters() if p.grad is not None}


def test_it_learns_by_heart(fresh: Language, docs: list[Doc], examples: list[Example]) -> None:
    optimizer = fresh.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    losses: dict[str, float] = {}
    for _ in range(100):
        losses = fresh.update(examples, sgd=optimizer)
    assert losses["cascade"] < 0.5
    scores = fresh.evaluate(examples)
    for key in ("tag_acc", "chunk_f", "dep_uas", "dep_las", "sents_f"):
        assert scores[key] == 1.0, key


@pytest.mark.parametrize("sgd", [None, False])
def test_without_an_optimizer_gradient_is_only_added(
    pipe: CascadePipe, examples: list[Example], sgd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in pipe.module.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    monkeypatch.setattr(torch, "rand_like", torch.ones_like)  # no word dropout
    monkeypatch.setattr(torch, "rand", lambda *size, **_: torch.ones(*size))  # no drawn label sources
    before = weights(pipe)
    losses = pipe.update(examples, sgd=sgd, losses={"other": 1.0})
    assert losses["other"] == 1.0
    assert losses["cascade"] > 0
    once = gradients(pipe)
    pipe.update(examples, sgd=sgd, losses=losses)
    assert not moved(pipe, before)
    for name, gradient in gradients(pipe).items():
        torch.testing.assert_close(gradient, 2 * once[name], rtol=1e-4, atol=1e-6)


def test_a_step_moves_the_weights_and_clears_the_gradient(pipe: CascadePipe, examples: list[Example]) -> None:
    before = weights(pipe)
    pipe.update(examples, sgd=Adam(0.1))
    assert moved(pipe, before)
    assert not gradients(pipe)
    assert not pipe.module.training


def test_the_loss_is_that_of_the_tasks(pipe: CascadePipe, examples: list[Example], docs: list[Doc]) -> None:
    passed = forward(pipe.module, examples, pipe.tasks, ())
    expected = sum(pipe.module.losses(pipe.module.batch(docs, targets=pipe.tasks), pipe.tasks).values())
    torch.testing.assert_close(gold_loss(pipe.module, passed), expected)
    loss, gradient = pipe.get_loss(examples, passed)
    assert loss == pytest.approx(gradient.item())


def test_tasks_without_gold_give_no_loss(pipe: CascadePipe, docs: list[Doc]) -> None:
    bare = [Example(bare_copy(doc), bare_copy(doc)) for doc in docs]
    assert pipe.update(bare) == {"cascade": 0.0}
    tagged = Doc(docs[0].vocab, words=["Mara", "mends"], tags=["NNP", "VBZ"])
    passed = forward(pipe.module, [Example(bare_copy(tagged), tagged), *bare], pipe.tasks, ())
    assert list(passed.tasks) == ["tag"]
    assert gold_loss(pipe.module, passed).item() > 0


def test_tasks_that_are_switched_off_are_not_trained(pipe: CascadePipe, examples: list[Example]) -> None:
    pipe.tasks = ["tag"]
    pipe.update(examples)
    touched = {name.split(".")[1] for name in gradients(pipe) if name.startswith("nodes.")}
    assert touched == {"tag"}


def test_empty_docs_are_no_trouble(pipe: CascadePipe, nlp: Language, examples: list[Example]) -> None:
    empty = Example(nlp.make_doc(""), nlp.make_doc(""))
    assert pipe.update([empty]) == {"cascade": 0.0}
    assert pipe.update([empty, *examples])["cascade"] > 0


def test_only_examples_will_do(pipe: CascadePipe, docs: list[Doc]) -> None:
    with pytest.raises(TypeError, match="E978"):
        pipe.update(docs)


def test_a_loss_that_is_no_number_stops_training(pipe: CascadePipe, examples: list[Example]) -> None:
    with torch.no_grad():
        pipe.module.nodes["tag"].decoder.output.bias.fill_(float("nan"))
    before = weights(pipe)
    with pytest.raises(ValueError, match="E910"):
        pipe.update(examples, sgd=Adam(0.1))
    assert not pipe.module.training
    assert all(torch.equal(v, before[n]) or v.isnan().any() for n, v in weights(pipe).items())


def test_given_tasks_are_read_from_the_predicted_doc(pipe: CascadePipe, examples: list[Example]) -> None:
    pipe.given = ["tag"]
    for example in examples:
        for token in example.predicted:
            token.tag_ = "JJ"
    passed = forward(pipe.module, examples, pipe.tasks, pipe.given)
    assert "tag" not in passed.tasks
    jj = pipe.module.labels["tag"].index("JJ")
    assert set(passed.batch.targets["tag"]["label"].tolist()) == {jj}


def test_rehearsal_pulls_back(nlp: Language, pipe: CascadePipe, examples: list[Example]) -> None:
    assert pipe.rehearse(examples) == {}
    optimizer = nlp.resume_training(sgd=Adam(0.02))
    old = {name: parameter.clone() for name, parameter in weights(pipe).items()}
    assert pipe.rehearse(examples, losses={})["cascade"] > 0
    for _ in range(20):
        nlp.update(examples, sgd=optimizer)
    drifted = pipe.rehearse(examples, losses={})["cascade"]
    pipe.module.zero_grad()
    rehearsed = weights(pipe)
    for _ in range(30):
        losses = nlp.rehearse(examples, sgd=optimizer)
    assert moved(pipe, rehearsed), "the optimizer of nlp.rehearse steps after the gradient has been handed over"
    assert losses["cascade"] < drifted
    tutor: Any = pipe._rehearsal_model
    assert all(torch.equal(p, old[n]) for n, p in tutor.shims[0].module.named_parameters())


def test_rehearsal_knows_no_calibration(nlp: Language, pipe: CascadePipe, docs: list[Doc]) -> None:
    tutor = deepcopy(pipe.module)
    module = pipe.module.eval()
    plain = rehearsal_loss(module, tutor, docs, ["tag"])
    tutor.calibration["tag"] = Recalibration(temperature=5.0)
    assert torch.equal(rehearsal_loss(module, tutor, docs, ["tag"]), plain)


def test_a_calibrated_pipe_that_learns_on_is_calibrated_no_more(
    nlp: Language, pipe: CascadePipe, examples: list[Example]
) -> None:
    pipe.module.calibration["tag"] = Recalibration(temperature=5.0)
    nlp.update(examples, sgd=False)
    for parameter in pipe.module.parameters():
        parameter.grad = None
    bare = [Example(example.predicted.copy(), bare_copy(example.reference)) for example in examples]
    nlp.update(bare, sgd=Adam(0.001))
    assert pipe.module.calibration, "without gold no weight has moved"
    nlp.update(examples, sgd=Adam(0.001))
    assert not pipe.module.calibration


def test_initialization_reads_labels_from_data_or_takes_them(fresh: Language, examples: list[Example]) -> None:
    pipe: Any = fresh.get_pipe("cascade")
    fresh.initialize(lambda: examples)
    assert pipe.module.labels["tag"] == ("JJ", "NNP", "NNS", "PRP", "VBP", "VBZ")
    data = pipe.label_data
    other = spacy.blank("en")
    again: Any = other.add_pipe("cascade", config={"graph": fresh.config["components"]["cascade"]["graph"]})
    again.initialize(lambda: examples[:1], nlp=other, labels={**data, "tag": ["A", "B"]})
    assert again.label_data == {**data, "tag": ["A", "B"]}
    assert again.module.lang == "en"


def test_initialization_starts_anew(fresh: Language, examples: list[Example]) -> None:
    pipe: Any = fresh.get_pipe("cascade")
    fresh.initialize(lambda: examples[:1])
    few = pipe.label_data
    fresh.initialize(lambda: examples)
    assert len(pipe.label_data["tag"]) > len(few["tag"])


def test_initialization_keeps_the_weights_of_a_saved_model(
    nlp: Language, pipe: CascadePipe, examples: list[Example]
) -> None:
    before = weights(pipe)
    nlp.initialize(lambda: examples[:1])
    assert not moved(pipe, before)
    nlp.initialize()
    with pytest.raises(LabelError, match="does not know the label 'XX'"):
        pipe.initialize(lambda: examples, labels={"tag": ["XX"]})


def test_initialization_that_cannot_work(fresh: Language, docs: list[Doc], examples: list[Example]) -> None:
    with pytest.raises(LabelError, match="task 'tag' finds no label"):
        fresh.initialize()
    pipe: Any = fresh.get_pipe("cascade")
    with pytest.raises(TypeError, match="E930"):
        pipe.initialize(examples)
    with pytest.raises(TypeError, match="E930"):
        pipe.initialize(list)
    with pytest.raises(ConfigError, match="no task tog"):
        pipe.initialize(lambda: examples, labels={"tog": ["X"]})


def test_annotating_components_come_first(nlp: Language, pipe: CascadePipe, examples: list[Example]) -> None:
    """What an earlier component annotates while training is what `given` tasks read."""
    pipe.given = ["tag"]
    nlp.add_pipe("test_tags", first=True)
    seen: list[set[str]] = []
    original = forward

    def spy(*arguments: Any) -> Any:
        seen.append({token.tag_ for example in arguments[1] for token in example.predicted})
        return original(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cascade.components.pipe.forward", spy)
        nlp.update(examples, annotates=["test_tags"])
    assert seen == [{"NNP"}]


@Language.component("test_tags", assigns=["token.tag"])
def tag_all(doc: Doc) -> Doc:
    for token in doc:
        token.tag_ = "NNP"
    return doc
