from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.host.convert import calibration, job
from edgetl.host.convert.converter import ConversionInput
from edgetl.host.convert.tflite import export as tflite
from edgetl.host.dataset.load import Photos
from edgetl.target import Gate, variant_name


def photos(counts):
    """Photos of one pixel whose value is their number, so many of each class."""
    classes = np.repeat(np.arange(len(counts)), counts)
    pixels = np.arange(len(classes), dtype=np.uint8).reshape(-1, 1, 1, 1).repeat(3, axis=3)
    return Photos(pixels, np.arange(len(classes)), (), classes)


@pytest.mark.parametrize(
    ("counts", "wanted", "each"),
    [((50, 50, 50), 30, (10, 10, 10)), ((2, 100, 40), 30, (2, 14, 14)), ((3, 4), 100, (3, 4)), ((9, 9), 5, (2, 3))],
)
def test_representative_photos_are_balanced_by_class(counts, wanted, each):
    train = photos(counts)
    chosen = calibration.representative_dataset(train, wanted, seed=3)
    numbers = chosen[:, 0, 0, 0]
    assert len(set(numbers.tolist())) == len(numbers) == min(wanted, sum(counts))
    found = np.bincount(train.classes[numbers], minlength=len(counts))
    assert sorted(found) == sorted(each)


def test_the_seed_chooses_the_representative_photos():
    train = photos((50, 50))
    first, again, other = (calibration.representative_dataset(train, 10, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def attempts(recipe, train, **options):
    """The attempts of TFLite's converter with a placeholder for the model."""
    return tflite.attempts(recipe, ConversionInput(None, None, SimpleNamespace(train=train), Gate(), 0), **options)


@pytest.fixture
def exports(monkeypatch):
    """The arguments of each export, which is not carried out."""
    made = []

    def export(model, recipe, photos, in_float):
        made.append((photos, in_float))
        return b""

    monkeypatch.setattr(tflite, "export", export)
    monkeypatch.setattr(tflite, "embed", lambda content, card: content)
    monkeypatch.setattr(tflite, "operations", lambda model, photos: [f"tensor{i}" for i in range(30)])
    return made


def test_static_int8_tries_more_photos_then_lower_contrast_then_operations_in_float(exports, shapes_data):
    rows = np.tile(np.arange(len(shapes_data.train)), 4)
    train = shapes_data.train
    many = replace(train, rows=train.rows[rows], classes=train.classes[rows])
    tries = list(attempts("static_wi8_ai8", many))
    for attempt in tries:
        attempt.make()
    assert [len(photos) for photos, _ in exports] == [100, 156, pytest.approx(140, abs=4), 156, 156, 156]
    assert [len(in_float) for _, in_float in exports] == [0, 0, 0, 5, 11, 23]
    assert tries[0].note == ""
    assert "156 photos" in tries[1].note
    assert "first 5 operations" in tries[3].note
    contrast = [p.reshape(len(p), -1).std(axis=1).max() for p, _ in exports]
    assert contrast[2] < contrast[1]


def test_a_small_set_is_not_calibrated_twice_with_the_same_photos(exports, shapes_data):
    assert len(list(attempts("static_wi8_ai8", shapes_data.train))) == 5


def test_without_a_search_only_the_plain_recipe_is_tried(exports, shapes_data):
    assert [attempt.note for attempt in attempts("static_wi8_ai8", shapes_data.train, search=False)] == [""]


def test_a_small_network_is_never_left_entirely_in_float(exports, shapes_data, monkeypatch):
    monkeypatch.setattr(tflite, "operations", lambda model, photos: list("abcdef"))
    notes = [a.note for a in attempts("static_wi8_ai8", shapes_data.train)]
    assert [note for note in notes if "float" in note] == ["the first 5 operations left in float"]


@pytest.mark.parametrize("recipe", ["float32", "float16", "dynamic_wi8_afp32"])
def test_other_recipes_have_one_attempt(recipe, exports, shapes_data):
    assert [a.note for a in attempts(recipe, shapes_data.train)] == [""]


def test_no_attempt_sees_a_validation_photo(exports, shapes_data):
    for attempt in attempts("static_wi8_ai8", shapes_data.train):
        attempt.make()
    held = {photo.tobytes() for photo in shapes_data.val.batch(slice(None))}
    trained = {photo.tobytes() for photo in shapes_data.train.batch(slice(None))}
    seen = {photo.tobytes() for photos, _ in exports for photo in photos}
    assert seen
    assert not seen & held
    assert seen <= trained


STATIC, IR, FLOAT = ("tflite", "static_wi8_ai8"), ("openvino", "static_wi8_ai8"), ("tflite", "float32")
PORTABLE = [(runtime, "portable") for runtime in ("tflite", "openvino")]


@pytest.mark.parametrize(
    ("accepted", "thorough", "preferred"),
    [
        ({STATIC, *PORTABLE}, False, ["", "static_wi8_ai8", "", "portable"]),
        ({IR, FLOAT}, False, ["", "", "", ""]),
        ({STATIC, *PORTABLE}, True, ["", "", "", ""]),
    ],
)
def test_int8_is_searched_for_until_a_runtime_that_the_target_prefers_has_it(
    monkeypatch, accepted, thorough, preferred
):
    seen = []

    def make(candidate, preferred):
        seen.append(preferred)
        runtime, recipe = candidate
        return SimpleNamespace(name=variant_name(runtime, recipe), recipe=recipe, accepted=candidate in accepted)

    monkeypatch.setattr(job, "VariantMaker", lambda *args: SimpleNamespace(make=make))
    judge = SimpleNamespace(photos=[], seconds_per_photo=0.1)
    card = ModelCard("cards", "detection", ("ace",), InputSpec(32, 32), DetectorDecoding())
    source = ConversionInput(None, card, judge, Gate(), 0)
    job._make_variants(None, source, (), [STATIC, IR, *PORTABLE], thorough=thorough)
    assert seen == preferred
