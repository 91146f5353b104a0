"""Training on JAX, in processes of its own, because a process has one backend."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from edgetl import store
from edgetl.host.networks.stored import dataset_of, load_keras, predict

pytest.importorskip("jax")
pytestmark = pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="is run by these very tests")

TRAIN = """
import sys
import numpy as np
from edgetl import store
from edgetl.cli import main
main([*sys.argv[2:], "--name", "on-jax"], standalone_mode=False)
import keras
from edgetl.host.networks.stored import dataset_of, load_keras, predict
assert keras.config.backend() == "jax"
stored = store.open_model("on-jax")
np.save(sys.argv[1], predict(load_keras(stored), dataset_of(stored.card).val))
"""


def on_jax(*args):
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    environment.pop("PYTEST_CURRENT_TEST", None)
    done = subprocess.run([sys.executable, *args], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.slow
def test_a_model_trained_on_jax_gives_the_same_scores_on_tensorflow(host_env, shapes, tmp_path):
    recipe = (
        "--weights none --backbone mobilenet_v1 --alpha 0.25 --size 96 --head-epochs 2 --epochs 2 --batch 16 --ema 0.9"
    )
    on_jax("-c", TRAIN, str(tmp_path / "scores.npy"), "train", str(shapes), *recipe.split())
    stored = store.open_model("on-jax")
    assert [row.split(",")[0] for row in (stored.folder / "history.csv").read_text().split()[1:]] == [
        "head",
        "head",
        "finetune",
        "finetune",
    ]
    here = predict(load_keras(stored), dataset_of(stored.card).val)
    np.testing.assert_allclose(here, np.load(tmp_path / "scores.npy"), atol=1e-4)
    assert np.ptp(here) > 1e-4


CHOSEN = """
classifier/test_augment.py
test_schedule.py
classifier/test_fit.py::test_frozen_layers_stay_bit_equal
classifier/test_fit.py::test_the_averaged_weights_are_validated_and_stored
test_train_job.py::test_a_training_interrupted_in_an_epoch_continues_exactly[in-the-second-epoch-3]
"""


@pytest.mark.slow
def test_the_tests_of_training_pass_on_jax():
    tests = [str(Path(__file__).parent / name) for name in CHOSEN.split()]
    output = on_jax(
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *tests,
        "-k",
        "not tensorflow_never_compiles",
    )
    assert " passed" in output
    assert "skipped" not in output
