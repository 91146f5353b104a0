"""Measures converted detectors: mAP, agreement of the boxes, and differences of the cells behind the boxes."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from edgetl.card import ModelCard
from edgetl.device.inference.model import Model
from edgetl.device.inference.output_names import DISTANCES, LOGITS
from edgetl.device.measure.steps import Step, no_steps
from edgetl.device.runtime import Runtime
from edgetl.golden import golden_card
from edgetl.host.convert.gate import OutputWatch, require_finite
from edgetl.host.convert.gate.decoded_photos import DecodedPhotos
from edgetl.host.convert.gate.measure_boxes import BoxReference
from edgetl.host.convert.gate.more_photos import ENOUGH, as_frame, changed_copies, joined
from edgetl.host.convert.gate.run_photos import Opened, run_photos
from edgetl.host.dataset.boxes.load import BoxedDataset, BoxedPhotos
from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.host.evaluate.predict_boxes import find, judging
from edgetl.host.networks.untyped import Network
from edgetl.manifest import Measurement
from edgetl.vision.arrays import Floats, Image, TensorData
from edgetl.vision.detect import CANDIDATES, grid
from edgetl.vision.distances import distances
from edgetl.vision.quantized import sigmoid
from edgetl.vision.results import Detections

_CELL_PHOTOS = 32
"""The cells of this many validation photos are compared one by one; a wrong export shows in every photo, so more photos
would only cost time."""


class DetectorJudge:
    """Measures the variants of a detector; see `edgetl.host.convert.gate.Judge`.

    Args:
        card: the detector's card.
        network: the detector's Keras model.
        data: the photos that the detector was trained on, split as in training.

    Raises:
        GateError: an output of the Keras model is not a finite number.
    """

    def __init__(self, card: ModelCard, network: Network, data: BoxedDataset) -> None:
        self._card, self._network, self._data = card, network, data
        began = time.monotonic()
        found = find(network, data.val, judging(card))
        self.seconds_per_photo = (time.monotonic() - began) / len(data.val)
        self.reference = DetectionEvaluation(card.labels, data.val.truth, found)
        self._boxes = BoxReference(card, self.reference)
        self._cells = _scores_and_edges(network.predict_on_batch(data.val.batch(slice(0, _CELL_PHOTOS))), card)
        require_finite([*self._cells, *(box.score for box in found)], card.name)
        self.summary = f"mAP {self.reference.map:.3f}, mAP50 {self.reference.map50:.3f}"
        self.train = data.train
        self.photos = data.val.paths
        self._frames = DecodedPhotos(data.val.paths, card.input)
        self.shown = [truth.class_id[~truth.ignore].tolist() for truth in data.val.truth]

    def measure(self, runtime: Runtime, step: Step = no_steps, more: Sequence[Runtime] = ()) -> Measurement:
        """Runs every validation photo through the device's code and compares the boxes with Keras's.

        The latency is that of the runtime alone. For a portable file it includes the decoding of the boxes, which is
        part of that file.

        Args:
            runtime: the variant, opened with one thread.
            step: the function that is called with the number of photos done.
            more: the variant, opened again with one thread, once for each further core that may be used.
        """
        card, watch = judging(self._card), OutputWatch()
        raw = _is_raw(runtime)

        def run(opened: Opened, k: int) -> tuple[Found, Sequence[float]]:
            one, model = opened
            result = _detect(model, *self._frames[k])
            watch.add(_outputs(one, result))
            differences = self._compare_cells(k, one) if raw and k < _CELL_PHOTOS else ()
            return Found(result.xyxy, result.score, result.class_id), differences

        opened = [(one, Model(one, card)) for one in (runtime, *more)]
        results, latency = run_photos(opened, len(self._frames), run, step)
        measured = self._boxes.measure([found for found, _ in results], latency)
        measured = replace(measured, metrics=measured.metrics | watch.faults())
        if not raw:  # a portable file doesn't show its cells
            return measured
        differences = [row for _, row in results[:_CELL_PHOTOS]]
        largest = zip(("cell_score_difference", "cell_edge_px"), np.max(differences, axis=0).tolist(), strict=True)
        cells = {name: float(f"{value:.3g}") for name, value in largest if math.isfinite(value)}
        return replace(measured, metrics=measured.metrics | cells)

    def measure_more(self, measured: Measurement, runtimes: Sequence[Runtime], step: Step = no_steps) -> Measurement:
        """Adds a comparison of the boxes in changed copies of training photos; see `Judge.measure_more`."""
        photos, reference = self._more
        card, watch = judging(self._card), OutputWatch()

        def run(opened: Opened, k: int) -> Found:
            one, model = opened
            result = _detect(model, as_frame(photos.picture(k), card.input.color))
            watch.add(_outputs(one, result))
            return Found(result.xyxy, result.score, result.class_id)

        if measured.unlabelled is None or not len(photos):
            return measured
        found = run_photos([(one, Model(one, card)) for one in runtimes], len(photos), run, step)[0]
        both = joined(measured.unlabelled, self._boxes.compare(reference, found))
        return replace(measured, unlabelled=both, metrics=measured.metrics | watch.faults())

    @cached_property
    def _more(self) -> tuple[BoxedPhotos, list[Found]]:
        """Changed copies of training photos, and the Keras model's boxes in them."""
        pixels = changed_copies(self.train, max(0, ENOUGH - len(self.photos)))
        nothing = np.empty((0, 4), np.float32), np.empty(0, np.int64), np.empty(0, np.bool_)
        truth = Truth(*nothing, (self._card.input.width, self._card.input.height))
        photos = BoxedPhotos(pixels, np.arange(len(pixels)), (), (), (truth,) * len(pixels))
        return photos, find(self._network, photos, judging(self._card))

    def _compare_cells(self, photo: int, runtime: Runtime) -> tuple[float, float]:
        """Returns the largest difference from Keras of any cell's score, 0..1, and of any cell's edge, input px."""
        outputs = {tensor.name: i for i, tensor in enumerate(runtime.outputs)}
        rows = [_real(runtime, outputs[name])[None] for name in (LOGITS, DISTANCES)]
        pairs = zip(_scores_and_edges(rows, self._card), self._cells, strict=True)
        score, edge = (float(np.abs(ours[0] - theirs[photo]).max()) for ours, theirs in pairs)
        return score, edge

    def expected(self, runtime: Runtime, frames: Sequence[Image]) -> object:
        """Returns a variant's boxes in the golden photos, and the candidates that these boxes suppressed.

        Args:
            runtime: the variant, opened with one thread.
            frames: the golden photos, each (H, W, 3) uint8 BGR.
        """
        card = golden_card(self._card)
        unsuppressed = replace(card.detector, iou=1.0, max_det=CANDIDATES, vote_iou=1.0)
        shown, candidates = Model(runtime, card), Model(runtime, replace(card, decoding=unsuppressed))
        photos = []
        for frame in frames:
            objects = _rows(_detect(shown, frame))
            others = [row for row in _rows(_detect(candidates, frame)) if row not in objects]
            photos.append({"objects": objects, "suppressed": others})
        return photos


