"""Notices that a camera's lens is covered or out of focus, of which its pictures tell by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import cv2
import numpy as np

from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.vision.arrays import Image

Trouble = Literal["dark", "blurred"]

_EVERY = 0.5
"""Time between two pictures that are measured, s."""
_WIDTH = 320
"""Width to which a picture is averaged down first, px; at least this and less than twice as much."""
_LEARNING = 60.0
"""Time in which the camera's usual pictures are learnt, s: black ones don't count."""
_LONGEST_STEP = 10.0
"""At most so much time counts between two measured pictures, s: of a camera that was away nothing is known."""
_BLACK = 6.0
"""Mean brightness below which a picture is dark whatever is usual, 0..255: a covered lens gives the sensor's noise."""
_BRIGHTER = 2.0
"""A picture brighter than the usual ones by more than this factor begins the learning anew: of a dim scene little but
the sensor's noise is learnt, beside which a sharp picture in full light seems blurred."""
_DARK = 0.25
"""A picture is dark below this share of the usual brightness."""
_BLURRED = 0.4
"""A picture is blurred below this share of the usual sharpness. On two films, 640 and 768 px wide, single pictures had
more than 0.6 of the median, whatever the light, and about 0.3 once they were blurred by 0.3 % of the width."""
_FLAT = 0.15
"""It is so, too, below this share of the usual contrast: what covers a lens shows nothing but noise, which is sharp."""
_AGAIN = 1.3
"""A trouble ends where its limit is exceeded by this factor."""
_CLEAR = 10.0
"""It ends after so much time without it, s, or after the time that its notice takes if that is less."""
_TEXTS: dict[Trouble, str] = {
    "dark": "the picture is dark: see whether the lens is covered or the light is off",
    "blurred": "the picture is blurred: see whether the lens is dirty, covered or out of focus",
}


class Measured(NamedTuple):
    """What of a picture tells of the lens.

    Attributes:
        brightness: mean of its grey values, 0..255.
        sharpness: standard deviation of its Laplacian in shares of the brightness, so that the light changes it little.
        contrast: standard deviation of its grey values, likewise.
    """

    brightness: float
    sharpness: float
    contrast: float


def measure(image: Image) -> Measured:
    """Measures a small copy of a picture.

    Args:
        image: (H, W, 3) uint8 BGR.
    """
    factor = max(1, image.shape[1] // _WIDTH)
    if factor > 1:
        height, width = max(1, image.shape[0] // factor), image.shape[1] // factor
        rows = image[:: max(1, factor // 2), : width * factor]  # some of them will do, for a third of the time
        image = np.asarray(cv2.resize(rows, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
    edges = float(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1][0, 0])
    return Measured(mean, edges / (mean + _BLACK), deviation / (mean + _BLACK))


class LensWatch:
    """Looks at a live camera's pictures a few times a second, and tells of a trouble that lasts, and of its end.

    Args:
        patience: how long a trouble lasts before it is told, s; 0 tells of none.
        learning: how long the usual pictures are learnt, s.
    """

    def __init__(self, patience: float, learning: float = _LEARNING) -> None:
        self._patience = patience
        self._learning = learning
        self._samples: list[Measured] = []
        self._learnt = 0.0
        self._usual: Measured | None = None
        self._measured_at: float | None = None
        self._now: Trouble | None = None
        self._lasted = 0.0
        self._told: Trouble | None = None
        self._told_for = 0.0

    def __call__(self, frame: Frame) -> Iterator[Event]:
        """Looks at the next frame; yields an event where a trouble has lasted for long enough, or has ended."""
        at, last = frame.captured_at, self._measured_at
        if not self._patience or (last is not None and at - last < _EVERY):
            return
        self._measured_at = at
        step = 0.0 if last is None else min(at - last, _LONGEST_STEP)
        measured = measure(frame.image)
        self._learn(measured, step)
        trouble = self._trouble(measured)
        self._lasted = self._lasted + step if trouble == self._now else 0.0
        self._now = trouble
        self._told_for += step
        needed = self._patience if trouble else min(_CLEAR, self._patience)
        if trouble != self._told and self._lasted >= needed:
            yield self._event(trouble, frame)

    def _learn(self, measured: Measured, step: float) -> None:
        if self._usual is not None and measured.brightness > _BRIGHTER * self._usual.brightness:
            self._usual, self._learnt = None, 0.0
        if self._usual is not None or measured.brightness < _BLACK:
            return
        self._samples.append(measured)
        self._learnt += step
        if self._learnt >= self._learning:
            self._usual = Measured(*np.median(np.array(self._samples), axis=0).tolist())
            self._samples = []

    def _trouble(self, measured: Measured) -> Trouble | None:
        """Says what is wrong with a picture; what has been told ends a little later than it began."""
        dark, blurred = (_AGAIN if self._told == kind else 1.0 for kind in ("dark", "blurred"))
        usual = self._usual
        if measured.brightness < dark * (max(_BLACK, _DARK * usual.brightness) if usual else _BLACK):
            return "dark"
        if usual is None:
            return None
        unsharp = measured.sharpness < blurred * _BLURRED * usual.sharpness
        return "blurred" if unsharp or measured.contrast < blurred * _FLAT * usual.contrast else None

    def _event(self, trouble: Trouble | None, frame: Frame) -> Event:
        before, seconds = self._told, round(self._told_for if trouble is None else self._lasted, 1)
        self._told, self._told_for = trouble, 0.0
        if trouble is not None:
            return Event(trouble, frame.captured_at, _TEXTS[trouble], frame.index, {"seconds": seconds})
        text = f"the picture is no longer {before}"
        return Event("clear", frame.captured_at, text, frame.index, {"reason": before, "seconds": seconds})
