from __future__ import annotations

import shutil
import unicodedata

import numpy as np
import pytest
from homes import draw_folders

from edgetl.card import InputSpec
from edgetl.errors import DatasetError
from edgetl.host.dataset.load import load_dataset, load_labelled
from edgetl.vision.photo import read_photo
from edgetl.vision.preprocess import Preprocessor

SPEC = InputSpec(48, 64)


def names(photos):
    return sorted(path.name for path in photos.paths)


def seen_by_the_device(path):
    pixels = np.empty((SPEC.height, SPEC.width, 3), np.uint8)
    Preprocessor(SPEC)(read_photo(path, SPEC), pixels)
    return pixels


def test_pixels_and_classes_belong_to_the_paths(empty_home):
    data = load_dataset(draw_folders(empty_home.photos, 6), SPEC)
    assert data.labels == ("cross", "disc", "square")
    assert (len(data.train), len(data.val)) == (15, 3)
    for side in (data.train, data.val):
        for i, path in enumerate(side.paths):
            assert path.parent.name == data.labels[side.classes[i]]
            assert np.array_equal(side.batch(slice(i, i + 1))[0], seen_by_the_device(path))
    positions = np.array([4, 0, 2])
    assert np.array_equal(data.train.batch(positions)[1], seen_by_the_device(data.train.paths[0]))


def test_own_split_is_kept_and_test_is_left_alone(empty_home):
    root = empty_home.photos
    for seed, part in enumerate(("train", "val", "test")):
        draw_folders(root / part, 3 + seed, seed=seed)
    data = load_dataset(root, SPEC, val_fraction=0.5, seed=9)
    assert {path.parts[-3] for path in data.train.paths} == {"train"}
    assert {path.parts[-3] for path in data.val.paths} == {"val"}
    assert (len(data.train), len(data.val)) == (9, 12)
    paths, classes = load_labelled(root, data.labels)
    assert {path.parts[-3] for path in paths} == {"test"}
    assert len(paths) == len(classes) == 15


def test_train_and_test_without_val(empty_home):
    root = empty_home.photos
    draw_folders(root / "train", 5)
    draw_folders(root / "test", 2, seed=1)
    data = load_dataset(root, SPEC)
    assert {path.parts[-3] for path in (*data.train.paths, *data.val.paths)} == {"train"}
    assert (len(data.train), len(data.val)) == (12, 3)


def test_same_seed_same_split(empty_home):
    root = draw_folders(empty_home.photos, 10)
    first, again, other = (load_dataset(root, SPEC, seed=seed).val.paths for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_duplicates_lie_on_one_side(empty_home):
    root = draw_folders(empty_home.photos, 8)
    for label in ("cross", "disc", "square"):
        for number in range(8):
            shutil.copy(root / label / f"{number:02}.jpg", root / label / f"copy{number:02}.jpg")
    for seed in range(10):
        data = load_dataset(root, SPEC, seed=seed)
        assert len(data.val) == 6
        sides = [
            {path.parent.name + path.name.removeprefix("copy") for path in s.paths} for s in (data.train, data.val)
        ]
        assert not sides[0] & sides[1]


def test_a_class_without_readable_validation_photos_is_refused(empty_home):
    root = empty_home.photos
    draw_folders(root / "train", 3)
    draw_folders(root / "val", 3, ("cross", "disc"), seed=1)
    with pytest.raises(DatasetError, match="the class 'square' has no photo in val/"):
        load_dataset(root, SPEC)


def test_photo_that_doesnt_open_is_on_no_side(empty_home):
    root = draw_folders(empty_home.photos, 4)
    (root / "disc" / "01.jpg").write_bytes(b"no")
    data = load_dataset(root, SPEC)
    assert len(data.train) + len(data.val) == 11
    assert root / "disc" / "01.jpg" not in {*data.train.paths, *data.val.paths}
    assert data.report.unreadable == ["disc/01.jpg: is not a JPEG, PNG, BMP, WebP or TIFF, whatever its name says"]
    for path, pixels in zip(data.train.paths, data.train.batch(slice(None)), strict=True):
        assert np.array_equal(pixels, seen_by_the_device(path))


def test_fingerprint_is_of_contents_and_labels(empty_home):
    root = draw_folders(empty_home.photos, 3)

    def fingerprint():
        return load_dataset(root, SPEC).info.fingerprint

    first = fingerprint()
    (root / "disc" / "00.jpg").rename(root / "disc" / "renamed.jpg")
    assert fingerprint() == first
    (root / "disc" / "renamed.jpg").rename(root / "square" / "renamed.jpg")
    assert fingerprint() != first


def test_every_kind_of_photo_through_the_cache(empty_home):
    """Grey, RGBA, 16-bit, CMYK and turned by EXIF: each is what a camera would have given."""
    image = pytest.importorskip("PIL.Image")
    root = draw_folders(empty_home.photos, 2)
    rgb = image.effect_mandelbrot((160, 120), (-2, -1.5, 1, 1.5), 50).convert("RGB")
    upright = rgb.getexif()
    upright[0x0112] = 6
    rgb.convert("L").save(root / "disc" / "grey.PNG")
    rgb.convert("RGBA").save(root / "disc" / "rgba.png")
    image.fromarray(np.asarray(rgb.convert("L")).astype(np.uint16) * 257).save(root / "disc" / "deep.png")
    rgb.convert("CMYK").save(root / "disc" / "cmyk.jpg", quality=95)
    rgb.rotate(90, expand=True).save(root / "disc" / "turned.JPG", exif=upright, quality=95)
    rgb.save(root / "disc" / "plain.png")
    data = load_dataset(root, SPEC, val_fraction=0.01)
    assert data.report.unreadable == []
    pixels = {}
    for side in (data.train, data.val):
        pixels |= {path.name: row.astype(int) for path, row in zip(side.paths, side.batch(slice(None)), strict=True)}
    expected = pixels["plain.png"]
    assert expected.std() > 20
    for name, tolerance in {"grey.PNG": 0, "rgba.png": 0, "deep.png": 1, "cmyk.jpg": 12, "turned.JPG": 12}.items():
        assert np.abs(pixels[name] - expected).mean() <= tolerance, name
    assert data.report.sizes["largest"] == "160x120"


def test_files_that_are_not_evaluated_are_logged(empty_home, caplog):
    root = draw_folders(empty_home.photos, 4, ("Käse", "disc"))
    (root / "disc" / "00.jpg").write_bytes(b"no photo")
    (root / "disc" / "9.heic").write_bytes(b"")
    paths, classes = load_labelled(root, ("disc", unicodedata.normalize("NFD", "Käse")))
    assert len(paths) == 7
    assert classes.tolist() == [1] * 4 + [0] * 3
    assert "00.jpg" in caplog.text
    assert ".heic" in caplog.text


def test_parts_of_the_usual_names_are_split_so(empty_home):
    for seed, part in enumerate(("Training", "Test")):
        draw_folders(empty_home.photos / part, 6, seed=seed)
    data = load_dataset(empty_home.photos, SPEC)
    assert data.labels == ("cross", "disc", "square")
    assert all("Training" in path.parts for path in (*data.train.paths, *data.val.paths))
    measured, _ = load_labelled(empty_home.photos, data.labels)
    assert all("Test" in path.parts for path in measured)
