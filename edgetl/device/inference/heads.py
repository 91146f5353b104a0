"""What a model's outputs say of a frame: a head for each kind of model, chosen by its card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import isfinite, nan
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgetl.card import ModelCard
from edgetl.device.inference.finite import FiniteCheck
from edgetl.device.inference.output_shapes import (
    CONVERT_REMEDY,
    check_cells,
    check_classes,
    described,
    logits_and_distances,
)
from edgetl.device.inference.output_shapes import (
    DISTANCES as DISTANCES,  # with FINISHED and MODEL_API, the names of outputs
)
from edgetl.device.inference.output_shapes import LOGITS as LOGITS
from edgetl.device.runtime import Runtime, Tensor
from edgetl.errors import ModelError
from edgetl.vision.arrays import Scores
from edgetl.vision.classify import best, single, softmax
from edgetl.vision.detect import Decoder, PostprocessedDecoder, nothing_found
from edgetl.vision.filter import ResultFilter
from edgetl.vision.quantized import sigmoid
from edgetl.vision.results import Classification, Detections, Result

FINISHED = ("boxes", "classes", "scores", "count")
"""Those of its portable form in TFLite: the outputs of `TFLite_Detection_PostProcess`, in its order."""
MODEL_API = ("bboxes", "labels", "scores")
"""Those of its portable form in OpenVINO, as OpenVINO Model API wants them."""

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
    if card.detector.kind == "postprocessed" or _is_portable(runtime.outputs):
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
            what = f"a classifier has one output of shape (1, classes), but the model has {described(outputs)}"
            raise ModelError(what, where=card.name, remedy=CONVERT_REMEDY)
        columns = outputs[0].shape[1]
        self._pair = columns == 1 and len(card.labels) == 2
        if not self._pair:
            check_classes(columns, card)
        self._scale, self._zero_point = (outputs[0].scale, outputs[0].zero_point) if outputs[0].scale else (1.0, 0)
        self._meaning = (sigmoid if columns == 1 else softmax) if self._decoding.scores == "logits" else None
        self._finite = FiniteCheck(outputs, card.name)
        self._plain = self._meaning is None and not self._pair
        self._direct = self._plain and not self._finite.needed
        self._raw = np.empty(columns, np.float32)
        self._scores = np.empty(len(card.labels), np.float32)
        self.choose(only)

    def choose(self, only: ResultFilter) -> None:
        """See `Head`."""
        columns = only.columns(self._labels)
        threshold = np.float32(self._decoding.threshold if only.threshold is None else only.threshold)
        self._wanted = only.top_k, threshold, None if columns is None else np.array(sorted(set(columns)), np.int64)

    def scores(self) -> Scores:
        """Returns every class's score, (C,) float32, 0..1, or NaN where the output holds what is no number.

        The array is reused by the next call.
        """
        np.subtract(self._runtime.output_view(0), self._zero_point, out=self._raw, dtype=np.float32)
        self._raw *= self._scale
        if not self._finite(self._raw):
            self._raw.fill(np.nan)
        elif self._meaning:
            self._raw[:] = self._meaning(self._raw)
        if self._pair:
            self._scores[:] = 1 - self._raw[0], self._raw[0]
        else:
            self._scores[:] = self._raw
        return self._scores

    def __call__(self, size_wh: tuple[int, int]) -> Classification:
        """See `Head`."""
        top_k, threshold, columns = self._wanted
        if top_k == 1 and columns is None and self._direct:
            # What is usual needs one score of them all, and the largest is the largest before it is scaled, too.
            raw = self._runtime.output_view(0)
            column = int(raw.argmax())
            return single(column, (float(raw[column]) - self._zero_point) * self._scale, self._labels, threshold)
        if top_k == 1 and columns is None and self._plain:
            raw = self._runtime.output_view(0)
            column = int(raw.argmax())
            score = float(raw[column])
            if not isfinite(score):
                self._finite.warn()
                score = nan  # which reaches no threshold
            return single(column, score, self._labels, threshold)
        return best(self.scores(), self._labels, top_k, threshold, columns)


class DetectorHead:
    """The two raw outputs of a detector of edgetl's own; see `open_head`."""

    def __init__(self, runtime: Runtime, card: ModelCard, only: ResultFilter) -> None:
        self._runtime = runtime
        self._card = card
        self._finite = FiniteCheck(runtime.outputs, card.name)
        self._logits, self._distances = logits_and_distances(runtime.outputs, card)
        check_cells(runtime.outputs[self._logits], runtime.outputs[self._distances], card)
        self.choose(only)

    def choose(self, only: ResultFilter) -> None:
        """See `Head`."""
        logits, distances = (self._runtime.outputs[i].quantization for i in (self._logits, self._distances))
        classes = only.columns(self._card.labels)
        asked, agnostic = _asked(self._card, only), only.agnostic
        self._decode = Decoder(asked, logits, distances, classes=classes, agnostic=agnostic, slack=_slack(only))

    def __call__(self, size_wh: tuple[int, int]) -> Detections:
        """See `Head`."""
        views = self._runtime.output_view(self._logits), self._runtime.output_view(self._distances)
        if self._finite.needed and not self._finite(*views):
            return nothing_found(size_wh)
        return self._decode(*views, size_wh)


