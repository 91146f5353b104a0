"""Chooses and writes the golden set: a few validation photos, stored losslessly, that every device replays."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import cv2
import numpy as np

from edgetl.bundle import GoldenPhoto
from edgetl.card import ModelCard
from edgetl.files import sha256_of, write_atomic
from edgetl.vision.photo import read_photo

COUNT = 8
"""A bundle has at most this many golden photos: enough to show drift, few enough to copy and replay in seconds."""

_BACKGROUND = -1
"""The class number that stands for a photo without objects."""


def choose(shown: Sequence[Collection[int]], seed: int) -> list[int]:
    """Chooses at most `COUNT` validation photos; each next photo shows the class that was shown least so far.

    One photo without objects is among them if there is one, and a second only if no other photo is left.

    Args:
        shown: the class numbers of the objects in each validation photo.
        seed: the seed of the choice among the photos of a class.

    Returns:
        The positions of the chosen photos in `shown`.
    """
    order = np.random.default_rng(seed).permutation(len(shown)).tolist()
    left = {position: set(shown[position]) or {_BACKGROUND} for position in order}
    times: Counter[int] = Counter()
    chosen: list[int] = []
    while left and len(chosen) < COUNT:
        rarest = min(set().union(*left.values()), key=lambda c: (times[c] > 0 and c == _BACKGROUND, times[c], c))
        position = next(position for position, classes in left.items() if rarest in classes)
        times.update(left.pop(position))
        chosen.append(position)
    return chosen


def write_photos(
    folder: Path, card: ModelCard, paths: Sequence[Path], shown: Sequence[Collection[int]], positions: Sequence[int]
) -> tuple[GoldenPhoto, ...]:
    """Writes golden photos as PNG, with the pixels that the device's photo reader gives, into a bundle's `golden/`.

    Args:
        folder: the bundle's folder.
        card: the model's card.
        paths: the files of the N validation photos.
        shown: the class numbers of the objects in each of the N photos.
        positions: the positions of the photos to write, 0..N-1.
    """
    (folder / "golden").mkdir()
    photos = []
    for number, position in enumerate(positions):
        frame = read_photo(paths[position], card.input)
        file = f"golden/{number:02}.png"
        write_atomic(folder / file, cv2.imencode(".png", frame)[1].tobytes())
        photos.append(GoldenPhoto(file, sha256_of(folder / file), _label(card, shown[position])))
    return tuple(photos)


def _label(card: ModelCard, classes: Collection[int]) -> str:
    counts = sorted(Counter(classes).items())
    return ", ".join(f"{n} {card.labels[c]}" if n > 1 else card.labels[c] for c, n in counts) or "background"


def write_expected(folder: Path, name: str, expected: object) -> tuple[str, str]:
    """Writes a variant's outputs for the golden photos.

    Args:
        folder: the bundle's folder.
        name: the variant's name.
        expected: the outputs, JSON-ready; see `Judge.expected`.

    Returns:
        The file's path relative to the folder, and its SHA-256.
    """
    file = f"golden/{name}.json"
    write_atomic(folder / file, json.dumps(expected) + "\n")
    return file, sha256_of(folder / file)
