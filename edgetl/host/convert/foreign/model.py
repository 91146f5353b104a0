"""A classifier of others' making as `edgetl convert --from` sees it, whatever kind of file it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgetl.device.inference.input_scaling import Scaling
from edgetl.errors import ModelError
from edgetl.host.networks.untyped import Network
from edgetl.text import first_line
from edgetl.vision.arrays import Image

PIXELS = Scaling()
"""Pixels as they are, 0..255."""

_BATCH = 64

Ending = Literal["none", "softmax", "pair", "sigmoid_pair"]
"""What makes scores of a network's outputs: nothing; a softmax; of one column p the two columns 1 - p and p; or the
same behind a sigmoid."""

Write = Callable[[Path, Scaling, Ending], None]
"""Stores a model in a folder, given how pixels are scaled for it, and what makes scores of its outputs."""


@dataclass(frozen=True, slots=True)
class ForeignModel:
    """An opened classifier.

    Attributes:
        path: the file, or a SavedModel's folder.
        network: answers `predict_on_batch`, (N, H, W, 3) scaled float32 to (N, classes) float32.
        size: height and width of its input, px.
        classes: columns of its output.
        scaling: what it wants of pixels, where the file tells; else None.
        told: how the file tells, for people.
        step: what scores are rounded to multiples of; 0 where they are floats.
        write: see `Write`.
        inside: a scaling that was taken out of the network, and is to be done behind whatever `--scale` says.
        last: the network's last operation in small letters, such as sigmoid, softmax or linear; empty if unknown.
    """

    path: Path
    network: Network
    size: tuple[int, int]
    classes: int
    scaling: Scaling | None
    told: str
    step: float
    write: Write
    inside: Scaling = PIXELS
    last: str = ""

    def predict(self, pixels: Image, scaling: Scaling) -> NDArray[np.float32]:
        """Returns what the model says, (N, classes) float32, of (N, H, W, 3) uint8 pixels.

        Raises:
            ModelError: the model fails when it runs.
        """
        rows = []
        mean, std = (np.array(values, np.float32) for values in (scaling.mean, scaling.std))
        for start in range(0, len(pixels), _BATCH):
            scaled = (pixels[start : start + _BATCH] - mean) / std
            try:
                rows.append(np.asarray(self.network.predict_on_batch(scaled), np.float32))
            except Exception as error:  # TensorFlow raises a kind of its own for every way to fail
                what = f"the model fails when it runs: {first_line(error)}"
                remedy = "try the file with the software that made it, and write it again"
                raise ModelError(what, where=str(self.path), remedy=remedy) from error
        return np.concatenate(rows)

    def ending(self, scores: NDArray[np.float32]) -> Ending:
        """Says what makes scores of a model's outputs, by what it said of photos, (N, classes) float32."""
        within = bool(scores.min() >= 0 and scores.max() <= 1 + self.step)
        if scores.shape[1] == 1:
            return "pair" if within and self.last != "linear" else "sigmoid_pair"
        return "none" if within else "softmax"

    def classes_of(self, scores: NDArray[np.float32]) -> NDArray[np.int64]:
        """Returns the class that a model says of each of N photos, (N,), -1 where its scores are no numbers."""
        if scores.shape[1] == 1:
            found = (scores[:, 0] > (0.5 if self.ending(scores) == "pair" else 0.0)).astype(np.int64)
        else:
            found = np.asarray(scores.argmax(axis=1), np.int64)
        return np.where(np.isfinite(scores).all(axis=1), found, -1)

    def are_independent(self, scores: NDArray[np.float32]) -> bool:
        """Says whether (N, classes) scores lie in 0..1 each, but need not sum to one: sigmoids give such."""
        if self.last in ("sigmoid", "softmax"):
            return self.last == "sigmoid"
        slack = 0.01 + self.step * scores.shape[1] / 2  # of many small ones, all may have been rounded down
        return self.ending(scores) == "none" and bool(np.abs(scores.sum(axis=1) - 1).max() > slack)


def compose(first: Scaling, second: Scaling) -> Scaling:
    """Returns two scalings, one after the other, as one."""
    size = max(len(first.std), len(second.std))
    mean, std = (np.resize(np.array(values), size) for values in (first.mean, first.std))
    return Scaling(tuple((mean + np.array(second.mean) * std).tolist()), tuple((std * np.array(second.std)).tolist()))
