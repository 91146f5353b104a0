"""Runs an imported model on the validation photos, and describes its outputs for the card."""

from __future__ import annotations

import numpy as np

from edgetl.card import ClassifierDecoding
from edgetl.device.inference.input_scaling import Scaling
from edgetl.errors import ModelError
from edgetl.host.console import console, warn
from edgetl.host.convert.foreign.find_scaling import common_share
from edgetl.host.convert.foreign.foreign_model import Ending, ForeignModel
from edgetl.host.dataset.load import Photos
from edgetl.text import counted
from edgetl.vision.arrays import ClassIds, Scores
from edgetl.vision.classify import softmax
from edgetl.vision.quantized import sigmoid

EVEN = 0.5
"""The display threshold of scores that sigmoids give: below it, the class is more likely absent than present."""


def measure_outputs(model: ForeignModel, photos: Photos, scaling: Scaling) -> Scores:
    """Returns a model's outputs for the validation photos.

    Args:
        model: the model.
        photos: the N validation photos.
        scaling: the scaling of pixels that the model needs.

    Returns:
        The outputs, (N, classes) float32.

    Raises:
        ModelError: an output is not a finite number, or the model fails when it runs.
    """
    starts = range(0, len(photos), 64)  # so that not all photos are in memory at once
    scores = np.concatenate([model.predict(photos.batch(slice(s, s + 64)), scaling) for s in starts])
    bad = int((~np.isfinite(scores)).any(axis=1).sum())
    if bad:
        what = f"the model's scores are not finite numbers on {bad} of {counted(len(photos), 'photo')}"
        remedy = "check that --scale is as in training; if it is, the model's weights are damaged: train it again"
        raise ModelError(what, where=str(model.path), remedy=remedy)
    return scores


def describe_outputs(model: ForeignModel, scores: Scores, ending: Ending) -> ClassifierDecoding:
    """Returns the decoding for the card; a `.tflite` file gets no layers, so its card says what the outputs are.

    Args:
        model: the model.
        scores: the model's outputs for the validation photos, (N, classes) float32.
        ending: the layers that turn the outputs into scores.
    """
    unchanged = model.path.suffix.lower() == ".tflite"
    if ending == "softmax":
        console.print("outputs: they are not probabilities, because they don't sum to one; a softmax is added")
        return ClassifierDecoding("logits" if unchanged else "probabilities")
    if ending == "sigmoid_pair":
        console.print("outputs: one, which is not a score of 0 to 1; a sigmoid is added")
        return ClassifierDecoding("logits" if unchanged else "probabilities")
    if ending == "pair":
        return ClassifierDecoding("independent" if unchanged else "probabilities")
    if model.are_independent(scores):
        console.print("outputs: scores that don't sum to one; each class is independent and is shown from 0.5 on")
        return ClassifierDecoding("independent", EVEN)
    return ClassifierDecoding("probabilities")


def final_scores(scores: Scores, ending: Ending) -> Scores:
    """Returns the scores of all classes behind the layers that turn a model's outputs into scores.

    Args:
        scores: the model's outputs for the validation photos, (N, columns) float32.
        ending: the name of the layers.

    Returns:
        The scores, (N, C) float32, 0..1.
    """
    if ending == "softmax":
        return softmax(scores)
    if ending == "none":
        return scores
    second = sigmoid(scores) if ending == "sigmoid_pair" else scores
    return np.concatenate([1 - second, second], axis=1)


def measure_top1(predicted: ClassIds, photos: Photos, labels: tuple[str, ...]) -> float:
    """Returns the top-1 on the validation photos, and warns if it is no better than chance.

    Args:
        predicted: the predicted class of each photo, (N,) int64.
        photos: the validation photos.
        labels: the labels.
    """
    top1 = float((predicted == photos.classes).mean())
    if top1 <= common_share(photos.classes):
        often = labels[int(np.bincount(photos.classes).argmax())]
        warn(
            f"top-1 {top1:.1%} is no better than always predicting {often}; check that --labels has the order of the "
            "outputs, and that --color and --scale are as in training"
        )
    return top1
