"""Decides when a live camera counts as lost, such as with a frozen picture, and how long to wait until it is back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgetl.device.camera.shot import Jpeg, StoredShot

LossReason = Literal["stall", "undecodable", "frozen", "ended", "error"]

_SAMPLE = 16
"""Distance of the pixels that are compared first, px each way. Two pictures of a working camera differ already there,
so that few comparisons have to read every pixel."""
_LONGEST_FROZEN = 3600.0
"""Longest time that a picture may stay the same, s. The time doubles whenever the camera is opened again because of it,
and a camera that froze in the night has to be noticed on the same day."""


@dataclass(frozen=True, slots=True)
class CameraTimeouts:
    """The times after which a live camera counts as lost, is opened again, or is given up.

    Attributes:
        stall: time without a frame that can be decoded, after which the camera is opened again, s.
        frozen: time with a picture that does not change in any bit, after which it is opened again, s; 0 sets no limit.
        give_up: time that a lost camera may take to come back before the run ends, s.
        first_pause: pause before the camera is opened again, s; it doubles after each attempt that fails.
        longest_pause: length that the pause grows to, s.
        opening: time that an opening camera may take for its first frame, s.
    """

    stall: float = 5.0
    frozen: float = 10.0
    give_up: float = 300.0
    first_pause: float = 0.5
    longest_pause: float = 30.0
    opening: float = 15.0

    def pause(self, failures: int) -> float:
        """Returns the pause before the next attempt to open the camera, s.

        Args:
            failures: number of attempts in a row that failed.
        """
        return min(self.first_pause * 2.0 ** min(failures, 30), self.longest_pause)


class FrozenPictureCheck:
    """Notices a picture that does not change in a single bit, as the last one of an unplugged camera may not.

    If the picture is still the same after the camera was opened again, the camera shows a scene without change. The
    limit then doubles each time.

    Args:
        limit: time that a picture may stay the same, s; 0 sets no limit.
    """

    def __init__(self, limit: float) -> None:
        self._limit = self._base = limit
        self._last: StoredShot | None = None
        self._restarted = True
        self._since = self._until = 0.0

    def add(self, shot: StoredShot) -> None:
        """Compares the next picture with the last one."""
        if not self._base:
            return
        changed = self._last is None or not is_same_picture(self._last, shot)
        if changed:
            self._last = shot
            self._limit = self._base
        if changed or self._restarted:
            self._since = shot.captured_at
            self._restarted = False
        self._until = shot.captured_at

    def is_frozen(self) -> bool:
        """Says whether the picture has stayed the same for longer than the limit."""
        return self._base > 0 and self._until - self._since > self._limit

    def restart(self) -> None:
        """Measures the time from the next picture on; doubles the limit if the present picture is frozen."""
        if self.is_frozen():
            self._limit = min(2 * self._limit, _LONGEST_FROZEN)
        self._since = self._until
        self._restarted = True


def is_same_picture(one: StoredShot, other: StoredShot) -> bool:
    """Says whether two pictures are equal in every bit; two JPEGs are compared as files."""
    if isinstance(one, Jpeg) or isinstance(other, Jpeg):
        return isinstance(one, Jpeg) and isinstance(other, Jpeg) and one.data == other.data
    a, b = one.image, other.image
    if a.shape != b.shape or not np.array_equal(a[::_SAMPLE, ::_SAMPLE], b[::_SAMPLE, ::_SAMPLE]):
        return False
    return np.array_equal(a, b)
