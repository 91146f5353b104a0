from __future__ import annotations

import io

import pytest
from PIL import Image

from edgetl.vision.exif import exif_orientation


def encode(kind, orientation=None, **options):
    exif = Image.Exif()
    exif[0x10F] = "a maker"
    if orientation is not None:
        exif[0x112] = orientation
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30)).save(buffer, kind, exif=exif, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_each_exif_orientation_is_read(kind, orientation):
    assert exif_orientation(encode(kind, orientation)) == orientation


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_without_a_valid_orientation_means_upright(kind):
    assert exif_orientation(encode(kind)) == 1
    assert exif_orientation(encode(kind, 0)) == 1
    assert exif_orientation(encode(kind, 9)) == 1


def test_the_orientation_is_read_in_either_byte_order():
    data = encode("JPEG", 6)
    start = data.index(b"Exif\0\0") + 6
    tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0\0\0\0\0"
    segment = b"\xff\xe1" + (len(tiff) + 8).to_bytes(2, "big") + b"Exif\0\0" + tiff
    assert data[start : start + 2] == b"MM"
    assert exif_orientation(b"\xff\xd8" + segment + b"\xff\xda\0\x02") == 8


def test_a_photo_without_exif_is_upright():
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30)).save(buffer, "BMP")
    assert exif_orientation(buffer.getvalue()) == 1
    assert exif_orientation(b"") == 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_damaged_exif_never_raises(kind):
    whole = encode(kind, 6)
    for end in range(len(whole)):
        assert 1 <= exif_orientation(whole[:end]) <= 8
    for at in range(0, min(len(whole), 200)):
        spoilt = bytearray(whole)
        spoilt[at] = 0xFF
        assert 1 <= exif_orientation(bytes(spoilt)) <= 8
