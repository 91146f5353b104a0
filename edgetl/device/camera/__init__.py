"""Where frames come from: a camera, a film, a stream or photos, behind one small protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from edgetl.card import InputSpec
from edgetl.device.camera.address import is_address, without_password
from edgetl.errors import UsageError
from edgetl.files import local_path
from edgetl.vision.photo import decode_photo, is_photo
from edgetl.vision.preprocess import Image

if TYPE_CHECKING:
    from edgetl.device.model import Timings


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        captured_at: when it was taken, as far as its source tells, else read; in seconds of `time.monotonic`.
        index: counted from 0 within its source.
        name: the file's name for a photo, else empty.
        size_wh: width and height of the source, px, where `image` is that at a smaller scale; else None.
        jpeg: the source's own file of this picture, where it delivers such; else None.
        timings: of the model that looked at it; None before that.
        age: from its capture to its result, ms; None before that.
        full: the picture that `image` was averaged from, where it was; else None.
    """

    image: Image
    captured_at: float
    index: int
    name: str = ""
    size_wh: tuple[int, int] | None = None
    jpeg: bytes | None = None
    timings: Timings | None = None
    age: float | None = None
    full: Image | None = None

    def picture(self) -> Image:
        """Returns the picture to show or to save, (H, W, 3) uint8 BGR in the source's size: copy it to draw on it.

        Where `image` is smaller, every call decodes the source's file anew.
        """
        if self.full is not None:
            return self.full
        if self.jpeg is None or self.size_wh is None:
            return self.image
        return decode_photo(self.jpeg, None, where=self.name or f"frame {self.index}")


_STAMPS_WITHIN = 5.0
"""How old a picture may be when it comes, s; a driver whose stamps are older or yet to be counts by another clock."""


def taken_at(stamp: float, came_at: float) -> float:
    """Returns when a picture was taken, by its driver's stamp where that is of our clock.

    Args:
        stamp: the driver's, s.
        came_at: when it came, in seconds of `time.monotonic`.
    """
    return stamp if 0 <= came_at - stamp < _STAMPS_WITHIN else came_at


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


def has_frames_at_once(source: str) -> bool:
    """Says whether a source's name is of a film or of photos, of which several frames may be looked at at once."""
    if source.isdecimal() or source.startswith("/dev/") or is_address(source):
        return False
    path = local_path(source)
    return not (is_photo(path) and path.is_file())


def open_camera(source: str, spec: InputSpec | None = None, asked: Asked = Asked()) -> Camera:
    """Opens a source of frames by its name.

    Args:
        source: a camera's number (`0`) or device (`/dev/video0`); `picamera://0` or `csi://0`, a Raspberry Pi's own;
            an rtsp:// or http:// address; a film; a photo, a folder of photos, or a pattern such as `photos/*.jpg`.
        spec: the model's input. Photos and a camera's JPEGs far larger than it are averaged down as they are in
            training; None gives every pixel.
        asked: size and frames a second, of a camera.

    Raises:
        CameraError: it isn't there, or can't be opened.
        UsageError: a size or frames a second are asked of what has its own.
    """
    # Here, since those modules take Frame from this one.
    from edgetl.device.camera.csi import open_csi
    from edgetl.device.camera.device import open_device
    from edgetl.device.camera.film import open_film
    from edgetl.device.camera.photos import Photos, means_photos
    from edgetl.device.camera.stream import open_stream

    if not source.strip():
        remedy = "give --source a camera's number, an address, a film or photos; . means the photos of this folder"
        raise UsageError("the source is empty", remedy=remedy)
    scheme, _, rest = source.partition("://")
    if is_address(source) and scheme in ("picamera", "csi"):
        return open_csi(rest, asked)
    if source.isdecimal() or source.startswith("/dev/"):
        return open_device(source, spec, asked)
    if asked.size or asked.fps:
        what = "a size and frames a second can be asked of a camera at this machine only"
        remedy = "leave --size and --fps out; set them in the camera's own settings"
        raise UsageError(what, where=without_password(source), remedy=remedy)
    if is_address(source):
        return open_stream(source, spec, asked.timeout, asked.password)
    if asked.full:
        spec = None
    return Photos(source, spec) if means_photos(source) else open_film(source, spec)
