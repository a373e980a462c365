"""Ask a folder of documents: every answer with the place in the file where it stands, or none where there is none.

Run it: `python examples/05_questions.py "Your own question?" "And another one?"`
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import cascade as cs

DOCUMENTS = Path(__file__).parent / "documents"  # Markdown, plain text, HTML and JSON lines; put your own folder here
QUESTIONS = [
    "When was the garden laid out?",
    "What does the watermark of the mill show?",
    "How long does the crossing to the island take?",
    "How many steps does the gallery of the lighthouse have?",
    "Which orchestra plays in the concert hall?",  # about which the documents say nothing
]


def show(answers: cs.answering.Answers) -> None:
    """Print the answers to a question, and check that each stands where it says."""
    print(f"\n{answers.question}")
    for answer in answers:
        source = cs.retrieval.source_text(answer.source)  # the file; of JSON lines, the text of the row
        assert source[answer.start : answer.end] == answer.text
        place = f"{Path(answer.source).name}, characters {answer.start}:{answer.end}"
        print(f"  {answer.plain} (confidence {answer.confidence:.2f})\n  {place}: {answer.text!r}")
    if not answers:
        print(f"  the documents do not say (probability {answers.no_answer_probability:.2f})")


def main(folder: Path) -> None:
    """Make an index of the documents, and ask."""
    with cs.Index.build(folder / "index", DOCUMENTS) as index:
        print(f"{len(index)} passages of {len(index.documents())} documents")
        qa = cs.QuestionAnswering.load("en_cascade_qa", index=index)
        for question in sys.argv[1:] or QUESTIONS:
            show(qa.ask(question))


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        main(Path(scratch))
