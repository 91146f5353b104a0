"""Cameras: opens a source of frames, be it a camera, a film, a network stream or photos, behind one Protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgetl.card import InputSpec
from edgetl.device.camera.protocol import Camera, CameraRequest
from edgetl.device.camera.source import Source, parse_source
from edgetl.errors import UsageError

if TYPE_CHECKING:
    from edgetl.device.camera.network_stream import DecoderThreads

_NOTHING = CameraRequest()


class CameraOpener:
    """Opens a source, and opens it again after it was lost.

    What one opening finds out holds for the next: a network stream that one thread decodes too slowly is decoded by
    all threads from then on.

    Args:
        source: the source, parsed or as the user wrote it.
        spec: the model's input; see `open_camera`.
        request: the size, the frame rate and the other settings that are requested of the camera.

    Raises:
        UsageError: the source is empty.
    """

    def __init__(self, source: Source | str, spec: InputSpec | None = None, request: CameraRequest = _NOTHING) -> None:
        self._source = parse_source(source) if isinstance(source, str) else source
        self._spec = spec
        self._request = request
        self._threads: DecoderThreads | None = None
        if self._source.kind == "address":
            from edgetl.device.camera.network_stream import DecoderThreads

            self._threads = DecoderThreads()

    def __call__(self) -> Camera:
        """Opens the source.

        Raises:
            CameraError: the source is not there or can't be opened.
            UsageError: a size or a frame rate is requested of a source that has its own.
        """
        return open_camera(self._source, self._spec, self._request, threads=self._threads)


def open_camera(
    source: Source | Path | str | int,
    spec: InputSpec | None = None,
    request: CameraRequest = _NOTHING,
    *,
    threads: DecoderThreads | None = None,
) -> Camera:
    """Opens a source of frames.

    Args:
        source: the source, parsed or as the user wrote it; see `edgetl.device.camera.source.parse_source`.
        spec: the model's input. Photos and JPEG frames that are far larger are averaged down, as in training; None
            decodes every pixel.
        request: the size, the frame rate and the other settings that are requested of the camera.
        threads: the decoder threads of a network stream, shared by all its openings; None starts with one thread.

    Raises:
        CameraError: the source is not there or can't be opened.
        UsageError: the source is empty, or a size or a frame rate is requested of a source that has its own.

    Examples:
        >>> import edgetl
        >>> with edgetl.open_camera("photos/disc") as photos:
        ...     frame = next(iter(photos))
        >>> frame.name, frame.image.ndim
        ('00.jpg', 3)
    """
    # Each kind is imported when it is opened, so that a run loads only one of them.
    from edgetl.device.camera.film import open_film
    from edgetl.device.camera.network_stream import open_stream
    from edgetl.device.camera.photos import Photos
    from edgetl.device.camera.picamera import open_csi
    from edgetl.device.camera.v4l2 import open_device

    source = source if isinstance(source, Source) else parse_source(source)
    if source.kind == "csi":
        return open_csi(source, request)
    if source.kind in ("number", "device"):
        return open_device(source, spec, request)
    if request.size or request.fps:
        what = "a size and a frame rate can be requested only of a camera that is attached to this machine"
        remedy = "leave --size and --fps out; set them in the camera's own settings"
        raise UsageError(what, where=source.shown, remedy=remedy)
    if source.kind == "address":
        return open_stream(source, spec, request, threads)
    if request.full:
        spec = None
    return Photos(source, spec) if source.kind == "photos" else open_film(source, spec)
