"""Single OpenVINO IRs: cards, `model_info` of foreign files, and refusals."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from fakes import solid
from irs import answer, build_ir
from tflite_mutants import mutant

from edgetl.card import ClassifierDecoding, InputSpec, ModelCard
from edgetl.device.inference.describe_openvino import describe_ir
from edgetl.device.inference.description import Description
from edgetl.device.inference.model import Model
from edgetl.device.runtime import open_runtime
from edgetl.errors import ModelError, UsageError

pytest.importorskip("openvino")
CARD = ModelCard("fruit", "classification", ("red apple", "pear", "plum"), InputSpec(32, 32, resize="crop"))
INFO = {
    "model_type": "Classification",
    "labels": "apple pear pear",
    "resize_type": "fit_to_window_letterbox",
    "reverse_input_channels": "YES",
    "mean_values": "127.5 127.5 127.5",
    "scale_values": "127.5 127.5 127.5",
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fruit.xml"


def described(path, labels=None):
    return describe_ir(path, open_runtime("openvino", path, 1), labels)


def test_our_card_is_used_unchanged_and_a_labels_file_has_priority(path):
    build_ir(path, card=json.dumps(CARD.to_dict()))
    assert described(path) == Description(CARD)
    (path.parent / "labels.txt").write_text("Apfel\nBirne\nPflaume\n")
    assert described(path, path.parent / "labels.txt").card.labels == ("Apfel", "Birne", "Pflaume")
    with Model.open(path) as model:
        assert model(solid(2)).labels == ("red apple",)


@pytest.mark.parametrize(
    ("card", "says"),
    [
        ("{", "not JSON"),
        (json.dumps({**CARD.to_dict(), "tusk": 1}), "unknown key tusk"),
        (json.dumps({**CARD.to_dict(), "schema": 9}), "schema version 9"),
    ],
)
def test_a_damaged_card_is_refused(path, card, says):
    with pytest.raises(ModelError, match=says) as caught:
        described(build_ir(path, card=card))
    assert str(path) in caught.value.where


@pytest.mark.parametrize(
    ("height", "labels", "says"),
    [(48, CARD.labels, r"takes \(1, 32, 32, 3\), its card says 48 x 32"), (32, ("a", "b"), "has 3 classes, but .* 2")],
)
def test_a_card_of_another_model_is_refused(path, height, labels, says):
    card = ModelCard("fruit", "classification", labels, InputSpec(height, 32))
    with pytest.raises(ModelError, match=says):
        Model.open(build_ir(path, card=json.dumps(card.to_dict())))


def test_the_model_info_of_a_foreign_classifier_becomes_its_card(path):
    found = described(build_ir(path, kind="f32", info=INFO))
    spec = InputSpec(32, 32, color="rgb", resize="letterbox")
    assert found == Description(ModelCard("fruit", "classification", ("apple", "pear", "pear (2)"), spec))


def test_channels_are_reversed_only_if_the_model_info_says_so(path):
    info = {key: value for key, value in INFO.items() if key in ("model_type", "labels")}
    assert described(build_ir(path, info=info)).card.input == InputSpec(32, 32, color="bgr")


def test_a_file_that_takes_bytes_needs_only_a_labels_file(path):
    build_ir(path)
    with pytest.raises(ModelError, match="called") as caught:
        Model.open(path)
    assert "--labels FILE" in caught.value.remedy
    (path.parent / "labels.txt").write_text("a\nb\nc\n")
    found = described(path, path.parent / "labels.txt").card
    assert (found.labels, found.input) == (("a", "b", "c"), InputSpec(32, 32))
    assert found.decoding == ClassifierDecoding("probabilities")
    with pytest.raises(UsageError, match="labels can't be read"):
        Model.open(path, labels=path.parent / "gone.txt")


def test_a_foreign_classifier_gets_letterboxed_reversed_and_scaled_frames(path):
    build_ir(path, (1, 3, 32, 32), "f32", info=INFO)
    frame = cv2.resize(np.random.default_rng(1).integers(0, 256, (4, 4, 3), np.uint8), (32, 32))
    with Model.open(path) as model:
        expected = answer((frame[..., ::-1] - 127.5) / 127.5)
        assert np.abs(model.scores(frame) - expected).max() < 1e-6


REFUSED = {
    "an SSD": ({"info": {**INFO, "model_type": "SSD"}}, "of another kind: model_type SSD"),
    "several labels at once": ({"info": {**INFO, "multilabel": "True"}}, "model_type Classification, multilabel"),
    "another resize": ({"info": {**INFO, "resize_type": "fit_to_window"}}, "resized as 'fit_to_window'"),
    "maps for scores": ({"info": INFO, "pooled": False}, r"outputs \(1, 3, 1\) are not a classifier's"),
    "more classes than labels": ({"info": INFO, "classes": 5}, "has 5 classes, but there are 3 labels"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_another_kind_of_model_is_refused_with_its_reason(path, name):
    made, says = REFUSED[name]
    with pytest.raises(ModelError, match=says) as caught:
        Model.open(build_ir(path, **made))
    assert caught.value.remedy


def test_an_ir_that_is_no_classifier_names_what_edgetl_opens(path):
    with pytest.raises(ModelError) as caught:
        Model.open(build_ir(path, info={**INFO, "model_type": "SSD"}))
    assert "classifiers with one output (1, classes), and its own detectors" in caught.value.remedy


def test_sigmoids_give_independent_scores(path):
    build_ir(path, info=INFO, ending="sigmoid")
    assert described(path).card.decoding == ClassifierDecoding("independent", 0.5)
    build_ir(path, info=INFO | {"labels": "yes"}, ending="sigmoid", classes=1)
    with Model.open(path) as model:
        assert model.card.decoding == ClassifierDecoding("independent", 0.5)
        assert model.scores(solid(2))[0] < 1


def test_a_pointer_of_git_lfs_is_named(path):
    build_ir(path, info=INFO)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    path.with_suffix(".bin").write_text(pointer)
    with pytest.raises(ModelError, match="Git LFS"):
        Model.open(path)
    path.write_text(pointer)
    with pytest.raises(ModelError, match="Git LFS"):
        Model.open(path)


@pytest.mark.slow
def test_damaged_irs_end_in_model_errors(path):
    content = build_ir(path, info=INFO).read_bytes()
    opened = 0
    for seed in range(150):
        path.write_bytes(mutant(content, seed))
        try:
            Model.open(path).close()
            opened += 1
        except ModelError:
            pass
    assert opened < 150
