"""Annotate texts with the pipeline that is shipped: sentences, tags, chunks and trees, each with its probability.

Run it: `python examples/01_annotate.py "Your own text." "And another one."`
"""

import sys

from spacy.tokens import Doc

import cascade as cs

TEXTS = [
    "She has not yet decided. The committee will vote on Monday.",
    "The old ferry crosses the harbour twice a day. Most visitors take the first boat home.",
]


def show(doc: Doc) -> None:
    """Print what the tasks have found; their probabilities stand in `doc._.cascade[pipe][task]`, one a word."""
    found = doc._.cascade["cascade"]
    words = [token for token in doc if not token.is_space]
    tags = {token.i: p for token, p in zip(words, found["tag"]["probabilities"], strict=True)}
    arcs = {token.i: p for token, p in zip(words, found["parse"]["probabilities"], strict=True)}
    for sentence in doc.sents:
        print(f"\n{sentence.text.strip()}")
        for token in sentence:
            if not token.is_space:
                head = "ROOT" if token.head == token else token.head.text
                print(
                    f"  {token.text:12} {token.pos_:6} {token.tag_:5} {tags[token.i]:.2f}"
                    f"   --{token.dep_}--> {head} {arcs[token.i]:.2f}"
                )
    print("\nchunks:", ", ".join(f"{doc[s:e]} ({label} {p:.2f})" for s, e, label, p in found["chunk"]["spans"]))


def main() -> None:
    """Load the pipeline and annotate."""
    nlp = cs.load("en_cascade_sm")  # an ordinary spaCy pipeline, with one component for all tasks
    for doc in nlp.pipe(sys.argv[1:] or TEXTS):
        show(doc)


if __name__ == "__main__":
    main()
