"""`edgetl convert --from` imports classifiers that end with sigmoids: one for two classes, or one for each class."""

from __future__ import annotations

import json

import numpy as np
import pytest
from greys import SIZE
from homes import convert_from, edgetl, refused
from once import made_once

from edgetl.bundle import Bundle
from edgetl.device.inference.input_scaling import Scaling
from edgetl.device.inference.model import Model
from edgetl.host.convert.foreign.foreign_model import ForeignModel
from edgetl.vision.photo import read_photo

pytest.importorskip("tensorflow")

FOLDERS = ("night", "snow")
"""A dark and a bright class; a network's only output is the score of the second class, as in Keras."""


def build(activation, columns=1):
    """A `keras.Model` of raw pixels with a high output for bright photos; the first of two columns is for dark ones."""
    import keras

    image = keras.Input((*SIZE, 3))
    means = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 127.5, -1)(image))
    dense = keras.layers.Dense(columns, activation=activation)
    model = keras.Model(image, dense(means))
    signs = np.array([1.0] if columns == 1 else [-1.0, 1.0], np.float32)
    dense.set_weights([np.tile(2 * signs, (3, 1)), np.zeros(columns, np.float32)])
    return model


@pytest.fixture(scope="session")
def sigmoids(tmp_path_factory, made):
    """A folder with model files, photos of two classes, and labels."""

    def make(folder):
        from greys import to_tflite

        from edgetl.quiet import quiet_output

        with quiet_output():
            build("sigmoid").save(folder / "one.keras")
            build(None).save(folder / "logit.h5")
            build("sigmoid").export(folder / "one_saved")
            (folder / "one.tflite").write_bytes(to_tflite(build("sigmoid")))
            (folder / "logit.tflite").write_bytes(to_tflite(build(None)))
            build("sigmoid", 2).save(folder / "several.keras")
            build("softmax").save(folder / "softmax.keras")
        (folder / "photos").mkdir()
        for name in FOLDERS:
            (folder / "photos" / name).symlink_to(made / "photos" / name)
        (folder / "two.txt").write_text("night\nsnow\n")
        (folder / "one.txt").write_text("snow\n")
        (folder / "loose.toml").write_text((made / "loose.toml").read_text())

    return made_once(tmp_path_factory, "sigmoids", make)


@pytest.fixture
def here(sigmoids, empty_home, monkeypatch):
    monkeypatch.chdir(sigmoids)
    return empty_home


@pytest.mark.parametrize(
    ("file", "labels"),
    [
        ("one.keras", "one.txt"),
        pytest.param("logit.h5", "two.txt", marks=pytest.mark.slow),
        pytest.param("one_saved", "two.txt", marks=pytest.mark.slow),
        ("one.tflite", "two.txt"),
        ("logit.tflite", "one.txt"),
    ],
)
def test_one_sigmoid_output_gives_the_scores_of_two_classes(here, sigmoids, file, labels):
    scale = [] if file.endswith((".keras", ".h5")) else ["--scale", "0..255"]
    done = convert_from(file, "--name", "pair", *scale, labels=labels)
    assert done.code == 0, done.err
    bundle = Bundle.open(here.models / "pair" / "loose")
    assert bundle.manifest.card.labels == FOLDERS
    assert bundle.manifest.card.metrics == {"top1": 1.0}
    wanted = 1 / (1 + np.exp(-6 * (236 / 127.5 - 1)))  # of a photo's mean brightness
    with Model.open(bundle.folder) as model:
        for name in FOLDERS:
            found = model(read_photo(sigmoids / "photos" / name / "03.png"))
            assert found.labels == (name,)
            assert found.score[0] == pytest.approx(wanted, abs=0.02)
    assert json.loads(edgetl("eval", "pair", "--json").out)["top1"] == 1.0


def test_several_sigmoids_get_no_softmax(here, sigmoids):
    done = convert_from("several.keras", "--name", "several", labels="two.txt")
    assert done.code == 0, done.err
    bundle = Bundle.open(here.models / "several" / "loose")
    assert bundle.manifest.card.classifier.scores == "independent"
    with Model.open(bundle.folder) as model:
        found = model(read_photo(sigmoids / "photos" / "snow" / "03.png"))
        assert (found.labels, found.score[0]) == (("snow",), pytest.approx(0.994, abs=0.01))


def test_a_single_output_with_a_softmax_or_wrong_labels_is_refused(here, tmp_path):
    refused(convert_from("softmax.keras", labels="two.txt"), 4, "1 whatever a photo shows")
    (tmp_path / "three.txt").write_text("a\nb\nc\n")
    refused(convert_from("one.keras", labels=tmp_path / "three.txt"), 4, "the model has 1 output", "two labels")
    (tmp_path / "other.txt").write_text("fog\n")
    refused(convert_from("one.keras", labels=tmp_path / "other.txt"), 3, "score of fog", "two folders")


class Constant:
    """A network with the same outputs for every input."""

    def __init__(self, *rows):
        self._rows = np.array(rows, np.float32)

    def predict_on_batch(self, pixels):
        return self._rows


@pytest.mark.parametrize(
    ("rows", "last", "ending", "classes"),
    [
        ([[0.1], [0.9]], "", "pair", [0, 1]),
        ([[0.1], [0.9]], "linear", "sigmoid_pair", [1, 1]),
        ([[-3.0], [2.0]], "", "sigmoid_pair", [0, 1]),
        ([[0.2, 0.8], [0.7, 0.3]], "", "none", [1, 0]),
        ([[0.9, 0.8], [0.1, 0.3]], "", "none", [0, 1]),
        ([[-0.9, 0.8], [0.1, 0.3]], "", "softmax", [1, 1]),
        ([[np.nan, 0.8], [0.1, 0.3]], "", "softmax", [-1, 1]),
    ],
)
def test_the_ending_and_the_classes_follow_from_the_outputs(tmp_path, rows, last, ending, classes):
    network = Constant(*rows)
    model = ForeignModel(tmp_path, network, (2, 2), len(rows[0]), None, "", 0.0, lambda *_: None, last=last)
    scores = model.predict(np.zeros((2, 2, 2, 3), np.uint8), Scaling())
    assert model.ending(scores) == ending
    assert model.classes_of(scores).tolist() == classes
