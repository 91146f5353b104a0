"""The script that makes the starter runs in an environment of its own, because it needs PyTorch."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "models" / "starter" / "distill.py"

PARITY = """
import keras, numpy as np, torch
from network import from_keras, to_keras
rng = np.random.default_rng(0)
for alpha, side in ((0.35, 96), (0.35, 160), (1.0, 96)):
    size = (side, side, 3)
    theirs, copy = (keras.applications.MobileNetV2(size, alpha, include_top=False, weights=None) for _ in "ab")
    theirs.set_weights([w + rng.uniform(0, 0.1, w.shape) * (w.ndim == 1) for w in theirs.get_weights()])
    ours = from_keras(theirs, alpha).eval()
    x = rng.uniform(-1, 1, (2, side, side, 3)).astype(np.float32)
    with torch.no_grad():
        found = ours(torch.from_numpy(x).permute(0, 3, 1, 2))[2].permute(0, 2, 3, 1).numpy()
    wanted = keras.ops.convert_to_numpy(theirs(x))
    assert wanted.std() > 0.01
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    to_keras(ours, copy)
    assert all(np.array_equal(a, b) for a, b in zip(theirs.get_weights(), copy.get_weights(), strict=True))
print("the same")
"""


@pytest.fixture(scope="module")
def python():
    """The Python of an environment with PyTorch."""
    found = os.environ.get("EDGETL_TORCH_PYTHON")
    if not found:
        pytest.skip(
            "no PyTorch: set EDGETL_TORCH_PYTHON to the Python of an environment that has it, see models/starter"
        )
    return found


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    extra = {"KERAS_BACKEND": "torch", "PYTHONPATH": str(SCRIPT.parent), "CUDA_VISIBLE_DEVICES": ""}
    return os.environ | extra | {"EDGETL_CACHE": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    file = tmp_path_factory.mktemp("teacher") / "teacher.weights.h5"
    keras.applications.MobileNetV2((96, 96, 3), 1.0, include_top=False, weights=None).save_weights(file)
    return file


def arrays(path: Path) -> list[np.ndarray]:
    found = []
    with h5py.File(path) as file:
        file.visititems(lambda _, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.mark.peer
def test_the_pytorch_network_gives_the_outputs_of_keras(python, environment):
    done = subprocess.run([python, "-c", PARITY], capture_output=True, text=True, timeout=300, env=environment)
    assert done.stdout.strip() == "the same", done.stderr


@pytest.mark.peer
def test_a_killed_distillation_continues_exactly(python, environment, teacher, tmp_path):
    def command(work):
        flags = [
            "--teacher",
            teacher,
            "--drawn",
            8,
            "--steps",
            4,
            "--batch",
            8,
            "--save-every",
            2,
            "--no-compile",
            "--work",
            work,
        ]
        return [python, str(SCRIPT), *map(str, flags)]

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    done = subprocess.run(command(whole), capture_output=True, text=True, timeout=500, env=environment)
    assert done.returncode == 0, done.stderr
    assert "step 4/4  loss " in (whole / "log.txt").read_text()

    with subprocess.Popen(
        command(broken), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ) as run:
        while not (broken / "checkpoint.pt").exists() and run.poll() is None:
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
    assert not list(broken.glob("*.weights.h5"))
    done = subprocess.run(command(broken), capture_output=True, text=True, timeout=500, env=environment)
    assert done.returncode == 0, done.stderr
    assert "going on from step 2" in done.stdout
    other = subprocess.run([*command(broken), "--steps", "5"], capture_output=True, text=True, env=environment)
    assert other.returncode == 1
    assert "is of another distillation" in other.stderr

    (result,) = whole.glob("*.weights.h5")
    found = arrays(broken / result.name)
    assert len(found) == 260
    for ours, theirs in zip(found, arrays(result), strict=True):
        assert ours.dtype == np.float16
        np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=1e-3)
