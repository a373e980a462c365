"""Encoders: stacks of numbered layers over the tokens of texts, behind one interface."""

from cascade.nn.encoders.base import Encoder, EncoderSpec, Features, State, narrowed
from cascade.nn.encoders.convolutional import Convolutional
from cascade.nn.encoders.embedding import Embedding
from cascade.nn.encoders.recurrent import Recurrent
from cascade.nn.encoders.sluice import Sluice
from cascade.nn.encoders.transformer import LoRA, Transformer

__all__ = [
    "Convolutional",
    "Embedding",
    "Encoder",
    "EncoderSpec",
    "Features",
    "LoRA",
    "Recurrent",
    "Sluice",
    "State",
    "Transformer",
    "narrowed",
]
