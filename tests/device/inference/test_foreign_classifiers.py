"""Foreign classifiers: the meaning of their outputs, their labels, and what their inputs make of pixels."""

from __future__ import annotations

import doctest
import json
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from handmade import SIDE, build, metadata

from edgetl.card import ClassifierDecoding
from edgetl.device.inference import labels as labels_module
from edgetl.device.inference.input_scaling import Scaling
from edgetl.device.inference.model import Model
from edgetl.device.runtime import Tensor
from edgetl.errors import ModelError, UsageError
from edgetl.vision.filter import ResultFilter

pytest.importorskip("ai_edge_litert")
RGB = np.eye(3) / 255
USUAL, ALL = ResultFilter(), ResultFilter(top_k=9, threshold=0.0)


@pytest.fixture
def opened(tmp_path):
    """Returns a function that opens a model file with labels, which are separated by commas."""
    models = []

    def open_it(content: bytes, labels: str, only=USUAL):
        path, lines = tmp_path / "model.tflite", tmp_path / "labels.txt"
        path.write_bytes(content)
        lines.write_text("\n".join(labels.split(",")))
        models.append(Model.open(path, labels=lines, only=only))
        return models[-1]

    yield open_it
    for model in models:
        model.close()


def colour(red, green, blue):
    return np.full((SIDE, SIDE, 3), (blue, green, red), np.uint8)


def shares(model, frame):
    """Returns the score of each class by its label."""
    model.only = ALL
    result = model(frame)
    return dict(zip(result.labels, result.score.tolist(), strict=True))


PLAIN = metadata([0], [1])


def test_one_sigmoid_is_the_score_of_one_label_and_half_is_its_threshold(opened):
    model = opened(build([[0.1, 0, 0]], [-12], "LOGISTIC", metadata=PLAIN), "red")
    assert model.card.decoding == ClassifierDecoding("independent", 0.5)
    assert model(colour(255, 0, 0)).score.tolist() == pytest.approx([1], abs=1e-4)
    assert len(model(colour(10, 0, 0))) == 0
    assert str(model(colour(10, 0, 0))) == "nothing known"
    assert shares(model, colour(10, 0, 0)) == {"red": pytest.approx(1 / (1 + np.exp(11)), abs=1e-6)}


@pytest.mark.parametrize("ending", ["LOGISTIC", ""])
def test_one_column_tells_two_labels_apart(opened, ending):
    model = opened(build([[0.1, 0, 0]], [-12], ending, metadata=PLAIN), "dark,red")
    assert model(colour(255, 0, 0)).labels == ("red",)
    assert model(colour(10, 0, 0)).labels == ("dark",)
    score = 1 / (1 + np.exp(2))
    assert shares(model, colour(100, 0, 0)) == {"dark": pytest.approx(1 - score), "red": pytest.approx(score)}
    assert model.scores(colour(100, 0, 0)).tolist() == pytest.approx([1 - score, score])


def test_one_column_without_a_sigmoid_gets_one(opened):
    model = opened(build([[0.1, 0, 0]], [-12], metadata=PLAIN), "red")
    assert model.card.decoding == ClassifierDecoding("logits", 0.5)
    assert shares(model, colour(100, 0, 0)) == {"red": pytest.approx(1 / (1 + np.exp(2)))}


def test_a_softmax_of_one_column_is_refused_because_it_is_always_one(opened):
    with pytest.raises(ModelError, match="whatever a photo shows"):
        opened(build([[0.1, 0, 0]], [-12], "SOFTMAX", metadata=PLAIN), "red")


def test_several_sigmoids_give_independent_scores(opened):
    model = opened(build(0.1 * np.eye(3), [-12] * 3, "LOGISTIC", metadata=PLAIN), "red,green,blue")
    assert model.card.decoding == ClassifierDecoding("independent", 0.5)
    assert shares(model, colour(255, 255, 0)) == {
        "red": pytest.approx(1, abs=1e-4),
        "green": pytest.approx(1, abs=1e-4),
        "blue": pytest.approx(0, abs=1e-4),
    }
    model.only = ResultFilter(top_k=3)
    assert model(colour(255, 255, 0)).labels == ("red", "green")
    assert len(model(colour(0, 0, 0))) == 0


def test_sigmoids_that_sum_to_one_by_chance_are_still_independent(opened):
    model = opened(build(np.zeros((2, 3)), [0, 0], "LOGISTIC", metadata=PLAIN), "red,green")
    assert model.card.decoding.scores == "independent"


