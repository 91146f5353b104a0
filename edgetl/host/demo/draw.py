"""Draws the demo's data: photos and a film of machine parts on a conveyor belt."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from edgetl.files import new_folder
from edgetl.host.demo.film import draw_film
from edgetl.host.demo.parts import SHAPES
from edgetl.host.demo.scene import Placed, draw_scene

__all__ = ["PARTS", "Placed", "draw_film", "draw_photos", "draw_scene"]

PARTS: tuple[str, ...] = tuple(SHAPES)


def draw_photos(root: Path, per_class: int, seed: int, size_wh: tuple[int, int] = (320, 240)) -> None:
    """Writes photos of one part each as `root/LABEL/LABEL_0001.jpg`; the folder `root` is replaced whole.

    Args:
        root: the folder of class folders.
        per_class: photos of each class.
        seed: equal seeds draw equal photos.
        size_wh: width and height, px.

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


def _draw_photo(folder: Path, seed: int, size_wh: tuple[int, int], photo: tuple[str, int]) -> None:
    label, number = photo
    rng = np.random.default_rng([seed, PARTS.index(label), number])
    image, _ = draw_scene(rng, size_wh, [label])
    quality = int(rng.integers(86, 95))
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    (folder / label / f"{label}_{number:04d}.jpg").write_bytes(encoded.tobytes())
