"""Shows how far a conversion is, and estimates before its first variant how long it will take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from edgetl.host.console import Bar, console
from edgetl.host.convert.candidates import Candidate

LONG_SECONDS = 60
"""Work that takes longer than this is announced with an estimate, s."""

_FEWEST_PHOTOS = 20
"""An estimate needs at least this many validation photos; with fewer, Keras spends most of the time on its start."""

_STATIC_PHOTOS = 100
"""An int8 recipe also runs this many photos, those of its representative dataset."""

_SECONDS = {
    ("tflite", "float32"): 6.0,
    ("tflite", "static_wi8_ai8"): 12.0,
    ("openvino", "float32"): 4.0,
    ("openvino", "static_wi8_ai8"): 30.0,
}
"""The time to convert a MobileNet at 224 px on two cores, without the photos, s."""

_CONVERTED = 0.5
"""The share of a variant's bar that its conversion takes up; its evaluation takes up the rest."""


def estimated_seconds(candidates: Sequence[Candidate], photos: int, seconds_per_photo: float) -> float | None:
    """Estimates how long a conversion takes; None if there are too few photos to tell.

    Args:
        candidates: the variants to make.
        photos: the number of validation photos.
        seconds_per_photo: the time that Keras took for one of them, s.
    """
    if photos < _FEWEST_PHOTOS:
        return None
    return sum(_seconds(candidate, photos, seconds_per_photo) for candidate in candidates)


def _seconds(candidate: Candidate, photos: int, seconds_per_photo: float) -> float:
    runtime, recipe = candidate
    quantized = recipe in ("static_wi8_ai8", "device_wi8_ai8", "portable")
    seconds = _SECONDS[runtime, "static_wi8_ai8" if quantized else "float32"]
    return seconds + (photos + quantized * _STATIC_PHOTOS) * seconds_per_photo


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
