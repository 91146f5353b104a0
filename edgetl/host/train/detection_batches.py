"""A detector's batches: photos varied with their boxes, the boxes padded to one count so that shapes stay the same."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
from numpy.typing import NDArray

from edgetl.host.dataset.load_boxed import BoxedPhotos
from edgetl.host.train.box_augment import BoxAugment, Boxes
from edgetl.vision.preprocess import Image

MOST_BOXES = 150
"""In a picture; of more, as crowds in mosaics can have, the largest are told."""


class BoxBatches(keras.utils.PyDataset):
    """One epoch's batches; the same seed and epoch give the same pictures.

    Args:
        photos: to learn from.
        augment: how they vary; None shows them as they are.
        batch: photos a step; a last, smaller one is left out where there is a whole one.
        seed: of everything random.
        epoch: from 0.
        pictures: how many the epoch shows; photos come again where there are fewer.
    """

    def __init__(
        self, photos: BoxedPhotos, augment: BoxAugment | None, batch: int, seed: int, epoch: int, pictures: int
    ) -> None:
        super().__init__(workers=1)
        self.photos, self.augment, self.seed, self.epoch = photos, augment, seed, epoch
        rng = np.random.default_rng((seed, epoch))
        rounds = [rng.permutation(len(photos)) for _ in range(-(-pictures // len(photos)))]
        self.order = np.concatenate(rounds)[:pictures]
        self.batch = min(batch, pictures)
        self.room = min(MOST_BOXES, (4 if augment and augment.mosaic else 1) * max(1, photos.most_boxes))
        self._pool = ThreadPoolExecutor(os.cpu_count())

    def __len__(self) -> int:
        return len(self.order) // self.batch

    def __getitem__(self, index: int) -> tuple[Image, Boxes]:
        places = range(index * self.batch, (index + 1) * self.batch)
        made = list(self._pool.map(self._picture, places))
        truth = np.stack([pad(boxes, self.room) for _, boxes in made])
        return np.stack([pixels for pixels, _ in made]), truth

    def _picture(self, place: int) -> tuple[Image, Boxes]:
        rng = np.random.default_rng((self.seed, self.epoch, place))
        chosen = int(self.order[place])
        if self.augment is None:
            return self._photo(chosen)
        if rng.random() >= self.augment.mosaic:
            return self.augment.one(rng, *self._photo(chosen))
        others = rng.integers(len(self.photos), size=3).tolist()
        return self.augment.four(rng, [self._photo(i) for i in (chosen, *others)])

    def _photo(self, position: int) -> tuple[Image, Boxes]:
        return self.photos.picture(position), self.photos.boxes[position]


def pad(boxes: Boxes, room: int) -> NDArray[np.float32]:
    """Returns (room, 5): the boxes, the largest where they are too many, then rows of class -1."""
    if len(boxes) > room:
        areas = (boxes[:, 3] - boxes[:, 1]) * (boxes[:, 4] - boxes[:, 2])
        boxes = boxes[np.sort(np.argsort(-areas, kind="stable")[:room])]
    out = np.full((room, 5), -1, np.float32)
    out[: len(boxes)] = boxes
    return out
