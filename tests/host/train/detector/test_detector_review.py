"""A detector's training says what more photos would bring, and which boxes probably have a wrong label."""

from __future__ import annotations

import csv
from dataclasses import replace

import boxed
import numpy as np
import pytest
from pages import words

from edgetl.api import photo_review
from edgetl.host.dataset.boxes.truth import Found
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.host.networks.pooled_network import pooled_network
from edgetl.host.probe.crops import CROP_SIZE
from edgetl.host.report.detector_training import write_detection_report
from edgetl.host.report.review_sentences import gain_sentence, suspects_sentence
from edgetl.host.report.training_run import TrainingRun
from edgetl.host.train import job
from edgetl.host.train.detector import review
from edgetl.host.train.detector.task import load
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.resolve import resolve_input
from edgetl.host.train.weights.source import RANDOM

WRONG = ("07.png", "19.png")
"""The photos whose box has the label of another colour."""


class MeanColours:
    """A network whose features are the mean colours of nine parts of a photo."""

    def predict_on_batch(self, pixels):
        third = CROP_SIZE // 3
        parts = pixels.reshape(len(pixels), 3, third, 3, third, 3).astype(np.float32)
        return parts.mean(axis=(2, 4)).reshape(len(pixels), -1)


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """A training on 60 photos with a red ace, a green king or a blue ten each; two labels are wrong."""
    root = tmp_path_factory.mktemp("coloured")
    rng = np.random.default_rng(7)
    labels = list(boxed.COLOURS)[:3]
    for i in range(60):
        x, y = int(rng.integers(0, 120)), int(rng.integers(0, 80))
        path = root / f"{i:02}.png"
        boxed.put_voc(path, [(labels[i % 3], x, y, x + 40, y + 40)], seed=i)
        if path.name in WRONG:
            note = path.with_suffix(".xml")
            note.write_text(note.read_text().replace(labels[i % 3], labels[(i + 1) % 3]))
    options = TrainOptions(str(root), "coloured", backbone="mobilenet_v2", alpha=0.35, size=96, weights="none")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGETL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield load(options, RANDOM, resolve_input(options, RANDOM, "detection"))


@pytest.fixture
def crops(training, monkeypatch):
    """The crops' features by `MeanColours`."""
    backbone = type("Backbone", (), {"get_weights": lambda self: [], "set_weights": lambda self, weights: None})()
    monkeypatch.setattr(review.backbones, "build", lambda *_: backbone)
    monkeypatch.setattr(review, "pooled_network", lambda *_: MeanColours())
    return review.compute_crop_features(backbone, training.dataset, training.options, training.spec)


def evaluation_of(training, missed=0):
    """An evaluation that finds all validation boxes exactly, but those of the first photos."""
    truth, nothing = training.dataset.val.truth, np.empty(0, np.float32)
    none = Found(nothing.reshape(0, 4), nothing, np.empty(0, np.int64))
    found = [Found(t.xyxy, np.full(len(t.xyxy), 0.9, np.float32), t.class_id) for t in truth]
    return DetectionEvaluation(training.dataset.labels, truth, [*[none] * missed, *found[missed:]])


def test_boxes_with_wrong_labels_come_first_with_their_places(training, crops):
    found = review.review_boxes(training.dataset, crops, evaluation_of(training), [0.5])
    assert {suspect.file for suspect in found.suspects[:2]} == set(WRONG)
    assert found.reviewed == 60
    for suspect in found.suspects[:2]:
        left, top, right, bottom = suspect.box
        assert (right - left, bottom - top) == (40, 40)
        assert suspect.label != suspect.looks_like
    assert "label" in suspects_sentence(found)


def test_missed_boxes_can_be_gained(training, crops):
    missed = review.review_boxes(training.dataset, crops, evaluation_of(training, missed=6), [0.5])
    assert missed.unit == "box"
    assert sum(gain.photos for gain in missed.class_gains) == len(training.dataset.train)
    assert min(gain.recall for gain in missed.class_gains) < 1
    assert missed.gain.low <= missed.gain.mean <= missed.gain.high
    assert "Twice the photos" in gain_sentence(missed)
    assert missed.measured[0].photos < missed.measured[-1].photos


def test_boxes_that_are_too_small_are_named_as_the_reason(training):
    tiny = tuple(replace(t, xyxy=t.xyxy * 0) for t in training.dataset.train.truth)
    data = replace(training.dataset, train=replace(training.dataset.train, truth=tiny))
    found = review.compute_crop_features(None, data, training.options, training.spec)
    assert "too small" in found.missing


def test_the_report_shows_the_suspects_as_scenes(training, crops, tmp_path):
    evaluation = evaluation_of(training, missed=3)
    found = review.review_boxes(training.dataset, crops, evaluation, [0.5])
    card = replace(training._card(None), dataset=training.data)
    run = TrainingRun(card, [], training.dataset.val.paths, {}, {})
    write_detection_report(tmp_path / "index.html", run, evaluation, None, found)
    page = (tmp_path / "index.html").read_text()
    text = words(page)
    assert "Are there enough photos?" in text
    assert "Boxes whose label is probably wrong" in text
    assert text.count("labelled") == min(24, len(found.suspects))
    assert 'class="true strong"' in page
    assert "training crops of boxes and of the background" in page


def test_a_training_writes_its_review(straight_boxes, boxed_options, small, monkeypatch):
    assert "random weights" in photo_review("straight-boxes").missing
    changes = {"name": "reviewed-boxes", "weights": "straight-boxes", "backbone": None, "alpha": None}
    begun = job.train(replace(boxed_options, **changes, epochs=1, batch=26))
    found = photo_review("reviewed-boxes")
    assert not found.missing or found.reviewed
    with (begun.folder / "report" / "suspects.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [suspect.file for suspect in found.suspects]
    assert all(len(row["box"].split()) == 4 for row in rows)


def test_pooled_features_are_the_means_of_the_backbones_maps():
    import keras

    image = keras.Input((8, 8, 3))
    backbone = keras.Model(image, keras.layers.Rescaling(2.0)(image))
    found = pooled_network(backbone, "0..1").predict_on_batch(np.full((1, 8, 8, 3), 255, np.uint8))
    np.testing.assert_allclose(found, [[2, 2, 2]], atol=1e-6)
