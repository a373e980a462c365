"""The cascade beside components of spaCy's own: rules before and after it, tasks on and off, a pipeline on disk.

Run it: `python examples/04_beside_spacy.py`
"""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import spacy
from spacy.language import Language

TEXT = "the ferry to Hull leaves at noon; nobody waits. Gulls follow it out of the harbour!"


def make_pipeline() -> Language:
    """Sentences from spaCy's rules, trees and names from the cascade, names from a list in their place."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer", config={"punct_chars": [".", "!", "?", ";"]})
    # The task `sentences` is given: the parser works inside the boundaries that the sentencizer has set.
    nlp.add_pipe("cascade", config={"model": "en_cascade_sm", "given": ["sentences"]})
    ruler = nlp.add_pipe("entity_ruler", config={"overwrite_ents": True})
    ruler.add_patterns([{"label": "GPE", "pattern": [{"LOWER": "hull", "TAG": "NNP"}]}])  # reads the cascade's tags
    return nlp


def main(folder: Path) -> None:
    """Run the pipeline, switch tasks, save it and load it."""
    nlp = make_pipeline()
    doc = nlp(TEXT)
    for sentence in doc.sents:
        print(f"{sentence.text!r}, root: {sentence.root.lemma_}")
    print("entities:", [(ent.text, ent.label_) for ent in doc.ents])

    pipe = nlp.get_pipe("cascade")
    print("all tasks:", ", ".join(pipe.tasks))
    pipe.tasks = ["tag"]  # and what it needs; the encoder goes no further than that
    tagged = nlp(TEXT)
    print("tags only:", " ".join(token.tag_ for token in tagged), "- parsed:", tagged.has_annotation("DEP"))
    pipe.tasks = None  # all of them again

    texts = [f"{name} waits for the ferry." for name in ("Anna", "Nobody", "She", "The captain")] * 50
    subjects = Counter(token.text for doc in nlp.pipe(texts) for token in doc if token.dep_ == "nsubj")
    print("subjects of 200 texts:", dict(subjects))

    nlp.to_disk(folder)  # carries its weights: `en_cascade_sm` is not looked for again
    loaded = spacy.load(folder)  # needs no import of cascade
    same = [token.head.i for token in loaded(TEXT)] == [token.head.i for token in doc]
    print("loaded from disk, same trees:", same)


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        main(Path(scratch) / "pipeline")
