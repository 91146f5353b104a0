"""Measures converted detectors: mAP, agreement of the boxes, and differences of the cells behind the boxes."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgetl.card import ModelCard
from edgetl.device.inference.model import Model
from edgetl.device.inference.output_names import DISTANCES, LOGITS
from edgetl.device.measure.steps import Step, no_steps
from edgetl.device.runtime import Runtime
from edgetl.golden import golden_card
from edgetl.host.convert.gate import OutputWatch, require_finite
from edgetl.host.convert.gate.decoded_photos import DecodedPhotos
from edgetl.host.convert.gate.run_photos import Opened, run_photos
from edgetl.host.dataset.boxes.load import BoxedDataset
from edgetl.host.dataset.boxes.truth import Found
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.host.evaluate.predict_boxes import find, judging
from edgetl.host.networks.untyped import Network
from edgetl.manifest import Measurement
from edgetl.vision.arrays import Floats, Image
from edgetl.vision.detect import CANDIDATES, grid
from edgetl.vision.distances import distances
from edgetl.vision.filter import ResultFilter, reaches
from edgetl.vision.match_boxes import pair
from edgetl.vision.quantized import sigmoid
from edgetl.vision.results import Detections

NEAR = 0.05
"""A box whose score is within this distance of its display threshold, 0..1, may be shown by one detector and hidden by
the other without counting as a disagreement."""

_CELL_PHOTOS = 32
"""The cells of this many validation photos are compared one by one; a wrong export shows in every photo, so more photos
would only cost time."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well the boxes of two detectors agree.

    Attributes:
        share: the share of boxes on which both agree, 0..1; see `agreement`.
        max_score_difference: the largest difference of the scores of two paired boxes of which one is shown, 0..1; 0 if
            there is no such pair.
    """

    share: float
    max_score_difference: float


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
        self._card, self._truth = card, data.val.truth
        began = time.monotonic()
        found = find(network, data.val, judging(card))
        self.seconds_per_photo = (time.monotonic() - began) / len(data.val)
        self.reference = DetectionEvaluation(card.labels, data.val.truth, found)
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
        raw = {LOGITS, DISTANCES} <= {tensor.name for tensor in runtime.outputs}

        def run(opened: Opened, k: int) -> tuple[Found, Sequence[float]]:
            one, model = opened
            result = _detect(model, *self._frames[k])
            views = [one.output_view(i) for i in range(len(one.outputs))] if raw else []
            watch.add(views or [result.xyxy, result.score])  # a portable file's memory beyond the last box is not set
            del views
            differences = self._compare_cells(k, one) if raw and k < _CELL_PHOTOS else ()
            return Found(result.xyxy, result.score, result.class_id), differences

        opened = [(one, Model(one, card)) for one in (runtime, *more)]
        results, latency = run_photos(opened, len(self._frames), run, step)
        measured = self._measurement([found for found, _ in results], latency)
        measured = replace(measured, metrics=measured.metrics | watch.faults())
        if not raw:  # a portable file doesn't show its cells
            return measured
        differences = [row for _, row in results[:_CELL_PHOTOS]]
        largest = zip(("cell_score_difference", "cell_edge_px"), np.max(differences, axis=0).tolist(), strict=True)
        cells = {name: float(f"{value:.3g}") for name, value in largest if math.isfinite(value)}
        return replace(measured, metrics=measured.metrics | cells)

    def _measurement(self, found: Sequence[Found], latency: float) -> Measurement:
        reference, variant = self.reference, DetectionEvaluation(self._card.labels, self._truth, found)
        drops = self._class_drops(variant)
        worst = max(drops, key=lambda label: drops[label])
        agreed = agreement(reference.found, found, self._card)
        return Measurement(
            accuracy=round(variant.map, 4),
            accuracy_drop=round(reference.map - variant.map, 4),
            worst_class=worst,
            worst_class_drop=drops[worst],
            agreement=round(agreed.share, 4),
            max_score_difference=float(f"{agreed.max_score_difference:.3g}"),
            latency_ms=round(latency, 3),
            class_drops=drops,
            metrics={
                "map50": round(variant.map50, 4),
                "map50_drop": round(reference.map50 - variant.map50, 4),
            },
        )

    def _class_drops(self, variant: DetectionEvaluation) -> dict[str, float]:
        """Returns the loss of mAP of each class that the validation photos have boxes of."""
        before, after = self.reference.by_class(), variant.by_class()
        return {k: round(before[k][0] - after[k][0], 4) for k in before if not np.isnan(before[k][0])}

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


def agreement(reference: Sequence[Found], variant: Sequence[Found], card: ModelCard) -> Agreement:
    """Returns the share of boxes on which two detectors agree, over all photos.

    Boxes are paired one to one if they have the same class and an IoU of 0.9 or more. Only clear boxes count: those of
    either detector with a score of more than `NEAR` above their display threshold. A clear box agrees if its partner's
    score is at most `NEAR` below the threshold, or above it. So a box that hardly passes counts neither for nor against
    the variant. The share is the number of agreeing boxes divided by the number of clear boxes of both detectors; it is
    1 if there are no clear boxes.

    Args:
        reference: the reference detector's boxes in each photo, including boxes well below the display thresholds.
        variant: the other detector's boxes in each photo.
        card: the card with the display thresholds and the labels.
    """
    clear, agreeing, largest = 0, 0, 0.0
    thresholds = ResultFilter().thresholds(card)
    for ours, theirs in zip(reference, variant, strict=True):
        a, b = (_above(found, thresholds - NEAR) for found in (ours, theirs))
        partner = pair(a.xyxy, a.class_id, b.xyxy, b.class_id)
        left, right = np.flatnonzero(partner >= 0), partner[partner >= 0]
        is_clear = [found.score > thresholds[found.class_id] + NEAR for found in (a, b)]
        clear += sum(int(mask.sum()) for mask in is_clear)
        agreeing += int(is_clear[0][left].sum()) + int(is_clear[1][right].sum())
        shown = reaches(a.score, a.class_id, thresholds)[left] | reaches(b.score, b.class_id, thresholds)[right]
        largest = max(largest, float(np.abs(a.score[left] - b.score[right])[shown].max(initial=0.0)))
    return Agreement(agreeing / clear if clear else 1.0, largest)


def _above(found: Found, least: Floats) -> Found:
    keep = reaches(found.score, found.class_id, least)
    return Found(found.xyxy[keep], found.score[keep], found.class_id[keep])


def _detect(model: Model, frame: Image, size_wh: tuple[int, int] | None = None) -> Detections:
    result = model(frame, size_wh)
    assert isinstance(result, Detections)  # the card is a detector's
    return result


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