def test_a_softmax_is_known_by_its_operation(opened):
    model = opened(build(0.1 * np.eye(3), [0] * 3, "SOFTMAX", metadata=PLAIN), "red,green,blue")
    assert model.card.decoding == ClassifierDecoding("probabilities")


def test_columns_without_a_label_are_reported(opened, caplog):
    model = opened(build(np.zeros((5, 3)), metadata=PLAIN), "0 red,2 green,4 blue")
    assert model.card.labels == ("red", "class 1", "green", "class 3", "blue")
    assert len(caplog.records) == 1


def test_two_labels_for_three_columns_are_refused(opened):
    with pytest.raises(ModelError, match="3 classes, but there are 2 labels"):
        opened(build(np.eye(3), metadata=PLAIN), "red,green")


def test_a_calibration_of_scores_is_refused_and_a_stated_threshold_is_used(opened):
    with pytest.raises(ModelError, match="calibration"):
        opened(build(np.eye(3), metadata=metadata([0], [1], calibrated=True)), "red,green,blue")
    model = opened(build(np.eye(3), metadata=metadata([0], [1], threshold=0.75)), "red,green,blue")
    assert model.card.classifier.threshold == 0.75


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_scaling_that_is_no_number_is_refused(opened, value):
    for mean, std in (([value], [1]), ([0], [value])):
        with pytest.raises(ModelError, match="can't be used"):
            opened(build(np.eye(3), metadata=metadata(mean, std)), "red,green,blue")


def test_a_float_model_without_scaling_names_the_conversion(opened):
    with pytest.raises(ModelError) as caught:
        opened(build(np.eye(3)), "red,green,blue")
    assert "edgetl convert --from" in caught.value.remedy
    assert "--scale" in caught.value.remedy


@pytest.mark.parametrize(
    ("dtype", "quantization", "stated", "real"),
    [
        ("uint8", (0.47, 0), b"", lambda p: np.minimum(p, 255 * 0.47)),  # calibrated on dark photos
        ("int8", (0.47, -128), b"", lambda p: np.minimum(p, 255 * 0.47)),
        ("uint8", (0.5 / 255, 0), b"", lambda p: np.minimum(p / 255, 0.5)),
        ("uint8", (0.012566, 131), b"", lambda p: (p - 127.5) / 127.5),  # a range wider than -1..1
        ("uint8", (0.01866, 113), b"", lambda p: (p - np.array([123.675, 116.28, 103.53])) / [58.395, 57.12, 57.375]),
        ("uint8", (0.02, 100), metadata([100, 110, 112], [50]), lambda p: (p - np.array([100, 110, 112])) / 50),
    ],
)
def test_pixels_become_the_numbers_that_a_quantized_input_expects(opened, dtype, quantization, stated, real, caplog):
    model = opened(build(np.eye(3), dtype=dtype, quantization=quantization, metadata=stated), "red,green,blue", ALL)
    for pixels in ((90, 40, 200), (0, 255, 17)):
        model(colour(*pixels))
        found = model._runtime.output_view(0).copy()
        np.testing.assert_allclose(found, real(np.array(pixels)), atol=0.51 * quantization[0])
    guessed = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert bool(guessed) == (not stated), "a guess is logged"


@pytest.mark.parametrize(
    ("dtype", "quantization"),
    [
        ("uint8", (1.0, 0)),
        ("uint8", (1 / 255, 0)),
        ("uint8", (1 / 128, 128)),
        ("uint8", (1 / 127.5, 127)),
        ("int8", (1.0, 0)),
        ("int8", (1 / 255, -128)),
        ("int8", (1 / 127.5, -1)),
        ("uint8", None),
    ],
)
def test_ordinary_inputs_take_the_pixels_themselves(opened, dtype, quantization, caplog):
    model = opened(build(np.eye(3), dtype=dtype, quantization=quantization), "red,green,blue")
    model(colour(7, 70, 250))
    offset = 128 if dtype == "int8" else 0
    assert model._runtime.input_view()[0, 0].tolist() == [7 - offset, 70 - offset, 250 - offset]
    assert not caplog.records


def test_a_quantized_input_of_an_unusual_range_is_refused(opened):
    with pytest.raises(ModelError, match="no usual scaling"):
        opened(build(np.eye(3), dtype="uint8", quantization=(0.05, 100)), "red,green,blue")


def test_the_table_of_a_scaling_has_a_byte_for_each_value():
    table = Scaling((0.0,), (1.0,)).levels(Tensor("image", (1, 8, 8, 3), "int8", 2.0, -10))
    numbers = table.view(np.int8).reshape(256, 3)
    assert numbers[[0, 1, 2, 100, 255], 0].tolist() == [-10, -10, -9, 40, 118]  # halves go to the even number


