"""The Protocol of every source of frames, and what a run can request of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from edgetl.device.camera.frame import Frame
from edgetl.device.camera.shot import Shot


class Camera(Protocol):
    """A source of frames: open it in a `with` block, and read it once.

    Attributes:
        live: whether frames go on coming, read or not, so that a late reader should skip to the newest.
        fps: the frame rate that the source states, frames a second; None for photos and if the source states none.
        size: the (width, height) of the frames, px; None if they differ.
    """

    live: bool
    fps: float | None
    size: tuple[int, int] | None

    def __iter__(self) -> Iterator[Frame]:
        """Yields the frames, decoded.

        Raises:
            CameraError: a live camera is lost, or nothing of the source can be decoded.
        """

    def shots(self) -> Iterator[Shot]:
        """Yields the frames as the source delivers them, which may be undecoded; decode each before the next.

        Raises:
            CameraError: a live camera is lost, or nothing can be read.
        """

    def close(self) -> None:
        """Releases the device or the file."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class CameraRequest:
    """What a run requests of its camera.

    Attributes:
        size: the width and height of the frames, px; None leaves them to the camera. A camera that hasn't the size
            takes its nearest.
        fps: the frame rate, frames a second; None leaves it to the camera.
        full: whether each frame of a film or of photos is decoded in full size, because all of them are shown or saved.
            It doesn't matter for a live camera, whose frames are decoded in full size by the thread that shows or saves
            them, so that the model doesn't wait.
        timeout: the longest wait for the next picture of a network camera, s.
        password: the password of the user in a network camera's address; None leaves the one in the address.
    """

    size: tuple[int, int] | None = None
    fps: float | None = None
    full: bool = False
    timeout: float = 10.0
    password: str | None = field(default=None, repr=False)
