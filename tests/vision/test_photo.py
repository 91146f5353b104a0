from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from edgetl.card import InputSpec
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
    ],
)
def test_formats(picture, bgr, kind, options, limit):
    assert apart(decode(encode(picture, kind, **options)), bgr) <= limit


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
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


def test_palette_and_one_bit(picture):
    palette = picture.convert("P")
    assert apart(decode(encode(palette, "PNG"))[..., ::-1], np.array(palette.convert("RGB"))) == 0
    bits = picture.convert("1")
    assert apart(decode(encode(bits, "PNG"))[..., ::-1], np.array(bits.convert("RGB"))) == 0


def test_sixteen_bits_are_scaled_to_eight(bgr):
    data = cv2.imencode(".png", bgr.astype(np.uint16) * 257)[1].tobytes()
    assert apart(decode(data), bgr) == 0
    grey = np.arange(256, dtype=np.uint16)[None].repeat(9, axis=0) * 257
    frame = decode(cv2.imencode(".png", grey)[1].tobytes())
    assert (frame[4, :, 0] == np.arange(256)).all()


def test_cmyk(picture, bgr):
    data = encode(picture.convert("CMYK"), "JPEG", quality=95)
    assert apart(decode(data), bgr) < 2
    assert decode(data, SPEC).shape == (150, 200, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_holds_for_whole_and_reduced(picture, kind, orientation):
    if kind == "WEBP" and cv2.__version__ < "5":
        pytest.skip("OpenCV 4 doesn't read a WebP's EXIF orientation")
    exif = Image.Exif()
    exif[0x112] = orientation
    data = encode(picture, kind, exif=exif)
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
def test_last_byte_missing(picture, kind):
    with pytest.raises(PhotoError, match="truncated"):
        decode(encode(picture, kind)[:-1])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP"])
def test_bytes_behind_the_picture_do_no_harm(picture, bgr, kind):
    assert apart(decode(encode(picture, kind) + bytes(500)), bgr) < 2


def test_progressive_jpeg_cut_between_its_scans(picture):
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


@pytest.mark.parametrize("told", [0, 10**9])
def test_bmp_whose_length_field_is_wrong(picture, bgr, told):
    data = bytearray(encode(picture, "BMP"))
    data[2:6] = told.to_bytes(4, "little")
    assert apart(decode(bytes(data)), bgr) == 0
    with pytest.raises(PhotoError, match="truncated"):
        decode(bytes(data[:-100]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"this is a text\n" * 50, "not a JPEG, PNG, BMP or WebP"),
        (b"GIF89a" + bytes(100), "not a JPEG, PNG, BMP or WebP"),
        (b"\xff\xd8", "truncated"),
        (b"\xff\xd8\xff\xd9", "truncated"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"BM", "truncated"),
        (b"RIFF\0\0\0\0WEBP", "truncated|decode"),
    ],
)
def test_what_is_no_photo_is_refused_whatever_its_name(tmp_path, content, message):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(PhotoError, match=message) as caught:
        read_photo(path)
    assert str(path) in str(caught.value)


def test_altered_picture_never_ends_in_another_kind_of_error(picture):
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


def test_names(tmp_path, picture):
    for name in ("a.jpg", "a.JPG", "a.Jpeg", "a.PNG", "a.bmp", "a.WebP"):
        assert is_photo(tmp_path / name)
    for name in (".a.jpg", "._a.jpg", "a.txt", "a", "a.xml", "jpg"):
        assert not is_photo(tmp_path / name)
    (tmp_path / "UPPER.JPG").write_bytes(encode(picture, "JPEG"))
    assert read_photo(tmp_path / "UPPER.JPG").shape == (600, 800, 3)


@pytest.mark.parametrize("name", ["gone.jpg", "folder.jpg"])
def test_what_cant_be_read(tmp_path, name):
    (tmp_path / "folder.jpg").mkdir()
    with pytest.raises(PhotoError, match="can't be read"):
        read_photo(tmp_path / name)


def test_a_photo_decoded_smaller_tells_its_own_size(bgr, tmp_path):
    path = tmp_path / "photo.jpg"
    assert cv2.imwrite(str(path), bgr)
    for spec, shape in ((None, (600, 800, 3)), (SPEC, (150, 200, 3))):
        image, size_wh = read_sized(path, spec)
        assert (image == read_photo(path, spec)).all()
        assert (image.shape, size_wh) == (shape, (800, 600))
    with pytest.raises(PhotoError, match="can't be read"):
        read_sized(tmp_path / "gone.jpg")


def test_a_git_lfs_pointer_is_named_for_what_it_is(tmp_path):
    (tmp_path / "a.jpg").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    with pytest.raises(PhotoError, match="Git LFS pointer"):
        read_photo(tmp_path / "a.jpg")
