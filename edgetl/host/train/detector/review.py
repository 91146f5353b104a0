"""Reviews the boxes of a detector's training as crops, on the features that its backbone had before it learned them.

A crop stands for a photo of one class, so that the heads which review a classifier's photos can judge it; crops without
a box are one more class. What more photos would bring is measured by the boxes that are found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgetl.card import InputSpec
from edgetl.errors import ModelError
from edgetl.host.dataset.boxes.load import BoxedDataset, BoxedPhotos
from edgetl.host.evaluate.detector_mistakes import recognised_boxes
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.host.networks.pooled_network import pooled_network
from edgetl.host.networks.untyped import Network, Predictor
from edgetl.host.probe.crops import BACKGROUND, CROP_SIZE, Boxes, cut_boxes, find_boxes
from edgetl.host.probe.data_curve import DataCurve, Labelled, measure_curve
from edgetl.host.probe.features import pooled_features
from edgetl.host.probe.photo_review import ClassGain, PhotoReview, SuspectPhoto
from edgetl.host.probe.sample import stratified
from edgetl.host.probe.suspects import Suspect, find_suspects
from edgetl.host.train.resolve import DetectorOptions
from edgetl.host.train.weights import backbones
from edgetl.vision.arrays import Mask

_MOST_TRAIN, _MOST_VAL = 3_000, 1_500
"""At most this many boxes to train on and to validate with are reviewed, which takes seconds."""
_MOST_EMPTY = 1_000
"""At most this many crops of the background are compared with them."""
RANDOM_WEIGHTS = PhotoReview(
    "The training began with random weights, whose features say nothing about the boxes. Train with --weights auto to "
    "see what more photos would bring and which labels are probably wrong.",
    unit="box",
)
"""The review of a training without features."""
_NOT_FINITE = "The network's features are not finite numbers, so that they say nothing about the boxes."
_TOO_SMALL = "The boxes are too small to be judged as crops."
_FEW_BOXES = "The classes have too few boxes to see what more would bring: 4 boxes of most classes are needed."


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The crops of a part of the split.

    Attributes:
        boxes: the boxes of the first N crops; the others show the background.
        labelled: the features and the classes of all crops.
        files: the photo files of all crops.
    """

    boxes: Boxes
    labelled: Labelled
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CropFeatures:
    """The pooled features of the crops by the backbone before its training.

    Attributes:
        train: the training photos' crops, those of the background last.
        val: the validation photos' crops of boxes.
        all_boxes: the number of boxes to train on of each class, (C,) int64.
    """

    train: _Part
    val: _Part
    all_boxes: np.ndarray[tuple[int], np.dtype[np.int64]]


