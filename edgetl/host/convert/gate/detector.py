"""The judge of detectors: mAP, agreement of the boxes, differences of the cells behind them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgetl.card import ModelCard
from edgetl.device.inference.heads import DISTANCES, LOGITS
from edgetl.device.inference.model import Model
from edgetl.device.runtime import Runtime
from edgetl.golden import golden_card
from edgetl.host.console import track
from edgetl.host.convert.gate import FLOAT32_PARITY, OutputWatch, faults, require_finite, told
from edgetl.host.dataset.boxes.load import BoxedDataset
from edgetl.host.dataset.boxes.truth import Found
from edgetl.host.evaluate.box_metrics import DetectionEvaluation
from edgetl.host.evaluate.predict_boxes import find, judging
from edgetl.host.networks.untyped import Network
from edgetl.manifest import Measurement
from edgetl.target import Gate
from edgetl.vision.arrays import Image
from edgetl.vision.detect import CANDIDATES, grid
from edgetl.vision.filter import ResultFilter, reaches
from edgetl.vision.match_boxes import pair
from edgetl.vision.photo import read_sized
from edgetl.vision.quantized import sigmoid, softplus
from edgetl.vision.results import Detections

FLOAT32_EDGE_PX = 0.05
"""How far an edge of a float32 file's box may be from Keras's, px of the input; of any cell, shown or not."""

NEAR = 0.05
"""So near to its threshold a box may as well be shown as not: its coming and going is no disagreement."""

_CELL_PHOTOS = 32
"""So many validation photos have their every cell compared: a wrong export shows in each."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two detectors have in common.

    Attributes:
        share: 0..1, see `agreement`.
        max_score_difference: largest of a pair that one of them shows; 0 where there is none.
    """

    share: float
    max_score_difference: float


class DetectorJudge:
    """See `edgetl.host.convert.gate.Judge`.

    Args:
        card: of the detector.
        network: its Keras model.
        data: the photos it was trained on, split as they were then.
    """

    def __init__(self, card: ModelCard, network: Network, data: BoxedDataset) -> None:
        self._card, self._truth = card, data.val.truth
        found = find(network, data.val, judging(card))
        self.reference = DetectionEvaluation(card.labels, data.val.truth, found)
        self._cells = _meaning(network.predict_on_batch(data.val.batch(slice(0, _CELL_PHOTOS))), card)
        require_finite([*self._cells, *(box.score for box in found)], card.name)
        self.told = f"mAP {self.reference.map:.3f}, mAP50 {self.reference.map50:.3f}"
        self.train = data.train
        self.photos = data.val.paths
        self.shown = [truth.class_id[~truth.ignore].tolist() for truth in data.val.truth]

    def measure(self, runtime: Runtime) -> Measurement:
        """See `Judge`; the times are those of the runtime alone, which decodes a portable file's boxes, too."""
        model = Model(runtime, judging(self._card))
        raw = {LOGITS, DISTANCES} <= {tensor.name for tensor in runtime.outputs}
        found: list[Found] = []
        times, differences, watch = [], [], OutputWatch()
        for k, path in enumerate(track(self.photos, "Evaluating", len(self.photos))):
            frame, size_wh = read_sized(path, self._card.input)
            result = _detect(model, frame, size_wh)
            found.append(Found(result.xyxy, result.score, result.class_id))
            times.append(model.timings.invoke)
            views = [runtime.output_view(i) for i in range(len(runtime.outputs))] if raw else []
            watch.add(views or [result.xyxy, result.score])  # of finished boxes, those beyond the last are not even set
            del views
            if raw and k < _CELL_PHOTOS:
                differences.append(self._compare_cells(k, runtime))
        measured = self._measurement(found, statistics.median(times))
        measured = replace(measured, metrics=measured.metrics | watch.faults())
        if not raw:  # its cells can't be seen
            return measured
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
        """What the mAP of each class lost that the validation photos have boxes of."""
        before, after = self.reference.by_class(), variant.by_class()
        return {k: round(before[k][0] - after[k][0], 4) for k in before if not np.isnan(before[k][0])}

    def _compare_cells(self, photo: int, runtime: Runtime) -> tuple[float, float]:
        """The largest difference from Keras of any cell's score, and of any edge, px of the input."""
        outputs = {tensor.name: i for i, tensor in enumerate(runtime.outputs)}
        rows = [_real(runtime, outputs[name])[None] for name in (LOGITS, DISTANCES)]
        pairs = zip(_meaning(rows, self._card), self._cells, strict=True)
        score, edge = (float(np.abs(ours[0] - theirs[photo]).max()) for ours, theirs in pairs)
        return score, edge

    def misses(self, measured: Measurement, gate: Gate, recipe: str) -> str:
        """See `Judge`; of a float32 file every cell must be what Keras says, whatever the boxes look like."""
        score, edge = (measured.metrics.get(k, math.nan) for k in ("cell_score_difference", "cell_edge_px"))
        drop50 = measured.metrics["map50_drop"]
        drop, agreed, float32 = measured.accuracy_drop, measured.agreement, recipe == "float32"
        reasons = (
            *faults(measured),
            (
                float32 and not score <= FLOAT32_PARITY,
                f"a score differs by {score:g} from Keras, float32 may by {FLOAT32_PARITY:g}",
            ),
            (
                float32 and not edge <= FLOAT32_EDGE_PX,
                f"an edge is {edge:g} px from Keras's, float32 may be by {FLOAT32_EDGE_PX:g}",
            ),
            (
                not drop <= gate.max_map_drop,
                f"loses {100 * drop:.1f} points of mAP, {100 * gate.max_map_drop:.1f} are allowed",
            ),
            (
                not drop50 <= gate.max_map50_drop,
                f"loses {100 * drop50:.1f} points of mAP50, {100 * gate.max_map50_drop:.1f} are allowed",
            ),
            (
                not agreed >= gate.min_box_agreement,
                f"agrees on {100 * agreed:.1f} % of the boxes, {100 * gate.min_box_agreement:.1f} % are wanted",
            ),
        )
        return told(reasons)

    def margin(self, measured: Measurement, gate: Gate) -> float:
        """See `Judge`."""
        if any(holds for holds, _ in faults(measured)):
            return -1.0
        return min(
            gate.max_map_drop - measured.accuracy_drop,
            gate.max_map50_drop - measured.metrics["map50_drop"],
            measured.agreement - gate.min_box_agreement,
        )

    def expected(self, runtime: Runtime, frames: Sequence[Image]) -> object:
        """Returns the boxes of each photo, and the candidates that were suppressed for them."""
        watchful = golden_card(self._card)
        everything = replace(watchful.detector, iou=1.0, max_det=CANDIDATES)
        kept, candidates = Model(runtime, watchful), Model(runtime, replace(watchful, decoding=everything))
        photos = []
        for frame in frames:
            objects = _rows(_detect(kept, frame))
            others = [row for row in _rows(_detect(candidates, frame)) if row not in objects]
            photos.append({"objects": objects, "suppressed": others})
        return photos


def agreement(reference: Sequence[Found], variant: Sequence[Found], card: ModelCard) -> Agreement:
    """Says how many of the boxes that either of two detectors shows the other one shows too.

    Boxes agree which are paired one to one, of one class and at IoU 0.9 or more. Only clear boxes are counted, of
    either side: those with a score of more than `NEAR` above their display threshold. A clear box agrees if its partner
    is shown, or not more than `NEAR` below the threshold. So a box that hardly passes counts neither for nor against.
    The share is that of agreeing boxes among all clear ones of both sides; 1 where there are none.

    Args:
        reference: what the one found in each photo, of scores well below the thresholds too.
        variant: what the other found.
        card: its display thresholds count.
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
    """An output's real numbers, without the batch axis."""
    return runtime.outputs[index].dequantize(runtime.output_view(index))


def _meaning(outputs: Sequence[Floats], card: ModelCard) -> tuple[Floats, Floats]:
    """Logits (P, A, C) and raw distances (P, A, 4) as scores and as px of the input."""
    _, strides = grid(card.input.height, card.input.width, card.detector.strides)
    logits, distances = (np.asarray(output, np.float32) for output in outputs)
    return sigmoid(logits), softplus(distances) * strides[:, None]
