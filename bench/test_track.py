"""What following objects costs a frame."""

import itertools

import numpy as np

from edgetl.vision.results import Detections
from edgetl.vision.track import Tracker

OBJECTS = 20


def film(frames):
    """Objects of three classes that wander about, trembling."""
    rng = np.random.default_rng(0)
    start, speed = rng.uniform(0, 1000, (OBJECTS, 2)), rng.uniform(-60, 60, (OBJECTS, 2))
    half, class_id = rng.uniform(15, 45, (OBJECTS, 2)), rng.integers(0, 3, OBJECTS)
    score, labels = np.full(OBJECTS, 0.9, np.float32), tuple(f"class {i}" for i in class_id)
    for index in range(frames):
        centres = start + speed * index / 30 + rng.normal(0, 1, (OBJECTS, 2))
        boxes = np.concatenate((centres - half, centres + half), axis=1).astype(np.float32)
        yield Detections(boxes, score, class_id, labels, (1280, 720))


def test_twenty_objects(benchmark):
    """The film is seen to and fro, so that no object leaps."""
    tracker, there = Tracker(), list(film(100))
    frames = itertools.cycle(there + there[::-1])
    times = itertools.count()
    found = benchmark(lambda: tracker(next(frames), next(times) / 30))
    assert sorted(found.track.tolist()) == list(range(1, OBJECTS + 1))
    assert benchmark.stats.stats.median < 0.3e-3
