"""What tests of the commands share: drawn photos, a workplace, and a command run in this process."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from click.testing import CliRunner

SHAPES = ("cross", "disc", "square")
LOOSE_TARGET = """
title = "Anything goes"
arch = "x86_64"
runtimes = ["tflite"]
recipes = ["float32", "float16"]
threads = 1

[gate]
max_accuracy_drop = 1.0
min_agreement = 0.0
"""
TINY = ("--weights", "starter", "--size", "96", "--epochs", "0", "--head-epochs", "2")
"""Options of the quickest training there is."""


def draw_shape(label: str, rng: np.random.Generator) -> np.ndarray:
    """A (120, 160, 3) uint8 picture of a shape on a blotchy ground; no two are alike."""
    ground = rng.integers(0, 256, (12, 16, 3), np.uint8)
    image = cv2.resize(ground, (160, 120), interpolation=cv2.INTER_CUBIC)
    x, y, r = int(rng.integers(40, 120)), int(rng.integers(40, 80)), int(rng.integers(15, 35))
    colour = rng.integers(0, 256, 3).tolist()
    if label == "disc":
        cv2.circle(image, (x, y), r, colour, -1)
    elif label == "square":
        cv2.rectangle(image, (x - r, y - r), (x + r, y + r), colour, -1)
    else:
        cv2.drawMarker(image, (x, y), colour, cv2.MARKER_CROSS, 2 * r, 8)
    return image


def draw_folders(root: Path, count: int, labels: tuple[str, ...] = SHAPES, seed: int = 0) -> Path:
    """Writes `count` photos of each label as `root/LABEL/00.jpg` and so on."""
    rng = np.random.default_rng(seed)
    for label in labels:
        (root / label).mkdir(parents=True)
        for number in range(count):
            cv2.imwrite(str(root / label / f"{number:02}.jpg"), draw_shape(label, rng))
    return root


@dataclass(frozen=True)
class Outcome:
    """What a command came to."""

    code: int
    out: str
    err: str


def edgetl(*args: str | Path) -> Outcome:
    """Runs a command in this process, as the shell would; an exception that the command let through is raised."""
    from edgetl.cli import main

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        result = CliRunner().invoke(main, [str(arg) for arg in args], prog_name="edgetl")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Outcome(result.exit_code, result.stdout, result.stderr)


def refused(done: Outcome, code: int, *parts: str) -> None:
    """Asserts that a command ended with a code and one message, with these parts and a remedy."""
    assert done.code == code, done.err
    assert done.err.count("edgetl: ") == 1
    for part in parts:
        assert part in done.err
    assert "remedy: " in done.err
    assert "Traceback" not in done.err


def unusable(done: Outcome, *parts: str) -> None:
    """Asserts that a command refused the data set with one message, with these parts and a remedy."""
    refused(done, 3, *parts)


@dataclass(frozen=True)
class Home:
    """A workplace: photos, a store with the model `tiny`, its bundle, and where the cache is."""

    folder: Path

    @property
    def photos(self) -> Path:
        return self.folder / "photos"

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def target(self) -> Path:
        return self.folder / "loose.toml"

    @property
    def bundle(self) -> Path:
        return self.models / "tiny" / "loose"

    @property
    def environment(self) -> dict[str, str]:
        return {"EDGETL_MODELS": str(self.models), "EDGETL_CACHE": str(self.cache)}


def convert_from(file, *args, labels="labels.txt", data="photos", target="loose.toml"):
    """Converts a model that was trained elsewhere."""
    return edgetl("convert", "--from", file, "--labels", labels, "--data", data, "--target", target, *args)
