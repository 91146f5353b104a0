"""Draws films of parts that pass under the camera."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edgetl.errors import EdgetlError
from edgetl.files import friendly_os_errors, sync_file, temporary_file
from edgetl.host.demo.belt import Camera, draw_belt
from edgetl.host.demo.metal import Light, Patch, draw_light, draw_part
from edgetl.host.demo.parts import SHAPES
from edgetl.host.demo.relief import Field
from edgetl.host.demo.scene import Placed, lay
from edgetl.vision.arrays import Image

_REACH = 0.75
"""A part and its shadow reach at most this far from the part's middle, as a share of the picture's height."""
_LEAST_SEEN = 0.5
"""A part at the picture's edge has to be found if at least this share of its box is in the picture, 0..1."""


@dataclass(frozen=True, slots=True)
class _Traffic:
    """The distances and sizes of the parts that follow each other.

    Attributes:
        seconds: the time from one part to the next, s.
        spacing: the distance from one part to the next, as a share of the picture's width.
        extent: the smallest and the largest length of a part, as a share of the picture's height.
        lanes: the distances of the lanes below the middle, as a share of the picture's height; parts take them in turn.
        stray: the largest distance of a part from its lane, as a share of the picture's height.
        ahead: the number of parts that have passed the middle when the film begins, and that haven't when it ends.
    """

    seconds: float
    spacing: float
    extent: tuple[float, float]
    lanes: tuple[float, ...]
    stray: float
    ahead: int


_SINGLE = _Traffic(1.2, 0.78, (0.45, 0.7), (0.0,), 0.08, 0)
"""One part after another; the edges of the picture show a little of the next ones."""

_DENSE = _Traffic(0.4, 0.26, (0.28, 0.36), (-0.23, 0.23), 0.02, 3)
"""About four parts in sight, in two lanes, so that they don't overlap."""


def draw_film(
    path: Path, seconds: float, fps: int, seed: int, size_wh: tuple[int, int] = (640, 480)
) -> list[tuple[int, str]]:
    """Writes a film (MPEG-4 in .mp4) of a belt that carries one part after another through the picture.

    Args:
        path: the film's file, which appears whole or not at all.
        seconds: the length of the film, s.
        fps: the frames per second.
        seed: the seed; equal seeds draw equal films.
        size_wh: the width and height of the film, px.

    Returns:
        The index of the frame in whose middle a part is, and the part's label, for each part.

    Raises:
        EdgetlError: the film can't be written.
    """
    frames, count = _counts(seconds, fps, _SINGLE)
    passing = _order(np.random.default_rng(seed), count)
    _film(path, _frames(passing, frames, seed, size_wh, _SINGLE), frames, fps, size_wh)
    return [(_centred(index, frames, count), label) for index, label in enumerate(passing)]


def draw_boxed_film(
    path: Path, seconds: float, fps: int, seed: int, size_wh: tuple[int, int] = (640, 480)
) -> list[list[Placed]]:
    """Writes a film of a belt on which about four parts are in sight at a time; the parameters are `draw_film`'s.

    Returns:
        The parts in sight for each frame: at least half of such a part's box is in the picture, and the box is cut at
        the picture's edges.

    Raises:
        EdgetlError: the film can't be written.
    """
    frames, count = _counts(seconds, fps, _DENSE)
    passing = _order(np.random.default_rng(seed), count + 2 * _DENSE.ahead)
    return _film(path, _frames(passing, frames, seed, size_wh, _DENSE), frames, fps, size_wh)


def _counts(seconds: float, fps: int, traffic: _Traffic) -> tuple[int, int]:
    """Returns the number of frames of a film, and of the parts that pass the middle of its picture."""
    return max(1, round(seconds * fps)), max(1, round(seconds / traffic.seconds))


