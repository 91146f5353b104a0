"""Shows how far a conversion is, and estimates before its first variant how long it will take."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edgetl.card import InputSpec
from edgetl.host.console import Bar, console
from edgetl.host.convert.calibration import FIRST_PHOTOS
from edgetl.host.convert.candidates import Candidate
from edgetl.host.convert.converter import ConversionInput
from edgetl.vision.photo import read_photo

_QUANTIZED = ("static_wi8_ai8", "device_wi8_ai8", "portable")
"""The recipes that are calibrated with photos."""

LONG_SECONDS = 60
"""Work that takes longer than this is announced with an estimate, s."""

_FEWEST_PHOTOS = 20
"""An estimate needs at least this many validation photos; with fewer, Keras spends most of the time on its start."""

_READ_PHOTOS = 4
"""This many photos are read to measure how long it takes, which is soon done even with large photos."""

_ONE_THREAD = 2.0
"""A variant runs one photo at a time with one thread, which takes about this many times as long as Keras's batches."""

_CALIBRATION = 5.0
"""Calibration with a photo takes about this many times as long as Keras takes for the photo."""

_SECONDS = {("tflite", False): 5.5, ("tflite", True): 7.0, ("openvino", False): 1.5, ("openvino", True): 2.5}
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
    photos, keras = source.judge.photos, source.judge.seconds_per_photo
    if len(photos) < _FEWEST_PHOTOS:
        return None
    evaluation = len(photos) * (_seconds_to_read(photos, source.card.input) + _ONE_THREAD * keras)
    calibration = FIRST_PHOTOS * _CALIBRATION * keras
    quantized = [recipe in _QUANTIZED for _, recipe in candidates]
    conversion = sum(_SECONDS[runtime, int8] for (runtime, _), int8 in zip(candidates, quantized, strict=True))
    return conversion + len(candidates) * evaluation + sum(quantized) * calibration


def _seconds_to_read(photos: Sequence[Path], spec: InputSpec) -> float:
    """Measures how long it takes to read a photo, s, with the first few."""
    began = time.monotonic()
    for path in photos[:_READ_PHOTOS]:
        read_photo(path, spec)
    return (time.monotonic() - began) / _READ_PHOTOS


class ConversionProgress:
    """Moves a bar with the share of variants that are done.

    Args:
        bar: the bar, with a part for each variant.
    """

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._name = ""
        self._share = 0.0

    @contextmanager
    def variant(self, name: str) -> Iterator[None]:
        """Counts a variant as done at the end of the block.

        Args:
            name: the variant's name.
        """
        self._name, self._share = name, 0.0
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
        self._bar.update(gain, note)
