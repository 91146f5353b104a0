"""A detector's batches: photos varied with their boxes, the boxes padded to one count so that shapes stay the same."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from edgetl.host.dataset.boxes.load import BoxedPhotos
from edgetl.host.train.detector.augment import BoxAugment, Boxes
from edgetl.vision.arrays import Image

MOST_BOXES = 150
"""In a mosaic, or as many as a photo has; of more the largest are told."""


class Pictures:
    """What a detector is shown: the photos, varied anew each epoch; the same seed gives the same pictures.

    Args:
        photos: to learn from.
        augment: how they vary; None shows them as they are.
        seed: of everything random.

    Attributes:
        room: rows of boxes a picture; the same whatever the augmentation, for another count would be traced anew.
    """

    def __init__(self, photos: BoxedPhotos, augment: BoxAugment | None, seed: int) -> None:
        self.photos, self.augment, self.seed = photos, augment, seed
        self.room = max(photos.most_boxes, min(MOST_BOXES, 4 * max(1, photos.most_boxes)))
        self._pool = ThreadPoolExecutor(os.cpu_count())

    def close(self) -> None:
        """Ends the threads that make the pictures."""
        self._pool.shutdown()

    def order(self, epoch: int, count: int) -> NDArray[np.int64]:
        """Returns the photos of an epoch, (count,) positions: each once before any comes again."""
        rng = np.random.default_rng((self.seed, epoch))
        rounds = [rng.permutation(len(self.photos)) for _ in range(-(-count // len(self.photos)))]
        return np.concatenate(rounds)[:count]

    def batch(self, epoch: int, places: range, order: NDArray[np.int64]) -> tuple[Image, NDArray[np.float32]]:
        """Makes the pictures at some places of an epoch's order.

        Returns:
            (B, H, W, 3) uint8 and (B, room, 5) class and xyxy in input px, class -1 in rows without a box.
        """
        made = list(self._pool.map(lambda place: self._picture(epoch, place, int(order[place])), places))
        return np.stack([pixels for pixels, _ in made]), np.stack([pad(boxes, self.room) for _, boxes in made])

    def _picture(self, epoch: int, place: int, chosen: int) -> tuple[Image, Boxes]:
        rng = np.random.default_rng((self.seed, epoch, place))
        if self.augment is None:
            return self._photo(chosen)
        if rng.random() >= self.augment.mosaic:
            return self.augment.one(rng, *self._photo(chosen))
        others = rng.integers(len(self.photos), size=3).tolist()
        return self.augment.four(rng, [self._photo(i) for i in (chosen, *others)])

    def _photo(self, position: int) -> tuple[Image, Boxes]:
        return self.photos.picture(position), self.photos.boxes[position]


class BoxBatches:
    """One epoch's batches.

    Args:
        pictures: to show.
        batch: pictures a step.
        epoch: from 0.
        steps: photos come again where there are fewer.
    """

    def __init__(self, pictures: Pictures, batch: int, epoch: int, steps: int) -> None:
        self.pictures, self.batch, self.epoch, self.steps = pictures, batch, epoch, steps
        self.order = pictures.order(epoch, steps * batch)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[Image, NDArray[np.float32]]:
        places = range(index * self.batch, (index + 1) * self.batch)
        return self.pictures.batch(self.epoch, places, self.order)


def pad(boxes: Boxes, room: int) -> NDArray[np.float32]:
    """Returns (room, 5): the boxes, the largest where they are too many, then rows of class -1."""
    if len(boxes) > room:
        areas = (boxes[:, 3] - boxes[:, 1]) * (boxes[:, 4] - boxes[:, 2])
        boxes = boxes[np.sort(np.argsort(-areas, kind="stable")[:room])]
    out = np.full((room, 5), -1, np.float32)
    out[: len(boxes)] = boxes
    return out