def _film(
    path: Path, shown: Iterator[tuple[Image, list[Placed]]], frames: int, fps: int, size_wh: tuple[int, int]
) -> list[list[Placed]]:
    """Writes a film whole or not at all; returns the parts in sight for each frame."""
    with friendly_os_errors(path), temporary_file(path, ".mp4") as temporary:
        placed = _write(temporary, shown, fps, size_wh, path)
        _check(temporary, frames, path)
        sync_file(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    return placed


def _order(rng: np.random.Generator, count: int) -> list[str]:
    """Returns `count` labels: each class comes once before any comes again, and none twice in a row."""
    passing: list[str] = []
    while len(passing) < count:
        turn = [str(label) for label in rng.permutation(list(SHAPES))]
        if passing and turn[0] == passing[-1]:
            turn.reverse()
        passing += turn
    return passing[:count]


def _centred(index: int, frames: int, parts: int) -> int:
    """Returns the index of the frame in whose middle a part is."""
    return min(frames - 1, round((index + 0.5) * frames / parts))


def _frames(
    passing: list[str], frames: int, seed: int, size_wh: tuple[int, int], traffic: _Traffic
) -> Iterator[tuple[Image, list[Placed]]]:
    """Yields the frames, (H, W, 3) uint8 BGR, each with the parts in sight.

    Only the parts in sight are held in memory, so a film may be long.
    """
    rng = np.random.default_rng([seed, 1])
    w, h = size_wh
    light, camera, belt = draw_light(rng), Camera.of(rng, size_wh), _endless_belt(rng, size_wh)
    spacing = traffic.spacing * w
    middles = (np.arange(len(passing)) + 0.5 - traffic.ahead) * spacing + w / 2
    drawn: dict[int, tuple[Patch, int]] = {}
    for frame in range(frames):
        moved = frame * spacing * (len(passing) - 2 * traffic.ahead) / frames
        scene = belt.take(np.arange(w) + round(moved), axis=1, mode="wrap")
        near = np.flatnonzero(np.abs(middles - moved - w / 2) < w / 2 + _REACH * h).tolist()
        drawn = {i: drawn.get(i) or _part(seed, i, passing[i], h, light, traffic) for i in near}
        placed = []
        for index, (patch, down) in drawn.items():
            left = round(middles[index] - moved) - patch.alpha.shape[1] // 2
            top = h // 2 + down - patch.alpha.shape[0] // 2
            lay(scene, patch, left, top)
            placed += _seen(passing[index], patch, left, top, size_wh)
        yield camera(rng, scene), placed


def _part(seed: int, index: int, label: str, height: int, light: Light, traffic: _Traffic) -> tuple[Patch, int]:
    """Draws a part; returns it with its distance below the middle, px."""
    rng = np.random.default_rng([seed, 2, index])
    patch = draw_part(rng, label, height * rng.uniform(*traffic.extent), light)
    lane = traffic.lanes[index % len(traffic.lanes)]
    return patch, round(height * (lane + rng.uniform(-traffic.stray, traffic.stray)))


def _seen(label: str, patch: Patch, left: int, top: int, size_wh: tuple[int, int]) -> list[Placed]:
    """Returns the part with its box in the picture, or an empty list if too little of the part is in the picture."""
    x0, y0, x1, y1 = patch.xyxy
    xs = np.clip((x0 + left, x1 + left), 0, size_wh[0])
    ys = np.clip((y0 + top, y1 + top), 0, size_wh[1])
    share = (xs[1] - xs[0]) * (ys[1] - ys[0]) / ((x1 - x0) * (y1 - y0))
    return [Placed(label, (float(xs[0]), float(ys[0]), float(xs[1]), float(ys[1])))] if share >= _LEAST_SEEN else []


def _endless_belt(rng: np.random.Generator, size_wh: tuple[int, int]) -> Field:
    """Draws a belt, (H, 3 W, 3) float32 BGR, whose right end continues in its left end."""
    w, h = size_wh
    joint = w // 8
    belt = draw_belt(rng, (3 * w + joint, h))
    fade = np.linspace(0, 1, joint, dtype=np.float32)[:, None]
    belt[:, :joint] = belt[:, :joint] * fade + belt[:, 3 * w :] * (1 - fade)
    return belt[:, : 3 * w]


def _write(
    temporary: Path, shown: Iterator[tuple[Image, list[Placed]]], fps: int, size_wh: tuple[int, int], path: Path
) -> list[list[Placed]]:
    fourcc = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(temporary), fourcc, fps, size_wh)
    try:
        if not writer.isOpened():
            raise EdgetlError(
                "can't write a film: OpenCV opened no MPEG-4 encoder",
                where=str(path),
                remedy="check the size and the frame rate, or install opencv-python-headless, which has an encoder",
            )
        placed = []
        for frame, parts in shown:
            writer.write(frame)
            placed.append(parts)
        return placed
    finally:
        writer.release()


def _check(temporary: Path, frames: int, path: Path) -> None:
    """Passes if the film holds all its frames, because OpenCV reports no failed write.

    Raises:
        EdgetlError: frames are missing.
    """
    film = cv2.VideoCapture(str(temporary))
    written = round(film.get(cv2.CAP_PROP_FRAME_COUNT)) if film.isOpened() else 0
    film.release()
    if written != frames:
        raise EdgetlError(
            f"the film holds {written} of its {frames} frames",
            where=str(path),
            remedy="free some space on this disk, or choose another folder",
        )
