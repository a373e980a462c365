"""From files to Docs and from Docs to batches: readers, downloads, alignment, rows."""

from cascade.data.answers import NORMALIZERS, exact_match, token_f1
from cascade.data.columns import read_columns
from cascade.data.conllu import read_conllu
from cascade.data.conllu_writer import write_conllu
from cascade.data.docbin import read_docbin
from cascade.data.fairytaleqa import read_fairytaleqa
from cascade.data.fdu_mtl import read_fdu_mtl
from cascade.data.qed import read_qed
from cascade.data.sick import read_sick
from cascade.data.squad import gold_answers, read_split, read_squad
from cascade.data.subjqa import read_subjqa

__all__ = [
    "NORMALIZERS",
    "exact_match",
    "gold_answers",
    "read_columns",
    "read_conllu",
    "read_docbin",
    "read_fairytaleqa",
    "read_fdu_mtl",
    "read_qed",
    "read_sick",
    "read_split",
    "read_squad",
    "read_subjqa",
    "token_f1",
    "write_conllu",
]
