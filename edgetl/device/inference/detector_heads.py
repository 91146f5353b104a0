"""The heads of detectors: turn raw or postprocessed outputs into Detections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from edgetl.card import ModelCard
from edgetl.device.inference.finite_outputs import FiniteCheck
from edgetl.device.inference.output_names import MODEL_API, OutputOrder
from edgetl.device.inference.output_shapes import CONVERT_REMEDY, check_cells, described, logits_and_distances
from edgetl.device.runtime import Runtime
from edgetl.errors import ModelError
from edgetl.vision.arrays import TensorData
from edgetl.vision.box_decoder import nothing_found
from edgetl.vision.detect import Decoder
from edgetl.vision.detect_postprocessed import PostprocessedDecoder
from edgetl.vision.filter import ResultFilter
from edgetl.vision.results import Detections


class DetectorHead:
    """Reads the two raw outputs of a detector that edgetl made; see `edgetl.device.inference.heads.Head`.

    Args:
        runtime: the loaded model file.
        card: the card of the model.
        only: the filter of the results.

    Raises:
        ModelError: the outputs are not those that the card describes.
        UsageError: the model has no class of that name.
    """

    def __init__(self, runtime: Runtime, card: ModelCard, only: ResultFilter) -> None:
        self._runtime = runtime
        self._card = card
        self._finite = FiniteCheck(runtime.outputs, card.name)
        self._logits, self._distances = logits_and_distances(runtime.outputs, card)
        check_cells(runtime.outputs[self._logits], runtime.outputs[self._distances], card)
        self.choose(only)

    def choose(self, only: ResultFilter) -> None:
        """Sets the filter of the results; see `edgetl.device.inference.heads.Head`."""
        logits, distances = (self._runtime.outputs[i].quantization for i in (self._logits, self._distances))
        self._decode = Decoder(
            _filtered(self._card, only),
            logits,
            distances,
            classes=only.columns(self._card.labels),
            agnostic=only.agnostic,
            slack=_slack(only),
        )

    def __call__(self, size_wh: tuple[int, int]) -> Detections:
        """Returns the objects in a frame of (width, height) px, boxes in its px."""
        views = self._runtime.output_view(self._logits), self._runtime.output_view(self._distances)
        if self._finite.needed and not self._finite(*views):
            return nothing_found(size_wh)
        return self._decode(*views, size_wh)


class PostprocessedHead:
    """Reads finished boxes; see `edgetl.device.inference.heads.Head`.

    They come from a ready-made SSD, or from a detector that edgetl made in its portable form. The model has suppressed
    overlapping boxes already, so a larger `iou` than its own brings none back.

    Args:
        runtime: the loaded model file.
        card: the card of the model.
        only: the filter of the results.
        order: the order of the outputs of a ready-made SSD.

    Raises:
        ModelError: the outputs are not finished boxes.
        UsageError: the model has no class of that name.
    """

    def __init__(self, runtime: Runtime, card: ModelCard, only: ResultFilter, order: OutputOrder) -> None:
        self._runtime = runtime
        self._card = card
        self._finite = FiniteCheck(runtime.outputs, card.name)
        self._read = _boxes_reader(runtime, card, order)
        self.choose(only)

    def choose(self, only: ResultFilter) -> None:
        """Sets the filter of the results; see `edgetl.device.inference.heads.Head`."""
        self._decode = PostprocessedDecoder(
            _filtered(self._card, only),
            classes=only.columns(self._card.labels),
            again=only.agnostic or only.iou is not None,
            agnostic=only.agnostic,
            slack=_slack(only),
        )

    def __call__(self, size_wh: tuple[int, int]) -> Detections:
        """Returns the objects in a frame of (width, height) px, boxes in its px."""
        boxes, classes, scores, count = self._read()
        if not self._finite(count):
            return nothing_found(size_wh)
        used = min(max(int(count.reshape(-1)[0]), 0), scores.size)  # the rows after these are not initialized
        if not self._finite(scores.reshape(-1)[:used], boxes.reshape(-1, 4)[:used], classes.reshape(-1)[:used]):
            return nothing_found(size_wh)
        return self._decode(boxes, classes, scores, np.array([used], np.float32), size_wh)


_FinishedBoxes = tuple[TensorData, TensorData, TensorData, TensorData]
"""Boxes (N, 4) in shares of the input, classes (N,), scores (N,), count (1,), as in `TFLite_Detection_PostProcess`."""


def _boxes_reader(runtime: Runtime, card: ModelCard, order: OutputOrder) -> Callable[[], _FinishedBoxes]:
    """Returns a function that reads the finished boxes of the frame that was invoked last.

    Raises:
        ModelError: the outputs are not finished boxes.
    """
    outputs, view = runtime.outputs, runtime.output_view
    by_name = {tensor.name: i for i, tensor in enumerate(outputs)}
    is_model_api = sorted(by_name) == sorted(MODEL_API)
    positions = [by_name[name] for name in MODEL_API] if is_model_api else list(order)
    shapes = [outputs[i].shape for i in positions] if len(outputs) == len(positions) else []
    most = shapes[0][1] if shapes and len(shapes[0]) == 3 else 0
    expected = [(1, most, 4), (1, most), (1, most), (1,)]
    types = {tensor.dtype for tensor in outputs} - ({"int32"} if is_model_api else set())
    if shapes != expected[: len(positions)] or types != {"float32"}:
        what = f"an SSD has boxes (1, N, 4), classes, scores (1, N) and a count, but this has {described(outputs)}"
        raise ModelError(what, where=card.name, remedy=CONVERT_REMEDY)
    if not is_model_api:
        boxes, classes, scores, count = positions
        return lambda: (view(boxes), view(classes), view(scores), view(count))
    boxes, classes, scores = positions
    all_rows = np.array([most], np.float32)  # unused rows have boxes without area, which are dropped later
    return lambda: (view(boxes)[:, [1, 0, 3, 2]], view(classes), view(scores), all_rows)


def _slack(only: ResultFilter) -> float:
    """Returns the filter's slack; none if boxes of any class suppress each other.

    A box below its threshold could then suppress one of another class that reaches its own.
    """
    return 1.0 if only.agnostic else only.slack


def _filtered(card: ModelCard, only: ResultFilter) -> ModelCard:
    """Returns a detector's card with the numbers of a filter in place of its own."""
    own = card.detector
    decoding = replace(
        own,
        thresholds=own.thresholds if only.threshold is None else (only.threshold,),
        iou=own.iou if only.iou is None else only.iou,
        max_det=own.max_det if only.max_det is None else only.max_det,
    )
    return replace(card, decoding=decoding)