@pytest.mark.parametrize(
    ("lines", "columns", "labels"),
    [
        ("0 red,1 green,2 blue", 3, "red,green,blue"),
        ("2 blue,0 red,1 green", 3, "red,green,blue"),
        ("1 red,2 green,3 blue", 3, "red,green,blue"),
        ("0: red,1: green,2: blue", 3, "red,green,blue"),
        ("0\tred,1  green,2 light blue", 3, "red,green,light blue"),
        ("0 red,2 blue", 3, "red,class 1,blue"),
        ("1 red,2 blue", 3, "class 0,red,blue"),
        ("7 up,3 musketeers,1 red", 3, "7 up,3 musketeers,1 red"),
        ("1 cent,2 cent,3 cent", 3, "1 cent,2 cent,3 cent"),
        ("10 pence,20 p,50 P", 3, "10 pence,20 p,50 P"),
        ("0 red,1 green,blue", 3, "0 red,1 green,blue"),
        ("0 red,0 green,1 blue", 3, "0 red,0 green,1 blue"),
        ("red,green,blue", 3, "red,green,blue"),
        ("0 no,1 yes", 1, "no,yes"),
    ],
)
def test_numbers_before_labels_are_columns_if_they_fit(opened, lines, columns, labels):
    model = opened(build(RGB.repeat(2, axis=0)[:columns], metadata=PLAIN), lines)
    assert list(model.card.labels) == labels.split(",")


def test_the_example_of_numbered_labels_is_right():
    assert doctest.testmod(labels_module) == (0, 1)


@pytest.mark.parametrize("label", ["a\x1b[2Jb", "n" * 30_000, "", "\u202eabc"])
def test_an_unusable_label_is_refused_with_its_line(opened, label):
    with pytest.raises(ModelError, match="line 2"):
        opened(build(RGB, metadata=PLAIN), f"red,{label},blue")


def test_an_endless_labels_file_is_refused(tmp_path):
    (tmp_path / "model.tflite").write_bytes(build(RGB, metadata=PLAIN))
    with pytest.raises(UsageError, match="device"):
        Model.open(tmp_path / "model.tflite", labels=Path("/dev/zero"))


@pytest.mark.parametrize("labels", ["red,green,blue", "red", "dark,red"])
def test_outputs_that_are_not_finite_count_as_nothing_known_and_are_logged_once(opened, labels, caplog):
    count = 3 if labels.count(",") == 2 else 1
    model = opened(build(1e38 * np.eye(3)[:count], metadata=PLAIN), labels)
    caplog.clear()
    for only in (ResultFilter(), ResultFilter(threshold=0.0), ResultFilter(top_k=3, threshold=0.0)):
        model.only = only
        result = model(colour(255, 255, 255))
        assert len(result) == 0
        json.dumps(result.to_dict(), allow_nan=False)
    assert np.isnan(model.scores(colour(255, 255, 255))).all()
    assert len(caplog.records) == 1


def test_a_frame_that_is_no_array_is_refused(opened):
    model = opened(build(RGB, metadata=PLAIN), "red,green,blue")
    with pytest.raises(UsageError, match="None") as caught:
        model(None)
    assert "imread" in caught.value.remedy
    with pytest.raises(UsageError, match="got str"):
        model.scores("photo.jpg")


def test_a_quantized_input_that_does_not_take_pixels_is_not_bundled(tmp_path):
    pytest.importorskip("tensorflow")
    from edgetl.host.convert.foreign.open_tflite import open_tflite

    path = tmp_path / "model.tflite"
    path.write_bytes(build(np.eye(3), dtype="uint8", quantization=(0.47, 0)))
    with pytest.raises(ModelError, match="quantized"):
        open_tflite(path)
    path.write_bytes(build(np.eye(3), dtype="uint8", quantization=(1 / 255, 0)))
    assert open_tflite(path).scaling == Scaling()
    path.write_bytes(build(np.eye(3), metadata=metadata([float("nan")], [1])))
    with pytest.raises(ModelError, match="can't be used"):
        open_tflite(path)


def test_an_evaluation_with_scores_that_are_not_finite_is_refused(opened, tmp_path):
    pytest.importorskip("rich")
    from edgetl.host.evaluate.classifier import evaluate_model

    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), colour(255, 255, 255))
    model = opened(build(1e38 * np.eye(3), metadata=PLAIN), "red,green,blue")
    with pytest.raises(ModelError, match="1 of 1 photo\n"):
        evaluate_model(model, [photo], np.zeros(1, np.int64))
