"""Makes the batches for teacher and student: crops of photos, of films' frames and of drawn pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import click
import cv2
import numpy as np
from draw import draw
from numpy.typing import NDArray

from edgetl.card import InputSpec
from edgetl.device.camera import open_camera
from edgetl.host.dataset.load import load_dataset
from edgetl.text import counted
from edgetl.vision.photo import PhotoError, is_photo, read_photo
from edgetl.vision.preprocess import Preprocessor

Image = NDArray[np.uint8]
Item = TypeVar("Item")
Made = TypeVar("Made")
Random = np.random.Generator

_SHORT_SIDE = 288
"""Pictures stay in memory with at most this short side, px, a third of a megabyte each."""
_FRAME_STEP = 10
"""Every tenth frame of a film is used, because neighbouring frames hardly differ."""


def photos_under(folder: Path) -> list[Path]:
    """Returns every photo below a folder, in order.

    Raises:
        ClickException: there is no photo.
    """
    found = sorted(path for path in folder.rglob("*") if is_photo(path))
    if not found:
        raise click.ClickException(f"there are no photos below {folder}")
    return found


def training_photos(folder: Path) -> list[Path]:
    """Returns the photos that `edgetl train FOLDER` trains on, so that its validation photos stay unseen."""
    return list(load_dataset(folder, InputSpec(96, 96)).train.paths)


def read(paths: Sequence[Path]) -> list[Image]:
    """Reads photos, (H, W, 3) uint8 BGR, and shrinks those whose short side is longer than 288 px.

    Photos that can't be read are left out, and their number is printed.
    """
    spec = InputSpec(_SHORT_SIDE // 2, _SHORT_SIDE // 2)

    def one(path: Path) -> Image | None:
        try:
            return _shrink(read_photo(path, spec))
        except PhotoError:
            return None

    found = [picture for picture in _parallel(one, paths) if picture is not None]
    if len(found) < len(paths):
        click.echo(f"{counted(len(paths) - len(found), 'photo')} can't be read and left out")
    return found


def frames(film: Path) -> list[Image]:
    """Reads every tenth frame of a film, (H, W, 3) uint8 BGR.

    Raises:
        ClickException: the film has no frame that can be read.
    """
    with open_camera(str(film)) as camera:
        found = [_shrink(frame.image) for frame in camera if frame.index % _FRAME_STEP == 0]
    if not found:
        raise click.ClickException(f"{film} has no frames")
    return found


def drawn(count: int) -> list[Image]:
    """Draws pictures, (256, 320, 3) uint8 BGR, the same ones every time."""
    return _parallel(lambda number: draw(np.random.default_rng([7, number])), range(count))


class Crops:
    """Batches of random crops; a batch depends only on its number, so that a resumed training sees the same batches.

    Args:
        kinds: lists of pictures, each with its share of the crops.
    """

    def __init__(self, kinds: Iterable[tuple[list[Image], float]]) -> None:
        self._kinds = [(pictures, share) for pictures, share in kinds if pictures]
        total = sum(share for _, share in self._kinds)
        self._shares = [share / total for _, share in self._kinds]
        self._pool = ThreadPoolExecutor(os.cpu_count())

    def batch(self, number: int, count: int, size: int) -> Image:
        """Returns the crops of a batch, (count, size, size, 3) uint8 RGB.

        Args:
            number: the number of the batch.
            count: the number of crops.
            size: the height and width of the crops, px.
        """
        out = np.empty((count, size, size, 3), np.uint8)
        list(self._pool.map(lambda i: self._crop(np.random.default_rng([number, i]), out[i]), range(count)))
        return out

    def _crop(self, rng: Random, out: Image) -> None:
        pictures = self._kinds[rng.choice(len(self._kinds), p=self._shares)][0]
        picture = pictures[rng.integers(len(pictures))]
        height, width = picture.shape[:2]
        # The area is uniform, so that whole pictures are as common as small parts of them.
        area, aspect = height * width * rng.uniform(0.08, 1), np.exp(rng.uniform(-0.35, 0.35))
        w, h = (max(1, round(np.sqrt(area * a))) for a in (aspect, 1 / aspect))
        w, h = min(width, w), min(height, h)
        x, y = rng.integers(width - w + 1), rng.integers(height - h + 1)
        part = picture[y : y + h, x : x + w]
        if rng.random() < 0.15:
            part = cv2.rotate(part, int(rng.integers(3)))
        Preprocessor(InputSpec(*out.shape[:2]))(part, out)
        if rng.random() < 0.5:
            out[:] = out[:, ::-1].copy()


def _shrink(picture: Image) -> Image:
    factor = _SHORT_SIDE / min(picture.shape[:2])
    if factor >= 1:
        return picture
    size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _parallel(make: Callable[[Item], Made], items: Iterable[Item]) -> list[Made]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(make, items))
