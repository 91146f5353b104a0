"""What a model's outputs say of a frame: a head for each kind of model, chosen by its card."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from edgetl.card import ModelCard
from edgetl.device.runtime import Runtime, Tensor
from edgetl.errors import ModelError
from edgetl.vision.classify import Scores, best, softmax
from edgetl.vision.detect import Decoder, PostprocessedDecoder, grid
from edgetl.vision.filter import ResultFilter
from edgetl.vision.quantized import Quantization
from edgetl.vision.results import Classification, Detections, Result

LOGITS, DISTANCES = "logits", "distances"
"""The names of the outputs of a detector that edgetl made."""

Order = tuple[int, int, int, int]
"""Where among a ready-made SSD's outputs its boxes, classes, scores and their count are."""


class Head(Protocol):
    """Reads a runtime's outputs of the frame that was invoked last."""

    def choose(self, only: ResultFilter) -> None:
        """Sets which results are wanted from the next frame on; may be called from any thread.

        Raises:
            UsageError: the model has no such class.
        """

    def __call__(self, size_wh: tuple[int, int]) -> Result:
        """Returns what the model says of a frame of (width, height) px."""


def open_head(runtime: Runtime, card: ModelCard, only: ResultFilter, order: Order = (0, 1, 2, 3)) -> Head:
    """Chooses the head for a model.

    Args:
        runtime: the loaded model file; its outputs are checked against the card.
        card: of the model.
        only: the results wanted.
        order: of a ready-made SSD's outputs.

    Raises:
        ModelError: the outputs are not what the card says.
        UsageError: the model has no such class.
    """
    if card.task == "classification":
        return ClassifierHead(runtime, card, only)
    if card.detector.kind == "postprocessed":
        return PostprocessedHead(runtime, card, only, order)
    return DetectorHead(runtime, card, only)


class ClassifierHead:
    """One output of scores; see `open_head`."""

    def __init__(self, runtime: Runtime, card: ModelCard, only: ResultFilter) -> None:
        self._runtime = runtime
        self._labels = card.labels
        self._decoding = card.classifier
        outputs = runtime.outputs
        if len(outputs) != 1 or len(outputs[0].shape) != 2:
            what = f"a classifier has one output of shape (1, classes), but the model has {_told(outputs)}"
            raise ModelError(what, where=card.name, remedy=_CONVERT)
        _check_classes(outputs[0].shape[1], card)
        self._scale, self._zero_point = (outputs[0].scale, outputs[0].zero_point) if outputs[0].scale else (1.0, 0)
        self._logits = self._decoding.scores == "logits"
        self._scores = np.empty(len(card.labels), np.float32)
        self.choose(only)

    def choose(self, only: ResultFilter) -> None:
        """See `Head`."""
        columns = only.columns(self._labels)
        threshold = self._decoding.threshold if only.threshold is None else only.threshold
        self._wanted = only.top_k, threshold, None if columns is None else np.array(sorted(set(columns)), np.int64)

    def scores(self) -> Scores:
        """Returns every class's score, (C,) float32, 0..1; the array is reused by the next call."""
        np.subtract(self._runtime.output_view(0), self._zero_point, out=self._scores, dtype=np.float32)
        self._scores *= self._scale
        if self._logits:
            self._scores[:] = softmax(self._scores)
        return self._scores

    def __call__(self, size_wh: tuple[int, int]) -> Classification:
        """See `Head`."""
        return best(self.scores(), self._labels, *self._wanted)


class DetectorHead:
    """The two raw outputs of a detector of edgetl's own; see `open_head`."""

    def __init__(self, runtime: Runtime, card: ModelCard, only: ResultFilter) -> None:
        self._runtime = runtime
        self._card = card
        self._logits, self._distances = _pair(runtime.outputs, card)
        _check_cells(runtime.outputs[self._logits], runtime.outputs[self._distances], card)
        self.choose(only)

    def choose(self, only: ResultFilter) -> None:
        """See `Head`."""
        logits, distances = (
            Quantization(tensor.dtype, tensor.scale, tensor.zero_point)
            for tensor in (self._runtime.outputs[self._logits], self._runtime.outputs[self._distances])
        )
        classes = only.columns(self._card.labels)
        self._decode = Decoder(_asked(self._card, only), logits, distances, classes=classes, agnostic=only.agnostic)

    def __call__(self, size_wh: tuple[int, int]) -> Detections:
        """See `Head`."""
        views = self._runtime.output_view(self._logits), self._runtime.output_view(self._distances)
        return self._decode(*views, size_wh)


