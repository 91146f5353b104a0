"""Makes portable detectors: files that end with finished boxes, for software other than edgetl.

The body of a portable file is a raw variant's, bit for bit: int8 if that meets the gate. Decoding, non-maximum
suppression and box voting follow in float, because in int8 one scale would have to serve both the edges and the score
of a box. Classes are kept apart by shifting the boxes of each class to a region of its own. Ranks replace the scores,
because quantized scores are often equal and runtimes would then choose differently. Two differences from
`edgetl.vision.detect.Decoder` remain: each cell gives a box of its best class only, and boxes are clipped at the edges
of the input, not at the edges of the photo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from edgetl.card import ModelCard
from edgetl.host.convert.converter import Attempt, ConversionInput, Converter, Files
from edgetl.host.evaluate.predict_boxes import LEAST_SCORE
from edgetl.target import RecipeName
from edgetl.vision.arrays import Floats
from edgetl.vision.detect import CANDIDATES, grid

CLASS_SHIFT = 2.0
"""The boxes of each class are shifted by this distance from those of the class before, in shares of the input; since
every box lies within 0..1, boxes of two classes never overlap."""

LOWEST_SCORE = LEAST_SCORE
"""Boxes with a lower score, 0..1, are left out; all boxes that count for mAP remain, and the user's software decides
which of them to show."""

SMALLEST_AREA = 1e-9
"""Areas and weights are at least this much where they divide, in shares of the input: unused rows have none."""

_BODIES: dict[RecipeName, str] = {"static_wi8_ai8": "", "float16": "weights in float16, not in int8"}
"""The recipes to try for the body, in order, each with the note that goes into the bundle."""

Finish = Callable[[Files, ModelCard], Files]
"""Appends decoding to a raw detector's files; the card is that of the new file, see `finished_card`."""


def attempts(raw: Converter, finish: Finish, source: ConversionInput, *, search: bool = True) -> Iterator[Attempt]:
    """Yields ways to make a portable detector; see `edgetl.host.convert.converter.Converter`.

    Args:
        raw: the converter that makes the raw files for a runtime.
        finish: the function that appends decoding to the files of that runtime.
        source: the detector.
        search: whether to try more for each body than the plain recipe.
    """

    def finished(attempt: Attempt) -> Files:
        return finish(attempt.make(), finished_card(source.card))

    for recipe, note in _BODIES.items():
        for attempt in raw(recipe, source, search=search):
            yield Attempt("; ".join(filter(None, (note, attempt.note))), partial(finished, attempt))


def finished_card(card: ModelCard) -> ModelCard:
    """Returns the card of a portable file: a raw detector's card with `postprocessed` decoding.

    Args:
        card: the raw detector's card.
    """
    return replace(card, decoding=replace(card.detector, kind="postprocessed"))


def candidates(card: ModelCard) -> int:
    """Returns how many cells, those with the best scores, take part in non-maximum suppression."""
    return min(CANDIDATES, len(geometry(card)[0]))


def ranks(card: ModelCard) -> Floats:
    """Returns the numbers that replace the candidates' scores in non-maximum suppression, best first.

    Returns:
        (N,) float32, N..1: all different and at least 1.
    """
    return np.arange(candidates(card), 0, -1, dtype=np.float32)


def geometry(card: ModelCard) -> tuple[Floats, Floats]:
    """Returns the centres of a detector's cells, and how far each edge of a box moves for a distance of 1.

    Returns:
        The centres, (A, 4) float32 x, y, x, y, and the signed strides, (A, 4) float32, both in shares of the input.
    """
    centres, strides = grid(card.input.height, card.input.width, card.detector.strides)
    size = np.array((card.input.width, card.input.height) * 2, np.float32)
    return np.tile(centres, (1, 2)) / size, strides[:, None] * np.array((-1, -1, 1, 1), np.float32) / size
