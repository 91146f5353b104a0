"""Room for the newest picture of a live camera, between the thread that reads it and the run."""

from __future__ import annotations

import threading

from edgetl.device.camera.shot import Grabbed, Jpeg, Shot, StoredShot
from edgetl.device.run.camera_loss import Stillness
from edgetl.device.status import Status

_COMPARED = 0.7
"""Pause after which a picture is taken out whether it is due or not, s: a camera that freezes shows there."""


class Slot:
    """Room for one frame, in which a newer one takes an older one's place.

    Args:
        status: where frames are counted.
        stillness: looks at each.

    Attributes:
        changed: notified of every frame, and of what else is worth a look.
        due: when the reader wants its next frame, by `time.monotonic`; what is overtaken before isn't missed.
        proven: whether the camera's last JPEG that was examined could be decoded; False before the first.
        undecodable_since: when the first came of those in a row that couldn't be decoded, by `time.monotonic`; None
            where there is none.
    """

    def __init__(self, status: Status, stillness: Stillness) -> None:
        self.changed = threading.Condition()
        self.due = 0.0
        self.proven = False
        self.undecodable_since: float | None = None
        self._status = status
        self._stillness = stillness
        self._shot: StoredShot | None = None
        self._came_at = self._kept_at = 0.0
        self._next_index = 0

    def wants(self, came_at: float) -> bool:
        """Says whether a picture that has just come is worth being taken out of its camera.

        It isn't where another will have come before one is due; but now and then one has to be compared with the last.
        """
        next_at = 2 * came_at - self._came_at  # as this one came after the last
        return next_at >= self.due or came_at - self._kept_at >= _COMPARED

    def put(self, shot: Shot, came_at: float) -> None:
        """Puts the newest in, or only counts what wasn't taken out of its camera; call it with `changed` held."""
        if isinstance(shot, Jpeg) and not shot.whole:
            self.broken(came_at)
            return
        if self.proven or not isinstance(shot, Jpeg):
            self._status.frame_arrived(came_at)
        self._came_at = came_at
        self._next_index = shot.index + 1
        if isinstance(shot, Grabbed):
            return
        self._kept_at = came_at
        self._stillness.see(shot)
        if self._shot is not None and came_at >= self.due:
            self._status.frame_dropped()
        self._shot = shot
        self.changed.notify_all()

    def broken(self, came_at: float) -> None:
        """Notes a picture that can't be decoded; call it with `changed` held."""
        self._status.picture_broken()
        self.proven = False
        self.undecodable_since = self.undecodable_since or came_at

    def decoded(self, came_at: float) -> None:
        """Notes a picture that could be decoded; call it with `changed` held."""
        if not self.proven:
            self._status.frame_arrived(came_at)
        self.proven, self.undecodable_since = True, None

    def begin(self) -> None:
        """Forgets what came of an earlier opening; call it with `changed` held."""
        self._shot = None
        self.proven, self.undecodable_since = False, None

    def take(self) -> StoredShot | None:
        """Takes the newest out, None where there is none; call it with `changed` held."""
        shot, self._shot = self._shot, None
        return shot

    @property
    def next_index(self) -> int:
        """Of a camera that is opened again, so that the frames of a run are counted on."""
        return self._next_index
