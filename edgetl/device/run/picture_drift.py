"""Names what has happened to a picture that is unlike the usual ones: no light, a covered lens, another place."""

from __future__ import annotations

from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edgetl.device.run.lasting_state import Change, LastingState
from edgetl.device.run.lens import BLACK, BLURRED, BRIGHTER, CLEAR, FLAT, HYSTERESIS, LEARNING, LensMeasurement
from edgetl.vision.arrays import Doubles

PictureTrouble = Literal["black", "light_off", "covered", "blurred", "turned"]
"""What has happened: no light comes through the lens at all; the scene is there, with little light; something is in
front of the lens; the scene is there, without its details; the scene is another one."""

_CELLS = (16, 12)
"""The pattern of a picture is the brightness of so many cells, across and down."""
_FIRST = 10.0
"""The usual picture is known roughly after this time, s, and learnt until `LEARNING`."""
_DIM = 0.5
"""Share of the usual brightness below which a picture lacks light."""
_SAME = 0.6
"""Correlation of two patterns from which they show the same scene. Halved light leaves it above 0.9."""
_OTHER = 0.3
"""Correlation of two patterns below which they show different scenes."""
_STEADY = 0.7
"""Correlation with the usual pattern that nine of ten pictures of a fixed camera exceed while they are learnt. If they
don't, the camera moves anyway, and is never said to be turned."""
_ADAPTS = 1 / 600
"""Share of each picture in the usual pattern, 0..1: shadows that wander for many minutes become usual."""
_FADES = 3
"""A picture that was dark with its scene in sight so many times lacks light, even if nothing is in sight any more."""
_EVEN = 1.0
"""Standard deviation of the cells below which there is no pattern, 0..255."""
_SLOW = 3.0
"""Factor of the delay after which `blurred` and `turned` are reported: a large thing may pass in front of a camera."""
TEXTS: dict[PictureTrouble, str] = {
    "black": "the picture is black: see whether the lens is covered or all light is off",
    "light_off": "the light is off or far weaker than usual: see the lamp",
    "covered": "something covers the lens: see what is in front of it",
    "blurred": "the picture is blurred: see whether the lens is dirty or out of focus",
    "turned": "the camera shows another scene: see whether it was turned or moved",
}
"""The sentence for people about each trouble."""


class _Usual(NamedTuple):
    """The usual picture: its measurement, and its pattern, (192,) float64; whether the camera stands still."""

    measured: LensMeasurement
    pattern: Doubles
    steady: bool


class PictureDrift:
    """Learns the usual picture of a camera, and notices one that is unlike it for long.

    Args:
        delay: time that a picture is unlike the usual one before it is reported, s.
        learning: time in which the usual picture is learnt, s; black pictures don't count.
    """

    def __init__(self, delay: float, learning: float = LEARNING) -> None:
        self._learning = learning
        self._samples: list[tuple[LensMeasurement, Doubles]] = []
        self._learnt = 0.0
        self._usual: _Usual | None = None
        self._seen_dim = 0
        self._state: LastingState[PictureTrouble] = LastingState(
            lambda trouble: delay * (_SLOW if trouble in ("blurred", "turned") else 1.0), min(CLEAR, delay)
        )

    @property
    def reported(self) -> PictureTrouble | None:
        """The trouble that was reported and has not ended."""
        return self._state.reported

    def add(self, measured: LensMeasurement, grey: NDArray[np.uint8], step: float) -> Change[PictureTrouble] | None:
        """Takes the next picture; returns the beginning or the end of a trouble if there is one.

        Args:
            measured: the picture's measurement.
            grey: a small grey copy of it, (h, w) uint8, 0..255.
            step: the time since the picture before, s.
        """
        pattern = pattern_of(grey)
        trouble = self._trouble(measured, pattern)
        if trouble is None:
            self._learn(measured, pattern, step)
        return self._state.add(trouble, step)

    def _learn(self, measured: LensMeasurement, pattern: Doubles, step: float) -> None:
        if self._usual is not None and measured.brightness > BRIGHTER * self._usual.measured.brightness:
            self._usual, self._learnt, self._samples = None, 0.0, []  # what a dim scene has taught is of no use
        if self._usual is not None and self._learnt >= self._learning:
            mixed = _normalized((1 - _ADAPTS) * self._usual.pattern + _ADAPTS * pattern)
            self._usual = self._usual._replace(pattern=mixed)
            return
        self._samples.append((measured, pattern))
        self._learnt += step
        if self._learnt >= min(_FIRST, self._learning):
            self._usual = _usual_of(self._samples)

    def _trouble(self, measured: LensMeasurement, pattern: Doubles) -> PictureTrouble | None:
        usual = self._usual
        if usual is None:
            return "black" if measured.brightness < BLACK else None
        slack = HYSTERESIS if self._state.reported else 1.0
        likeness = float(pattern @ usual.pattern)
        if measured.brightness < slack * max(BLACK, _DIM * usual.measured.brightness):
            return self._dark(measured, likeness)
        self._seen_dim = 0
        if measured.contrast < slack * FLAT * usual.measured.contrast:
            return "covered"
        if usual.steady and likeness < slack * _OTHER:
            return "turned"
        return "blurred" if measured.sharpness < slack * BLURRED * usual.measured.sharpness else None

    def _dark(self, measured: LensMeasurement, likeness: float) -> PictureTrouble:
        """Names the cause of a dark picture; when the light has faded, the cause stays although nothing is in sight."""
        if likeness >= _SAME:
            self._seen_dim += 1
            return "light_off"
        if self._seen_dim >= _FADES:
            return "light_off"
        return "black" if measured.brightness < BLACK else "covered"


def pattern_of(grey: NDArray[np.uint8]) -> Doubles:
    """Returns the pattern of a picture whatever its light: cells of mean 0 and length 1, or all 0 if it is even.

    Args:
        grey: a small grey copy of the picture, (h, w) uint8, 0..255.

    Returns:
        The cells, (192,) float64; the product of two patterns is their correlation, -1..1.
    """
    cells = cv2.resize(grey.astype(np.float32), _CELLS, interpolation=cv2.INTER_AREA).reshape(-1).astype(np.float64)
    cells -= cells.mean()
    return _normalized(cells) if cells.std() >= _EVEN else np.zeros_like(cells)


def _normalized(cells: Doubles) -> Doubles:
    """Returns cells, (192,) float64, scaled to the length 1."""
    return np.asarray(cells / max(float(np.sqrt((cells**2).sum())), 1e-9), np.float64)


def _usual_of(samples: list[tuple[LensMeasurement, Doubles]]) -> _Usual:
    measured = LensMeasurement(*np.median(np.array([sample for sample, _ in samples]), axis=0).tolist())
    patterns = np.stack([pattern for _, pattern in samples])
    mean = _normalized(patterns.mean(axis=0))
    return _Usual(measured, mean, bool(np.percentile(patterns @ mean, 10) >= _STEADY))
