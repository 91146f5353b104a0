"""The interval of an mAP: a bootstrap whose middle is pycocotools' figure."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.evaluate import map_interval as module
from edgetl.host.evaluate.map_interval import map_interval
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation


def evaluation(photos: int, seed: int = 0, right: float = 0.7) -> DetectionEvaluation:
    """Two classes, one box a photo; a share of them is found, moved by a few pixels, among false alarms."""
    rng = np.random.default_rng(seed)
    truths, founds = [], []
    for _ in range(photos):
        corner = rng.uniform(0, 100, 2)
        box = np.concatenate([corner, corner + rng.uniform(30, 90, 2)]).astype(np.float32)
        kind = rng.integers(0, 2, 1)
        truths.append(Truth(box[None], kind, np.zeros(1, bool), (200, 200)))
        boxes = [box + rng.normal(0, 3, 4)] if rng.random() < right else []
        boxes += [box + 60] if rng.random() < 0.4 else []
        found = np.array(boxes, np.float32).reshape(-1, 4)
        scores = rng.uniform(0.1, 1, len(found)).astype(np.float32)
        founds.append(Found(found, scores, np.repeat(kind, len(found))))
    return DetectionEvaluation(("card", "coin"), truths, founds)


@pytest.mark.parametrize("seed", range(3))
def test_drawing_every_photo_once_gives_the_map_of_pycocotools(seed, monkeypatch):
    figures = evaluation(40, seed)
    monkeypatch.setattr(module, "_ROUNDS", 1)
    generator = type("Once", (), {"multinomial": lambda self, *_: np.ones((1, 40), np.int64)})
    monkeypatch.setattr(np.random, "default_rng", lambda seed: generator())
    assert map_interval(figures) == pytest.approx((figures.map, figures.map), abs=1e-6)


def test_more_photos_make_the_interval_narrower():
    few, many = map_interval(evaluation(20)), map_interval(evaluation(400))
    assert few[1] - few[0] > 2 * (many[1] - many[0])
    for interval, count in ((few, 20), (many, 400)):
        assert interval[0] <= evaluation(count).map <= interval[1]


def test_without_photos_or_boxes_the_interval_is_unknown():
    nothing = Truth(np.empty((0, 4), np.float32), np.empty(0, np.int64), np.empty(0, bool), (9, 9))
    none = Found(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))
    for figures in (DetectionEvaluation(("a",), [nothing] * 3, [none] * 3), evaluation(1)):
        assert all(map(math.isnan, map_interval(figures)))
