from pathlib import Path

import bench_models
import numpy as np
import pytest


def pytest_xdist_auto_num_workers() -> int:
    """Runs the benchmarks one after another in this process: beside each other they would measure each other."""
    return 0


@pytest.fixture(scope="session")
def int8_file(tmp_path_factory) -> Path:
    """A MobileNetV2 0.35 at 224 px."""
    return bench_models.classifier(tmp_path_factory.mktemp("bench") / "int8.tflite")


@pytest.fixture(scope="session")
def int8_detector(tmp_path_factory) -> Path:
    """The same backbone as a detector at 320 px."""
    return bench_models.detector(tmp_path_factory.mktemp("bench") / "int8.tflite")


@pytest.fixture(scope="session")
def patches() -> np.ndarray:
    """A 640 x 480 frame of coloured patches."""
    return bench_models.patches()


@pytest.fixture(scope="session")
def frame() -> np.ndarray:
    """A 640 x 480 frame."""
    return np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)
