"""Where frames come from: a camera, a film, a stream or photos, behind one small protocol."""

from __future__ import annotations

from edgetl.card import InputSpec
from edgetl.device.camera.address import is_address, without_password
from edgetl.device.camera.protocol import Asked, Camera
from edgetl.errors import UsageError
from edgetl.files import local_path
from edgetl.vision.photo import is_photo


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
    # Each kind is imported when it is opened, so that a run loads one of them.
    from edgetl.device.camera.film import open_film
    from edgetl.device.camera.network import open_stream
    from edgetl.device.camera.photos import Photos, means_photos
    from edgetl.device.camera.picamera import open_csi
    from edgetl.device.camera.v4l2 import open_device

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
