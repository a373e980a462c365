"""From files to Docs and from Docs to batches: readers, downloads, alignment, rows."""

from cascade.data.columns import read_columns
from cascade.data.conllu import read_conllu
from cascade.data.conllu_writer import write_conllu
from cascade.data.docbin import read_docbin
from cascade.data.sick import read_sick

__all__ = ["read_columns", "read_conllu", "read_docbin", "read_sick", "write_conllu"]
