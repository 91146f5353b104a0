"""When a live camera counts as lost, and how patiently it is opened again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgetl.device.camera.shot import Jpeg, StoredShot

Reason = Literal["stall", "undecodable", "frozen", "ended", "error"]

_SAMPLE = 16
"""Every so many pixels each way are compared first: two pictures of a living camera differ there already."""
_LONGEST_FROZEN = 3600.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what is waited for, s.

    Attributes:
        stall: for a frame that can be decoded, before the camera is opened again.
        frozen: for a picture that differs from the last one in any bit, likewise; 0 waits for ever.
        give_up: for the camera to come back, before the run ends.
        first_pause: before a camera is opened again; it doubles with every try that fails.
        longest_pause: that it grows to.
        opening: for an opening camera's first frame.
        covered: for a picture that is dark or blurred to become a usual one, before a notice; 0 waits for ever.
    """

    stall: float = 5.0
    frozen: float = 10.0
    give_up: float = 300.0
    first_pause: float = 0.5
    longest_pause: float = 30.0
    opening: float = 15.0
    covered: float = 60.0

    def pause(self, tries: int) -> float:
        """Returns how long to wait after so many tries that failed, s."""
        return min(self.first_pause * 2.0 ** min(tries, 30), self.longest_pause)


class Stillness:
    """Watches for a picture that doesn't change in a single bit, as an unplugged camera's last one may not.

    A camera whose picture is the same after it has been opened again shows a scene without change: each time it is
    given twice as long.

    Args:
        limit: how long a picture may stay the same, s; 0 sets no limit.
    """

    def __init__(self, limit: float) -> None:
        self._limit = self._base = limit
        self._last: StoredShot | None = None
        self._anew = True
        self._since = self._until = 0.0

    def see(self, shot: StoredShot) -> None:
        """Looks at the next picture."""
        if not self._base:
            return
        changed = self._last is None or not same(self._last, shot)
        if changed:
            self._last = shot
            self._limit = self._base
        if changed or self._anew:
            self._since = shot.captured_at
            self._anew = False
        self._until = shot.captured_at

    def frozen(self) -> bool:
        """Says whether the picture has stayed the same for too long."""
        return self._base > 0 and self._until - self._since > self._limit

    def lost(self) -> None:
        """Counts anew from the next picture on, with more patience where the camera is opened again because of it."""
        if self.frozen():
            self._limit = min(2 * self._limit, _LONGEST_FROZEN)
        self._since = self._until
        self._anew = True


def same(one: StoredShot, other: StoredShot) -> bool:
    """Says whether two pictures are the same to the last bit."""
    if isinstance(one, Jpeg) or isinstance(other, Jpeg):
        return isinstance(one, Jpeg) and isinstance(other, Jpeg) and one.data == other.data
    a, b = one.image, other.image
    if a.shape != b.shape or not np.array_equal(a[::_SAMPLE, ::_SAMPLE], b[::_SAMPLE, ::_SAMPLE]):
        return False
    return np.array_equal(a, b)