class PostprocessedHead:
    """The four outputs of a ready-made SSD; see `open_head`.

    The model suppressed boxes already: a larger `iou` than its own brings none back.
    """

    def __init__(self, runtime: Runtime, card: ModelCard, only: ResultFilter, order: Order) -> None:
        self._runtime = runtime
        self._card = card
        self._order = order
        outputs = runtime.outputs
        shapes = [outputs[i].shape for i in order] if len(outputs) == len(order) else []
        most = shapes[0][1] if shapes and len(shapes[0]) == 3 else 0
        if shapes != [(1, most, 4), (1, most), (1, most), (1,)] or any(t.dtype != "float32" for t in outputs):
            what = f"an SSD has boxes (1, N, 4), classes, scores (1, N) and a count, but this has {_told(outputs)}"
            raise ModelError(what, where=card.name, remedy=_CONVERT)
        self.choose(only)

    def choose(self, only: ResultFilter) -> None:
        """See `Head`."""
        self._decode = PostprocessedDecoder(
            _asked(self._card, only),
            classes=only.columns(self._card.labels),
            again=only.agnostic or only.iou is not None,
            agnostic=only.agnostic,
        )

    def __call__(self, size_wh: tuple[int, int]) -> Detections:
        """See `Head`."""
        boxes, classes, scores, count = self._order
        view = self._runtime.output_view
        return self._decode(view(boxes), view(classes), view(scores), view(count), size_wh)


_CONVERT = "give it the outputs it was converted with, or convert it again"


def _asked(card: ModelCard, only: ResultFilter) -> ModelCard:
    """The card of a detector with the filter's numbers in place of its own."""
    own = card.detector
    decoding = replace(
        own,
        thresholds=own.thresholds if only.threshold is None else (only.threshold,),
        iou=own.iou if only.iou is None else only.iou,
        max_det=own.max_det if only.max_det is None else only.max_det,
    )
    return replace(card, decoding=decoding)


def _pair(outputs: tuple[Tensor, ...], card: ModelCard) -> tuple[int, int]:
    """Says which output holds the logits and which the distances: by their names, else by their shapes."""
    names = [tensor.name for tensor in outputs]
    if sorted(names) == sorted((LOGITS, DISTANCES)):
        return names.index(LOGITS), names.index(DISTANCES)
    fours = [i for i, tensor in enumerate(outputs) if len(tensor.shape) == 3 and tensor.shape[2] == 4]
    if len(outputs) != 2 or not fours:
        what = f"a detector has logits (1, cells, classes) and distances (1, cells, 4), but this has {_told(outputs)}"
        raise ModelError(what, where=card.name, remedy=_CONVERT)
    if len(fours) == 2:
        what = f"nothing tells which output holds the logits and which the distances: {_told(outputs)}"
        raise ModelError(what, where=card.name, remedy=f"name the outputs {LOGITS} and {DISTANCES}")
    return 1 - fours[0], fours[0]


def _check_cells(logits: Tensor, distances: Tensor, card: ModelCard) -> None:
    if len(logits.shape) != 3:
        what = f"the logits of a detector are (1, cells, classes), but this has {_told((logits,))}"
        raise ModelError(what, where=card.name, remedy=_CONVERT)
    _check_classes(logits.shape[2], card)
    cells = len(grid(card.input.height, card.input.width, card.detector.strides)[1])
    if logits.shape[:2] != (1, cells) or distances.shape != (1, cells, 4):
        strides = ", ".join(map(str, card.detector.strides))
        what = f"the card's strides {strides} make {cells} cells, but the model has {_told((logits, distances))}"
        raise ModelError(what, where=card.name, remedy=_CONVERT)


def _check_classes(found: int, card: ModelCard) -> None:
    count = len(card.labels)
    if found != count:
        what = f"the model has {found} classes, but there are {count} labels"
        remedy = "give the labels file that belongs to the model, one label a line"
        raise ModelError(what, where=card.name, remedy=remedy)


def _told(outputs: tuple[Tensor, ...]) -> str:
    return ", ".join(f"{tensor.name} {tensor.shape} {tensor.dtype}" for tensor in outputs) or "no outputs"
