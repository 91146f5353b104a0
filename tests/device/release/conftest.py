from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from device_releases import SimulatedService, put_in_place, write_release
from handmade import SIDE, build

from edgetl.bundle import GoldenPhoto, Manifest, Measurement, Variant, write_manifest
from edgetl.card import InputSpec, ModelCard
from edgetl.device.inference.model import Model
from edgetl.device.release.deploy_log import DeployLog
from edgetl.device.release.receive import receive
from edgetl.device.runtime import open_runtime
from edgetl.files import sha256_of


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The folder `~/edgetl` of a home of the test's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "edgetl"
    folder.mkdir()
    return folder


@pytest.fixture
def service(root):
    return SimulatedService(root)


@pytest.fixture
def device(root, service):
    """A device whose service is simulated, and whose watches take no time."""
    from edgetl.device.release.switch import ReleaseSwitch
    from edgetl.device.release.watch_service import Watch

    return ReleaseSwitch(
        root, DeployLog(root), Watch(60.0, 60.0, service.clock, service.sleep), find_service=lambda: service
    )


@pytest.fixture
def installed(root):
    """Receives a release whose run does what is named, and gives it an environment; returns its digest."""

    def make(run="good", **options):
        digest = write_release(root, run, **options)
        receive(root, digest)
        put_in_place(root, digest)
        return digest

    return make


@pytest.fixture
def small_bundle(tmp_path):
    """A bundle of one variant and three golden photos."""
    folder = tmp_path / "bundle"
    (folder / "golden").mkdir(parents=True)
    card = ModelCard("tiny", "classification", ("blue", "green", "red"), InputSpec(SIDE, SIDE))
    images = np.random.default_rng(5).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)
    photos = []
    for index, image in enumerate(images):
        name = f"golden/{index}.png"
        cv2.imwrite(str(folder / name), image)
        photos.append(GoldenPhoto(name, sha256_of(folder / name), "red"))
    file, golden = folder / "float32.tflite", folder / "golden" / "float32.json"
    file.write_bytes(build(np.eye(3) / 64, ending="SOFTMAX"))
    with Model(open_runtime("tflite", file, 1), card) as opened:
        golden.write_text(json.dumps([opened.scores(image).tolist() for image in images]))
    files = (file.name, sha256_of(file), file.stat().st_size, "golden/float32.json", sha256_of(golden))
    variant = Variant("float32", "tflite", *files, Measurement(1.0, 0.0, "red", 0.0, 1.0, 0.0, 0.1), True)
    write_manifest(folder, Manifest(card, "x86", 1, "float32", (variant,), tuple(photos)))
    return folder
