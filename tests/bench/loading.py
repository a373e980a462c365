"""How long it takes until a pipeline can be used. Nothing is imported here before the clock runs."""

from __future__ import annotations

from time import perf_counter


def loading(pipeline: str) -> dict[str, float]:
    """Seconds of `import spacy`, torch with it; of loading, the import of the toolkit in it; and of the first text.

    Args:
        pipeline: A shipped pipeline, or the folder of a pipeline of spaCy.
    """
    begin = perf_counter()
    import spacy

    imported = perf_counter()
    if spacy.util.ensure_path(pipeline).exists():
        nlp = spacy.load(pipeline)
    else:
        import cascade as cs

        nlp = cs.load(pipeline)
    loaded = perf_counter()
    nlp("The old ferry crosses the harbour twice a day.")
    return {"import": imported - begin, "load": loaded - imported, "first_text": perf_counter() - loaded}
