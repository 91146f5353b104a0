"""The workstation's side: a step and an epoch of training, and conversion."""

import bench_models
import numpy as np
import pytest

BATCH = 16


@pytest.fixture(scope="module")
def learner():
    """A classifier at 224 px with random weights, its loss and its optimizer."""
    import keras

    from edgetl.host.train.classifier.network import assemble

    parts = assemble(bench_models._backbone(0.35, 224), 6, bench_models.options("classification"))
    loss = keras.losses.CategoricalCrossentropy()
    parts.learner.compile(keras.optimizers.AdamW(1e-4), loss, jit_compile=False)
    return parts.learner


@pytest.fixture(scope="module")
def photos():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (10 * BATCH, 224, 224, 3), np.uint8)
    return pixels, np.eye(6, dtype=np.float32)[rng.integers(6, size=len(pixels))]


def test_training_step(benchmark, learner, photos):
    """Augmentation, forward, backward and update of 16 photos."""
    x, y = (rows[:BATCH] for rows in photos)
    loss = benchmark.pedantic(learner.train_on_batch, (x, y), rounds=10, warmup_rounds=2)
    assert np.isfinite(loss)


def test_training_epoch(benchmark, learner, photos, tmp_path):
    """Ten such steps, read ahead of the network, as a stage does it."""
    from edgetl.host.console import Bar
    from edgetl.host.train.checkpoint import Checkpoint
    from edgetl.host.train.classifier.fit import Batches
    from edgetl.host.train.stage import Stage

    x, y = photos
    batches = Batches(lambda rows: x[rows], y, np.ones(len(x), np.float32), BATCH, np.arange(len(x)))
    options = bench_models.options("classification")
    stage = Stage("finetune", learner, options, Checkpoint(tmp_path), epochs=1, steps=10)
    with Bar("finetune", 10) as bar:
        logs = benchmark.pedantic(stage._learn, (batches, bar), rounds=3, warmup_rounds=1)
    assert np.isfinite(logs["loss"])


@pytest.mark.parametrize("recipe", ["float32", "static_wi8_ai8"])
def test_conversion(benchmark, recipe):
    from edgetl.host.convert.saved_models import SavedModels
    from edgetl.host.convert.tflite.export import export

    network, representative = bench_models.network("classification")
    content = benchmark.pedantic(export, (SavedModels(network), recipe, representative), rounds=1)
    assert content[4:8] == b"TFL3"
