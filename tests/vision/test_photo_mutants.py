"""Photo files altered at random: each is decoded or refused, within bounds of memory and time."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from load import memory, peak_memory
from PIL import Image

from edgetl.card import InputSpec
from edgetl.device.camera.opencv_capture import quiet
from edgetl.vision.photo import PhotoError, decode_sized
from edgetl.vision.photo_header import MAX_PIXELS

NUMBERS = (0, 1, 2, 10_000, 32_700, 65_500, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def encode(picture, kind, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def whole_files():
    grounds = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    picture = Image.fromarray(cv2.resize(grounds, (80, 60), interpolation=cv2.INTER_CUBIC))
    more = {"save_all": True, "append_images": [picture.rotate(90)]}
    return {
        "JPEG": [encode(picture, "JPEG"), encode(picture, "JPEG", progressive=True)],
        "PNG": [encode(picture, "PNG"), encode(picture.convert("RGBA"), "PNG"), encode(picture, "PNG", **more)],
        "BMP": [encode(picture, "BMP"), encode(picture.convert("P"), "BMP")],
        "WEBP": [encode(picture, "WEBP"), encode(picture, "WEBP", lossless=True), encode(picture, "WEBP", **more)],
        "TIFF": [
            encode(picture, "TIFF"),
            encode(picture, "TIFF", compression="tiff_lzw"),
            encode(picture, "TIFF", compression="jpeg"),
            encode(picture.convert("1"), "TIFF", compression="group4"),
            cv2.imencode(".tif", np.zeros((60, 80, 3), np.uint16))[1].tobytes(),
        ],
    }


def alter(data, rng):
    data = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        end = min(len(data), 300) if rng.random() < 0.8 else len(data)
        at, size = int(rng.integers(end - 4)), int(rng.choice([1, 2, 4]))
        number = int(rng.choice(NUMBERS)) % 256**size
        kind = rng.integers(4)
        if kind == 0:
            data[at] = rng.integers(256)
        elif kind == 1:
            data[at : at + size] = number.to_bytes(size, str(rng.choice(["little", "big"])))
        elif kind == 2:
            del data[at : at + int(rng.integers(1, 9))]
        else:
            data[at:at] = rng.bytes(int(rng.integers(1, 9)))
    return bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "TIFF"])
def test_altered_photos_are_read_or_refused(kind):
    quiet()
    before = memory()
    rng, files = np.random.default_rng(7), whole_files()[kind]
    for _ in range(3000):
        data = alter(files[rng.integers(len(files))], rng)
        spec = InputSpec(8, 8) if rng.random() < 0.3 else None
        try:
            frame, (height, width) = decode_sized(data, spec, where="an altered photo")
        except PhotoError:
            continue
        assert frame.shape[0] * frame.shape[1] <= height * width <= MAX_PIXELS
    assert peak_memory() - before < 1.4e9
