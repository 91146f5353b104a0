"""A film of parts that pass under the camera."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from edgetl.errors import EdgetlError
from edgetl.files import told_plainly
from edgetl.host.demo.belt import Camera, draw_belt
from edgetl.host.demo.metal import Light, Patch, draw_light, draw_part
from edgetl.host.demo.parts import SHAPES, Field
from edgetl.host.demo.scene import lay
from edgetl.vision.preprocess import Image

_SECONDS_PER_PART = 1.2
_SPACING = 0.78  # from one part's centre to the next, of the picture's width: neighbours only peep in


def draw_film(
    path: Path, seconds: float, fps: int, seed: int, size_wh: tuple[int, int] = (640, 480)
) -> list[tuple[int, str]]:
    """Writes a film (MPEG-4 in .mp4) of a belt that carries one part after another through the picture.

    Args:
        path: the film; it appears whole or not at all.
        seconds: its length.
        fps: frames per second.
        seed: equal seeds draw equal films.
        size_wh: width and height, px.

    Returns:
        For each part the index of the frame in whose middle it is, and its label.

    Raises:
        EdgetlError: the film can't be written.
    """
    frames = max(1, round(seconds * fps))
    passing = _order(np.random.default_rng(seed), max(1, round(seconds / _SECONDS_PER_PART)))
    with told_plainly(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".mp4")
        os.close(handle)
        temporary = Path(name)
        try:
            _write(temporary, _frames(passing, frames, seed, size_wh), fps, size_wh, path)
            _check(temporary, frames, path)
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return [(_centred(index, frames, len(passing)), label) for index, label in enumerate(passing)]


def _order(rng: np.random.Generator, count: int) -> list[str]:
    """`count` labels: each class once before any comes again, and never the same twice in a row."""
    passing: list[str] = []
    while len(passing) < count:
        turn = [str(label) for label in rng.permutation(list(SHAPES))]
        if passing and turn[0] == passing[-1]:
            turn.reverse()
        passing += turn
    return passing[:count]


def _centred(index: int, frames: int, parts: int) -> int:
    return min(frames - 1, round((index + 0.5) * frames / parts))


def _frames(passing: list[str], frames: int, seed: int, size_wh: tuple[int, int]) -> Iterator[Image]:
    """Yields (H, W, 3) uint8 BGR frames; keeps only the parts in sight, so a film may be long."""
    rng = np.random.default_rng([seed, 1])
    w, h = size_wh
    light, camera, belt = draw_light(rng), Camera.of(rng, size_wh), _endless_belt(rng, size_wh)
    spacing = _SPACING * w
    drawn: dict[int, tuple[Patch, int]] = {}
    for frame in range(frames):
        moved = frame * spacing * len(passing) / frames
        scene = belt.take(np.arange(w) + round(moved), axis=1, mode="wrap")
        first = int(moved / spacing) - 1
        for index in range(max(0, first), min(len(passing), first + 4)):
            if index not in drawn:
                drawn[index] = _part(np.random.default_rng([seed, 2, index]), passing[index], h, light)
            patch, down = drawn[index]
            middle = (index + 0.5) * spacing + w / 2 - moved
            lay(scene, patch, round(middle) - patch.alpha.shape[1] // 2, h // 2 + down - patch.alpha.shape[0] // 2)
        drawn.pop(first - 1, None)
        yield camera(rng, scene)


def _part(rng: np.random.Generator, label: str, height: int, light: Light) -> tuple[Patch, int]:
    patch = draw_part(rng, label, height * rng.uniform(0.45, 0.7), light)
    return patch, round(height * rng.uniform(-0.08, 0.08))


def _endless_belt(rng: np.random.Generator, size_wh: tuple[int, int]) -> Field:
    """An (H, 3 W, 3) belt whose right end runs into its left one."""
    w, h = size_wh
    joint = w // 8
    belt = draw_belt(rng, (3 * w + joint, h))
    fade = np.linspace(0, 1, joint, dtype=np.float32)[:, None]
    belt[:, :joint] = belt[:, :joint] * fade + belt[:, 3 * w :] * (1 - fade)
    return belt[:, : 3 * w]


def _write(temporary: Path, frames: Iterator[Image], fps: int, size_wh: tuple[int, int], path: Path) -> None:
    fourcc = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(temporary), fourcc, fps, size_wh)
    try:
        if not writer.isOpened():
            raise EdgetlError(
                "can't write a film: OpenCV opened no MPEG-4 encoder",
                where=str(path),
                remedy="check the size and the frame rate, and install opencv-python-headless from PyPI: it has one",
            )
        for frame in frames:
            writer.write(frame)
    finally:
        writer.release()


def _check(temporary: Path, frames: int, path: Path) -> None:
    """Raises unless the film holds all its frames: OpenCV doesn't say when a write failed."""
    film = cv2.VideoCapture(str(temporary))
    held = round(film.get(cv2.CAP_PROP_FRAME_COUNT)) if film.isOpened() else 0
    film.release()
    if held != frames:
        raise EdgetlError(
            f"the film holds {held} of its {frames} frames",
            where=str(path),
            remedy="free some space there, or choose another place",
        )