def compute_crop_features(
    backbone: Network, data: BoxedDataset, options: DetectorOptions, spec: InputSpec
) -> CropFeatures | PhotoReview:
    """Returns the features of crops of the boxes by the backbone as it is now; without any, a review with the reason.

    Args:
        backbone: the backbone without top.
        data: the photos with boxes.
        options: the resolved options.
        spec: the model's input.
    """
    labels = len(data.labels)
    train, val = find_boxes(data.train, spec), find_boxes(data.val, spec)
    if not len(train) or not len(val):
        return PhotoReview(_TOO_SMALL, unit="box")
    small = backbones.build(options.backbone, options.alpha, CROP_SIZE, CROP_SIZE)
    small.set_weights(backbone.get_weights())
    network = pooled_network(small, options.input_range)
    empty = min(_MOST_EMPTY, max(1, min(len(train), _MOST_TRAIN) // labels))
    try:
        return CropFeatures(
            _part(network, data.train, train.subset(stratified(train.classes, _MOST_TRAIN)), labels, spec, empty),
            _part(network, data.val, val.subset(stratified(val.classes, _MOST_VAL)), labels, spec, 0),
            np.bincount(train.classes, minlength=labels),
        )
    except ModelError:
        return PhotoReview(_NOT_FINITE, unit="box")


def _part(
    network: Predictor, photos: BoxedPhotos, boxes: Boxes, labels: int, spec: InputSpec, most_empty: int
) -> _Part:
    crops = cut_boxes(photos, boxes, labels, spec, most_empty)
    return _Part(boxes, Labelled(pooled_features(network, crops), crops.classes), crops.paths)


def review_boxes(
    data: BoxedDataset, crops: CropFeatures, evaluation: DetectionEvaluation, thresholds: Sequence[float]
) -> PhotoReview:
    """Returns what more photos would bring, and the boxes whose labels are probably wrong.

    Args:
        data: the photos with boxes.
        crops: the features of their crops.
        evaluation: the evaluation of the trained network on the validation photos.
        thresholds: the display thresholds, 0..1.
    """
    every, own = int(crops.all_boxes.sum()), len(crops.train.boxes)
    total = round(len(crops.train.labelled.classes) * every / own)
    clusters = crops.val.boxes.photos
    curve = measure_curve(
        crops.train.labelled, crops.val.labelled, len(data.labels) + 1, photos=total, clusters=clusters
    )
    suspects, reviewed = _contradicted(data, crops)
    if curve is None:
        return PhotoReview(_FEW_BOXES, reviewed=reviewed, suspects=suspects, unit="box")
    right = recognised_boxes(evaluation, thresholds)
    found = np.array([right[i][row] for i, row in zip(clusters.tolist(), crops.val.boxes.rows.tolist(), strict=True)])
    return PhotoReview(
        measured=curve.measured,
        fitted=curve.fitted,
        gain=curve.gain(~found),
        class_gains=tuple(_class_gains(data, crops, curve, found)),
        reviewed=reviewed,
        suspects=suspects,
        unit="box",
    )


def _class_gains(data: BoxedDataset, crops: CropFeatures, curve: DataCurve, found: Mask) -> list[ClassGain]:
    """Returns the classes that have validation boxes, the largest gain first.

    Args:
        data: the photos with boxes.
        crops: the features of their crops.
        curve: the curve of the head.
        found: whether the network finds each validation box, (N,) bool.
    """
    gains = []
    for i, label in enumerate(data.labels):
        own = found[crops.val.boxes.classes == i]
        if len(own):
            recall = float(own.mean())
            gain = (1 - recall) * float(curve.corrected_of[i])
            gains.append(ClassGain(label, int(crops.all_boxes[i]), recall, gain))
    return sorted(gains, key=lambda gain: (-gain.gain, gain.label))


def _contradicted(data: BoxedDataset, crops: CropFeatures) -> tuple[tuple[SuspectPhoto, ...], int]:
    """Returns the boxes that look like another class or like the background, and how many boxes were searched."""
    train, val, root = crops.train, crops.val, Path(data.report.root)
    files = (*train.files, *val.files)
    classes = np.concatenate([train.labelled.classes, val.labelled.classes])
    features = np.concatenate([train.labelled.features, val.labelled.features])
    names, first_val = (*data.labels, BACKGROUND), len(train.files)
    found = find_suspects(features, classes, len(names), data.report.groups_of(files))

    def suspect_of(suspect: Suspect) -> SuspectPhoto:
        learned = suspect.photo < first_val
        part, photos = (train, data.train) if learned else (val, data.val)
        place = suspect.photo if learned else suspect.photo - first_val
        truth = photos.truth[int(part.boxes.photos[place])]
        left, top, right, bottom = truth.xyxy[int(part.boxes.rows[place])].round().astype(int).tolist()
        return SuspectPhoto(
            str(files[suspect.photo].relative_to(root)),
            "train" if learned else "val",
            names[classes[suspect.photo]],
            names[suspect.looks_like],
            "looks like another class",
            suspect.own,
            suspect.other,
            box=(left, top, right, bottom),
        )

    empty = len(data.labels)  # a crop of the background has no label that could be wrong
    rows = tuple(suspect_of(suspect) for suspect in found if classes[suspect.photo] != empty)
    return rows, int((classes != empty).sum())
