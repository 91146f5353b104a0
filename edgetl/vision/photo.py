"""Photo files to frames: every suffix, depth and orientation ends as (H, W, 3) uint8 BGR, or as a clear error.

A file's header is checked first, see `photo_header`: a small file can announce a picture that fills the memory.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from edgetl.card import InputSpec
from edgetl.errors import EdgetlError
from edgetl.files import read_regular
from edgetl.vision.arrays import Image
from edgetl.vision.letterbox import reduction
from edgetl.vision.photo_formats import comes_in_scans
from edgetl.vision.photo_header import MAX_PIXELS, problem, stored_size

MAX_BYTES = 256 * 2**20
"""A photo file may have at most this many bytes, which every thread that reads photos holds in memory."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".png", ".bmp", ".dib", ".webp", ".tif", ".tiff"}
)
"""The suffixes of photo files, in lower case; what a file is, its content says."""

OTHER_PICTURES = frozenset(
    {".heic", ".heif", ".hif", ".avif", ".gif", ".jp2", ".jxl", ".jxr", ".psd", ".svg", ".tga", ".ico", ".exr", ".hdr"}
    | {".pgm", ".ppm", ".pbm", ".pnm", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".raw"}
)
"""The suffixes, in lower case, of pictures that aren't read and must be converted first."""

_REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}


_decoding = threading.Condition()
_pixels_decoding = 0
"""The pixels that threads are decoding now. It is read and written only while `_decoding` is held."""


class PhotoError(EdgetlError):
    """A photo can't be opened."""


def is_photo(path: Path) -> bool:
    """Says whether a file's suffix, of any case, is that of a photo; hidden files are not."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def is_other_picture(path: Path) -> bool:
    """Says whether a file's suffix is that of a picture that isn't read; hidden files are not."""
    return path.suffix.lower() in OTHER_PICTURES and not path.name.startswith(".")


def read_photo(path: Path, spec: InputSpec | None = None) -> Image:
    """Reads a photo as a camera would have given it.

    Args:
        path: JPEG, PNG, BMP, WebP or TIFF.
        spec: the model's input. A JPEG that `Preprocessor` would average down is decoded so, which costs less;
            None gives every pixel.

    Returns:
        (H, W, 3) uint8 BGR, upright by its EXIF orientation, 16-bit scaled to 8, grey repeated, alpha dropped.

    Raises:
        PhotoError: the file is missing, empty, truncated, not a photo, or larger than `MAX_BYTES` or `MAX_PIXELS`.
    """
    return read_sized(path, spec)[0]


def read_sized(path: Path, spec: InputSpec | None = None) -> tuple[Image, tuple[int, int]]:
    """Reads a photo, see `read_photo`; also returns its own (width, height) in px, upright."""
    image, (height, width) = decode_sized(read_file(path), spec, where=str(path))
    return image, (width, height)


def read_file(path: Path) -> bytes:
    """Returns a photo file's content.

    Raises:
        PhotoError: the file is missing, isn't a regular file, or is larger than `MAX_BYTES`.
    """
    try:
        return read_regular(path, MAX_BYTES)
    except OSError as error:
        raise PhotoError(f"can't be read: {error.strerror}", where=str(path)) from error


def decode_photo(data: bytes, spec: InputSpec | None, where: str) -> Image:
    """Decodes a photo file's content; see `read_photo`."""
    return decode_sized(data, spec, where)[0]


def decode_sized(data: bytes, spec: InputSpec | None, where: str) -> tuple[Image, tuple[int, int]]:
    """Decodes a photo file's content, see `read_photo`; also returns its own (height, width) in px, upright."""
    wrong = problem(data)
    if wrong:
        raise PhotoError(wrong, where=where)
    stored = height, width = stored_size(data) or (0, 0)
    is_jpeg = data.startswith(b"\xff\xd8")
    factor = min(8, reduction(height, width, spec)) if spec and is_jpeg else 1
    with _room_for(height * width // (1 if comes_in_scans(data) else factor**2)):
        frame = _decode(data, factor, where)
    if not (spec and is_jpeg):
        return frame, frame.shape[:2]
    if frame.shape[:2] != (-(-height // factor), -(-width // factor)):  # turned by its EXIF orientation
        stored = height, width = width, height
    # A last row or column of less than `factor` pixels would shift the picture against one averaged in full.
    return np.ascontiguousarray(frame[: height // factor, : width // factor]), stored


def _decode(data: bytes, factor: int, where: str) -> Image:
    try:
        frame = cv2.imdecode(np.frombuffer(data, np.uint8), _REDUCED.get(factor, cv2.IMREAD_COLOR))
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:  # it says nothing about the photo
            raise MemoryError(f"not enough memory to decode {where}") from error
        raise PhotoError(f"can't be decoded: {error.err or error}", where=where) from error
    if frame is None:
        raise PhotoError("can't be decoded: its data are damaged, or of a rare kind", where=where)
    return np.asarray(frame, np.uint8)


@contextmanager
def _room_for(pixels: int) -> Iterator[None]:
    """Waits until the block's pixels and those that other threads decode are no more than `MAX_PIXELS`."""
    global _pixels_decoding
    with _decoding:
        _decoding.wait_for(lambda: _pixels_decoding == 0 or _pixels_decoding + pixels <= MAX_PIXELS)
        _pixels_decoding += pixels
    try:
        yield
    finally:
        with _decoding:
            _pixels_decoding -= pixels
            _decoding.notify_all()
