"""Makes the batches of a detector: augmented photos, and their boxes in an array of one shape."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from edgetl.host.dataset.boxes.load import BoxedPhotos
from edgetl.host.train.detector.augment import BoxAugment, Boxes
from edgetl.vision.arrays import Image

MOST_BOXES = 150
"""A mosaic keeps at most this many boxes, the largest ones, unless one photo alone has more; they take memory."""


class AugmentedPhotos:
    """The photos of a training, augmented anew in each epoch; the same seed gives the same pictures.

    Args:
        photos: the photos to train on.
        augment: how the photos vary; None shows them unchanged.
        seed: the seed of the orders and of the augmentation.

    Attributes:
        room: the rows of boxes a picture. It doesn't depend on the augmentation, because the network would be traced
            again for another number.
    """

    def __init__(self, photos: BoxedPhotos, augment: BoxAugment | None, seed: int) -> None:
        self.photos, self.augment, self.seed = photos, augment, seed
        self.room = max(photos.most_boxes, min(MOST_BOXES, 4 * max(1, photos.most_boxes)))
        self._pool = ThreadPoolExecutor(os.cpu_count())

    def close(self) -> None:
        """Ends the threads that make the pictures."""
        self._pool.shutdown()

    def order(self, epoch: int, count: int) -> NDArray[np.int64]:
        """Returns the positions of an epoch's photos, (count,) int64; each comes once before any comes again."""
        rng = np.random.default_rng((self.seed, epoch))
        rounds = [rng.permutation(len(self.photos)) for _ in range(-(-count // len(self.photos)))]
        return np.concatenate(rounds)[:count]

    def batch(self, epoch: int, places: range, order: NDArray[np.int64]) -> tuple[Image, NDArray[np.float32]]:
        """Makes the pictures at some places of an epoch's order.

        Args:
            epoch: the epoch, from 0.
            places: the B places in the order.
            order: (N,) int64, the positions of the epoch's photos.

        Returns:
            (B, H, W, 3) uint8 RGB pictures, and (B, room, 5) float32 boxes: class and xyxy in input px, with the class
            -1 in rows without a box.
        """
        made = list(self._pool.map(lambda place: self._picture(epoch, place, int(order[place])), places))
        return np.stack([pixels for pixels, _ in made]), np.stack([pad(boxes, self.room) for _, boxes in made])

    def _picture(self, epoch: int, place: int, position: int) -> tuple[Image, Boxes]:
        """Makes a picture, (H, W, 3) uint8 RGB, and its boxes, (K, 5) float32."""
        rng = np.random.default_rng((self.seed, epoch, place))
        if self.augment is None:
            return self._photo(position)
        if rng.random() >= self.augment.mosaic:
            return self.augment.one(rng, *self._photo(position))
        others = rng.integers(len(self.photos), size=3).tolist()
        return self.augment.four(rng, [self._photo(i) for i in (position, *others)])

    def _photo(self, position: int) -> tuple[Image, Boxes]:
        """Returns a photo, (H, W, 3) uint8 RGB, and its boxes, (K, 5) float32."""
        return self.photos.picture(position), self.photos.boxes[position]


class BoxBatches:
    """The batches of one epoch.

    Args:
        photos: the augmented photos.
        batch: the pictures of a step.
        epoch: the epoch, from 0.
        steps: the number of steps; photos come again if there are too few.
    """

    def __init__(self, photos: AugmentedPhotos, batch: int, epoch: int, steps: int) -> None:
        self.photos, self.batch, self.epoch, self.steps = photos, batch, epoch, steps
        self.order = photos.order(epoch, steps * batch)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[Image, NDArray[np.float32]]:
        places = range(index * self.batch, (index + 1) * self.batch)
        return self.photos.batch(self.epoch, places, self.order)


def pad(boxes: Boxes, room: int) -> NDArray[np.float32]:
    """Brings boxes to one shape: drops the smallest ones if there are too many, or adds rows of class -1.

    Args:
        boxes: (K, 5) float32, class and xyxy in input px.
        room: the number of rows.

    Returns:
        (room, 5) float32, class and xyxy in input px.
    """
    if len(boxes) > room:
        areas = (boxes[:, 3] - boxes[:, 1]) * (boxes[:, 4] - boxes[:, 2])
        boxes = boxes[np.sort(np.argsort(-areas, kind="stable")[:room])]
    out = np.full((room, 5), -1, np.float32)
    out[: len(boxes)] = boxes
    return out
