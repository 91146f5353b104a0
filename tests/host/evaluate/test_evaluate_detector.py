"""Detectors measured on photos with boxes: which photos, through which code, and how the figures are shown."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace

import cv2
import numpy as np
import pytest
from boxed import coco_text, csv_text, put, xml_text
from homes import draw_folders, edgetl

from edgetl import store
from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.device.inference.model import Model
from edgetl.errors import DatasetError, UsageError
from edgetl.host.dataset.boxes.load import load_boxed
from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.evaluate.detector import DetectorResult
from edgetl.host.evaluate.job import evaluate
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.vision.filter import ResultFilter

LABELS = ("blue", "green", "red")
CARD = ModelCard("cells", "detection", LABELS, InputSpec(64, 64), DetectorDecoding((16,), (0.5, 0.6, 0.7)))
CELL_WH = 40, 30
"""Of a photo of 160 x 120, px: the model finds each of 4 x 4 cells that is painted."""


@pytest.fixture(scope="session")
def painted(tmp_path_factory):
    """Files of a detector whose cells each say their colour, a cell's box being the cell: for Keras and TFLite."""
    tf = pytest.importorskip("tensorflow")
    layers = tf.keras.layers
    image = tf.keras.Input((64, 64, 3), dtype="uint8", name="image")
    x = layers.AveragePooling2D(16)(layers.Rescaling(1 / 255)(image))
    logits, distances = layers.Conv2D(3, 1), layers.Conv2D(4, 1)
    outputs = [layers.Reshape((16, 3))(logits(x)), layers.Reshape((16, 4))(distances(x))]
    # Pixels are red, green, blue, and the labels in alphabetical order.
    logits.set_weights([(20 * np.eye(3)[::-1] - 8).reshape(1, 1, 3, 3), np.full(3, -4.0)])
    distances.set_weights([np.zeros((1, 1, 3, 4)), np.full(4, np.log(np.expm1(0.5)))])
    model = tf.keras.Model(image, outputs)
    folder = tmp_path_factory.mktemp("painted")
    model.save(folder / "model.keras")
    (folder / "cells.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    return folder


def paint(path, cells):
    """Writes a photo in which cells, (column, row): label, are painted; returns their boxes."""
    image = np.zeros((120, 160, 3), np.uint8)
    w, h = CELL_WH
    for (column, row), label in cells.items():
        image[row * h : (row + 1) * h, column * w : (column + 1) * w, LABELS.index(label)] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return [(label, x * w, y * h, (x + 1) * w, (y + 1) * h) for (x, y), label in cells.items()]


def paint_many(root, count, seed=0, labels=LABELS):
    """Writes photos with their Pascal VOC annotations, four cells each."""
    rng = np.random.default_rng(seed)
    for n in range(count):
        cells = {(int(c) % 4, int(c) // 4): str(rng.choice(labels)) for c in rng.choice(16, 4, replace=False)}
        rows = paint(root / f"{n:02}.png", cells)
        put(root / f"{n:02}.xml", xml_text(f"{n:02}.png", rows))
    return root


@pytest.fixture
def cells(painted, empty_home):
    """A home with the photos `boxes`, the model `cells` of the store trained on them, and its file cells.tflite."""
    photos = paint_many(empty_home.folder / "boxes", 20)
    card = replace(CARD, dataset=load_boxed(photos, CARD.input).info)
    folder = empty_home.models / "cells"
    folder.mkdir(parents=True)
    shutil.copy(painted / "model.keras", folder)
    (folder / "card.json").write_text(card.to_json())
    assert store.open_model("cells").card == card
    shutil.copy(painted / "cells.tflite", empty_home.folder)
    with zipfile.ZipFile(empty_home.folder / "cells.tflite", "a") as archive:
        archive.writestr("card.json", card.to_json())
    return empty_home


MODELS = pytest.mark.parametrize("model", ["cells", "cells.tflite"])


@MODELS
def test_the_photos_of_the_training_are_measured_on_their_validation_split(cells, model):
    split = evaluate(model, None)
    moved = shutil.copytree(cells.folder / "boxes", cells.folder / "moved")
    for result in (split, evaluate(model, cells.folder / "boxes"), evaluate(model, moved)):
        assert result.side == "validation"
        assert len(result.figures.truth) == store.open_model("cells").card.dataset.val
        assert result.figures.map == pytest.approx(1)
        assert result.thresholds == (0.5, 0.6, 0.7)


def test_keras_and_device_find_the_same(cells):
    keras, device = evaluate("cells", None).figures, evaluate("cells.tflite", None).figures
    for ours, theirs in zip(keras.found, device.found, strict=True):
        assert len(ours.score) > 4, "scores below every display threshold count for mAP"
        assert np.array_equal(ours.class_id, theirs.class_id)
        assert ours.score == pytest.approx(theirs.score, abs=1e-4)
        assert ours.xyxy == pytest.approx(theirs.xyxy, abs=0.01)


def test_a_stored_detector_and_its_file_are_compared_on_the_same_photos(cells):
    done = edgetl("eval", "cells", "cells.tflite", "--data", "boxes", "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert document["photos"] == store.open_model("cells").card.dataset.val
    assert document["figures"]["map"]["old"] == document["figures"]["map"]["new"] == 1
    assert document["verdict"] == "undecided"
    draw_folders(cells.folder / "folders", 1)
    assert edgetl("eval", "cells", "cells.tflite", "--data", cells.folder / "folders").code == 3


@MODELS
def test_photos_that_may_have_been_learnt_are_warned_of(cells, model, capsys):
    evaluate(model, cells.folder / "boxes")
    assert "warning" not in capsys.readouterr().err
    more = shutil.copytree(cells.folder / "boxes", cells.folder / "more")
    paint_many(more / "added", 1, seed=9)
    assert evaluate(model, more).side == "all"
    assert "may be among them" in capsys.readouterr().err


@MODELS
def test_other_photos_are_all_measured(cells, model):
    paint_many(cells.folder / "other", 5, seed=1, labels=("red", "green"))
    result = evaluate(model, cells.folder / "other")
    assert (result.side, len(result.figures.truth)) == ("all", 5)
    assert result.figures.map == pytest.approx(1)
    assert result.to_text().startswith("mAP50-95 1.0000, mAP50 1.0000 on 5 photos, 20 boxes\n")


@MODELS
@pytest.mark.parametrize(
    ("parts", "side", "count"), [(("train", "val", "test"), "test", 3), (("train", "val"), "validation", 4)]
)
def test_a_data_sets_own_parts_are_heeded(cells, model, parts, side, count):
    for part, number in (("train", 6), ("val", 4), ("test", 3)):
        if part in parts:
            paint_many(cells.folder / "parts" / part, number, seed=number)
    result = evaluate(model, cells.folder / "parts")
    assert (result.side, len(result.figures.truth)) == (side, count)
    assert f"on {count} {side} photos" in result.to_text().splitlines()[0]


@pytest.mark.parametrize("form", ["coco", "csv"])
def test_other_formats(cells, form):
    rows = {f"{n}.png": paint(cells.folder / "set" / f"{n}.png", {(n, 1): "red", (3, n): "blue"}) for n in range(3)}
    if form == "coco":
        put(cells.folder / "set" / "annotations.json", coco_text(rows))
    else:
        put(cells.folder / "set" / "labels.csv", csv_text(rows))
    assert evaluate("cells.tflite", cells.folder / "set").figures.map == pytest.approx(1)


@MODELS
def test_boxes_to_ignore_may_be_of_any_class(cells, model):
    rows = paint(cells.folder / "set" / "a.png", {(0, 0): "red", (2, 2): "blue"})
    put(cells.folder / "set" / "a.xml", xml_text("a.png", [*rows, ("joker", 0, 60, 40, 90)], difficult=(1, 2)))
    result = evaluate(model, cells.folder / "set")
    assert result.to_dict()["boxes"] == 1
    assert result.figures.map == pytest.approx(1)


def refusal(model, data):
    with pytest.raises(DatasetError) as raised:
        evaluate(model, data)
    assert raised.value.remedy
    return str(raised.value)


@MODELS
def test_photos_that_can_not_be_evaluated_are_refused(cells, model):
    folder = cells.folder
    rows = paint(folder / "set" / "a.png", {(0, 0): "red"})
    put(folder / "set" / "a.xml", xml_text("a.png", [*rows, ("joker", 0, 60, 40, 90)]))
    assert "doesn't know the classes joker" in refusal(model, folder / "set")
    assert "cells is a detector" in refusal(model, draw_folders(folder / "shapes", 2))
    assert "no such folder" in refusal(model, folder / "nowhere")
    paint_many(folder / "parts" / "train", 3)
    paint(folder / "parts" / "test" / "00.png", {})
    put(folder / "parts" / "test" / "00.xml", xml_text("00.png", []))
    assert "no photo to evaluate on can be read and has a box (1 photo)" in refusal(model, folder / "parts")


def test_a_classifier_refuses_boxes(home):
    paint_many(home.folder / "boxes", 3)
    for model in ("tiny", str(home.bundle)):
        assert "tiny is a classifier" in refusal(model, home.folder / "boxes")


def test_options_of_files_are_refused_for_a_stored_detector(cells):
    with pytest.raises(UsageError, match="--variant"):
        evaluate("cells", None, variant="int8")


def test_evaluating_restores_the_result_filter(cells):
    from edgetl.host.evaluate.detector import find_on_device

    with Model.open("cells.tflite", only=ResultFilter(threshold=0.9)) as model:
        (found,) = find_on_device(model, [cells.folder / "boxes" / "00.png"])
        assert model.only.threshold == 0.9
    assert found.score.min() < 0.1


def truth(*rows):
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Truth(table[:, 1:], table[:, 0].astype(np.int64), np.zeros(len(table), bool), (200, 200))


# Of two blue boxes one is found; the green one is, but with a score below its threshold; red isn't there.
RESULT = DetectorResult(
    DetectionEvaluation(
        LABELS,
        [truth((0, 0, 0, 100, 100), (0, 100, 100, 150, 150), (1, 0, 100, 50, 150))],
        [
            Found(
                np.array([[0, 0, 100, 100], [0, 100, 50, 150]], np.float32),
                np.array([0.9, 0.2], np.float32),
                np.array([0, 1]),
            )
        ],
    ),
    (0.5,),
    "test",
    InputSpec(100, 100),
)


def test_description_for_people():
    lines = RESULT.to_text().splitlines()
    # Recalls 0, 0.01 … 0.5 of the 101 are reached.
    assert lines[0] == f"mAP50-95 {(51 / 101 + 1) / 2:.4f}, mAP50 {(51 / 101 + 1) / 2:.4f} on 1 test photo, 3 boxes"
    assert lines[1] == "  blue       2 boxes  AP 0.505  AP50 0.505  at 0.50: precision 1.000  recall 0.500"
    assert lines[2] == "  green      1 box    AP 1.000  AP50 1.000  at 0.50: precision –  recall 0.000"
    assert lines[3] == "mAP50-95 by size (boxes): small – (0), medium 0.500 (2), large 1.000 (1)"
    assert lines[4] == f"mAP by IoU: {'  '.join(f'{0.5 + 0.05 * n:.2f} 0.752' for n in range(10))}"
    assert lines[5].startswith("edges of 2 of 3 boxes, px of the input: median error 0.00, p90 0.00; bias left +0.00,")
    assert len(lines) == 6, "classes without boxes say nothing"


def test_description_as_json():
    figures = RESULT.to_dict()
    assert (figures["side"], figures["photos"], figures["boxes"]) == ("test", 1, 3)
    assert figures["map"] == figures["map50"] == round((51 / 101 + 1) / 2, 4)
    assert figures["classes"] == {
        "blue": {"boxes": 2, "ap": 0.505, "ap50": 0.505, "threshold": 0.5, "precision": 1.0, "recall": 0.5},
        "green": {"boxes": 1, "ap": 1.0, "ap50": 1.0, "threshold": 0.5, "precision": None, "recall": 0.0},
    }
    assert figures["sizes"]["small"] == {"boxes": 0, "map": None}
    assert figures["ap_by_iou"] == {f"{0.5 + 0.05 * n:.2f}": figures["map"] for n in range(10)}
    edges = figures["edge_errors_px"]
    assert (edges["boxes"], edges["true_boxes"], edges["median"]) == (2, 3, 0.0)
    assert edges["edges"]["left"] == {"median": 0.0, "p90": 0.0, "bias": 0.0, "margin": 0.0}
    assert edges["sizes"]["small"]["median"] is edges["aspects"]["tall"]["edges"]["top"]["bias"] is None


def test_a_notebook_shows_the_figures_as_a_table():
    page = RESULT._repr_html_()
    assert "on 1 test photo, 3 boxes</caption>" in page
    assert "<td>blue</td><td>2</td><td>0.505</td><td>0.505</td><td>1.000</td><td>0.500</td>" in page


def test_the_text_of_many_classes_has_no_line_for_each():
    labels = [f"c{n}" for n in range(60)]
    truths = [truth((n, 0, 0, 50, 50)) for n in range(60)]
    nothing = Found(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))
    figures = DetectionEvaluation(labels, truths, [nothing] * 60)
    lines = DetectorResult(figures, (0.5,), "all", InputSpec(100, 100)).to_text().splitlines()
    assert len(lines) == 4
    assert lines[-1] == "edges of 0 of 60 boxes: none was found"


def test_command(cells):
    people, machine = edgetl("eval", "cells"), edgetl("eval", "cells.tflite", "--json")
    assert (people.code, people.out, machine.code, machine.err) == (0, "", 0, "")
    figures = json.loads(machine.out)
    assert people.err.startswith(
        f"mAP50-95 {figures['map']:.4f}, mAP50 {figures['map50']:.4f} on {figures['photos']} validation"
    )
    refused = edgetl("eval", "cells", "models")
    assert refused.code == 3
    assert refused.err.startswith("edgetl: no boxes are annotated here, but cells is a detector")


@pytest.mark.real_data
def test_a_ready_made_ssd_on_photos_with_its_class_names(data_folder, tmp_path, empty_home):
    model, labels = (
        data_folder / "models" / n for n in ("coco_ssd_mobilenet_v1_1.0_quant.tflite", "coco_labelmap.txt")
    )
    photo = next(iter(sorted((data_folder / "photos").glob("cat*"))))
    shutil.copy(photo, tmp_path / photo.name)
    with Model.open(model, labels=labels) as opened:
        frame = cv2.imread(str(photo))
        best = opened(frame)
        assert best.labels[0] == "cat"
    height, width = frame.shape[:2]
    rows = {photo.name: [("cat", *best.xyxy[0].tolist())]}
    put(tmp_path / "boxes.csv", csv_text(rows, (width, height)))
    result = evaluate(str(model), tmp_path, labels=labels)
    assert result.figures.by_class()["cat"][1] == pytest.approx(1)
    with pytest.raises(DatasetError, match="doesn't know the classes ace, jack"):
        evaluate(str(model), data_folder / "detection" / "cards", labels=labels)
