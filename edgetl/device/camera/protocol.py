"""What every source of frames offers, and what can be asked of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from edgetl.device.camera.frame import Frame


class Camera(Protocol):
    """A source of frames, to be opened with `with` and read once.

    Attributes:
        live: whether frames go on coming, read or not, so that a late reader wants the newest.
        fps: frames a second as the source tells it; None where it doesn't, and for photos.
        size: (width, height) of the frames, px; None where they differ.
    """

    live: bool
    fps: float | None
    size: tuple[int, int] | None

    def __iter__(self) -> Iterator[Frame]:
        """Yields the frames.

        Raises:
            CameraError: a live camera is lost, or nothing of the source can be decoded.
        """

    def close(self) -> None:
        """Releases the device or the file."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a camera.

    Attributes:
        size: width and height, px; None leaves it to the camera. A camera that has no such size takes its nearest.
        fps: frames a second; None leaves it to the camera.
        full: whether every frame of a file is wanted in full size, as it is where all of them are shown or saved. Of a
            live camera whoever shows or saves them decodes them, in a thread of its own: the model doesn't wait for it.
        timeout: for a network's next picture, s.
        password: of the user whom a network camera's address names; None leaves what the address says.
    """

    size: tuple[int, int] | None = None
    fps: float | None = None
    full: bool = False
    timeout: float = 10.0
    password: str | None = field(default=None, repr=False)
