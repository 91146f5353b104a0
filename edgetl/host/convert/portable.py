"""The recipe `portable`: a detector whose file ends with finished boxes, for software that isn't edgetl.

The body is a raw variant's, bit for bit: int8 where that meets the gate. Behind it come decoding and non-maximum
suppression, in floats, for in int8 one scale would have to serve a box's edges and its score. Classes are kept apart by
shifting their boxes to where no other class's are. Ranks stand for the scores: quantized ones are often equal, and then
runtimes would take whichever. A cell tells of its best class alone, and boxes are cut off at the
input's edge, not at the photo's; in both, and in nothing else, it differs from `edgetl.vision.detect.Decoder`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edgetl.card import ModelCard
from edgetl.host.convert.converter import Attempt, Converter, Files, Source
from edgetl.host.evaluate.predict_boxes import LEAST_SCORE
from edgetl.target import RecipeName
from edgetl.vision.detect import CANDIDATES, grid

APART = 2.0
"""How far one class's boxes are shifted from the next one's, in shares of the input; every box lies within 0..1."""

FLOOR = LEAST_SCORE
"""Boxes of a lower score are not in the outputs: mAP is still that of all that count. What to show is the user's."""

_BODIES: dict[RecipeName, str] = {"static_wi8_ai8": "", "float16": "weights in float16, not in int8"}
"""The recipes of the bodies to try, and what is noted of each."""

Floats = NDArray[np.float32]
Finish = Callable[[Files, ModelCard], Files]
"""Puts decoding behind a raw detector's file; the card is the new file's, see `finished_card`."""


def attempts(raw: Converter, finish: Finish, source: Source) -> Iterator[Attempt]:
    """Yields ways to make a portable detector, see `edgetl.host.convert.converter.Converter`.

    Args:
        raw: makes the same runtime's raw files.
        finish: of that runtime.
        source: a detector.
    """

    def made(attempt: Attempt) -> Files:
        return finish(attempt.make(), finished_card(source.card))

    for recipe, note in _BODIES.items():
        for attempt in raw(recipe, source):
            yield Attempt("; ".join(filter(None, (note, attempt.note))), partial(made, attempt))


def finished_card(card: ModelCard) -> ModelCard:
    """Returns the card that a portable file carries: of the same detector, with finished boxes."""
    return replace(card, decoding=replace(card.detector, kind="postprocessed"))


def candidates(card: ModelCard) -> int:
    """Returns how many cells, the best ones, go into non-maximum suppression."""
    return min(CANDIDATES, len(geometry(card)[0]))


def ranks(card: ModelCard) -> Floats:
    """Returns what stands for the candidates' scores there, best first: each is another, and none is below 1."""
    return np.arange(candidates(card), 0, -1, dtype=np.float32)


def geometry(card: ModelCard) -> tuple[Floats, Floats]:
    """Returns where the cells are, and how far each edge moves by a distance of 1.

    Returns:
        (A, 4) centres, twice, and (A, 4) signed strides: x, y, x, y in shares of the input.
    """
    centres, strides = grid(card.input.height, card.input.width, card.detector.strides)
    size = np.array((card.input.width, card.input.height) * 2, np.float32)
    return np.tile(centres, (1, 2)) / size, strides[:, None] * np.array((-1, -1, 1, 1), np.float32) / size
