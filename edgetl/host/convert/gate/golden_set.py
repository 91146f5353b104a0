"""The golden set: a few validation photos, kept losslessly, that a device replays."""

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
_BACKGROUND = -1


def choose(shown: Sequence[Collection[int]], seed: int) -> list[int]:
    """Returns positions of validation photos, `COUNT` at most: whichever class was shown least comes next.

    One photo that shows nothing is among them, where there is one; a second one only where there is nothing else.

    Args:
        shown: of each photo its objects' classes.
        seed: of the choice among a class's photos.
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
    """Writes photos as PNG, as the device's photo reader gives them, into `golden/` of a bundle's folder.

    Args:
        folder: of the bundle.
        card: of the model.
        paths: N validation photos.
        shown: of each of them its objects' classes.
        positions: of the photos to write.
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
    """Writes what a variant says of the golden photos; returns the file, relative to the folder, and its SHA-256."""
    file = f"golden/{name}.json"
    write_atomic(folder / file, json.dumps(expected) + "\n")
    return file, sha256_of(folder / file)
