"""Shows how far a conversion is, and estimates before its first variant how long it will take."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edgetl.card import InputSpec
from edgetl.device.runtime.threads import cores
from edgetl.host.console import Bar, console
from edgetl.host.convert.calibration import FIRST_PHOTOS
from edgetl.host.convert.candidates import INT8, Candidate
from edgetl.host.convert.converter import ConversionInput
from edgetl.text import about
from edgetl.vision.photo import read_photo

LONG_SECONDS = 60
"""Work that takes longer than this is announced with an estimate, s."""

_FEWEST_PHOTOS = 20
"""An estimate needs at least this many validation photos; with fewer, Keras spends most of the time on its start."""

_READ_PHOTOS = 4
"""This many photos are read to measure how long it takes, which is soon done even with large photos."""

_ONE_THREAD = 1.0
"""A variant runs one photo at a time on each core, which takes a core about as long as Keras's batches take with all of
them."""

_CALIBRATION = 5.0
"""Calibration with a photo takes about this many times as long as Keras takes for the photo."""

_EXPORT = 2.5
"""The time to export the Keras model, which the first variant waits for, s."""

_SECONDS = {("tflite", False): 1.5, ("tflite", True): 2.0, ("openvino", False): 0.5, ("openvino", True): 8.0}
"""The time to convert a MobileNetV2 on two cores without the photos, s, by the runtime and whether the recipe is int8.
"""

_CONVERTED = 0.5
"""The share of a variant's bar that its conversion takes up; its evaluation takes up the rest."""


def estimated_seconds(candidates: Sequence[Candidate], source: ConversionInput) -> float | None:
    """Estimates how long a conversion takes if every first attempt meets the gate, s.

    Args:
        candidates: the variants to make.
        source: the model; a few of its validation photos are read to measure how long that takes.

    Returns:
        The estimate, s; None if there are too few validation photos for one.
    """
    if len(source.judge.photos) < _FEWEST_PHOTOS:
        return None
    return sum(variant_seconds(candidates, source))


def variant_seconds(candidates: Sequence[Candidate], source: ConversionInput) -> tuple[float, ...]:
    """Estimates how long the first attempt of each variant takes, s; see `estimated_seconds`.

    With few validation photos, only the ratios are of use.
    """
    photos, keras = source.judge.photos, source.judge.seconds_per_photo
    evaluation = len(photos) * _ONE_THREAD * keras / cores()
    calibration = FIRST_PHOTOS * _CALIBRATION * keras
    int8 = [recipe in INT8 for _, recipe in candidates]
    seconds = [
        _SECONDS[runtime, quantized] + evaluation + quantized * calibration
        for (runtime, _), quantized in zip(candidates, int8, strict=True)
    ]
    seconds[0] += _EXPORT + len(photos) * _seconds_to_read(photos, source.card.input)
    return tuple(seconds)


def _seconds_to_read(photos: Sequence[Path], spec: InputSpec) -> float:
    """Measures how long it takes to read a photo, s, with the first few."""
    began = time.monotonic()
    for path in photos[:_READ_PHOTOS]:
        read_photo(path, spec)
    return (time.monotonic() - began) / _READ_PHOTOS


class ConversionProgress:
    """Moves a bar with the share of variants that are done, and shows the time left beside it.

    Args:
        bar: the bar, with a part for each variant.
        expected: the estimated time for each variant, s; see `variant_seconds`.
    """

    def __init__(self, bar: Bar, expected: Sequence[float]) -> None:
        self._bar = bar
        self._expected = expected
        self._began = time.monotonic()
        self._number = -1
        self._name = ""
        self._share = 0.0

    @contextmanager
    def variant(self, name: str) -> Iterator[None]:
        """Counts a variant as done at the end of the block.

        Args:
            name: the variant's name.
        """
        self._name, self._share = name, 0.0
        self._number += 1
        yield
        self._move(1.0, name)

    def converting(self, note: str) -> None:
        """Reports that an attempt begins.

        Args:
            note: what the attempt does beyond the plain recipe; see `Attempt`.
        """
        console.print(f"{self._name}: converting" + (f", {note}" if note else ""))
        self._move(0.0, f"{self._name}: converting")

    def step(self, work: str, done: int, total: int) -> None:
        """Reports how far the evaluation of the variant is; see `edgetl.device.measure.steps.Step`."""
        self._move(_CONVERTED + (1 - _CONVERTED) * done / total, f"{self._name}: {work}")

    def _move(self, share: float, note: str) -> None:
        """Moves the bar to a share of the variant, never back: a second attempt converts again."""
        gain = max(0.0, share - self._share)
        self._share += gain
        left = self._seconds_left()
        self._bar.update(gain, f"{note}, {about(left)} left" if left > 1 else note)

    def _seconds_left(self) -> float:
        """Estimates the time left, s: what is done shows how far off the estimates are."""
        done = sum(self._expected[: self._number]) + self._share * self._expected[self._number]
        pace = (time.monotonic() - self._began) / done if done else 1.0
        return pace * (sum(self._expected) - done)
