"""A stage of a training: what its history says of an epoch."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from networks import resolved_classifier

from edgetl.host.console import Bar
from edgetl.host.train.checkpoint import Checkpoint
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.stage import Stage


class Batches:
    """Three batches of different sizes."""

    x = np.arange(10, dtype=np.float32)[:, None]
    rows = (slice(0, 4), slice(4, 8), slice(8, 10))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.x[self.rows[index]], np.zeros_like(self.x[self.rows[index]])


def test_the_history_has_the_means_over_all_photos_of_the_epoch(tmp_path):
    still = keras.Sequential([keras.layers.Input((1,)), keras.layers.Activation("linear")])
    still.compile(keras.optimizers.SGD(0.0), "mse", metrics=["mae"])
    stage = Stage(
        "finetune",
        still,
        resolved_classifier(TrainOptions("photos", "still", weights="none")),
        Checkpoint(tmp_path),
        epochs=1,
        steps=3,
    )
    for _ in range(2):  # an epoch does not count the photos of the one before
        with Bar("finetune", 3) as bar:
            means = stage._learn(Batches(), bar)
        assert means == pytest.approx({"loss": np.square(Batches.x).mean(), "mae": Batches.x.mean()})
