"""Takes the photos of a capture: decides which frames become photos, checks, writes and counts them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

import cv2

from edgetl.device.camera.frame import Frame
from edgetl.device.capture.class_folder import add_photo
from edgetl.device.capture.photo_check import PhotoCheck
from edgetl.device.capture.requests import Requests
from edgetl.device.capture.result import CaptureResult
from edgetl.device.capture.settings import CaptureSettings

_QUALITY = 95
"""The quality of the photos' JPEG files, 0..100: as a camera's own, it leaves no trace that a model would learn."""
_FILM_SECONDS = 1.0
"""Time from one photo to the next in a film unless the user sets another, s."""


class Timer:
    """Says when the next photo is due.

    Args:
        every: time from one photo to the next, s; None is never due, and 0 always.
        first: the time at which the first photo is due, s, by the clock of `is_due`.
    """

    def __init__(self, every: float | None, first: float) -> None:
        self._every = every
        self._next = first

    def is_due(self, now: float) -> bool:
        """Returns whether a photo is due; the next one is due a whole interval later.

        Args:
            now: the present time, s.
        """
        if self._every is None or now < self._next:
            return False
        self._next = max(self._next + self._every, now)
        return True


class Photographer:
    """Takes photos from frames.

    Args:
        settings: the options of the capture.
        requests: the photos that a person asks for.
        live: whether the frames come from a live camera, whose time is the clock's.
        fps: the frame rate of a film, frames a second; None for photos.
        say: the receiver of a line for each photo.

    Attributes:
        result: the photos so far.
    """

    def __init__(
        self,
        settings: CaptureSettings,
        requests: Requests,
        *,
        live: bool,
        fps: float | None,
        say: Callable[[str], None],
    ) -> None:
        self.result = CaptureResult(settings.folder)
        self._settings = settings
        self._requests = requests
        self._live, self._fps = live, fps
        self._say = say
        self._check = PhotoCheck(settings.folder)
        if live:
            self._timer = Timer(settings.every, monotonic() + (settings.every or 0))
        else:
            self._timer = Timer((settings.every or _FILM_SECONDS) if fps else 0.0, 0.0)

    @property
    def is_done(self) -> bool:
        """Whether as many photos were taken as the user asked for."""
        return self.result.taken == self._settings.count

    def see(self, frame: Frame) -> None:
        """Takes a photo of a frame if one is due or was asked for.

        Raises:
            EdgetlError: the disk is full or the folder can't be written to.
        """
        now = frame.captured_at if self._live else frame.index / (self._fps or 1.0)
        due = self._timer.is_due(now)
        if self._requests.is_wanted() or due:
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        image = frame.picture()
        faults = self._check(image)
        shown = " and ".join(faults)
        if faults and self._settings.skip_poor:
            self.result = self.result.with_skipped()
            self._say(f"left out: {shown}")
            return
        age = timedelta(seconds=max(0.0, monotonic() - frame.captured_at))
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
        path = add_photo(self._settings.folder, data, datetime.now(UTC) - age)
        self._check.add(image)
        self.result = self.result.with_photo(faults)
        self._say(f"{self.result.taken:>5}  {path.name}" + (f"  warning: {shown}" if faults else ""))
