"""A slot for the newest picture of a live camera, between the thread that reads the camera and the run."""

from __future__ import annotations

import threading

from edgetl.device.camera.shot import Grabbed, Jpeg, Shot, StoredShot
from edgetl.device.run.camera_loss import FrozenPictureCheck
from edgetl.device.status import Status

_COMPARED = 0.7
"""Longest time without a picture that is retrieved from its camera, s, even if the model needs none: a frozen picture
is noticed only by comparing."""


class Slot:
    """Holds one picture; a newer one replaces it.

    Lock rule: the condition `changed` guards all attributes. Hold it for every call that changes the slot and for every
    read of two values that belong together; a single value may be read without it.

    Args:
        status: the run's status, which counts frames.
        frozen_check: the check for a frozen picture, which gets each picture.

    Attributes:
        changed: the condition; it is notified of every picture, and of the end of a reading.
        due: the time when the run needs its next frame by `time.monotonic`, s. A picture that is replaced before is not
            counted as dropped.
        jpegs_decode: whether the last JPEG that was checked could be decoded; False before the first.
        undecodable_since: the time of the first of the last JPEGs in a row that can't be decoded by `time.monotonic`,
            s; None if the last one could be decoded.
    """

    def __init__(self, status: Status, frozen_check: FrozenPictureCheck) -> None:
        self.changed = threading.Condition()
        self.due = 0.0
        self.jpegs_decode = False
        self.undecodable_since: float | None = None
        self._status = status
        self._frozen_check = frozen_check
        self._shot: StoredShot | None = None
        self._arrived_at = self._stored_at = 0.0
        self._next_index = 0

    def needs_picture(self, arrived_at: float) -> bool:
        """Says whether a picture that has just arrived has to be retrieved from its camera.

        It has not if another one will arrive before the run needs it. Now and then it has to be compared all the same.

        Args:
            arrived_at: the time of the picture's arrival by `time.monotonic`, s.
        """
        next_arrival = 2 * arrived_at - self._arrived_at  # if the camera keeps its pace
        return next_arrival >= self.due or arrived_at - self._stored_at >= _COMPARED

    def put(self, shot: Shot, arrived_at: float) -> None:
        """Stores a picture as the newest; only counts it if it was not retrieved or is an incomplete JPEG.

        Args:
            shot: the picture.
            arrived_at: the time of its arrival by `time.monotonic`, s.
        """
        if isinstance(shot, Jpeg) and not shot.whole:
            self.picture_broken(arrived_at)
            return
        if self.jpegs_decode or not isinstance(shot, Jpeg):
            self._status.frame_arrived(arrived_at)
        self._arrived_at = arrived_at
        self._next_index = shot.index + 1
        if isinstance(shot, Grabbed):
            return
        self._stored_at = arrived_at
        self._frozen_check.add(shot)
        if self._shot is not None and arrived_at >= self.due:
            self._status.frame_dropped()
        self._shot = shot
        self.changed.notify_all()

    def picture_broken(self, arrived_at: float) -> None:
        """Records that a JPEG can't be decoded.

        Args:
            arrived_at: the time of its arrival by `time.monotonic`, s.
        """
        self._status.picture_broken()
        self.jpegs_decode = False
        self.undecodable_since = self.undecodable_since or arrived_at

    def picture_decoded(self, arrived_at: float) -> None:
        """Records that a JPEG could be decoded.

        Args:
            arrived_at: the time of its arrival by `time.monotonic`, s.
        """
        if not self.jpegs_decode:
            self._status.frame_arrived(arrived_at)
        self.jpegs_decode, self.undecodable_since = True, None

    def clear(self) -> None:
        """Drops everything that an earlier opening of the camera left."""
        self._shot = None
        self.jpegs_decode, self.undecodable_since = False, None

    def take(self) -> StoredShot | None:
        """Removes and returns the newest picture; None if there is none."""
        shot, self._shot = self._shot, None
        return shot

    @property
    def next_index(self) -> int:
        """The index of the next frame; a camera that is opened again goes on counting from it."""
        return self._next_index
