"""Ready-made SSDs: their operator, their labels and their boxes."""

from __future__ import annotations

import io
import json
import struct
import zipfile

import numpy as np
import pytest
from detectors import build_ssd, edited

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.device.camera import open_camera
from edgetl.device.inference.describe_tflite import describe
from edgetl.device.inference.input_scaling import Scaling
from edgetl.device.inference.model import Model
from edgetl.device.inference.tflite_postprocess import PostProcess, read_postprocess
from edgetl.device.run import loop
from edgetl.device.runtime import open_runtime
from edgetl.errors import ModelError
from edgetl.vision.filter import ResultFilter
from edgetl.vision.results import Detections

FRUIT = "apple\npear\nplum\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Returns a function that writes a file; float pixels are not scaled, as if the file stated it."""
    monkeypatch.setattr("edgetl.device.inference.describe_tflite.input_scaling", lambda *_: Scaling())

    def to_file(content, name="model.tflite"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return to_file


def colour(red, green, blue, size_wh=(80, 40)):
    return np.full((size_wh[1], size_wh[0], 3), (blue, green, red), np.uint8)


def test_the_operator_states_its_classes_and_the_order_of_its_outputs(ssd, write, tiny_models):
    assert read_postprocess(write(ssd)) == PostProcess(3, pytest.approx(0.6), (1, 3, 0, 2))
    assert read_postprocess(write(build_ssd())) == PostProcess(3, pytest.approx(0.6), (0, 1, 2, 3))
    assert read_postprocess(write(tiny_models["float32"])) is None


def test_an_operator_whose_outputs_are_not_the_models_is_ignored(ssd, write):
    def feed_on(model):
        model.subgraphs[0].outputs = [*model.subgraphs[0].outputs[:3], model.subgraphs[0].inputs[0]]

    assert read_postprocess(write(edited(ssd, feed_on))) is None


def test_an_ssd_gets_a_detectors_card(ssd, write):
    path = write(ssd, "fruit.tflite")
    found = describe(path, open_runtime("tflite", path, 1), write(FRUIT, "labels.txt"))
    decoding = DetectorDecoding((), (0.5,), pytest.approx(0.6), 4, "postprocessed")
    assert found.card == ModelCard("fruit", "detection", ("apple", "pear", "plum"), InputSpec(32, 32), decoding)
    assert ModelCard.from_dict(json.loads(found.card.to_json()), where="") == found.card


def test_an_ssd_finds_objects_in_px_of_the_frame(ssd, write):
    with Model.open(write(ssd), labels=write(FRUIT, "labels.txt")) as model:
        result = model(colour(20, 200, 40))
        assert result.labels == ("pear",)
        assert result.score[0] == pytest.approx(200 / 255, abs=0.01)
        # The anchor: a quarter as wide and half as high as the picture, in its middle.
        assert result.xyxy[0].tolist() == pytest.approx([30, 10, 50, 30], abs=0.01)
        assert len(model(colour(100, 90, 80))) == 0
        model.only = ResultFilter(threshold=0.3)
        assert model(colour(100, 90, 80)).labels == ("apple",)
        model.only = ResultFilter(threshold=0.3, classes=("plum",))
        assert len(model(colour(100, 90, 80))) == 0
        assert model(colour(1, 2, 240)).labels == ("plum",)
        assert model(colour(1, 2, 240), (800, 400)).xyxy[0].tolist() == pytest.approx([300, 100, 500, 300], abs=0.1)
        with pytest.raises(ModelError, match="a classifier is needed here"):
            model.scores(colour(0, 0, 0))


@pytest.mark.parametrize("first", ["???", "background", "Background"])
def test_a_line_for_the_background_comes_before_the_objects(ssd, write, first):
    with Model.open(write(ssd), labels=write(f"{first}\n{FRUIT}", "labels.txt")) as model:
        assert model.card.labels == ("apple", "pear", "plum")


def test_repeated_placeholders_of_a_label_map_are_numbered(ssd, write):
    with Model.open(write(ssd), labels=write("???\napple\n???\n???\n", "labels.txt")) as model:
        assert model.card.labels == ("apple", "???", "??? (2)")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("apple\npear\n", "there are 2 labels"),
        ("fruit\napple\npear\nplum\n", "there are 4 labels"),
        ("???\nbackground\napple\npear\nplum\n", "there are 5 labels, the first of them '???'"),
        ("background\napple\npear\n", "there are 3 labels, the first of them 'background'"),
        ("", "there are 0 labels"),
    ],
)
def test_labels_whose_number_does_not_fit_are_refused(ssd, write, lines, message):
    with pytest.raises(ModelError, match="has 3 classes besides the background, but") as caught:
        Model.open(write(ssd), labels=write(lines, "labels.txt"))
    assert message in caught.value.what
    assert "before the 3 there may be one that is ??? or background" in caught.value.remedy
    assert caught.value.where.endswith("labels.txt")


