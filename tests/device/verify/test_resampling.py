from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from homes import edgetl

from edgetl.card import InputSpec
from edgetl.device.verify import resampling
from edgetl.device.verify.resampling import MOST_LEVELS, PixelReport, compare_pixels, require_same_pixels
from edgetl.errors import GateError
from edgetl.vision.preprocess import Preprocessor


def test_this_machines_pixels_pass(bundle):
    report = compare_pixels(bundle)
    assert (report.photos, report.ok) == (4, True)
    require_same_pixels(report, bundle)


def test_fast_resizing_may_differ_by_a_level():
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    made = {}
    for way in ("linear", "linear_exact"):
        made[way] = np.zeros((224, 224, 3), np.uint8)
        Preprocessor(InputSpec(224, 224, interpolation=way))(frame, made[way])
    assert np.abs(made["linear"].astype(int) - made["linear_exact"]).max() <= MOST_LEVELS


def test_exact_resizing_is_the_weighted_mean_of_neighbours():
    """Its documented arithmetic is fixed point with 8 bits for each side, on every processor."""
    frame = np.random.default_rng(1).integers(0, 256, (50, 70, 3), np.uint8)
    out = np.zeros((31, 43, 3), np.uint8)
    Preprocessor(InputSpec(31, 43, color="bgr", interpolation="linear_exact"))(frame, out)
    y, x = ((np.arange(n) + 0.5) * m / n - 0.5 for n, m in ((31, 50), (43, 70)))
    (top, dy), (left, dx) = ((np.floor(v).astype(int), v - np.floor(v)) for v in (y, x))
    rows = frame[top] * (1 - dy)[:, None, None] + frame[top + 1] * dy[:, None, None]
    wanted = rows[:, left] * (1 - dx)[:, None] + rows[:, left + 1] * dx[:, None]
    assert np.abs(wanted - out).max() < 1.5


def test_opencv_that_resizes_wrongly_fails(bundle, monkeypatch):
    def black_in_the_quick_way(spec):
        return Preprocessor(spec) if spec.interpolation == "linear_exact" else lambda frame, out: out.fill(0)

    monkeypatch.setattr(resampling, "Preprocessor", black_in_the_quick_way)
    report = compare_pixels(bundle)
    assert report.levels > MOST_LEVELS
    with pytest.raises(GateError, match="OpenCV resizes wrongly"):
        require_same_pixels(report, bundle)
    done = edgetl("verify", bundle)
    assert done.code == 5
    assert "preprocessing            FAILS" in done.err


def test_a_bundle_with_another_filter_is_not_compared(bundle):
    path = bundle / "bundle.json"
    manifest = json.loads(path.read_text())
    manifest["card"]["input"]["interpolation"] = "area"
    path.write_text(json.dumps(manifest))
    assert compare_pixels(bundle) == PixelReport(0, 0, 0.0)


def test_json_has_the_pixels_beside_the_variants(bundle):
    told = json.loads(edgetl("verify", bundle, "--json").out)
    assert told[-1] == dataclasses.asdict(resampling.compare_pixels(bundle)) | {
        "variant": "preprocessing",
        "ok": True,
        "skipped": False,
    }
