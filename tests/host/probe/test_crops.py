import numpy as np
import pytest
from boxed import put_voc

from edgetl.card import InputSpec
from edgetl.errors import EdgetlError
from edgetl.host.dataset.boxes.load import load_boxed
from edgetl.host.probe.crops import CROP_SIZE, cut_crops
from edgetl.host.probe.sample import stratified

SPEC = InputSpec(320, 320, resize="letterbox")


@pytest.fixture
def boxed(tmp_path, monkeypatch):
    """Photos of 160 x 120 with a red ace each, two of them with a green king too."""
    monkeypatch.setenv("EDGETL_CACHE", str(tmp_path / "cache"))
    for number in range(10):
        king = [("king", 100, 60, 130, 90)] if number < 2 else []
        put_voc(tmp_path / "boxes" / f"{number}.jpg", [("ace", 10, 10, 50, 50), *king], seed=number)
    return load_boxed(tmp_path / "boxes", SPEC)


def test_crops_show_their_boxes_and_the_background_shows_none(boxed):
    crops = cut_crops(boxed.train, 2, SPEC, 100)
    middle = crops.pixels[:, CROP_SIZE // 2 - 8 : CROP_SIZE // 2 + 8, CROP_SIZE // 2 - 8 : CROP_SIZE // 2 + 8]
    colours = middle.astype(float).mean(axis=(1, 2))  # RGB
    for label, colour in ((0, (220, 40, 40)), (1, (40, 200, 40))):
        assert np.abs(colours[crops.classes == label] - colour).max() < 12
    empty = colours[crops.classes == 2]
    assert len(empty) >= 4
    assert np.abs(empty[:, None] - np.array([(220, 40, 40), (40, 200, 40)])).max(axis=2).min() > 15


def test_each_class_has_at_most_its_share(boxed):
    counts = np.bincount(cut_crops(boxed.train, 2, SPEC, 9).classes)
    assert (counts <= 3).all()
    assert counts[0] == 3


def test_boxes_below_a_pixel_are_refused(boxed):
    from dataclasses import replace

    tiny = tuple(
        replace(truth, xyxy=np.array([[5, 5, 5.2, 5.2]] * len(truth.xyxy), np.float32)) for truth in boxed.train.truth
    )
    with pytest.raises(EdgetlError, match="too small"):
        cut_crops(replace(boxed.train, truth=tiny), 2, SPEC, 9)


def test_a_sample_keeps_the_shares_and_every_class():
    classes = np.random.default_rng(0).choice(4, 5000, p=(0.8, 0.15, 0.049, 0.001))
    counts = np.bincount(classes[stratified(classes, 2000)])
    assert 1990 <= counts.sum() <= 2000
    np.testing.assert_allclose(counts[:3] / 2000, (0.8, 0.15, 0.049), atol=0.01)
    assert counts[3] >= 2


def test_a_sample_of_many_classes_has_four_photos_of_some():
    classes = np.concatenate([np.arange(3000) % 600, np.arange(600, 700)])  # a hundred classes have one photo
    counts = np.bincount(classes[stratified(classes, 2000)])
    assert sorted(set(counts.tolist())) == [0, 4]
    assert counts.sum() == 2000
