"""A reader by itself, as a folder that transformers' question answering loads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from cascade.answering.proposals import Stages
from cascade.errors import ModelError
from cascade.model import CascadeModel
from cascade.nn.decoders.reader import SpanReader
from cascade.nn.encoders.alignment import QUESTION
from cascade.nn.encoders.transformer import TransformerEncoder
from cascade.training.transformers import tokenizer_config, transformer_tensors, write_transformer

_CARD = """\
# {name}: the reader

Where an answer begins and ends in a passage, for transformers:

```python
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("{name}")
model = AutoModelForQuestionAnswering.from_pretrained("{name}")
logits = model(**tokenizer("Who wrote it?", "Mara wrote it.", return_tensors="pt"))
```

It is one part of a cascade of {tasks}. What it does otherwise than there:

- **Logits are of word pieces, there of words.** There, a word's logit is the mean of those of its pieces, which is the
  same for a word of one piece. A span here may begin or end inside a word; the mean over the pieces of each word gives
  the logits of the cascade back.
- **There is no score of "no answer".** There, it is computed from all words of a passage; a layer that scores piece by
  piece has no place for it. The logits of the first piece, which other readers take for it, mean nothing here: leave
  that piece out, and give an answer always, or set a threshold on questions of your own.
- **Scores of two passages do not compare**, since each was held against "no answer" in its own passage. The stages that
  chose among passages and spans, and the calibration of their scores, are left out too.
- **Words are cut otherwise** around a few marks, such as the degree sign, which there are words by themselves. There,
  passages are read in windows of {window} pieces, {overlap} of them shared with the window before, behind the first
  {question} pieces of the question.

The longest answer has {longest} words.
"""


def export_reader(model: CascadeModel, folder: str | Path) -> None:
    """Save the reader of a cascade for `AutoModelForQuestionAnswering` and `AutoTokenizer`.

    The folder has a README that says what gets lost. The mean of the exported logits over the pieces of a word is the
    reader's logit of that word, wherever tokenizer and cascade cut the same pieces.

    Args:
        model: A model that reads; all its other tasks are left out.
        folder: A new folder, or an empty one; it appears whole or not at all.

    Raises:
        GraphError: No task reads, or several do.
        ModelError: The reader has what transformers has no place for, the place is taken, or writing fails.
    """
    folder = Path(folder)
    if folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise ModelError(f"{folder} is there already: name an empty or a new folder")
    name = Stages(model).read or ""
    encoder, decoder, layer = _parts(model, name)
    from transformers import MODEL_FOR_QUESTION_ANSWERING_MAPPING

    config = deepcopy(encoder.parts.config)
    kind: Any = MODEL_FOR_QUESTION_ANSWERING_MAPPING[type(config)]
    config.num_hidden_layers, config.architectures, config.num_labels = layer, [kind.__name__], 2
    stack = f"{encoder.parts.family.stack}.layer."
    above = tuple(f"{stack}{number}." for number in range(layer, len(encoder.blocks)))
    inside = {key: part for key, part in transformer_tensors(encoder).items() if not key.startswith(above)}
    tensors = {f"{kind.base_model_prefix}.{key}": part for key, part in inside.items()}
    tensors |= {f"qa_outputs.{key}": part.detach().cpu().contiguous() for key, part in decoder.ends.named_parameters()}
    others = {
        "config.json": config.to_json_string().encode(),
        "tokenizer_config.json": json.dumps(_tokenizer_config(encoder), indent=2).encode(),
        "README.md": _card(folder.name, model.graph.order(), encoder, decoder).encode(),
    }
    write_transformer(encoder, folder, tensors, others=others)


def _parts(model: CascadeModel, name: str) -> tuple[TransformerEncoder, SpanReader, int]:
    """The encoder, what scores its states, and the number of blocks below that."""
    encoder, node, layer = model.encoder, model.node(name), model.task(name).layer
    if not isinstance(encoder, TransformerEncoder) or not isinstance(node.decoder, SpanReader):
        raise ModelError(f"task {name!r} reads no transformer, which is all that can be exported")
    problems = ["a recurrent layer or a mix of layers of its own"] if not isinstance(layer, int) else []
    if node.early.carriers or node.late.carriers:
        problems.append("states or labels of other tasks")
    if problems or not isinstance(layer, int):
        raise ModelError(
            f"task {name!r} reads {' and '.join(problems)}, for which transformers has no place: only one that reads "
            "a layer of the encoder alone can be exported"
        )
    return encoder, node.decoder, layer


def _tokenizer_config(encoder: TransformerEncoder) -> dict[str, object]:
    name = encoder.parts.tokenizer.id_to_token
    special = {"cls_token": encoder.pieces.first, "sep_token": encoder.pieces.last}
    return {**tokenizer_config(encoder), **{token: name(ids[0]) for token, ids in special.items() if ids}}


def _card(name: str, tasks: Sequence[str], encoder: TransformerEncoder, decoder: SpanReader) -> str:
    return _CARD.format(
        name=name,
        tasks=", ".join(tasks),
        window=encoder.pieces.size,
        overlap=encoder.pieces.room - encoder.pieces.stride,
        question=QUESTION,
        longest=decoder.longest,
    )
