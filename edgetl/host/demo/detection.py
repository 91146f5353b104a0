"""Defines the demo of a detector: photos of several parts with their boxes, and a film with several parts in sight."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.device.observation import Observation
from edgetl.host.demo.draw import PARTS, Placed, draw_boxed, draw_boxed_film
from edgetl.host.demo.task import FILM_SECONDS, FPS, Task
from edgetl.vision.match_boxes import pair
from edgetl.vision.results import Detections

_PHOTOS = 400
"""This many photos are drawn, which two cores can learn from in two minutes."""
_LEAST_IOU = 0.5
"""A box is right if it overlaps a part's box by at least this IoU, 0..1, the usual limit of mAP50."""


class BoxedParts:
    """Counts the parts in sight that are boxed and named rightly; see `FilmCheck`.

    Args:
        placed: the parts in sight, a list for each frame.
    """

    def __init__(self, placed: list[list[Placed]]) -> None:
        self._placed = placed
        self._in_sight = self._right = 0

    def __call__(self, observation: Observation) -> None:
        """Pairs a frame's boxes with the parts in sight, one to one and class by class."""
        result, parts = observation.result, self._placed[observation.frame.index]
        self._in_sight += len(parts)
        if isinstance(result, Detections):
            drawn = np.array([part.xyxy for part in parts], np.float32).reshape(-1, 4)
            partners = pair(result.xyxy, _ids(result.labels), drawn, _ids([part.label for part in parts]), _LEAST_IOU)
            self._right += int((partners >= 0).sum())

    def __str__(self) -> str:
        return f"{self._right} of {self._in_sight} parts in sight boxed and named rightly (IoU >= {_LEAST_IOU})"


def _ids(labels: Sequence[str]) -> NDArray[np.int64]:
    return np.array([PARTS.index(label) for label in labels], np.int64)


def _draw(photos: Path, seed: int) -> None:
    draw_boxed(photos, _PHOTOS, seed)


def _film(path: Path, seed: int) -> BoxedParts:
    return BoxedParts(draw_boxed_film(path, FILM_SECONDS, FPS, seed))


DETECTION = Task(
    name="demo-detect",
    photos=f"{_PHOTOS} photos with boxes around each {', '.join(PARTS)}",
    options={
        "weights": "starter",
        "size": 192,
        "strides": (16, 32),
        "batch": 16,
        "epochs": 22,
    },
    layout=re.compile(r"JPEGImages(/parts_\d{4}\.jpg)?|Annotations(/parts_\d{4}\.xml)?"),
    draw=_draw,
    film=_film,
    own="For your own things, draw boxes around them in a program that writes Pascal VOC, COCO, YOLO or CSV, then",
)
