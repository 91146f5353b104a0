"""Where frames come from: a camera, a film, a stream or photos, behind one small protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from edgetl.card import InputSpec
from edgetl.vision.preprocess import Image


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        captured_at: when it was taken or read, in seconds of `time.monotonic`.
        index: counted from 0 within its source.
        name: the file's name for a photo, else empty.
        size_wh: width and height of the source, px, where `image` is that at a smaller scale; else None.
        jpeg: the source's own file of this picture, where it delivers such; else None.
    """

    image: Image
    captured_at: float
    index: int
    name: str = ""
    size_wh: tuple[int, int] | None = None
    jpeg: bytes | None = None


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


def open_camera(source: str, spec: InputSpec | None = None) -> Camera:
    """Opens a source of frames by its name.

    Args:
        source: a camera's number (`0`) or device (`/dev/video0`); a film; an rtsp:// or http:// address; a
            photo, a folder of photos, or a pattern such as `photos/*.jpg`.
        spec: the model's input. Photos far larger than it are averaged down as they are in training; None
            gives every pixel.

    Raises:
        CameraError: it isn't there, or can't be opened.
    """
    # Here, since those modules take Frame from this one.
    from edgetl.device.camera.device import open_device
    from edgetl.device.camera.film import open_film, open_stream
    from edgetl.device.camera.photos import Photos, means_photos

    if source.isdecimal() or source.startswith("/dev/"):
        return open_device(source)
    if "://" in source:
        return open_stream(source)
    return Photos(source, spec) if means_photos(source) else open_film(source)
