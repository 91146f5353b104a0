"""How old a frame is when it arrives: by the stamp of its driver, or by how far a stream's reader is behind."""

from __future__ import annotations

_OLDEST_STAMP = 5.0
"""A stamp counts only if it is at most this old, s: an older one, or one in the future, is of another clock."""

_WINDOW = 1.0
"""A reader is judged busy or waiting over a window of this length, s, so that one slow picture decides nothing."""
_IDLE = 0.2
"""A reader that waits for at least this share of a window keeps up: no picture waits for it."""
_PAUSE = 0.5
"""A gap between two pictures is the network's if it is longer than this, s, and than usual: no decoder is so slow."""
_DRIFT = 2e-4
"""A camera's clock may lose this much against ours, s a second; a cheap quartz is wrong by a quarter of that."""
TOO_FAR = 2.0
"""A reader that is behind by more than this for a whole window, s, won't catch up."""
_STANDING = 3
"""A reader of a stream without a clock may be busy for fewer than this many windows."""


def taken_at(stamp: float, came_at: float) -> float:
    """Returns the time of a picture's capture: its driver's stamp, or its arrival if the stamp is of another clock.

    Args:
        stamp: the driver's stamp, s.
        came_at: the time of arrival, in seconds of `time.monotonic`.
    """
    return stamp if 0 <= came_at - stamp < _OLDEST_STAMP else came_at


class StreamLag:
    """Measures how far the reader of a stream is behind, by the stream's own clock.

    The clock of a stream may begin at any time. But a picture for which the reader had to wait is as new as the network
    allows, and from there on the two clocks can be compared.

    Attributes:
        behind: how long the last picture has waited in this machine's buffers, s.
        too_far: whether the reader is so far behind that it won't catch up.
    """

    def __init__(self) -> None:
        self.behind = 0.0
        self.too_far = False
        self._seen_at = self._usual_step = self._position = self._least_offset = 0.0
        self._standing = 0
        self._begin_window(0.0)

    def _begin_window(self, at: float) -> None:
        self._since, self._waited = at, 0.0
        self._smallest = float("inf")
        self._ticks = False

    def see(self, at: float, position: float, waited: float | None) -> float:
        """Takes note of a picture; returns how far it is behind, s.

        Args:
            at: the time when the picture was decoded, in seconds of `time.monotonic`.
            position: the position of the picture in the stream, by the stream's clock, s.
            waited: the time that the reader only waited for the picture, s; None if other threads decode, so that only
                the clock shows a lag.
        """
        offset, ticks = at - position, position > self._position
        first = not self._seen_at
        step = 0.0 if first else at - self._seen_at
        if first:
            self._begin_window(at)
        if first or not ticks or step > max(_PAUSE, 4 * self._usual_step):
            self._least_offset = offset
        else:
            self._least_offset = min(self._least_offset + _DRIFT * step, offset)
        self.behind = offset - self._least_offset
        self._usual_step += (step - self._usual_step) / 16
        self._seen_at, self._position = at, position
        self._smallest, self._ticks = min(self._smallest, self.behind), self._ticks or ticks
        self._waited += waited or 0.0
        if at - self._since >= _WINDOW:
            self._end_window(at, offset, waits_are_known=waited is not None)
        return self.behind

    def _end_window(self, at: float, offset: float, *, waits_are_known: bool) -> None:
        """Judges the reader by the window that ends now, and begins the next one."""
        busy = not waits_are_known or self._waited < _IDLE * (at - self._since)
        if not busy:
            self._least_offset, self.behind = offset, 0.0
        # A stream without a clock shows only whether its reader ever waits.
        self._standing = self._standing + 1 if waits_are_known and busy and not self._ticks else 0
        self.too_far = busy and (self._smallest > TOO_FAR or self._standing >= _STANDING)
        self._begin_window(at)
