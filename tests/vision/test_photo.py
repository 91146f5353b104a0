from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from edgetl.card import InputSpec
from edgetl.vision import photo
from edgetl.vision.photo import PhotoError, decode_photo, is_photo, read_photo, read_sized

SPEC = InputSpec(48, 48)


@pytest.fixture(scope="module")
def bgr():
    """800 x 600 of soft colours, its four corners all different."""
    seeds = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(seeds, (800, 600), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def picture(bgr):
    return Image.fromarray(bgr[..., ::-1].copy())


def encode(picture, kind, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def decode(data, spec=None):
    frame = decode_photo(data, spec, where="photo")
    assert frame.dtype == np.uint8
    assert frame.ndim == 3
    assert frame.shape[2] == 3
    return frame


def apart(a, b):
    """Mean difference, 0..255."""
    assert a.shape == b.shape
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


@pytest.mark.parametrize(
    ("kind", "options", "limit"),
    [
        ("JPEG", {"quality": 95}, 1),
        ("JPEG", {"quality": 95, "progressive": True}, 1),
        ("JPEG", {"quality": 95, "restart_marker_blocks": 4}, 1),
        ("MPO", {"quality": 95, "save_all": True, "append_images": [Image.new("RGB", (50, 50))]}, 1),
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 2),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "tiff_adobe_deflate", "save_all": True, "append_images": [Image.new("L", (9, 9))]}, 0),
        ("TIFF", {"compression": "jpeg", "quality": 95}, 2),
    ],
)
def test_every_format_is_read(picture, bgr, kind, options, limit):
    assert apart(decode(encode(picture, kind, **options)), bgr) <= limit


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF"])
def test_grey_is_repeated(picture, kind):
    frame = decode(encode(picture.convert("L"), kind))
    assert (frame == frame[..., :1]).all()
    assert apart(frame[..., 0], np.array(picture.convert("L"))) < 1


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_alpha_is_dropped(picture, mode, kind):
    picture = picture.convert("L" if mode == "LA" else "RGB")
    seen = picture.convert(mode)
    seen.putalpha(Image.new("L", seen.size, 0))
    frame = decode(encode(seen, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {})))
    assert apart(frame[..., ::-1], np.array(picture.convert("RGB"))) == 0


def test_palettes_and_one_bit_pictures_are_read(picture):
    palette = picture.convert("P")
    assert apart(decode(encode(palette, "PNG"))[..., ::-1], np.array(palette.convert("RGB"))) == 0
    bits = picture.convert("1")
    assert apart(decode(encode(bits, "PNG"))[..., ::-1], np.array(bits.convert("RGB"))) == 0


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_scaled_to_eight(bgr, suffix):
    data = cv2.imencode(suffix, bgr.astype(np.uint16) * 257)[1].tobytes()
    assert apart(decode(data), bgr) == 0
    grey = np.arange(256, dtype=np.uint16)[None].repeat(9, axis=0) * 257
    frame = decode(cv2.imencode(".png", grey)[1].tobytes())
    assert (frame[4, :, 0] == np.arange(256)).all()


def test_a_cmyk_photo_is_read(picture, bgr):
    data = encode(picture.convert("CMYK"), "JPEG", quality=95)
    assert apart(decode(data), bgr) < 2
    assert decode(data, SPEC).shape == (150, 200, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied_at_full_and_at_reduced_size(picture, kind, orientation):
    if kind == "WEBP" and cv2.__version__ < "5":
        pytest.skip("OpenCV 4 doesn't read a WebP's EXIF orientation")
    exif = Image.Exif()
    exif[0x112] = orientation
    data = encode(picture, kind, **({"tiffinfo": {0x112: orientation}} if kind == "TIFF" else {"exif": exif}))
    upright = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))[..., ::-1]
    assert apart(decode(data), upright) < 1.5
    small = decode(data, SPEC)
    factor = 4 if kind == "JPEG" else 1  # the others are averaged down by the preprocessor alone
    assert small.shape[:2] == (upright.shape[0] // factor, upright.shape[1] // factor)
    assert apart(small, cv2.resize(upright, small.shape[1::-1], interpolation=cv2.INTER_AREA)) < 2


@pytest.mark.parametrize(
    ("size", "spec", "shape"),
    [
        ((800, 600), (48, 48), (150, 200)),
        ((800, 600), (75, 100), (150, 200)),
        ((800, 600), (76, 100), (300, 400)),
        ((800, 600), (100, 75), (150, 200)),
        ((800, 600), (600, 800), (600, 800)),
        ((400, 300), (1000, 1000), (300, 400)),
        ((8000, 100), (5, 5), (13, 1000)),
    ],
)
def test_reduction_never_goes_below_twice_the_input(picture, size, spec, shape):
    height, width, _ = decode(encode(picture.resize(size), "JPEG"), InputSpec(*spec)).shape
    assert abs(height - shape[0]) <= 1  # JPEG rounds up
    assert width == shape[1]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.99])
