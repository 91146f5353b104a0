"""Detectors, from the frame to boxes in its px."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from detectors import CARD, edited, paint, with_card
from fakes import FakeCamera

from edgetl.card import DetectorDecoding, InputSpec
from edgetl.device.camera import open_camera
from edgetl.device.inference.model import Model
from edgetl.device.run import loop
from edgetl.device.sinks.jsonl import JsonLines
from edgetl.errors import ModelError, UsageError
from edgetl.vision.filter import ResultFilter
from edgetl.vision.photo import read_sized

TWO = {(1, 2): 0, (3, 0): 2}
"""A red cell and a blue one."""


@pytest.fixture
def open_cells(cells, tmp_path):
    """Returns a function that opens the detector, by its type and the changes to its card."""
    opened = []

    def start(kind="float32", card=CARD, only=None, **changes):
        path = tmp_path / f"{len(opened)}.tflite"
        path.write_bytes(with_card(cells[kind], replace(card, **changes)))
        opened.append(Model.open(path, only=only or ResultFilter()))
        return opened[-1]

    yield start
    for model in opened:
        model.close()


def found(result):
    """Returns the label and the rounded box of each object, in the order of the labels."""
    return sorted(
        (label, *np.round(box).astype(int).tolist()) for label, box in zip(result.labels, result.xyxy, strict=True)
    )


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_boxes_are_in_px_of_a_stretched_frame(open_cells, kind):
    model = open_cells(kind)
    result = model(paint(TWO, (128, 256)))
    assert found(result) == [("blue", 96, 0, 128, 64), ("red", 32, 128, 64, 192)]
    assert result.size_wh == (128, 256)
    assert result.score.min() > 0.9
    assert found(model(paint({}, (128, 256)))) == []


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_boxes_are_in_px_of_a_letterboxed_frame(open_cells, kind):
    model = open_cells(kind, input=InputSpec(64, 64, resize="letterbox"))
    frame = np.zeros((64, 128, 3), np.uint8)
    frame[32:64, 32:64, 2] = 255  # in the input the whole frame is rows 16 to 48, this a cell
    assert found(model(frame)) == [("red", 32, 32, 64, 64)]


def test_boxes_are_in_px_of_the_photo_even_if_it_was_decoded_smaller(open_cells, tmp_path):
    model = open_cells()
    cv2.imwrite(str(tmp_path / "photo.jpg"), paint(TWO, (1024, 768)))
    image, size_wh = read_sized(tmp_path / "photo.jpg", model.card.input)
    assert (image.shape, size_wh) == ((192, 256, 3), (1024, 768))
    result = model(image, size_wh)
    assert found(result) == [("blue", 768, 0, 1024, 192), ("red", 256, 384, 512, 576)]
    assert found(model(image)) == [("blue", 192, 0, 256, 48), ("red", 64, 96, 128, 144)]


def test_json_lines_of_photos_decoded_smaller_are_in_px_of_the_photo(open_cells, tmp_path):
    model = open_cells()
    for name, size in (("1.jpg", (1024, 768)), ("2.png", (1024, 768)), ("3.jpg", (100, 80))):
        cv2.imwrite(str(tmp_path / name), paint({(1, 2): 0}, size))
    with open_camera(str(tmp_path / "*.*g"), model.card.input) as camera, JsonLines(str(tmp_path / "out")) as sink:
        loop.run(model, camera, [sink])
    lines = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    boxes = [[(thing["label"], thing["xyxyn"]) for thing in line["objects"]] for line in lines]
    assert boxes == [[("red", pytest.approx([0.25, 0.5, 0.5, 0.75], abs=1e-3))]] * 3
    assert [line["objects"][0]["xyxy"] for line in lines] == [
        pytest.approx([256, 384, 512, 576], abs=0.1),
        pytest.approx([256, 384, 512, 576], abs=0.1),
        pytest.approx([25, 40, 50, 60], abs=0.1),
    ]
    assert lines[0]["task"] == "detection"


def test_a_photo_with_exif_orientation_has_its_boxes_upright(open_cells, tmp_path):
    from PIL import Image

    model = open_cells()
    exif = Image.Exif()
    exif[0x112] = 6  # shown turned right
    upright = paint({(1, 0): 0}, (768, 1024))
    stored = np.rot90(upright)[..., ::-1]
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "1.jpg", exif=exif, quality=95)
    with open_camera(str(tmp_path / "1.jpg"), model.card.input) as camera:
        (frame,) = camera
    assert frame.image.shape == (256, 192, 3)
    assert frame.size_wh == (768, 1024)
    assert found(model(frame.image, frame.size_wh)) == [("red", 192, 0, 384, 256)]


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_a_new_filter_holds_from_the_next_frame_on(open_cells, kind):
    model = open_cells(kind)
    frame = paint(TWO)
    assert set(model(frame).labels) == {"red", "blue"}
    model.only = ResultFilter(threshold=0.0, max_det=100)
    assert len(model(frame)) == 16
    model.only = ResultFilter(threshold=0.0, max_det=2)
    assert set(model(frame).labels) == {"red", "blue"}
    model.only = ResultFilter(classes=("blue",))
    assert model(frame).labels == ("blue",)
    model.only = ResultFilter(classes=("green",))
    assert len(model(frame)) == 0
    model.only = ResultFilter()
    assert set(model(frame).labels) == {"red", "blue"}
    with pytest.raises(UsageError, match="no class 'yellow'") as caught:
        model.only = ResultFilter(classes=("yellow",))
    assert "choose from red, green, blue" in str(caught.value)
    assert model.only == ResultFilter()
    assert set(model(frame).labels) == {"red", "blue"}


def test_a_slider_moves_the_threshold_of_a_run(open_cells):
    model, seen = open_cells(), []

    def note(observation):
        seen.append(len(observation.result))
        model.only = replace(model.only, threshold=0.0 if observation.frame.index % 2 == 0 else 0.5)

    loop.run(model, FakeCamera([paint(TWO)] * 4), on_observation=note)
    assert seen == [2, 16, 2, 16]


def test_a_class_has_its_own_threshold(open_cells):
    model = open_cells(decoding=DetectorDecoding((16,), (0.5, 0.5, 1.0)))
    assert model(paint(TWO)).labels == ("red",)
    model.only = ResultFilter(threshold=0.5)
    assert sorted(model(paint(TWO)).labels) == ["blue", "red"]


def test_a_detector_has_no_scores(open_cells):
    with pytest.raises(ModelError, match="a classifier is needed here"):
        open_cells().scores(paint(TWO))


def test_a_frame_is_timed_by_stage(open_cells):
    model = open_cells()
    model(paint(TWO))
    timings = model.timings
    assert min(timings.preprocess, timings.invoke, timings.decode) > 0
    assert timings.total == timings.preprocess + timings.invoke + timings.decode


def test_labels_must_be_as_many_as_classes(open_cells, cells, tmp_path):
    with pytest.raises(ModelError, match="has 3 classes, but there are 2 labels"):
        open_cells(labels=("red", "green"))
    (tmp_path / "l.txt").write_text("Rot\nGrün\nBlau\n", encoding="utf-8")
    (tmp_path / "m.tflite").write_bytes(with_card(cells["int8"], CARD))
    with Model.open(tmp_path / "m.tflite", labels=tmp_path / "l.txt") as model:
        assert set(model(paint(TWO)).labels) == {"Rot", "Blau"}


def test_cells_must_fit_the_strides_of_the_card(open_cells):
    with pytest.raises(ModelError, match="strides 8, 16 make 80 cells, but the model has logits") as caught:
        open_cells(decoding=DetectorDecoding((8, 16)))
    assert "remedy" in str(caught.value)


def test_outputs_are_known_by_their_names_else_by_their_shapes(cells, tmp_path):
    def rename(names):
        def edit(model):
            graph = model.subgraphs[0]
            graph.outputs = graph.outputs[::-1]
            for index in graph.outputs:
                graph.tensors[index].name = names[graph.tensors[index].shape[-1]]
            model.signatureDefs = None

        return edit

    for number, names in enumerate(({3: b"logits", 4: b"distances"}, {3: b"a", 4: b"b"}, {3: b"distances", 4: b"x"})):
        path = tmp_path / f"{number}.tflite"
        path.write_bytes(with_card(edited(cells["float32"], rename(names)), CARD))
        with Model.open(path) as model:
            assert found(model(paint(TWO))) == [("blue", 48, 0, 64, 16), ("red", 16, 32, 32, 48)]
    path.write_bytes(with_card(edited(cells["float32"], rename({3: b"distances", 4: b"logits"})), CARD))
    with pytest.raises(ModelError, match="4 classes, but there are 3 labels"):
        Model.open(path)
