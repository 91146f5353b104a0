"""Heads: chooses the reader of a model's outputs, for a classifier, a detector or a ready-made SSD."""

from __future__ import annotations

from typing import Protocol

from edgetl.card import ModelCard
from edgetl.device.inference.classifier_head import ClassifierHead
from edgetl.device.inference.detector_heads import DetectorHead, PostprocessedHead
from edgetl.device.inference.output_names import MODEL_API, POSTPROCESSED, STANDARD_ORDER, OutputOrder
from edgetl.device.runtime import Runtime, Tensor
from edgetl.vision.filter import ResultFilter
from edgetl.vision.results import Result


class Head(Protocol):
    """Reads a runtime's outputs for the frame that was invoked last."""

    def choose(self, only: ResultFilter) -> None:
        """Sets the filter of the results from the next frame on; any thread may call it.

        Raises:
            UsageError: the model has no class of that name.
        """

    def __call__(self, size_wh: tuple[int, int]) -> Result:
        """Returns the result for a frame of (width, height) px."""


def open_head(runtime: Runtime, card: ModelCard, only: ResultFilter, order: OutputOrder = STANDARD_ORDER) -> Head:
    """Chooses the head of a model.

    Args:
        runtime: the loaded model file, whose outputs are checked against the card.
        card: the card of the model.
        only: the filter of the results.
        order: the order of a ready-made SSD's outputs.

    Raises:
        ModelError: the outputs are not those that the card describes.
        UsageError: the model has no class of that name.
    """
    if card.task == "classification":
        return ClassifierHead(runtime, card, only)
    if card.detector.kind == "postprocessed" or _is_portable(runtime.outputs):
        return PostprocessedHead(runtime, card, only, order)
    return DetectorHead(runtime, card, only)


def _is_portable(outputs: tuple[Tensor, ...]) -> bool:
    return sorted(tensor.name for tensor in outputs) in (sorted(POSTPROCESSED), sorted(MODEL_API))
