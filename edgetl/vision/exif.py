"""Reads the EXIF orientation of photo files; OpenCV turns the pixels by it when it decodes them."""

from __future__ import annotations

from edgetl.vision.photo_formats import chunk, is_tiff, jpeg_segments, number, tiff_entries, tiff_order

_ORIENTATION = 0x0112
"""EXIF's tag of the orientation."""


def exif_orientation(data: bytes) -> int:
    """Returns the EXIF orientation of a photo file, 1..8; 1, which is upright, if the file has none.

    Args:
        data: the bytes of a JPEG up to its first scan, or of a whole PNG, WebP or TIFF.
    """
    tiff = _exif(data)
    for tag, _, at in tiff_entries(tiff):
        if tag == _ORIENTATION:
            value = number(tiff, at, 2, tiff_order(tiff))
            return value if 1 <= value <= 8 else 1
    return 1


def _exif(data: bytes) -> bytes:
    """Returns the TIFF structure that holds a photo file's EXIF; empty if it has none."""
    found = b""
    if data.startswith(b"\xff\xd8"):
        segments = [data[start : start + length - 2] for marker, start, length in jpeg_segments(data) if marker == 0xE1]
        found = next((segment for segment in segments if segment.startswith(b"Exif\0\0")), b"")
    elif data.startswith(b"\x89PNG"):
        found = chunk(data, 8, b"eXIf", "big")
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        found = chunk(data, 12, b"EXIF", "little")
    elif is_tiff(data):
        found = data
    return found.removeprefix(b"Exif\0\0")
