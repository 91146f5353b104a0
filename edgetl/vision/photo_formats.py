"""Finds the parts, the size and the end of JPEG, PNG, BMP, WebP and TIFF files without decoding them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

MOST_PARTS = 100_000
"""At most this many segments or chunks of a file are read, which bounds the time; no encoder writes so many."""

Order = Literal["little", "big"]

_SCAN = 0xDA
"""A JPEG's segment with this marker begins a scan: the picture data follow it."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""A JPEG's segment with one of these markers is the frame header, which has the size."""
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
"""A JPEG's frame header with one of these markers announces several scans."""

_TIFF_TAGS = {256: "width", 257: "height", 277: "samples", 322: "tile width", 323: "tile height"}


def number(data: bytes, at: int, length: int, order: Order, *, signed: bool = False) -> int:
    """Returns an integer that is stored in some bytes.

    Args:
        data: the file's bytes.
        at: position of the first byte.
        length: number of bytes.
        order: order of the bytes.
        signed: whether the integer is in two's complement.

    Returns:
        The integer; 0 if the data end before it.
    """
    return int.from_bytes(data[at : at + length], order, signed=signed)


def chunk(data: bytes, at: int, name: bytes, order: Order) -> bytes:
    """Returns the content of the first chunk with a name in a PNG or a WebP; it is empty if there is none.

    Args:
        data: the file's bytes.
        at: position of the first chunk.
        name: the chunk's four letters.
        order: order of the bytes in numbers: "big" for a PNG, "little" for a WebP.
    """
    for _ in range(MOST_PARTS):
        first, second = data[at : at + 4], data[at + 4 : at + 8]
        kind, length = (second, first) if order == "big" else (first, second)
        size = int.from_bytes(length, order)
        if at + 8 > len(data):
            break
        if kind == name:
            return data[at + 8 : at + 8 + size]
        at += 12 + size if order == "big" else 8 + size + size % 2
    return b""


def is_animated(data: bytes) -> bool:
    """Says whether a photo is a PNG or a WebP of several frames, for which the decoder needs a second picture."""
    if data.startswith(b"\x89PNG"):
        return bool(chunk(data, 8, b"acTL", "big"))
    return data.startswith(b"RIFF") and bool(chunk(data, 12, b"ANIM", "little"))


def jpeg_segments(data: bytes) -> list[tuple[int, int, int]]:
    """Returns the (marker, start, length) of a JPEG's segments up to its first scan, found as libjpeg finds them."""
    segments, at = [], 2
    for _ in range(MOST_PARTS):
        at = data.find(b"\xff", at)  # libjpeg skips the bytes between segments
        if not 0 <= at <= len(data) - 4:
            break
        marker, length = data[at + 1], data[at + 2] << 8 | data[at + 3]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD7:  # these have no length
            at += 2
        else:
            segments.append((marker, at + 4, length))
            at += 2 + length
            if marker == _SCAN:
                break
    return segments


def scan_start(data: bytes) -> int | None:
    """Returns where a JPEG's picture data begin; None if the file ends before them.

    The end marker counts only from here on: an EXIF thumbnail before it has an end marker of its own.
    """
    segments = jpeg_segments(data)
    return segments[-1][1] if segments and segments[-1][0] == _SCAN else None


def comes_in_scans(data: bytes) -> bool:
    """Says whether a photo is a JPEG of several scans, which the decoder keeps whole in memory until the last one."""
    segments = jpeg_segments(data) if data.startswith(b"\xff\xd8") else []
    frame = next(((marker, start) for marker, start, _ in segments if marker in _FRAMES), None)
    if frame is None or segments[-1][0] != _SCAN:
        return False
    marker, start = frame
    return marker in _PROGRESSIVE or number(data, segments[-1][1], 1, "big") < number(data, start + 5, 1, "big")


