from __future__ import annotations

import cv2
import numpy as np
import pytest
from homes import draw_folders

from edgetl.errors import DatasetError
from edgetl.host.dataset.check_folders import check_folders as check


def masked(root, photos, masks, *, suffix="", count=6, ending=".png", part=""):
    """Draws photos of discs and their masks into two folders."""
    rng = np.random.default_rng(0)
    for name in (photos, masks):
        (root / part / name).mkdir(parents=True)
    for number in range(count):
        photo = cv2.resize(rng.integers(0, 256, (12, 16, 3), np.uint8), (160, 120), interpolation=cv2.INTER_CUBIC)
        mask = np.zeros((120, 160), np.uint8)
        for picture, colour in ((photo, (20, 40, 200)), (mask, 255)):
            cv2.circle(picture, (60 + 5 * number, 60), 30, colour, -1)
        cv2.imwrite(str(root / part / photos / f"{number}.jpg"), photo)
        cv2.imwrite(str(root / part / masks / f"{number}{suffix}{ending}"), mask)
    return root


@pytest.mark.parametrize(
    ("photos", "masks", "options"),
    [
        ("images", "masks", {}),
        ("JPEGImages", "SegmentationClass", {}),
        ("image", "label", {"suffix": "_L"}),
        ("imgs", "gt", {"suffix": "_mask"}),
        ("images", "masks", {"ending": ".jpg"}),
        ("images", "masks", {"part": "train"}),
        ("train_images", "train_masks", {}),
        ("A", "B", {}),
        ("left", "right", {"suffix": "_seg"}),
    ],
)
def test_photos_and_their_masks_are_no_classes(empty_home, photos, masks, options):
    report = check(masked(empty_home.photos, photos, masks, **options))
    with pytest.raises(DatasetError, match="masks") as caught:
        report.require_usable()
    assert photos in caught.value.what
    assert masks in caught.value.what


def test_numbered_photos_of_two_classes_are_classes(empty_home):
    for labels in (("mask", "no_mask"), ("image", "photo")):
        root = draw_folders(empty_home.photos / labels[0], 6, labels)
        assert check(root).problems == []


def test_drawn_signs_beside_photos_are_classes_where_the_names_differ(empty_home):
    root = masked(empty_home.photos, "scene", "sign")
    for number, path in enumerate(sorted((root / "sign").iterdir())):
        path.rename(path.with_name(f"s{number}.png"))
    assert check(root).problems == []


def test_classes_whose_names_mean_masks_elsewhere_are_classes(empty_home):
    assert check(draw_folders(empty_home.photos, 6, ("frame", "label"))).problems == []


def test_drawn_signs_beside_more_photos_of_the_same_numbers_are_classes(empty_home):
    root = masked(empty_home.photos, "scene", "sign")
    for path in sorted((root / "sign").iterdir())[:2]:
        path.unlink()
    assert check(root).problems == []


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("classes", [2, 6])
def test_masks_in_the_class_folders_of_their_photos(empty_home, beside, classes):
    root = empty_home.photos
    for label in "abcdef"[:classes]:
        masked(root / label, "images", "masks", suffix="_mask" if beside else "")
        for path in sorted((root / label).rglob("*.*")) if beside else ():
            path.rename(root / label / path.name)
    problems = check(root).problems
    assert any("mask" in text and str(6 * classes) in text for text in problems), problems


def test_photos_called_masks_are_photos(empty_home):
    root = draw_folders(empty_home.photos, 6, ("worn", "bare"))
    for label in ("worn", "bare"):
        paths = sorted((root / label).iterdir())
        for path, other in zip(paths[::2], paths[1::2], strict=True):
            other.rename(path.with_name(f"{path.stem}_mask{path.suffix}"))
    assert check(root).problems == []