def _detect(model: Model, frame: Image, size_wh: tuple[int, int] | None = None) -> Detections:
    result = model(frame, size_wh)
    assert isinstance(result, Detections)  # the card is a detector's
    return result


def _is_raw(runtime: Runtime) -> bool:
    return {LOGITS, DISTANCES} <= {tensor.name for tensor in runtime.outputs}


def _outputs(runtime: Runtime, result: Detections) -> list[TensorData]:
    """Returns a raw file's outputs, or the boxes of a portable one: its memory beyond the last box is not set."""
    if not _is_raw(runtime):
        return [result.xyxy, result.score]
    return [runtime.output_view(i) for i in range(len(runtime.outputs))]


def _rows(found: Detections) -> list[dict[str, object]]:
    columns = (found.class_id.tolist(), found.score.tolist(), found.xyxy.tolist())
    return [
        {"class_id": class_id, "score": round(score, 6), "xyxy": [round(edge, 3) for edge in xyxy]}
        for class_id, score, xyxy in zip(*columns, strict=True)
    ]


def _real(runtime: Runtime, index: int) -> Floats:
    """Returns an output's dequantized numbers without the batch axis, float32."""
    return runtime.outputs[index].dequantize(runtime.output_view(index))


def _scores_and_edges(outputs: Sequence[Floats], card: ModelCard) -> tuple[Floats, Floats]:
    """Turns logits (P, A, C) and raw distances (P, A, 4 * bins) into scores, 0..1, and edges' distances, input px."""
    _, strides = grid(card.input.height, card.input.width, card.detector.strides)
    logits, raw = (np.asarray(output, np.float32) for output in outputs)
    return sigmoid(logits), distances(raw, card.detector.bins) * strides[:, None]
