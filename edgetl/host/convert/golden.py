"""The golden set: a few validation photos, kept losslessly, that a device replays."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from edgetl.bundle import GoldenPhoto
from edgetl.card import ModelCard
from edgetl.device.model import Model
from edgetl.files import sha256_of, write_atomic
from edgetl.host.dataset.load import Photos
from edgetl.vision.photo import read_photo

COUNT = 8


def choose(val: Photos, seed: int) -> list[int]:
    """Returns positions of validation photos: a class after the other, until there are `COUNT`."""
    order = np.random.default_rng(seed).permutation(len(val)).tolist()
    seen: dict[int, int] = {}
    turns = []
    for position in order:
        label = int(val.classes[position])
        seen[label] = seen.get(label, 0) + 1
        turns.append((seen[label], label, position))
    return [position for _, _, position in sorted(turns)[:COUNT]]


def write_photos(folder: Path, card: ModelCard, val: Photos, positions: list[int]) -> tuple[GoldenPhoto, ...]:
    """Writes the photos as PNG, as the device's photo reader gives them, into `golden/` of a bundle's folder."""
    (folder / "golden").mkdir()
    photos = []
    for number, position in enumerate(positions):
        frame = read_photo(val.paths[position], card.input)
        file = f"golden/{number:02}.png"
        write_atomic(folder / file, cv2.imencode(".png", frame)[1].tobytes())
        label = card.labels[int(val.classes[position])]
        photos.append(GoldenPhoto(file, sha256_of(folder / file), label))
    return tuple(photos)


def write_scores(folder: Path, recipe: str, model: Model, photos: tuple[GoldenPhoto, ...]) -> tuple[str, str]:
    """Writes a variant's scores on the golden photos; returns the file, relative to the folder, and its SHA-256."""
    scores = [[float(s) for s in model.scores(read_photo(folder / photo.file))] for photo in photos]
    file = f"golden/{recipe}.json"
    write_atomic(folder / file, json.dumps(scores) + "\n")
    return file, sha256_of(folder / file)
