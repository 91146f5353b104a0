"""Conversion recipes, and what each tries when its first result misses the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgetl.host.convert.tflite import export, operations
from edgetl.host.untyped import Network
from edgetl.target import RecipeName
from edgetl.vision.preprocess import Image

FIRST_PHOTOS = 100
MORE_PHOTOS = 500
FIRST_IN_FLOAT = (5, 11, 23)
"""Where a MobileNet loses most by int8: what its first convolutions round away, all others go without.

Five are the value scaling, the stem, and the first depthwise and pointwise convolution, whose channels differ most in
range. TensorFlow's own ranking, error over scale, is about 0.29 for every operation and finds nothing.
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to make a recipe's file.

    Attributes:
        note: what was done, beyond the plain recipe; empty for that.
        make: makes the file's content.
    """

    note: str
    make: Callable[[], bytes]


class Representative(Protocol):
    """Photos to calibrate with."""

    @property
    def classes(self) -> NDArray[np.int64]:
        """(N,) what they are balanced by: their classes, of photos with boxes the rarest in each."""

    def __len__(self) -> int: ...

    def batch(self, positions: NDArray[np.int64]) -> Image:
        """Reads the model inputs at some positions, (B, height, width, 3) uint8."""


def attempts(recipe: RecipeName, model: Network, train: Representative, seed: int) -> Iterator[Attempt]:
    """Yields ways to convert, the plain one first; a caller goes on to the next only where one missed the gate.

    Args:
        recipe: see `edgetl.host.convert.tflite.export`.
        model: a `keras.Model`.
        train: photos to calibrate with; validation photos must not be, or the gate would judge what it has seen.
            Of a detector's, too, ten to a hundred suffice.
        seed: of the choice of photos.
    """
    first = representative(train, FIRST_PHOTOS, seed)
    yield Attempt("", partial(export, model, recipe, first))
    if recipe != "static_wi8_ai8":
        return
    more = representative(train, MORE_PHOTOS, seed)
    if len(more) > len(first):
        yield Attempt(f"calibrated with {len(more)} photos", partial(export, model, recipe, more))
    calm = _without_extremes(more)
    yield Attempt("calibrated without the most extreme photos", partial(export, model, recipe, calm))
    names = operations(model, first)
    for count in (n for n in FIRST_IN_FLOAT if n < len(names)):
        yield Attempt(
            f"the first {count} operations left in float", partial(export, model, recipe, more, names[:count])
        )


def representative(train: Representative, count: int, seed: int) -> Image:
    """Returns (N, H, W, 3) uint8 training inputs, as many of each class as there are, up to `count` in all."""
    rng = np.random.default_rng(seed)
    order, classes = rng.permutation(len(train)), train.classes
    turn: NDArray[np.int64] = np.zeros(len(train), np.int64)
    seen: dict[int, int] = {}
    for position in order.tolist():
        label = int(classes[position])
        turn[position] = seen[label] = seen.get(label, -1) + 1
    rounds = order[np.argsort(turn[order], kind="stable")]
    return train.batch(np.sort(rounds[:count]))


def _without_extremes(photos: Image) -> Image:
    """Leaves out the tenth of photos whose contrast is largest: they stretch every range for few pixels' sake."""
    contrast = photos.reshape(len(photos), -1).std(axis=1)
    return np.asarray(photos[contrast <= np.quantile(contrast, 0.9)])
