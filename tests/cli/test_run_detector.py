"""`edgetl run` with detectors, and options that fit one kind of model only."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from homes import edgetl

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.device.inference.model import Model
from edgetl.device.runtime import Tensor
from edgetl.vision.filter import ResultFilter

LABELS = ("red", "green", "blue")


class Cells:
    """Four cells of 16 px in a row of a 16 x 64 picture; each says its colour, its box is itself."""

    def __init__(self, classes=3):
        self.input = Tensor("image", (1, 16, 64, 3), "uint8")
        self.outputs = (Tensor("logits", (1, 4, classes), "float32"), Tensor("distances", (1, 4, 4), "float32"))
        self._pixels = np.zeros((16, 64, 3), np.uint8)
        self._distances = np.full((4, 4), np.log(np.expm1(0.5)), np.float32)

    def input_view(self):
        return self._pixels

    def invoke(self):
        light = self._pixels.reshape(16, 4, 16, 3).mean(axis=(0, 2)) / 255
        self._logits = (light * 20 - 12).astype(np.float32)

    def output_view(self, index):
        return self._distances if index else self._logits

    def close(self):
        pass


@pytest.fixture
def detector(monkeypatch, tmp_path):
    """A model's path and a photo with two red cells and a blue one, each in its own; opening it opens `Cells`."""
    card = ModelCard("cells", "detection", LABELS, InputSpec(16, 64), DetectorDecoding((16,), (0.5,), iou=0.5))

    def start(path, *, variant=None, threads=None, labels=None, only=None):
        return Model(Cells(), card, None, only or ResultFilter())

    monkeypatch.setattr(Model, "open", start)
    monkeypatch.chdir(tmp_path)
    photo = np.zeros((32, 128, 3), np.uint8)
    photo[:, :32, 2] = photo[:, 32:64, 2] = photo[:, 96:, 0] = 255
    cv2.imwrite("photo.png", photo)
    return ["run", "cells.tflite", "--source", "photo.png"]


def test_objects_are_counted_for_people_and_boxed_for_programs(detector):
    done = edgetl(*detector, "--jsonl", "-", "--save", "film.mp4")
    assert done.code == 0, done.err
    assert "photo.png: 2 red, 1 blue\n" in done.err
    line = json.loads(done.out)
    assert line["task"] == "detection"
    assert [thing["label"] for thing in line["objects"]] == ["red", "red", "blue"]
    assert line["objects"][2]["xyxy"] == pytest.approx([96, 0, 128, 32])
    assert line["objects"][2]["xyxyn"] == pytest.approx([0.75, 0, 1, 1])
    assert cv2.VideoCapture("film.mp4").read()[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--classes", "blue"], "photo.png: 1 blue\n"),
        (["--classes", "blue", "--classes", "green"], "photo.png: 1 blue\n"),
        (["--classes", "green"], "photo.png: nothing found\n"),
        (["--max-det", "1"], "photo.png: 1 red\n"),
        (["--threshold", "1"], "photo.png: nothing found\n"),
        (["--iou", "0", "--agnostic"], "photo.png: 2 red, 1 blue\n"),
    ],
    ids=" ".join,
)
def test_filter_options_choose_the_objects(detector, options, message):
    done = edgetl(*detector, *options)
    assert done.code == 0, done.err
    assert message in done.err


def test_an_unknown_class_is_refused_with_the_known_ones(detector):
    done = edgetl(*detector, "--classes", "red,blue")
    assert done.code == 2
    assert "the model has no class 'red,blue'" in done.err
    assert "choose from red, green, blue" in done.err


@pytest.mark.parametrize("count", ["1", "3"])
def test_a_classifiers_option_is_refused_for_a_detector(detector, count):
    done = edgetl(*detector, "--top-k", count)
    assert done.code == 2
    assert "--top-k is for a classifier, and this model is a detector" in done.err
    assert "leave --top-k out" in done.err


@pytest.mark.parametrize("options", [["--iou", "0"], ["--max-det", "5"], ["--agnostic"]], ids=" ".join)
def test_a_detectors_option_is_refused_for_a_classifier(home, options):
    done = edgetl("run", home.bundle, "--source", "photos/disc", *options)
    assert done.code == 2
    assert f"{options[0]} is for a detector, and this model is a classifier" in done.err
    assert f"leave {options[0]} out" in done.err


def test_a_classifier_reports_only_the_chosen_classes(home):
    done = edgetl(
        "run", home.bundle, "--source", "photos/disc", "--threshold", "0", "--classes", "disc", "--jsonl", "-"
    )
    assert done.code == 0, done.err
    assert {json.loads(line)["classes"][0]["label"] for line in done.out.splitlines()} == {"disc"}
    done = edgetl("run", home.bundle, "--source", "photos/disc", "--classes", "ring")
    assert done.code == 2
    assert "choose from cross, disc, square" in done.err


@pytest.mark.real_data
def test_a_published_ssd_finds_a_cat_and_needs_its_labels(data_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, labels = (
        data_folder / "models" / f for f in ("coco_ssd_mobilenet_v1_1.0_quant.tflite", "coco_labelmap.txt")
    )
    photo = data_folder / "photos" / "cat_720p.jpg"
    done = edgetl("run", model, "--labels", labels, "--source", photo, "--jsonl", "-", "--classes", "cat")
    assert done.code == 0, done.err
    assert "cat_720p.jpg: 1 cat" in done.err
    assert json.loads(done.out)["objects"][0]["label"] == "cat"
    refused = edgetl("run", model, "--source", photo)
    assert refused.code == 4
    assert "--labels FILE" in refused.err