def jpeg_scans(data: bytes) -> int:
    """Returns the number of a JPEG's scans."""
    if not comes_in_scans(data):
        return 1
    start = scan_start(data) or 0
    return 1 + data.count(b"\xff\xda", start, data.find(b"\xff\xd9", start))


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Returns a JPEG's (height, width) in px as stored; None if it has no frame header."""
    for marker, start, _ in jpeg_segments(data):
        if marker in _FRAMES:
            return number(data, start + 1, 2, "big"), number(data, start + 3, 2, "big")
    return None


def png_is_whole(data: bytes) -> bool:
    """Says whether a PNG has its last chunk; data after it, which some programs write, are ignored."""
    at = 8
    for _ in range(MOST_PARTS):
        if at + 12 > len(data):
            break
        kind, at = data[at + 4 : at + 8], at + 12 + number(data, at, 4, "big")
        if kind == b"IEND":
            return at <= len(data)
    return False


def png_size(data: bytes) -> tuple[int, int] | None:
    """Returns a PNG's (height, width) in px; None if its header isn't the first chunk."""
    return (number(data, 20, 4, "big"), number(data, 16, 4, "big")) if data[12:16] == b"IHDR" else None


def bmp_size(data: bytes) -> tuple[int, int]:
    """Returns a BMP's (height, width) in px."""
    if number(data, 14, 4, "little") == 12:  # the header of OS/2
        return number(data, 20, 2, "little"), number(data, 18, 2, "little")
    height, width = (abs(number(data, at, 4, "little", signed=True)) for at in (22, 18))
    return height, width


def bmp_length(data: bytes) -> int:
    """Returns the number of bytes that a complete BMP has.

    It is computed from the rows. A compressed BMP has no fixed size of rows, so its length field counts instead.
    """
    length, start, header = (number(data, at, 4, "little") for at in (2, 10, 14))
    packed = number(data, 30, 4, "little") not in (0, 3)
    if header < 40 or packed:
        return max(length, 26)  # some programs leave the field empty; 26 bytes are the smallest header
    height, width = bmp_size(data)
    row = (width * number(data, 28, 2, "little") + 31) // 32 * 4
    return start + row * height


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Returns the larger (height, width), in px, of a WebP's canvas and its picture; None if it has neither."""
    sizes = []
    if canvas := chunk(data, 12, b"VP8X", "little"):
        sizes.append((1 + number(canvas, 7, 3, "little"), 1 + number(canvas, 4, 3, "little")))
    if lossy := chunk(data, 12, b"VP8 ", "little"):
        sizes.append((number(lossy, 8, 2, "little") & 0x3FFF, number(lossy, 6, 2, "little") & 0x3FFF))
    if lossless := chunk(data, 12, b"VP8L", "little"):
        bits = number(lossless, 1, 4, "little")
        sizes.append((1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF)))
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def is_tiff(data: bytes) -> bool:
    """Says whether a file begins with a TIFF's signature."""
    return data.startswith((b"II*\0", b"MM\0*"))


def tiff_order(data: bytes) -> Order:
    """Returns the order of the bytes in a TIFF's numbers."""
    return "little" if data.startswith(b"II") else "big"


def tiff_entries(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yields the tag, the type and the position of the value of each entry in a TIFF's first directory."""
    order = tiff_order(data)
    start = number(data, 4, 4, order)
    for at in range(start + 2, min(start + 2 + 12 * number(data, start, 2, order), len(data) - 11), 12):
        yield number(data, at, 2, order), number(data, at + 2, 2, order), at + 8


def tiff_fields(data: bytes) -> dict[str, int]:
    """Returns the entries of a TIFF's first directory that describe its pixels; of repeated ones the largest."""
    fields: dict[str, int] = {}
    for tag, kind, at in tiff_entries(data):
        if tag in _TIFF_TAGS:
            value = number(data, at, {1: 1, 3: 2}.get(kind, 4), tiff_order(data))
            fields[_TIFF_TAGS[tag]] = max(value, fields.get(_TIFF_TAGS[tag], 0))
    return fields
