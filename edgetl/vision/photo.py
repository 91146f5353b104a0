"""Photo files to frames: every suffix, depth and orientation ends as (H, W, 3) uint8 BGR, or as a clear error.

OpenCV decodes a truncated file without a word, its rest grey, so a file's own structure is checked first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from edgetl.card import InputSpec
from edgetl.errors import EdgetlError
from edgetl.files import is_lfs_pointer
from edgetl.vision.letterbox import reduction
from edgetl.vision.preprocess import Image

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})

_ORIENTATION = 0x0112
"""EXIF's tag."""

_REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}


class PhotoError(EdgetlError):
    """A photo can't be opened."""


def is_photo(path: Path) -> bool:
    """Says whether a file's suffix, of any case, is that of a photo; hidden files are not."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read_photo(path: Path, spec: InputSpec | None = None) -> Image:
    """Reads a photo as a camera would have given it.

    Args:
        path: JPEG, PNG, BMP or WebP.
        spec: the model's input. A JPEG that `Preprocessor` would average down is decoded so, which costs less;
            None gives every pixel.

    Returns:
        (H, W, 3) uint8 BGR, upright by its EXIF orientation, 16-bit scaled to 8, grey repeated, alpha dropped.

    Raises:
        PhotoError: the file is missing, empty, truncated or not a photo.
    """
    return read_sized(path, spec)[0]


def read_sized(path: Path, spec: InputSpec | None = None) -> tuple[Image, tuple[int, int]]:
    """Reads a photo, see `read_photo`; also returns its own (width, height) in px, upright."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PhotoError(f"can't be read: {error.strerror}", where=str(path)) from error
    image, (height, width) = decode_sized(data, spec, where=str(path))
    return image, (width, height)


def decode_photo(data: bytes, spec: InputSpec | None, where: str) -> Image:
    """Decodes a photo file's content; see `read_photo`."""
    return decode_sized(data, spec, where)[0]