class PostprocessedHead:
    """The finished boxes of a ready-made SSD, or of a detector of edgetl's own in its portable form; see `open_head`.

    The model suppressed boxes already: a larger `iou` than its own brings none back.
    """

    def __init__(self, runtime: Runtime, card: ModelCard, only: ResultFilter, order: Order) -> None:
        self._runtime = runtime
        self._card = card
        self._finite = FiniteCheck(runtime.outputs, card.name)
        self._read = _finished(runtime, card, order)
        self.choose(only)

    def choose(self, only: ResultFilter) -> None:
        """See `Head`."""
        self._decode = PostprocessedDecoder(
            _asked(self._card, only),
            classes=only.columns(self._card.labels),
            again=only.agnostic or only.iou is not None,
            agnostic=only.agnostic,
            slack=_slack(only),
        )

    def __call__(self, size_wh: tuple[int, int]) -> Detections:
        """See `Head`."""
        boxes, classes, scores, count = self._read()
        if not self._finite(count):
            return nothing_found(size_wh)
        meant = min(max(int(count.reshape(-1)[0]), 0), scores.size)  # the others are not even set
        if not self._finite(scores.reshape(-1)[:meant], boxes.reshape(-1, 4)[:meant], classes.reshape(-1)[:meant]):
            return nothing_found(size_wh)
        return self._decode(boxes, classes, scores, np.array([meant], np.float32), size_wh)


_Finished = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]
"""Boxes, classes, scores and count as `TFLite_Detection_PostProcess` has them."""


def _is_portable(outputs: tuple[Tensor, ...]) -> bool:
    return sorted(tensor.name for tensor in outputs) in (sorted(FINISHED), sorted(MODEL_API))


def _finished(runtime: Runtime, card: ModelCard, order: Order) -> Callable[[], _Finished]:
    """Returns what reads the finished boxes of the frame that was invoked last."""
    outputs, view = runtime.outputs, runtime.output_view
    by_name = {tensor.name: i for i, tensor in enumerate(outputs)}
    model_api = sorted(by_name) == sorted(MODEL_API)
    places = [by_name[name] for name in MODEL_API] if model_api else list(order)
    shapes = [outputs[i].shape for i in places] if len(outputs) == len(places) else []
    most = shapes[0][1] if shapes and len(shapes[0]) == 3 else 0
    wanted = [(1, most, 4), (1, most), (1, most), (1,)]
    types = {tensor.dtype for tensor in outputs} - ({"int32"} if model_api else set())
    if shapes != wanted[: len(places)] or types != {"float32"}:
        what = f"an SSD has boxes (1, N, 4), classes, scores (1, N) and a count, but this has {described(outputs)}"
        raise ModelError(what, where=card.name, remedy=CONVERT_REMEDY)
    if not model_api:
        boxes, classes, scores, count = places
        return lambda: (view(boxes), view(classes), view(scores), view(count))
    boxes, classes, scores = places
    full = np.array([most], np.float32)  # what isn't meant has no area
    return lambda: (view(boxes)[:, [1, 0, 3, 2]], view(classes), view(scores), full)


def _slack(only: ResultFilter) -> float:
    """Where boxes of any class suppress each other there is none: one below its threshold could suppress another."""
    return 1.0 if only.agnostic else only.slack


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
