"""A graph of three tasks, as in Hashimoto et al. (2017): tags help chunks, both help the parser.

It is trained on a toy language, made by the little grammar below, in which `watches`, `lights` and `ducks` are nouns or
verbs: only the words around them tell. Training goes task by task, and successive regularization keeps the parser from
undoing what the tagger has learned.

Run it: `python examples/02_graph.py [FOLDER]`
"""

import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import spacy
from rich.console import Console
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

import cascade as cs

WORDS = {
    "DT": ["the", "a", "every"],
    "JJ": ["old", "quiet", "wooden", "bright"],
    "NN": ["keeper", "harbour", "boat", "ladder"],
    "NNS": ["watches", "lights", "ducks", "gulls"],
    "VBZ": ["watches", "lights", "ducks", "paints"],
    "IN": ["near", "behind", "under"],
    ".": ["."],
}
SINGULAR, PLURAL = [["DT", "NN"], ["DT", "JJ", "NN"]], [["NNS"], ["JJ", "NNS"]]
RELATIONS = {"DT": "det", "JJ": "amod"}  # of the words before a noun


def sentence(rng: random.Random, vocab: Vocab) -> Doc:
    """A sentence with gold tags, chunks and tree; the last word of a phrase is its head."""
    phrases = [("NP", rng.choice(SINGULAR), "nsubj"), ("VP", ["VBZ"], "ROOT")]
    phrases += [("NP", rng.choice(SINGULAR + PLURAL), "obj")] if rng.random() < 0.7 else []
    phrases += [("PP", ["IN"], "case"), ("NP", rng.choice(SINGULAR + PLURAL), "obl")] if rng.random() < 0.5 else []
    phrases += [("", ["."], "punct")]

    tags = [tag for _, phrase, _ in phrases for tag in phrase]
    ends = [sum(len(p) for _, p, _ in phrases[: i + 1]) for i in range(len(phrases))]
    heads, relations = [], []
    for i, (_, phrase, relation) in enumerate(phrases):
        governor = ends[i + 1] if relation == "case" else ends[1]  # the noun to the right, or the verb
        heads += [ends[i] - 1] * (len(phrase) - 1) + [governor - 1]
        relations += [RELATIONS[tag] for tag in phrase[:-1]] + [relation]
    doc = Doc(vocab, words=[rng.choice(WORDS[tag]) for tag in tags], tags=tags, heads=heads, deps=relations)
    starts = [0, *ends]
    doc.spans["chunks"] = [Span(doc, starts[i], ends[i], label) for i, (label, _, _) in enumerate(phrases) if label]
    return doc


def make_graph() -> cs.TaskGraph:
    """Each task has a recurrent layer of its own over the words and what its edges bring."""
    layer = cs.Recurrent(32)
    labels = cs.Labels(width=16, group="labels")  # edges of one group are added, others are put side by side
    graph = cs.TaskGraph(encoder=cs.encoders.Embedding(words=32, characters=32))
    graph.add(cs.tasks.Tagging("pos", layer=layer))
    graph.add(cs.tasks.Chunking("chunk", layer=layer), after={"pos": [cs.Hidden(), labels]})
    parser = cs.tasks.Parsing("parse", layer=layer, hidden=64, relations=32)
    graph.add(parser, after={"chunk": [cs.Hidden(), labels], "pos": [labels]})
    return graph.validate()


def main(folder: Path) -> None:
    """Draw the graph, train it, and let it annotate."""
    graph = make_graph()
    Console().print(graph.draw())
    rng, nlp = random.Random(0), spacy.blank("en")
    docs = [sentence(rng, nlp.vocab) for _ in range(80)]

    trainer = cs.Trainer(
        cs.CascadeModel(graph),
        corpora=[cs.Corpus(train=docs[:60], dev=docs[60:])],
        schedule=cs.schedules.Successive(batches=cs.Batches(docs=10)),
        regularizers=[cs.regularizers.Successive(strength=1e-3)],
        optimizer=cs.optimizers.Adam(rate=5e-3),
        average=None,
        epochs=10,
        evaluate_every=2,
    )
    scores = trainer.fit(folder)  # a folder that holds a run goes on with fit(folder, resume=True)
    print("\nThe best model, dev:", ", ".join(f"{key} {scores[key]:.2f}" for key in ("tag_acc", "chunk_f", "dep_las")))

    nlp.add_pipe("cascade", config={"model": str(folder / "best")})
    doc = nlp("every keeper lights bright lights behind old watches .")
    for token in doc:
        print(f"{token.text:8} {token.tag_:4} {token.dep_:6} {token.head.text}")
    print("chunks:", ", ".join(f"{span} ({span.label_})" for span in doc.spans["chunks"]))


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else scratch))
