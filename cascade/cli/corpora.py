"""What `cascade train` and `cascade check` say of corpora that work, but not as one may think."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cascade.cli.console import show_warning

if TYPE_CHECKING:
    from spacy.tokens import Doc

    from cascade.training import Corpus


def warn_of_reuse(corpora: Sequence[Corpus]) -> None:
    """Warn where all Docs that choose the best model are trained on too; a few short ones may well be the same.

    Args:
        corpora: The corpora of a training.
    """
    trained = {_identity(doc) for corpus in corpora for doc in corpus.train}
    for corpus in corpora:
        if corpus.dev and trained.issuperset(map(_identity, corpus.dev)):
            show_warning(
                f"corpus {corpus.name!r}: all of its {len(corpus.dev)} dev Docs are trained on too, so their scores "
                "tell nothing of new texts; name another file, such as with --paths.dev FILE"
            )


def _identity(doc: Doc) -> tuple[str | None, str]:
    """Of a question its id too, as the same may be asked of many texts."""
    return doc.user_data.get("id"), doc.text