def test_without_labels_the_remedy_names_the_option(ssd, write):
    with pytest.raises(ModelError, match="called") as caught:
        Model.open(write(ssd))
    assert "--labels FILE" in caught.value.remedy


def test_labels_inside_an_ssd_are_found(ssd, write):
    stream = io.BytesIO(ssd)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("labelmap.txt", "???\n" + FRUIT)
    with Model.open(write(stream.getvalue())) as model:
        assert model.card.labels == ("apple", "pear", "plum")


def test_damaged_options_of_the_operator_end_in_model_errors(ssd, write):
    options = []
    edited(ssd, lambda model: options.append(bytes(model.subgraphs[0].operators[-1].customOptions)))
    (old,) = options
    assert ssd.count(old) == 1
    random = np.random.default_rng(3)
    refused = 0
    for _ in range(400):
        damaged = bytearray(old)
        for at in random.integers(0, len(old), 3):
            damaged[at] = random.integers(256)
        try:
            read_postprocess(write(ssd.replace(old, bytes(damaged))))
        except ModelError:
            refused += 1
    assert refused > 100
    with pytest.raises(ModelError, match="structure is damaged"):
        read_postprocess(write(ssd[: len(ssd) // 2]))
    with pytest.raises(ModelError, match="structure is damaged"):
        read_postprocess(write(struct.pack("<I", 2**31) + ssd[4:]))


COCO = ("models/coco_ssd_mobilenet_v1_1.0_quant.tflite", "models/coco_labelmap.txt")


@pytest.mark.real_data
def test_people_of_a_real_film_are_found(data_folder):
    model_file, labels = (data_folder / name for name in COCO)
    seen = {}

    def note(observation):
        people = observation.result.xyxy[[label == "person" for label in observation.result.labels]]
        seen[observation.frame.index] = people.tolist()

    with (
        Model.open(model_file, labels=labels, only=ResultFilter(classes=("person",))) as model,
        open_camera(str(data_folder / "videos/one-by-one-person-detection.mp4")) as camera,
    ):
        assert len(model.card.labels) == 90
        loop.run(model, camera, max_frames=120, on_observation=note)
    assert not any(seen[index] for index in range(40)), "nobody is there yet"
    assert all(len(seen[index]) == 1 for index in range(90, 115))
    # Looked up in the film by eye: from the hair to the shoes.
    assert seen[95][0] == pytest.approx([382, 7, 507, 395], abs=15)


@pytest.mark.real_data
def test_things_of_real_photos_are_found(data_folder):
    model_file, labels = (data_folder / name for name in COCO)
    seen: dict[str, Detections] = {}
    with Model.open(model_file, labels=labels) as model, open_camera(str(data_folder / "photos")) as camera:
        loop.run(model, camera, on_observation=lambda shown: seen.update({shown.frame.name: shown.result}))
    assert seen["cat_720p.jpg"].labels == ("cat",)
    assert seen["cat_720p.jpg"].xyxy[0].tolist() == pytest.approx([90, 94, 919, 704], abs=25)
    assert seen["cat_720p.jpg"].size_wh == (1280, 720)
    assert "bird" in seen["parrot.jpg"].labels
    assert "hot dog" in seen["hot_dog.jpg"].labels
    assert seen["grace_hopper.bmp"].labels[0] == "person"
