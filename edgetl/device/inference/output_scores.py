"""Finds out whether a foreign classifier gives scores or logits, from its last operations, else by a trial."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal

import numpy as np

from edgetl.card import ClassifierDecoding, InputSpec
from edgetl.device.inference.input_scaling import Scaling
from edgetl.device.inference.input_writer import input_writer
from edgetl.device.runtime import Runtime
from edgetl.device.runtime.flatbuffer_table import BROKEN, Table, model_table
from edgetl.device.runtime.openvino_rt_info import Ending
from edgetl.errors import ModelError
from edgetl.vision.arrays import Image, Scores

Meaning = Literal["probabilities", "logits", "independent"]
"""The meaning of a classifier's outputs; see `edgetl.card.ClassifierDecoding`."""

EVEN = 0.5
"""The display threshold of scores from a sigmoid: below it, the class is more likely absent than present."""

_ENDINGS: dict[int, Ending] = {14: "sigmoid", 25: "softmax"}
"""The operations LOGISTIC and SOFTMAX of TensorFlow Lite's schema, by their codes."""
_MEANINGS: dict[Ending, Meaning] = {"sigmoid": "independent", "softmax": "probabilities"}
"""The meaning of outputs by the operation that makes them."""
_PASSING = frozenset({2, 6, 22, 43, 53, 70, 114})
"""Operations that leave the meaning of a score unchanged: CONCATENATION, DEQUANTIZE, RESHAPE, SQUEEZE, CAST,
EXPAND_DIMS and QUANTIZE."""
_CONCATENATION = 2
"""The only one of these whose inputs all hold scores; of the others the first does."""


def ending_of_tflite(path: Path) -> Ending:
    """Finds the operation that makes the scores of a `.tflite` file whose graph has one output.

    Raises:
        ModelError: the file's structure is damaged.
    """
    try:
        model = model_table(path)
        codes = [_code(code) for code in model.tables("operator_codes", "OperatorCode")]
        graph = model.tables("subgraphs", "SubGraph")[0]
        outputs, makers = graph.integers("outputs"), {}
        for operator in graph.tables("operators", "Operator"):
            code, inputs = codes[operator.number("opcode_index", "<I")], operator.integers("inputs")
            makers.update(dict.fromkeys(operator.integers("outputs"), (code, inputs)))
        return _ending(makers, outputs)
    except BROKEN as error:
        remedy = "copy the file again from where it was made"
        raise ModelError(f"the model's structure is damaged: {error}", where=str(path), remedy=remedy) from error


def _code(operator: Table) -> int:
    """Returns the code of an operation, which has moved to another field since there are more than 127."""
    return max(operator.number("deprecated_builtin_code", "<b"), operator.number("builtin_code", "<i"))


def _ending(makers: dict[int, tuple[int, tuple[int, ...]]], tensors: Collection[int]) -> Ending:
    """Finds the only operation that made all of some tensors, upstream of those in `_PASSING`.

    Args:
        makers: the code and the inputs of the operation that made each tensor.
        tensors: the tensors, by their numbers.
    """
    left, seen, found = list(tensors), set[int](), set[Ending]()
    while left:
        tensor = left.pop()
        if tensor in seen:
            continue
        seen.add(tensor)
        code, inputs = makers.get(tensor, (-1, ()))
        if code in _PASSING:
            left += inputs if code == _CONCATENATION else inputs[:1]
        else:
            found.add(_ENDINGS.get(code, ""))
    return found.pop() if len(found) == 1 else ""


def foreign_decoding(
    runtime: Runtime, scaling: Scaling | None, labels: int, ending: Ending, where: str, threshold: float | None = None
) -> ClassifierDecoding:
    """Returns how to read the output of a foreign classifier.

    Args:
        runtime: the loaded file; it is run twice if `ending` leaves the meaning open.
        scaling: the scaling of pixels; None if the input takes pixels as they are.
        labels: the number of labels.
        ending: the operation that makes the scores.
        where: the place of the file, for messages.
        threshold: the display threshold that the file states, 0..1; None if it states none.

    Raises:
        ModelError: the output is the same for every photo.
    """
    columns = runtime.outputs[0].shape[1]
    if ending == "softmax" and columns == 1:
        what = "the model has one output, behind a softmax, which is 1 whatever a photo shows"
        raise ModelError(what, where=where, remedy="train it with a sigmoid, or with one output a class")
    meaning = _MEANINGS.get(ending) or _meaning_by_trial(runtime, scaling)
    if threshold is None or not 0 <= threshold <= 1:
        threshold = EVEN if meaning == "independent" or columns == 1 else 0.0
        # If one column stands for two labels, one of them always has a score of at least 0.5.
        threshold = threshold if labels == columns else 0.0
    return ClassifierDecoding(meaning, threshold)


def _meaning_by_trial(runtime: Runtime, scaling: Scaling | None) -> Meaning:
    """Runs the model on grey and on noise: probabilities lie in 0..1 and sum to one both times.

    A single column is a score if it lies in 0..1 both times, else a logit.
    """
    shape, output = runtime.input.shape[1:], runtime.outputs[0]
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    grey = np.full(shape, 128, np.uint8)
    results = [_run(runtime, pixels, scaling) for pixels in (grey, noise)]
    if output.shape[1] == 1:
        return "independent" if all(_are_shares(scores, output.scale) for scores in results) else "logits"
    return "probabilities" if all(_sum_to_one(scores, output.scale) for scores in results) else "logits"


def _run(runtime: Runtime, pixels: Image, scaling: Scaling | None) -> Scores:
    """Returns the dequantized output for (H, W, 3) uint8 pixels, (C,) float32."""
    height, width, _ = pixels.shape
    input_writer(runtime, InputSpec(height, width, color="bgr"), scaling)(pixels)
    runtime.invoke()
    return runtime.outputs[0].dequantize(runtime.output_view(0))


def _are_shares(scores: Scores, step: float) -> bool:
    """Says whether (C,) float32 scores, rounded to multiples of `step`, lie in 0..1."""
    return bool(scores.min() >= 0 and scores.max() <= 1 + step)


def _sum_to_one(scores: Scores, step: float) -> bool:
    """Says whether (C,) float32 scores are probabilities, rounded to multiples of `step`."""
    slack = 0.1 + len(scores) * step / 2  # a thousand small probabilities may all be rounded down to 0
    return _are_shares(scores, step) and bool(abs(scores.sum() - 1) <= slack)
