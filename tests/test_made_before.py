"""Models and bundles of an earlier edgetl open and verify."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from edgetl import store
from edgetl.bundle import Bundle
from edgetl.device.inference.model import Model
from edgetl.device.verify.replay import verify
from edgetl.store.listing import rows

MADE_BEFORE = Path(__file__).parent / "made_before"


@pytest.fixture
def models(tmp_path, monkeypatch):
    folder = shutil.copytree(MADE_BEFORE / "models", tmp_path / "models")
    monkeypatch.setenv("EDGETL_MODELS", str(folder))
    return folder


@pytest.mark.parametrize(("bundle", "variants"), [("models/colours/small", 4), ("cells", 1)])
def test_a_bundle_made_before_opens_and_verifies(tmp_path, bundle, variants):
    folder = shutil.copytree(MADE_BEFORE / bundle, tmp_path / "bundle")
    reports = verify(folder)
    assert len(reports) == variants
    assert all(report.ok for report in reports), [report.reason for report in reports]


def test_the_figures_of_a_bundle_made_before_are_read():
    measured = Bundle.open(MADE_BEFORE / "models" / "colours" / "small").variant("float32").measured
    assert (measured.accuracy, measured.agreement, measured.worst_class) == (1.0, 1.0, "blue")
    assert measured.class_drops == {"blue": 0.0, "green": 0.0, "red": 0.0}
    detector = Bundle.open(MADE_BEFORE / "cells").variant().measured
    assert detector.metrics == {"map50": 0.95, "map50_drop": 0.0}


def test_a_bundle_made_before_recognises_its_golden_photos():
    folder = MADE_BEFORE / "models" / "colours" / "small"
    bundle = Bundle.open(folder)
    with Model.open(folder) as model:
        found = [model(frame).labels[0] for frame in bundle.golden_frames()]
    assert found == [photo.label for photo in bundle.manifest.golden]


def test_a_model_made_before_is_listed_and_opened(models):
    (row,) = rows(*store.survey())
    assert (row["name"], row["labels"], list(row["bundles"])) == ("colours", ("blue", "green", "red"), ["small"])
    assert store.open_model("colours").card.metrics == {"top1": 1.0}


def test_the_network_of_a_model_made_before_gives_its_scores(models):
    pytest.importorskip("tensorflow")
    from edgetl.host.networks.stored import load_network
    from edgetl.vision.preprocess import Preprocessor

    bundle = Bundle.open(models / "colours" / "small")
    network = load_network(store.open_model("colours"))
    preprocess, inputs = Preprocessor(bundle.manifest.card.input), np.empty((8, 32, 32, 3), np.uint8)
    for frame, pixels in zip(bundle.golden_frames(), inputs, strict=True):
        preprocess(frame, pixels)
    expected = bundle.golden_scores(bundle.variant("float32"))
    assert network.predict_on_batch(inputs) == pytest.approx(expected, abs=0.02)