def test_truncated_photos_are_refused(picture, kind, share):
    data = encode(picture, kind)
    with pytest.raises(PhotoError, match="truncated"):
        decode(data[: int(len(data) * share)])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP"])
def test_a_photo_without_its_last_byte_is_refused(picture, kind):
    with pytest.raises(PhotoError, match="truncated"):
        decode(encode(picture, kind)[:-1])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP"])
def test_bytes_after_the_picture_are_ignored(picture, bgr, kind):
    assert apart(decode(encode(picture, kind) + bytes(500)), bgr) < 2


def test_a_progressive_jpeg_cut_between_its_scans_is_refused(picture):
    data = encode(picture, "JPEG", progressive=True)
    with pytest.raises(PhotoError, match="truncated"):
        decode(data[: data.rfind(b"\xff\xda")])


def test_whole_thumbnail_doesnt_hide_a_truncated_photo(picture, bgr):
    thumbnail = encode(picture.resize((80, 60)), "JPEG")
    exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + thumbnail
    data = encode(picture, "JPEG", quality=95)
    data = data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]
    assert apart(decode(data), bgr) < 1
    for end in (len(exif) + 10, len(data) // 2, len(data) - 2):
        with pytest.raises(PhotoError, match="truncated"):
            decode(data[:end])


def test_mpo_cut_within_its_second_picture_still_shows_the_first(picture, bgr):
    data = encode(picture, "MPO", save_all=True, append_images=[picture.rotate(180)])
    assert apart(decode(data[: len(data) * 3 // 4]), bgr) < 2
    with pytest.raises(PhotoError, match="truncated"):
        decode(data[: len(data) // 4])


def test_stray_bytes_between_segments_are_skipped(picture, bgr):
    data = encode(picture, "JPEG", quality=95)
    frame = decode(data[:20] + b"\0\0\0" + data[20:], SPEC)
    assert frame.shape == (150, 200, 3)


@pytest.mark.parametrize("length", [0, 10**9])
def test_a_bmp_with_a_wrong_length_field_is_judged_by_its_rows(picture, bgr, length):
    data = bytearray(encode(picture, "BMP"))
    data[2:6] = length.to_bytes(4, "little")
    assert apart(decode(bytes(data)), bgr) == 0
    with pytest.raises(PhotoError, match="truncated"):
        decode(bytes(data[:-100]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"this is a text\n" * 50, "not a JPEG, PNG, BMP, WebP or TIFF"),
        (b"GIF89a" + bytes(100), "a GIF"),
        (b"\0\0\0\x18ftypheic" + bytes(100), "HEIC.*convert it to JPEG"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a", "git lfs pull"),
        (b"II*\0\x08\0\0\0", "truncated"),
        (b"\xff\xd8", "truncated"),
        (b"\xff\xd8\xff\xd9", "truncated"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"BM", "truncated"),
        (b"RIFF\0\0\0\0WEBP", "no size in its header"),
    ],
)
def test_a_file_that_is_no_photo_is_refused_whatever_its_name(tmp_path, content, message):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(PhotoError, match=message) as caught:
        read_photo(path)
    assert str(path) in str(caught.value)


def test_an_altered_photo_raises_no_other_error_than_photo_error(picture):
    rng = np.random.default_rng(2)
    small = picture.resize((60, 40))
    for kind in ("JPEG", "PNG", "BMP", "WEBP"):
        data = encode(small, kind)
        for _ in range(60):
            altered = bytearray(data)
            for at in rng.integers(0, min(len(data), 400), 4):
                altered[at] = rng.integers(256)
            try:
                decode(bytes(altered), SPEC)
            except PhotoError:
                continue


def altered(data, at, values, order):
    """The data with numbers of some bytes in place of those at a position."""
    for value, length in values:
        data = data[:at] + value.to_bytes(length, order) + data[at + length :]
        at += length
    return data


def tiff_entry(data, tag):
    """Where the value of a little-endian TIFF's entry lies."""
    return data.index(tag.to_bytes(2, "little"), int.from_bytes(data[4:8], "little")) + 8


def bombs(picture):
    """Small files that announce 30,000 x 30,000 pixels, by their names."""
    side = 30_000
    jpeg, png, bmp = (encode(picture, kind) for kind in ("JPEG", "PNG", "BMP"))
    progressive = encode(picture, "JPEG", progressive=True)
    lossy, lossless = encode(picture, "WEBP"), encode(picture, "WEBP", lossless=True)
    canvas = encode(picture, "WEBP", exif=Image.Exif().tobytes() or b"Exif\0\0II*\0\x08\0\0\0\0\0")
    tiff = encode(picture, "TIFF")
    wide = altered(tiff, tiff_entry(tiff, 256), [(side, 4)], "little")
    core = b"BM" + bytes(8) + (26).to_bytes(4, "little") + (12).to_bytes(4, "little")
    core += b"".join(value.to_bytes(2, "little") for value in (side, side, 1, 24)) + bytes(100)
    return {
        "baseline.jpg": altered(jpeg, jpeg.index(b"\xff\xc0") + 5, [(side, 2), (side, 2)], "big"),
        "after-a-fill.jpg": altered(jpeg, jpeg.index(b"\xff\xc0") + 5, [(side, 2), (side, 2)], "big").replace(
            b"\xff\xc0", b"\xff\x01\xff\xff\xff\xd0\xff\xc0", 1
        ),
        "progressive.jpg": altered(progressive, progressive.index(b"\xff\xc2") + 5, [(side, 2), (side, 2)], "big"),
        "a.png": altered(png, 16, [(side, 4), (side, 4)], "big"),
        "core.bmp": core,
        "rle.bmp": altered(bmp, 18, [(side, 4), (side, 4), (1, 2), (8, 2), (1, 4)], "little"),
        "lossy.webp": altered(lossy, 26, [(16_000, 2), (16_000, 2)], "little"),
        "lossless.webp": altered(lossless, 21, [(15_999 | 15_999 << 14, 4)], "little"),
        "canvas.webp": altered(canvas, 24, [(side, 3), (side, 3)], "little"),
        "a.tif": altered(wide, tiff_entry(wide, 257), [(side, 4)], "little"),
    }


def test_a_header_with_too_many_pixels_is_refused_before_decoding(picture, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    for name, data in bombs(picture).items():
        with pytest.raises(PhotoError) as caught:
            decode(data, SPEC)
        assert "too large" in caught.value.what, name


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animations_show_their_first_frame_and_may_be_half_as_large(picture, bgr, kind):
    data = encode(picture, kind, save_all=True, append_images=[picture.rotate(180)], lossless=True)
    assert apart(decode(data), bgr) == 0
    at, numbers = (16, [(8000, 4), (8000, 4)]) if kind == "PNG" else (24, [(8000, 3), (8000, 3)])
    with pytest.raises(PhotoError, match="too large"):
        decode(altered(data, at, numbers, "big" if kind == "PNG" else "little"))


def test_a_tiff_with_too_large_tiles_is_refused(picture):
    data = encode(picture, "TIFF")
    width = altered(data, tiff_entry(data, 277) - 8, [(322, 2), (4, 2), (1, 4), (2**30, 4)], "little")
    with pytest.raises(PhotoError, match="pixels"):
        decode(altered(width, tiff_entry(width, 278) - 8, [(323, 2), (4, 2), (1, 4), (2**30, 4)], "little"))
    with pytest.raises(PhotoError, match="60000 values a pixel"):
        decode(altered(data, tiff_entry(data, 277), [(60_000, 2)], "little"))


def test_jpeg_of_endless_scans_is_refused(picture, bgr):
    data = encode(picture, "JPEG", progressive=True, quality=95)
    start, end = data.rfind(b"\xff\xda"), data.rfind(b"\xff\xd9")
    with pytest.raises(PhotoError, match="scans"):
        decode(data[:start] + data[start:end] * 200 + data[end:])
    assert apart(decode(data), bgr) < 1


def test_a_file_of_segments_alone_takes_little_time():
    with pytest.raises(PhotoError, match="truncated"):
        decode(b"\xff\xd8" + b"\xff\xe0\0\2" * 4_000_000)
    with pytest.raises(PhotoError, match="truncated"):
        decode(b"\x89PNG\r\n\x1a\n" + bytes(16_000_000))


def test_threads_decode_no_more_than_one_photo_of_the_largest_size_at_once(picture, monkeypatch):
    monkeypatch.setattr(photo, "MAX_PIXELS", 800 * 600)
    data, decoding, together = encode(picture, "PNG"), [], []
    real = cv2.imdecode

    def imdecode(*args):
        decoding.append(1)
        together.append(len(decoding))
        try:
            return real(*args)
        finally:
            decoding.pop()

    monkeypatch.setattr(cv2, "imdecode", imdecode)
    with ThreadPoolExecutor(8) as pool:
        frames = list(pool.map(lambda _: decode(data), range(24)))
    assert max(together) == 1
    assert len(frames) == 24


def test_too_little_memory_is_not_reported_as_a_damaged_photo(picture, monkeypatch):
    def imdecode(*_):
        error = cv2.error("Failed to allocate 300000000 bytes")
        error.code = cv2.Error.StsNoMem
        raise error

    monkeypatch.setattr(cv2, "imdecode", imdecode)
    with pytest.raises(MemoryError):
        decode(encode(picture, "PNG"))


def test_photos_are_recognised_by_their_suffix(tmp_path, picture):
    for name in ("a.jpg", "a.JPG", "a.Jpeg", "a.PNG", "a.bmp", "a.WebP", "a.jfif", "a.TIF", "a.tiff", "a.jpe"):
        assert is_photo(tmp_path / name)
    for name in (".a.jpg", "._a.jpg", "a.txt", "a", "a.xml", "jpg"):
        assert not is_photo(tmp_path / name)
    (tmp_path / "UPPER.JPG").write_bytes(encode(picture, "JPEG"))
    assert read_photo(tmp_path / "UPPER.JPG").shape == (600, 800, 3)


@pytest.mark.parametrize("name", ["gone.jpg", "folder.jpg", "fifo.jpg", "zero.jpg", "sparse.jpg"])
def test_a_path_that_cant_be_read_is_refused(tmp_path, name):
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    with (tmp_path / "sparse.jpg").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(PhotoError, match="can't be read"):
        read_photo(tmp_path / name)


def test_a_photo_decoded_at_a_smaller_size_reports_its_full_size(bgr, tmp_path):
    path = tmp_path / "photo.jpg"
    assert cv2.imwrite(str(path), bgr)
    for spec, shape in ((None, (600, 800, 3)), (SPEC, (150, 200, 3))):
        image, size_wh = read_sized(path, spec)
        assert (image == read_photo(path, spec)).all()
        assert (image.shape, size_wh) == (shape, (800, 600))
    with pytest.raises(PhotoError, match="can't be read"):
        read_sized(tmp_path / "gone.jpg")


def test_a_git_lfs_pointer_is_recognised(tmp_path):
    (tmp_path / "a.jpg").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    with pytest.raises(PhotoError, match="Git LFS pointer"):
        read_photo(tmp_path / "a.jpg")
