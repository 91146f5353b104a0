"""Checks a photo file before it is decoded: its format, its size, and whether its end is there.

OpenCV decodes a truncated file without an error, the rest of the picture grey, and allocates any size that a header
announces.
"""

from __future__ import annotations

from edgetl.files import is_lfs_pointer
from edgetl.vision.photo_formats import (
    bmp_length,
    bmp_size,
    is_animated,
    is_tiff,
    jpeg_scans,
    jpeg_size,
    number,
    png_is_whole,
    png_size,
    scan_start,
    tiff_fields,
    tiff_order,
    webp_size,
)

MAX_PIXELS = 120_000_000
"""A photo may have at most this many pixels, for example 12,000 x 10,000; an animated one may have half as many.

Decoding takes 6 bytes a pixel for most photos, and up to 14 for a progressive CMYK JPEG.
"""

MAX_SCANS = 100
"""A JPEG may have at most this many scans, as each takes a pass over all pixels; encoders write about ten."""

FORMATS = "JPEG, PNG, BMP, WebP or TIFF"
"""The names of the formats that are read, for messages."""

_MOST_SAMPLES = 4
"""A TIFF may have at most this many values a pixel, the number of CMYK and of RGB with alpha."""

_OTHERS = {
    b"GIF8": "a GIF",
    b"\0\0\0\x0cJXL ": "a JPEG XL picture",
    b"\xff\x0a": "a JPEG XL picture",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture",
    b"%PDF": "a PDF",
    b"8BPS": "a Photoshop file",
    b"II+\0": "a BigTIFF",
    b"MM\0+": "a BigTIFF",
}
"""The first bytes of other files that often have a photo's name, and the words for them in messages."""

_BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"heim": "HEIC", b"mif1": "HEIF", b"msf1": "HEIF", b"avif": "AVIF"}
"""The brands of ISO media files, which iPhones write, and the names of their formats."""


def problem(data: bytes) -> str:
    """Returns why a photo file can't be decoded, in words that follow the file's name; empty if it can.

    Args:
        data: the whole file's bytes.
    """
    if not data:
        return "is empty (0 bytes)"
    complete = _is_complete(data)
    if complete is None:
        return _other_kind(data)
    if not complete:
        return "is truncated: its end is missing"
    return _size_problem(data)


def stored_size(data: bytes) -> tuple[int, int] | None:
    """Returns a photo's (height, width) in px as stored, before it is turned; None if the header has no size.

    Args:
        data: the file's bytes.
    """
    if data.startswith(b"\xff\xd8"):
        return jpeg_size(data)
    if data.startswith(b"\x89PNG"):
        return png_size(data)
    if data.startswith(b"BM"):
        return bmp_size(data)
    if is_tiff(data):
        fields = tiff_fields(data)
        return fields.get("height", 0), fields.get("width", 0)
    return webp_size(data)


def _is_complete(data: bytes) -> bool | None:
    """Says whether a photo file has its end; None if its format is unknown."""
    if data.startswith(b"\xff\xd8"):
        start = scan_start(data)
        return start is not None and data.find(b"\xff\xd9", start) >= 0
    if data.startswith(b"\x89PNG"):
        return png_is_whole(data)
    if data.startswith(b"BM"):
        return len(data) >= bmp_length(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return len(data) >= number(data, 4, 4, "little") + 8
    if is_tiff(data):
        return number(data, 4, 4, tiff_order(data)) + 2 <= len(data)  # OpenCV refuses a TIFF whose rest is missing
    return None


def _other_kind(data: bytes) -> str:
    if is_lfs_pointer(data):
        return "is a Git LFS pointer, not the photo itself: fetch it with `git lfs pull`"
    brand = _BRANDS.get(data[8:12]) if data[4:8] == b"ftyp" else None
    found = (
        f"a picture in {brand}" if brand else next((n for start, n in _OTHERS.items() if data.startswith(start)), "")
    )
    if found:
        return f"is {found}, which isn't read: convert it to JPEG"
    return f"is not a {FORMATS}, whatever its name says"


def _size_problem(data: bytes) -> str:
    size = stored_size(data)
    if size is None or 0 in size:
        return "has no size in its header"
    allowed = MAX_PIXELS // 2 if is_animated(data) else MAX_PIXELS
    if size[0] * size[1] > allowed:
        return f"is too large: {size[1]:,} x {size[0]:,} pixels, and {allowed:,} are allowed in all"
    if data.startswith(b"\xff\xd8") and (scans := jpeg_scans(data)) > MAX_SCANS:
        return f"has {scans:,} scans, and {MAX_SCANS} are allowed"
    return _tiff_problem(data) if is_tiff(data) else ""


def _tiff_problem(data: bytes) -> str:
    fields = tiff_fields(data)
    if fields.get("tile width", 0) * fields.get("tile height", 0) > MAX_PIXELS:
        return f"has tiles of more than {MAX_PIXELS:,} pixels"
    samples = fields.get("samples", 1)
    return f"has {samples} values a pixel, and {_MOST_SAMPLES} are allowed" if samples > _MOST_SAMPLES else ""
