"""Reads photo files as frames: any format, depth and EXIF orientation becomes (H, W, 3) uint8 BGR or a clear error.

The file's header is checked first, see `photo_header`: a small file can announce a picture that fills the memory.
"""

from __future__ import annotations

import math
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
from edgetl.vision.exif import exif_orientation
from edgetl.vision.letterbox import reduction
from edgetl.vision.photo_formats import comes_in_scans
from edgetl.vision.photo_header import MAX_PIXELS, problem, stored_size

MAX_BYTES = 256 * 2**20
"""A photo file may have at most this many bytes: every thread that reads photos holds a whole file in memory."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".png", ".bmp", ".dib", ".webp", ".tif", ".tiff"}
)
"""A file with one of these suffixes, in lower case, is taken for a photo; its format is detected from its content."""

OTHER_PICTURES = frozenset(
    {".heic", ".heif", ".hif", ".avif", ".gif", ".jp2", ".jxl", ".jxr", ".psd", ".svg", ".tga", ".ico", ".exr", ".hdr"}
    | {".pgm", ".ppm", ".pbm", ".pnm", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".raw"}
)
"""A file with one of these suffixes, in lower case, is a picture that must be converted before edgetl reads it."""

_SAME_CORNER = (1, 5)
"""The EXIF orientations with which the stored and the upright picture have the same upper left corner."""

_REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}


_decoding = threading.Condition()
_pixels_decoding = 0
"""The number of pixels that all threads are decoding now; it is read and written only while `_decoding` is held."""


class PhotoError(EdgetlError):
    """A photo can't be opened."""


def is_photo(path: Path) -> bool:
    """Says whether a file's suffix, in any case, is one of a photo; a hidden file is never a photo."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def is_other_picture(path: Path) -> bool:
    """Says whether a file's suffix, in any case, is one of a picture that edgetl doesn't read; hidden files aren't."""
    return path.suffix.lower() in OTHER_PICTURES and not path.name.startswith(".")


def read_photo(path: Path, spec: InputSpec | None = None) -> Image:
    """Reads a photo as a frame, in the form in which a camera delivers frames.

    Args:
        path: the file: JPEG, PNG, BMP, WebP or TIFF.
        spec: the model's input; a JPEG that `Preprocessor` would average down is decoded at the smaller size, which is
            faster. If it is None, every pixel is decoded.

    Returns:
        The frame, (H, W, 3) uint8 BGR, 0..255, turned upright by its EXIF orientation; 16-bit values are scaled to 8
        bits, grey is repeated in all channels, and alpha is dropped.

    Raises:
        PhotoError: the file is missing, empty, truncated, not a photo, or larger than `MAX_BYTES` or `MAX_PIXELS`.
    """
    return read_sized(path, spec)[0]


def read_sized(path: Path, spec: InputSpec | None = None) -> tuple[Image, tuple[int, int]]:
    """Reads a photo and its size.

    Args:
        path: the file, see `read_photo`.
        spec: the model's input, see `read_photo`.

    Returns:
        The frame, (H, W, 3) uint8 BGR, 0..255, and the photo's full (width, height) when upright, px: the frame may be
        decoded at a smaller size.

    Raises:
        PhotoError: the file can't be opened, see `read_photo`.
    """
    image, (height, width) = decode_sized(read_file(path), spec, where=str(path))
    return image, (width, height)


def read_file(path: Path) -> bytes:
    """Returns a photo file's bytes.

    Args:
        path: the file.

    Raises:
        PhotoError: the file is missing, isn't a regular file, or is larger than `MAX_BYTES`.
    """
    try:
        return read_regular(path, MAX_BYTES)
    except OSError as error:
        raise PhotoError(f"can't be read: {error.strerror}", where=str(path)) from error


def decode_photo(data: bytes, spec: InputSpec | None, where: str) -> Image:
    """Decodes a photo file's bytes.

    Args:
        data: the whole file's bytes.
        spec: the model's input, see `read_photo`.
        where: name of the file for messages.

    Returns:
        The frame, (H, W, 3) uint8 BGR, 0..255, see `read_photo`.

    Raises:
        PhotoError: the bytes are no photo, see `read_photo`.
    """
    return decode_sized(data, spec, where)[0]


def decode_sized(data: bytes, spec: InputSpec | None, where: str) -> tuple[Image, tuple[int, int]]:
    """Decodes a photo file's bytes and returns its size too.

    Args:
        data: the whole file's bytes.
        spec: the model's input, see `read_photo`.
        where: name of the file for messages.

    Returns:
        The frame, (H, W, 3) uint8 BGR, 0..255, and the photo's full (height, width) when upright, px.

    Raises:
        PhotoError: the bytes are no photo, see `read_photo`.
    """
    if fault := problem(data):
        raise PhotoError(fault, where=where)
    stored = height, width = stored_size(data) or (0, 0)
    is_jpeg = data.startswith(b"\xff\xd8")
    factor = _decoding_factor(data, height, width, spec) if spec and is_jpeg else 1
    with _room_for(height * width // (1 if comes_in_scans(data) else factor**2)):
        frame = _decode(data, factor, where)
    if not (spec and is_jpeg):
        return frame, frame.shape[:2]
    if frame.shape[:2] != (-(-height // factor), -(-width // factor)):  # it was turned by its EXIF orientation
        stored = height, width = width, height
    # A last row or column of less than `factor` pixels would shift the picture against one averaged in full.
    return np.ascontiguousarray(frame[: height // factor, : width // factor]), stored


def _decoding_factor(data: bytes, height: int, width: int, spec: InputSpec) -> int:
    """Returns the power of two, 1 to 8, by which a JPEG is made smaller while it is decoded.

    The decoder's blocks begin at the stored picture's upper left corner, and those of `Preprocessor` at the upright
    one's. If EXIF moves that corner, both are the same blocks only where no block is cut off at the other end.

    Args:
        data: the whole file's bytes.
        height: height of the stored picture, px.
        width: width of the stored picture, px.
        spec: the model's input.
    """
    factor = min(8, reduction(height, width, spec))
    if (height % factor or width % factor) and exif_orientation(data) not in _SAME_CORNER:
        factor = min(factor, math.gcd(height, width, 8))
    return factor


def _decode(data: bytes, factor: int, where: str) -> Image:
    try:
        frame = cv2.imdecode(np.frombuffer(data, np.uint8), _REDUCED.get(factor, cv2.IMREAD_COLOR))
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:  # the machine's fault, not the photo's
            raise MemoryError(f"not enough memory to decode {where}") from error
        raise PhotoError(f"can't be decoded: {error.err or error}", where=where) from error
    if frame is None:
        raise PhotoError("can't be decoded: its data are damaged, or of a rare kind", where=where)
    return np.asarray(frame, np.uint8)


@contextmanager
def _room_for(pixels: int) -> Iterator[None]:
    """Waits until this block's pixels and those that other threads decode are together at most `MAX_PIXELS`."""
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
