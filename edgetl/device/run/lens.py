"""Notices in the pictures of a live camera that its lens is covered or out of focus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.device.run.lasting_state import LastingState
from edgetl.vision.arrays import Image

LensTrouble = Literal["dark", "blurred"]

EVERY = 0.5
"""Time between two pictures that are measured, s. A lens is covered for minutes, so more measurements would only cost
processor time."""
_WIDTH = 320
"""Width to which a picture is averaged down before it is measured, px; the result has at least this width and less than
twice as much."""
LEARNING = 60.0
"""Time in which the usual pictures of the camera are learnt, s; black pictures don't count."""
LONGEST_STEP = 10.0
"""Longest time that counts between two measured pictures, s: nothing is known about the time in which a camera was
lost."""
BLACK = 6.0
"""Mean brightness below which a picture is dark even if dark pictures are usual, 0..255; the noise of a sensor
under a covered lens stays below it."""
BRIGHTER = 2.0
"""Factor of the usual brightness above which the learning begins again. From a dim scene little but the sensor's noise
is learnt, compared with which a sharp picture in full light would seem blurred."""
_DARK = 0.25
"""Share of the usual brightness below which a picture is dark."""
BLURRED = 0.4
"""Share of the usual sharpness below which a picture is blurred. In two films, 640 and 768 px wide, every picture had
more than 0.6 of the median in any light, and about 0.3 after it was blurred by 0.3 % of the width."""
FLAT = 0.15
"""Share of the usual contrast below which a picture counts as blurred, too: a covered lens shows only noise, which is
sharp."""
HYSTERESIS = 1.3
"""Factor by which a limit has to be exceeded before a reported trouble ends, so that it does not come and go."""
CLEAR = 10.0
"""Time without a trouble after which it ends, s; never longer than the time after which it was reported."""
_TEXTS: dict[LensTrouble, str] = {
    "dark": "the picture is dark: see whether the lens is covered or the light is off",
    "blurred": "the picture is blurred: see whether the lens is dirty, covered or out of focus",
}


class LensMeasurement(NamedTuple):
    """The values of a picture that change when the lens is covered or out of focus.

    Attributes:
        brightness: mean of the grey values, 0..255.
        sharpness: standard deviation of the Laplacian divided by the brightness, so that the light changes it little.
        contrast: standard deviation of the grey values divided by the brightness.
    """

    brightness: float
    sharpness: float
    contrast: float


def small_grey(image: Image) -> NDArray[np.uint8]:
    """Returns a small grey copy of a picture, (h, w) uint8, 0..255.

    Args:
        image: the picture, (H, W, 3) uint8 BGR.
    """
    factor = max(1, image.shape[1] // _WIDTH)
    if factor > 1:
        height, width = max(1, image.shape[0] // factor), image.shape[1] // factor
        rows = image[:: max(1, factor // 2), : width * factor]  # every row would take three times as long
        image = np.asarray(cv2.resize(rows, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def measure(image: Image) -> LensMeasurement:
    """Measures a small copy of a picture.

    Args:
        image: the picture, (H, W, 3) uint8 BGR.
    """
    return measure_grey(small_grey(image))


def measure_grey(grey: NDArray[np.uint8]) -> LensMeasurement:
    """Measures a small grey copy of a picture.

    Args:
        grey: the copy, (h, w) uint8, 0..255, see `small_grey`.
    """
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
    edges = float(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1][0, 0])
    return LensMeasurement(mean, edges / (mean + BLACK), deviation / (mean + BLACK))


class LensMonitor:
    """Measures a few pictures of a live camera a second; reports a trouble that lasts, and its end.

    Args:
        delay: time that a trouble lasts before it is reported, s; 0 reports none.
        learning: time in which the usual pictures are learnt, s.
    """

    def __init__(self, delay: float, learning: float = LEARNING) -> None:
        self._delay = delay
        self._learning = learning
        self._samples: list[LensMeasurement] = []
        self._learnt = 0.0
        self._usual: LensMeasurement | None = None
        self._measured_at: float | None = None
        self._state: LastingState[LensTrouble] = LastingState(lambda _: delay, min(CLEAR, delay))

    def __call__(self, frame: Frame) -> Iterator[Event]:
        """Measures the next frame; yields an event if a trouble has lasted for the delay, or has ended."""
        last = self._measured_at
        if self._delay and (last is None or frame.captured_at - last >= EVERY):
            yield from self.add(measure(frame.image), frame)

    def add(self, measured: LensMeasurement, frame: Frame) -> Iterator[Event]:
        """Takes the measurement of the next frame that is measured; see `__call__`.

        Args:
            measured: the measurement.
            frame: the frame.
        """
        at, last = frame.captured_at, self._measured_at
        self._measured_at = at
        step = 0.0 if last is None else min(at - last, LONGEST_STEP)
        self._learn(measured, step)
        before = self._state.reported
        change = self._state.add(self._trouble(measured), step)
        if change is not None and self._delay:
            yield _event(change.state, before, change.seconds, frame)

    def _learn(self, measured: LensMeasurement, step: float) -> None:
        if self._usual is not None and measured.brightness > BRIGHTER * self._usual.brightness:
            self._usual, self._learnt = None, 0.0
        if self._usual is not None or measured.brightness < BLACK:
            return
        self._samples.append(measured)
        self._learnt += step
        if self._learnt >= self._learning:
            self._usual = LensMeasurement(*np.median(np.array(self._samples), axis=0).tolist())
            self._samples = []

    def _trouble(self, measured: LensMeasurement) -> LensTrouble | None:
        """Returns what is wrong with a picture. A reported trouble ends at a higher limit than it began at."""
        dark, blurred = (HYSTERESIS if self._state.reported == kind else 1.0 for kind in ("dark", "blurred"))
        usual = self._usual
        if measured.brightness < dark * (max(BLACK, _DARK * usual.brightness) if usual else BLACK):
            return "dark"
        if usual is None:
            return None
        unsharp = measured.sharpness < blurred * BLURRED * usual.sharpness
        return "blurred" if unsharp or measured.contrast < blurred * FLAT * usual.contrast else None


def _event(trouble: LensTrouble | None, before: LensTrouble | None, lasted: float, frame: Frame) -> Event:
    seconds = round(lasted, 1)
    if trouble is not None:
        return Event(trouble, frame.captured_at, _TEXTS[trouble], frame.index, {"seconds": seconds})
    text = f"the picture is no longer {before}"
    return Event("clear", frame.captured_at, text, frame.index, {"reason": before, "seconds": seconds})
