"""Answering: everything between a trained model and an answer, or the admission that there is none."""

from cascade.answering.abstention import BestF1, Conformal, Limits, Outcomes, Precision, Rule
from cascade.answering.aggregation import Aggregation
from cascade.answering.attribution import Attribution, Outcome, attribute
from cascade.answering.budget import Budget
from cascade.answering.candidates import Candidates, Labelled
from cascade.answering.confidence import Calibration
from cascade.answering.decisions import Decision, Group
from cascade.answering.encoders import passage_encoder
from cascade.answering.evaluation import AnswerEvaluation, evaluate_answers, fit_settings
from cascade.answering.explain import explain, render
from cascade.answering.export import export_reader
from cascade.answering.fitting import fit
from cascade.answering.fusion import Fusion, Weight
from cascade.answering.locate import answers
from cascade.answering.questions import Answers, QuestionAnswering
from cascade.answering.settings import Answering

__all__ = [
    "Aggregation",
    "AnswerEvaluation",
    "Answering",
    "Answers",
    "Attribution",
    "BestF1",
    "Budget",
    "Calibration",
    "Candidates",
    "Conformal",
    "Decision",
    "Fusion",
    "Group",
    "Labelled",
    "Limits",
    "Outcome",
    "Outcomes",
    "Precision",
    "QuestionAnswering",
    "Rule",
    "Weight",
    "answers",
    "attribute",
    "evaluate_answers",
    "explain",
    "export_reader",
    "fit",
    "fit_settings",
    "passage_encoder",
    "render",
]
