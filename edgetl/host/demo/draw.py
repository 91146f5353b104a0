"""Draws the demo's data sets: photos of machine parts on a conveyor belt, with or without boxes."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from edgetl.folders import new_folder
from edgetl.host.dataset.boxes import voc
from edgetl.host.dataset.boxes.boxed_photo import Box, BoxedPhoto
from edgetl.host.demo.film import draw_boxed_film, draw_film
from edgetl.host.demo.parts import SHAPES
from edgetl.host.demo.scene import Placed, draw_scene
from edgetl.vision.arrays import Image

__all__ = ["PARTS", "Placed", "draw_boxed", "draw_boxed_film", "draw_film", "draw_photos", "draw_scene"]

PARTS: tuple[str, ...] = tuple(SHAPES)
"""The classes of the demo, in alphabetical order."""
_MOST_PARTS = 5
"""A photo with boxes shows at most this many parts; more would be too small at the demo's input size."""


def draw_photos(root: Path, per_class: int, seed: int, size_wh: tuple[int, int] = (320, 240)) -> None:
    """Writes photos of one part each as `root/LABEL/LABEL_0001.jpg`; the folder `root` is replaced whole.

    Args:
        root: the folder of class folders.
        per_class: the number of photos of each class.
        seed: the seed; equal seeds draw equal photos.
        size_wh: the width and height of the photos, px.

    Raises:
        EdgetlError: the disk is full or the folder can't be written to.
    """
    photos = [(label, number) for label in PARTS for number in range(1, per_class + 1)]
    with new_folder(root) as folder:
        for label in PARTS:
            (folder / label).mkdir()
        draw = partial(_draw_photo, folder, seed, size_wh)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(draw, photos):
                pass


def draw_boxed(root: Path, photos: int, seed: int, size_wh: tuple[int, int] = (320, 240)) -> None:
    """Writes photos of one to five parts with their boxes, as Pascal VOC; the folder `root` is replaced whole.

    The photos are `root/JPEGImages/parts_0001.jpg` and so on, their boxes `root/Annotations/parts_0001.xml` and so on.
    The data set has no split of its own.

    Args:
        root: the data set's folder.
        photos: the number of photos.
        seed: the seed; equal seeds draw equal photos.
        size_wh: the width and height of the photos, px.

    Raises:
        EdgetlError: the disk is full or the folder can't be written to.
    """
    with new_folder(root) as folder:
        (folder / voc.place("", "")).mkdir()
        draw = partial(_draw_parts, folder, seed, size_wh)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            voc.write(folder, list(pool.map(draw, range(1, photos + 1))))


def _draw_parts(folder: Path, seed: int, size_wh: tuple[int, int], number: int) -> BoxedPhoto:
    rng = np.random.default_rng([seed, len(PARTS), number])
    labels = [str(label) for label in rng.choice(PARTS, int(rng.integers(1, _MOST_PARTS + 1)))]
    image, placed = draw_scene(rng, size_wh, labels)
    path = folder / voc.place("", f"parts_{number:04d}.jpg")
    _write_jpeg(path, image, rng)
    return BoxedPhoto(path, "", tuple(Box(part.label, part.xyxy) for part in placed), size_wh, "")


def _draw_photo(folder: Path, seed: int, size_wh: tuple[int, int], photo: tuple[str, int]) -> None:
    label, number = photo
    rng = np.random.default_rng([seed, PARTS.index(label), number])
    image, _ = draw_scene(rng, size_wh, [label])
    _write_jpeg(folder / label / f"{label}_{number:04d}.jpg", image, rng)


def _write_jpeg(path: Path, image: Image, rng: np.random.Generator) -> None:
    quality = int(rng.integers(86, 95))
    path.write_bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
