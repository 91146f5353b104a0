"""Defines the demo of a classifier: photos of one part each, and a film in which one part follows another."""

from __future__ import annotations

import re
from pathlib import Path

from edgetl.device.observation import Observation
from edgetl.host.demo.draw import PARTS, draw_film, draw_photos
from edgetl.host.demo.task import FILM_SECONDS, FPS, Task

_PER_CLASS = 120
"""This many photos of each class are drawn, which two cores can learn from in a minute."""


class PassingParts:
    """Counts the parts that are named rightly as they pass the middle of the picture; see `FilmCheck`.

    Args:
        centred: the index of the frame in whose middle a part is, and the part's label, for each part.
    """

    def __init__(self, centred: list[tuple[int, str]]) -> None:
        self._expected = dict(centred)
        self._passed = self._right = 0

    def __call__(self, observation: Observation) -> None:
        """Compares the best class, where a part is in the middle of the frame."""
        label = self._expected.get(observation.frame.index)
        if label is not None:
            self._passed += 1
            self._right += observation.result.labels[:1] == (label,)

    def __str__(self) -> str:
        return f"{self._right} of {self._passed} parts named right as they pass the middle of the picture"


def _draw(photos: Path, seed: int) -> None:
    draw_photos(photos, _PER_CLASS, seed)


def _film(path: Path, seed: int) -> PassingParts:
    return PassingParts(draw_film(path, FILM_SECONDS, FPS, seed))


CLASSIFICATION = Task(
    name="demo",
    photos=f"{_PER_CLASS} photos of each of {', '.join(PARTS)}",
    # Two cores learn from pictures of this size in a minute; the starter needs no network.
    options={
        "weights": "starter",
        "size": 96,
        "batch": 16,
        "epochs": 24,
        "augment": 0.4,
        "batch_norm": "frozen",
        "layer_decay": 0.5,
    },
    layout=re.compile(rf"({'|'.join(PARTS)})(/\1_\d{{4}}\.jpg)?"),
    draw=_draw,
    film=_film,
    own="For your own things, put photos of each into a folder of its own, then",
)
