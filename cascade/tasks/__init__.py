"""Tasks: the nodes of a graph. Each reads its gold from a Doc and writes its predictions to one."""

from cascade.tasks.adversary import Adversary
from cascade.tasks.asked import AskedTask
from cascade.tasks.autoencoding import AutoEncoding
from cascade.tasks.auxiliary import Auxiliary
from cascade.tasks.base import Classification, Predictions, Task
from cascade.tasks.chunking import Chunking
from cascade.tasks.classification import TextClassification
from cascade.tasks.entailment import Entailment
from cascade.tasks.entities import Entities
from cascade.tasks.language_modeling import LanguageModeling
from cascade.tasks.lemmas import Lemmas
from cascade.tasks.masked_language_modeling import MaskedLanguageModeling
from cascade.tasks.pairs import PairTask
from cascade.tasks.parsing import Parsing
from cascade.tasks.reading import Reading
from cascade.tasks.relatedness import Relatedness
from cascade.tasks.reranking import Reranking
from cascade.tasks.retrieval import Retrieval
from cascade.tasks.sentences import Sentences
from cascade.tasks.spans import SpanTagging
from cascade.tasks.tagging import Tagging
from cascade.tasks.verification import Verification

__all__ = [
    "Adversary",
    "AskedTask",
    "AutoEncoding",
    "Auxiliary",
    "Chunking",
    "Classification",
    "Entailment",
    "Entities",
    "LanguageModeling",
    "Lemmas",
    "MaskedLanguageModeling",
    "PairTask",
    "Parsing",
    "Predictions",
    "Reading",
    "Relatedness",
    "Reranking",
    "Retrieval",
    "Sentences",
    "SpanTagging",
    "Tagging",
    "Task",
    "TextClassification",
    "Verification",
]
