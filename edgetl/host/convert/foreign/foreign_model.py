"""Represents a classifier that was trained elsewhere, as `edgetl convert --from` uses it, for every kind of file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from edgetl.device.inference.input_scaling import Scaling
from edgetl.errors import ModelError
from edgetl.host.networks.untyped import Predictor
from edgetl.text import first_line
from edgetl.vision.arrays import ClassIds, Image, Scores

PIXELS = Scaling()
"""The scaling that leaves pixels unchanged, 0..255."""

_BATCH = 64
"""At most this many photos are in memory as float32 at once."""

Ending = Literal["none", "softmax", "pair", "sigmoid_pair"]
"""The layers that turn a network's outputs into scores. `none` leaves the outputs unchanged, `softmax` adds a softmax,
`pair` turns one column p into the two columns 1 - p and p, and `sigmoid_pair` adds a sigmoid before that."""

Write = Callable[[Path, Scaling, Ending], None]
"""Stores a model in a folder, with the scaling of pixels that it needs and the layers that turn its outputs into
scores."""


@dataclass(frozen=True, slots=True)
class ForeignModel:
    """An opened classifier.

    Attributes:
        path: the model's file, or the folder of a SavedModel.
        network: the network; its `predict_on_batch` turns scaled pixels, (N, H, W, 3) float32, into outputs,
            (N, classes) float32.
        size: the height and width of the input, px.
        classes: the number of columns of the output.
        scaling: the scaling of pixels that the file states; None if it states none.
        scaling_note: the place where the file states the scaling, in words; empty if it states none.
        output_step: the step between two neighbouring values of the output; 0 if the output is not quantized.
        write: the function that stores the model.
        inside: a scaling that was taken out of the network, to be applied after the one that `--scale` names.
        last: the network's last operation in small letters, such as sigmoid, softmax or linear; empty if unknown.
        takes_bytes: whether the input takes integers, which are pixels 0..255.
    """

    path: Path
    network: Predictor
    size: tuple[int, int]
    classes: int
    scaling: Scaling | None
    scaling_note: str
    output_step: float
    write: Write
    inside: Scaling = PIXELS
    last: str = ""
    takes_bytes: bool = False

    def predict(self, pixels: Image, scaling: Scaling) -> Scores:
        """Returns the model's outputs for photos.

        Args:
            pixels: the photos as model inputs, (N, H, W, 3) uint8.
            scaling: the scaling of the pixels.

        Returns:
            The outputs, (N, classes) float32.

        Raises:
            ModelError: the model fails when it runs.
        """
        rows = []
        mean, std = (np.array(values, np.float32) for values in (scaling.mean, scaling.std))
        for start in range(0, len(pixels), _BATCH):
            scaled = (pixels[start : start + _BATCH] - mean) / std
            try:
                rows.append(np.asarray(self.network.predict_on_batch(scaled), np.float32))
            except Exception as error:  # TensorFlow raises a type of its own for every kind of failure
                what = f"the model fails when it runs: {first_line(error)}"
                remedy = "try the file with the software that made it, and write it again"
                raise ModelError(what, where=str(self.path), remedy=remedy) from error
        return np.concatenate(rows)

    def ending(self, scores: Scores) -> Ending:
        """Returns the layers that turn the model's outputs into scores, judged by its outputs for photos.

        Args:
            scores: the outputs for some photos, (N, classes) float32.
        """
        within = bool(scores.min() >= 0 and scores.max() <= 1 + self.output_step)
        if scores.shape[1] == 1:
            return "pair" if within and self.last != "linear" else "sigmoid_pair"
        return "none" if within else "softmax"

    def classes_of(self, scores: Scores) -> ClassIds:
        """Returns the class that the model predicts for each photo.

        Args:
            scores: the outputs for N photos, (N, classes) float32.

        Returns:
            Class numbers, (N,) int64; -1 for a photo whose outputs are not finite numbers.
        """
        if scores.shape[1] == 1:
            found = (scores[:, 0] > (0.5 if self.ending(scores) == "pair" else 0.0)).astype(np.int64)
        else:
            found = np.asarray(scores.argmax(axis=1), np.int64)
        return np.where(np.isfinite(scores).all(axis=1), found, -1)

    def are_independent(self, scores: Scores) -> bool:
        """Returns whether each score lies in 0..1 but a photo's scores need not sum to one, as sigmoids give them.

        Args:
            scores: the outputs for some photos, (N, classes) float32.
        """
        if self.last in ("sigmoid", "softmax"):
            return self.last == "sigmoid"
        slack = 0.01 + self.output_step * scores.shape[1] / 2  # many small scores may all have been rounded down
        return self.ending(scores) == "none" and bool(np.abs(scores.sum(axis=1) - 1).max() > slack)


def compose(first: Scaling, second: Scaling) -> Scaling:
    """Returns the scaling that applies two scalings one after the other."""
    size = max(len(first.std), len(second.std))
    mean, std = (np.resize(np.array(values), size) for values in (first.mean, first.std))
    return Scaling(tuple((mean + np.array(second.mean) * std).tolist()), tuple((std * np.array(second.std)).tolist()))
