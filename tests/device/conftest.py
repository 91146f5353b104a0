from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import sys
import threading
import time
import types

import cv2
import numpy as np
import pytest
from detectors import build_cells, build_ssd
from fakes import CARD, VARIANTS, ColourRuntime, FakePicamera2, solid, write_film

from edgetl.bundle import GoldenPhoto, Manifest, Measurement, Variant, write_manifest
from edgetl.card import InputSpec, ModelCard
from edgetl.device.camera.opencv_capture import quiet
from edgetl.device.inference.model import Model
from edgetl.device.runtime import open_runtime
from edgetl.files import sha256_of

quiet()  # FFmpeg asks only once, and a test may write a film before it reads one


@pytest.fixture
def model():
    return Model(ColourRuntime(), CARD)


@pytest.fixture
def film(tmp_path):
    return write_film(tmp_path / "film.mp4", 30)


@pytest.fixture(scope="session")
def whole_bundle(tmp_path_factory, tiny_models):
    """A bundle of three variants and four golden photos; copy it before damaging it."""
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "golden").mkdir()
    card = ModelCard("tiny", "classification", ("red", "green", "blue"), InputSpec(32, 32))
    images = np.random.default_rng(5).integers(0, 256, (4, 32, 32, 3), np.uint8)
    photos = []
    for index, image in enumerate(images):
        name = f"golden/{index}.png"
        cv2.imwrite(str(folder / name), image)
        photos.append(GoldenPhoto(name, sha256_of(folder / name), "red"))
    variants = []
    for recipe, kind in VARIANTS.items():
        file, golden = folder / f"{recipe}.tflite", folder / f"golden/{recipe}.json"
        file.write_bytes(tiny_models[kind])
        with Model(open_runtime("tflite", file, 1), card) as opened:
            golden.write_text(json.dumps([opened.scores(image).tolist() for image in images]))
        files = (file.name, sha256_of(file), file.stat().st_size, f"golden/{golden.name}", sha256_of(golden))
        variants.append(Variant(recipe, "tflite", *files, Measurement(1.0, 0.0, "red", 0.0, 1.0, 0.0, 0.1), True))
    write_manifest(folder, Manifest(card, "x86", 1, "float32", tuple(variants), tuple(photos)))
    return folder


@pytest.fixture
def bundle(tmp_path, whole_bundle):
    return shutil.copytree(whole_bundle, tmp_path / "bundle")


@pytest.fixture
def mjpeg():
    """Starts network cameras on this machine: call it with a number of frames (None: endless) for an address."""
    servers = []

    def start(frames=None, fps=100):
        jpeg = cv2.imencode(".jpg", solid(2, (320, 240)))[1].tobytes()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=edge")
                self.end_headers()
                sent = 0
                while sent != frames:
                    head = f"--edge\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
                    try:
                        self.wfile.write(head + jpeg + b"\r\n")
                    except OSError:
                        return
                    sent += 1
                    time.sleep(1 / fps)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/stream.mjpg"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def full_disk(tmp_path):
    """Mounts small disks: call it with their size in KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(kib):
        command = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(disk)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("a small disk can't be mounted here: that takes root")
        return disk

    yield mount
    subprocess.run(["umount", str(disk)], check=False, capture_output=True)


@pytest.fixture
def picamera2(monkeypatch):
    """In the place of a Raspberry Pi's picamera2: the class, which knows the cameras that were made."""
    FakePicamera2.made, FakePicamera2.cameras, FakePicamera2.refuses = [], [], None
    module = types.ModuleType("picamera2")
    module.Picamera2 = FakePicamera2
    monkeypatch.setitem(sys.modules, "picamera2", module)
    return FakePicamera2


@pytest.fixture(scope="session")
def cells():
    """A detector's files by the type of their input and outputs; see `detectors.CARD`."""
    pytest.importorskip("tensorflow")
    return {"float32": build_cells(integer=False), "int8": build_cells(integer=True)}


@pytest.fixture(scope="session")
def ssd():
    """A ready-made SSD's file, without labels; its outputs in the order scores, boxes, count, classes."""
    pytest.importorskip("tensorflow")
    return build_ssd((2, 0, 3, 1))