def decode_sized(data: bytes, spec: InputSpec | None, where: str) -> tuple[Image, tuple[int, int]]:
    """Decodes a photo file's content, see `read_photo`; also returns its own (height, width) in px, upright."""
    problem = _problem(data)
    if problem:
        raise PhotoError(problem, where=where)
    buffer = np.frombuffer(data, np.uint8)
    size = _jpeg_size(data) if spec and data.startswith(b"\xff\xd8") else None
    factor = min(8, reduction(*size, spec)) if size and spec else 1
    try:
        frame = cv2.imdecode(buffer, _REDUCED.get(factor, cv2.IMREAD_COLOR))
    except cv2.error as error:
        raise PhotoError(f"OpenCV can't decode it: {error.err or error}", where=where) from error
    if frame is None:
        raise PhotoError("is not a photo that OpenCV can decode", where=where)
    height, width = frame.shape[:2]
    if size:
        if (height, width) != (-(-size[0] // factor), -(-size[1] // factor)):  # turned by its EXIF orientation
            size = size[1], size[0]
        # A last row or column of less than `factor` pixels would shift the picture against one averaged in full.
        return np.ascontiguousarray(frame[: size[0] // factor, : size[1] // factor], np.uint8), size
    return np.asarray(frame, np.uint8), (height, width)


def exif_orientation(data: bytes) -> int:
    """Returns how a photo file's pixels must be turned to be upright, 1..8 as EXIF counts; 1 where it doesn't say.

    Args:
        data: a JPEG up to its first scan, or a whole PNG or WebP.
    """
    tiff = _exif(data)
    order: Literal["little", "big"] = "little" if tiff.startswith(b"II") else "big"
    start = int.from_bytes(tiff[4:8], order)
    count = int.from_bytes(tiff[start : start + 2], order)
    for at in range(start + 2, min(start + 2 + 12 * count, len(tiff) - 11), 12):
        if int.from_bytes(tiff[at : at + 2], order) == _ORIENTATION:
            value = int.from_bytes(tiff[at + 8 : at + 10], order)
            return value if 1 <= value <= 8 else 1
    return 1


def _exif(data: bytes) -> bytes:
    """The TIFF structure that holds a photo file's EXIF; empty where it has none."""
    found = b""
    if data.startswith(b"\xff\xd8"):
        segments = [
            data[start : start + length - 2] for marker, start, length in _jpeg_segments(data) if marker == 0xE1
        ]
        found = next((segment for segment in segments if segment.startswith(b"Exif\0\0")), b"")
    elif data.startswith(b"\x89PNG"):
        found = _chunk(data, 8, b"eXIf", "big")
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        found = _chunk(data, 12, b"EXIF", "little")
    return found.removeprefix(b"Exif\0\0")


def _chunk(data: bytes, at: int, wanted: bytes, order: Literal["little", "big"]) -> bytes:
    """The content of a PNG's (big) or a WebP's (little) first chunk of a kind; empty where it has none."""
    while at + 8 <= len(data):
        first, second = data[at : at + 4], data[at + 4 : at + 8]
        kind, length = (second, first) if order == "big" else (first, second)
        size = int.from_bytes(length, order)
        if kind == wanted:
            return data[at + 8 : at + 8 + size]
        at += 12 + size if order == "big" else 8 + size + size % 2
    return b""


def _problem(data: bytes) -> str:
    """Says what is wrong with a file that begins like a photo but doesn't end like one; empty if nothing is."""
    if not data:
        return "is empty (0 bytes)"
    if data.startswith(b"\xff\xd8"):
        start = _scan_start(data)
        whole = start is not None and data.find(b"\xff\xd9", start) >= 0
    elif data.startswith(b"\x89PNG"):
        whole = _png_is_whole(data)
    elif data.startswith(b"BM"):
        whole = len(data) >= _bmp_length(data)
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        whole = len(data) >= int.from_bytes(data[4:8], "little") + 8
    elif is_lfs_pointer(data):
        return "is a Git LFS pointer, not the photo itself: fetch it with `git lfs pull`"
    else:
        return "is not a JPEG, PNG, BMP or WebP, whatever its name says"
    return "" if whole else "is truncated: its end is missing"


def _jpeg_segments(data: bytes) -> list[tuple[int, int, int]]:
    """The (marker, start, length) of a JPEG's segments up to and with its first scan."""
    segments, at = [], 2
    while 0 <= (at := data.find(b"\xff", at)) <= len(data) - 4:  # bytes between segments are skipped, as libjpeg does
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        segments.append((marker, at + 4, length))
        if marker == 0xDA:
            break
        at += 2 + length
    return segments


def _png_is_whole(data: bytes) -> bool:
    """Whether a PNG's last chunk is there; what some programs write behind it doesn't matter."""
    at = 8
    while at + 12 <= len(data):
        kind, at = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4], "big")
        if kind == b"IEND":
            return at <= len(data)
    return False


def _bmp_length(data: bytes) -> int:
    """The bytes a BMP needs: what its rows take, since not every program fills in its length; else what it tells."""
    told, start, header = (int.from_bytes(data[at : at + 4], "little") for at in (2, 10, 14))
    packed = int.from_bytes(data[30:34], "little") not in (0, 3)
    if header < 40 or packed:
        return max(told, 26)  # the smallest header
    width, height = (abs(int.from_bytes(data[at : at + 4], "little", signed=True)) for at in (18, 22))
    row = (width * int.from_bytes(data[28:30], "little") + 31) // 32 * 4
    return start + row * height


def _scan_start(data: bytes) -> int | None:
    """Where a JPEG's picture data begin; None where the file ends before them.

    The end marker counts only from here on: an EXIF thumbnail before it has an end marker of its own.
    """
    segments = _jpeg_segments(data)
    return segments[-1][1] if segments and segments[-1][0] == 0xDA else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """A JPEG's (height, width) as stored, before its EXIF orientation; px."""
    for marker, start, _ in _jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[start + 1 : start + 3], "big"), int.from_bytes(
                data[start + 3 : start + 5], "big"
            )
    return None
