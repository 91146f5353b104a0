"""The source of frames: parses what `--source` names, a camera, an address, a film or photos, once for a run."""

from __future__ import annotations

import glob
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edgetl.argument_types import text_argument
from edgetl.device.camera.address import is_address, without_password
from edgetl.errors import UsageError
from edgetl.files import local_path
from edgetl.vision.photo import is_photo

Kind = Literal["number", "device", "csi", "address", "film", "photos"]
"""A camera by its number or by its device file, a Raspberry Pi's CSI camera, a network address, a film, or photos."""

_CSI_SCHEMES = ("picamera", "csi")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the frames of a run come from.

    Attributes:
        text: the source as the user wrote it, which may hold a password; `repr` leaves it out.
        kind: what the source is.
        shown: the source as messages show it, without user and password.
        parallel: whether several frames can be processed at once, because all of them are there already: true for a
            film and for several photos.
    """

    text: str = field(repr=False)
    kind: Kind
    shown: str
    parallel: bool


def parse_source(text: Path | str | int) -> Source:
    """Finds out what a source is.

    Args:
        text: a camera's number (`0`) or device file (`/dev/video0`); `picamera://0` or `csi://0` for a Raspberry Pi's
            CSI camera; an rtsp:// or http:// address; a film; a photo, a folder of photos, or a pattern such as
            `photos/*.jpg`.

    Raises:
        UsageError: the text is empty.

    Examples:
        >>> parse_source("rtsp://me:secret@10.0.0.7/stream")
        Source(kind='address', shown='rtsp://10.0.0.7/stream', parallel=False)
    """
    text = str(text) if type(text) is int else text_argument(text, "source")
    if not text.strip():
        remedy = "give --source a camera's number, an address, a film or photos; . means the photos of this folder"
        raise UsageError("the source is empty", remedy=remedy)
    kind = _kind(text)
    is_one_photo = kind == "photos" and local_path(text).is_file()
    return Source(text, kind, without_password(text), parallel=kind in ("film", "photos") and not is_one_photo)


def _kind(text: str) -> Kind:
    if text.isdecimal():
        return "number"
    if text.startswith("/dev/"):
        return "device"
    if is_address(text):
        return "csi" if text.partition("://")[0] in _CSI_SCHEMES else "address"
    path = local_path(text)
    names_photos = path.is_dir() or is_photo(path) or (glob.has_magic(text) and not path.exists())
    return "photos" if names_photos else "film"
