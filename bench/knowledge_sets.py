"""The photos that `bench/knowledge.py` trains on: folders of classes made of the data folder, and drawn ones."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from starter import write_digits

from edgetl.card import InputSpec
from edgetl.host.dataset.boxes.load import load_boxed
from edgetl.host.demo.draw import draw_photos
from edgetl.host.probe.crops import BACKGROUND, cut_crops
from edgetl.vision.arrays import Image

# ImageNet's classes in the order of their synsets, which puts related animals side by side.
GROUPS = {
    "fish": range(7),
    "bird": range(7, 25),
    "reptile": range(25, 69),
    "dog": range(151, 269),
    "carnivore": range(269, 300),
    "insect": range(300, 327),
    "ungulate": range(339, 355),
    "primate": range(365, 385),
    "artefact": range(398, 460),
    "food": range(924, 970),
}
SHAPES = ("circle", "cross", "ring", "square", "stripes", "triangle")


@dataclass(frozen=True)
class Set:
    """A set of photos: how it is made, the share held back, whether mirrored photos show the same, what it is of."""

    make: Callable[[Path, Path], None]
    val_fraction: float
    flip: bool = True
    kind: str = ""


def link_classes(source: Path, root: Path, classes: tuple[str, ...], per_class: int) -> None:
    for label in classes:
        (root / label).mkdir(parents=True)
        for photo in sorted((source / label).iterdir())[:per_class]:
            (root / label / photo.name).symlink_to(photo.absolute())


def trashnet(*classes: str, per_class: int = 400) -> Callable[[Path, Path], None]:
    return lambda data, root: link_classes(data / "classification" / "trashnet", root, classes, per_class)


def digits(per_class: int) -> Callable[[Path, Path], None]:
    return lambda data, root: write_digits(root, data / "classification" / "mnist_t10k", per_class)


def crops(*folder: str, most: int) -> Callable[[Path, Path], None]:
    """Writes crops of the boxes of a detection data set, of all its training photos."""

    def make(data: Path, root: Path) -> None:
        spec = InputSpec(320, 320, resize="letterbox")
        boxed = load_boxed(data.joinpath("detection", *folder), spec, val_fraction=0.01)
        photos = cut_crops(boxed.train, len(boxed.labels), spec, most)
        for i, label in enumerate((*boxed.labels, BACKGROUND)):
            (root / label).mkdir(parents=True)
            for row in np.flatnonzero(photos.classes == i).tolist():
                cv2.imwrite(str(root / label / f"{row}.png"), photos.pixels[row][:, :, ::-1])

    return make


def groups(data: Path, root: Path) -> None:
    photos = sorted((data / "photos" / "imagenet_sample").glob("*.jp*g"))
    for label, positions in GROUPS.items():
        (root / label).mkdir(parents=True)
        for i in positions:
            (root / label / photos[i].name).symlink_to(photos[i].absolute())


def parts(seed: int) -> Callable[[Path, Path], None]:
    return lambda data, root: draw_photos(root, 120, seed)


def shapes(data: Path, root: Path) -> None:
    """Draws 120 photos of each shape, in any colour, size and place, on noise."""
    rng = np.random.default_rng(3)
    for label in SHAPES:
        (root / label).mkdir(parents=True)
        for i in range(120):
            cv2.imwrite(str(root / label / f"{i}.png"), shape(label, rng))


def shape(label: str, rng: np.random.Generator, size: int = 128) -> Image:
    ground = cv2.resize(rng.integers(0, 256, (9, 9, 3), np.uint8), (size, size), interpolation=cv2.INTER_CUBIC)
    colour, r = rng.integers(0, 256, 3).tolist(), int(rng.integers(12, 40))
    x, y = (int(v) for v in rng.integers(r, size - r, 2))
    if label in ("circle", "ring"):
        cv2.circle(ground, (x, y), r, colour, -1 if label == "circle" else 5)
    elif label == "square":
        cv2.rectangle(ground, (x - r, y - r), (x + r, y + r), colour, -1)
    elif label == "cross":
        cv2.drawMarker(ground, (x, y), colour, cv2.MARKER_CROSS, 2 * r, 7)
    elif label == "triangle":
        cv2.fillPoly(ground, [np.array([[x - r, y + r], [x + r, y + r], [x, y - r]], np.int32)], colour)
    else:
        for at in range(-r, r, 8):
            cv2.line(ground, (x + at, y - r), (x + at, y + r), colour, 3)
    return np.asarray(np.clip(ground + rng.normal(0, 12, ground.shape), 0, 255), np.uint8)


SOURCES = {
    "trashnet": Set(
        trashnet("cardboard", "glass", "metal", "paper", "plastic", "trash", per_class=150), 0.1, kind="trashnet"
    ),
    "cards": Set(crops("cards", "train", most=700), 0.1, flip=False, kind="cards"),
    "digits": Set(digits(80), 0.1, flip=False, kind="digits"),
    "parts": Set(parts(100), 0.1, kind="parts"),
}
"""The data sets of the stored models that compete."""
TARGETS = {
    "glass, metal, plastic": Set(trashnet("glass", "metal", "plastic"), 0.7, kind="trashnet"),
    "cardboard, paper, trash": Set(trashnet("cardboard", "paper", "trash"), 0.7, kind="trashnet"),
    "cards' crops": Set(crops("cards", "train", most=1400), 0.6, flip=False, kind="cards"),
    "digits": Set(digits(150), 0.8, flip=False, kind="digits"),
    "drawn parts": Set(parts(200), 0.6, kind="parts"),
    "drawn shapes": Set(shapes, 0.6, kind="shapes"),
    "groups of ImageNet": Set(groups, 0.4, kind="groups"),
    "cells' crops": Set(crops("bccd", most=1200), 0.7, kind="cells"),
}
"""The data sets to train for; a model whose data set is of the same kind doesn't compete."""
