"""edgetl's device extra on an emulated arm64 Raspberry Pi OS's base: the same answers as here."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import boxed
import cv2
import numpy as np
import pytest
from emulation import NotHereError, NotInstalledError
from homes import SHAPES, draw_folders, draw_shape, edgetl
from system import BOARDS, PI_4, System, download_wheels, open_system

pytestmark = pytest.mark.arm64

TASKS = ("classification", "detection")
INT8 = "static_wi8_ai8"
TARGET = f"""
title = "An arm64 machine whose gate all pass"
arch = "aarch64"
runtimes = ["tflite"]
recipes = ["{INT8}", "float16", "float32"]
threads = 1

[gate]
max_accuracy_drop = 1.0
min_agreement = 0.0
max_map_drop = 1.0
max_map50_drop = 1.0
min_box_agreement = 0.0
"""
TRAINING = ("--weights", "starter", "--size", "96")
ANSWERS = Path(__file__).parent / "answers.py"
MOST_BYTES = 230e6
_AARCH64 = (0xB7).to_bytes(2, "little")


@dataclass(frozen=True)
class Device:
    """The emulated machine with edgetl installed, and how this one runs the same."""

    system: System
    note: Callable[[str], None]

    def copy(self, source: Path, name: str) -> str:
        """Copies a file or a folder to the machine; returns its path there."""
        target = self.system.fresh_folder(f"/srv/{name}")
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
            return f"/srv/{name}"
        shutil.copy(source, target)
        return f"/srv/{name}/{source.name}"

    def run(self, *command: str, cpu: str = PI_4) -> str:
        """Runs a command there; returns its stdout, and notes how long it took."""
        start = time.monotonic()
        done = self.system.run(*command, cpu=cpu)
        assert done.returncode == 0, done.stdout + done.stderr
        self.note(f"{time.monotonic() - start:6.1f} s  {cpu}: {' '.join(command)}")
        return done.stdout


@pytest.fixture(scope="module")
def device(note, tmp_path_factory) -> Iterator[Device]:
    if os.environ.get("EDGETL_ARM64") != "1":
        pytest.skip("makes a Debian for arm64 and runs it under emulation, for minutes: set EDGETL_ARM64=1")
    start = time.monotonic()
    try:
        with open_system() as system:
            note(f"{time.monotonic() - start:6.1f} s  the system, in {system.root}")
            start = time.monotonic()
            wheels = download_wheels(tmp_path_factory.mktemp("arm64") / "wheels")
            note(f"{time.monotonic() - start:6.1f} s  wheels: {', '.join(wheel.name for wheel in wheels)}")
            start = time.monotonic()
            system.install(wheels[0].parent)
            note(f"{time.monotonic() - start:6.1f} s  installed there")
            yield Device(system, note)
    except NotHereError as error:
        pytest.skip(str(error))
    except NotInstalledError as error:
        pytest.fail(str(error))


def draw_boxes(root: Path, count: int = 60) -> Path:
    """Photos with up to three boxes each, and a few without any."""
    rng = np.random.default_rng(3)
    labels = list(boxed.COLOURS)
    for number in range(count):
        rows: list[boxed.Row] = []
        for cell in rng.permutation(4)[: int(rng.integers(1, 4)) if number % 15 else 0].tolist():
            w, h = int(rng.integers(24, 60)), int(rng.integers(24, 48))
            x, y = cell % 2 * 80 + int(rng.integers(2, 79 - w)), cell // 2 * 60 + int(rng.integers(2, 59 - h))
            rows.append((labels[int(rng.integers(3))], x, y, x + w, y + h))
        boxed.put_voc(root / f"{number:02}.png", rows)
    return root


@pytest.fixture(scope="module")
def bundles(device, tmp_path_factory) -> dict[str, Path]:
    """A classifier's bundle and a detector's, made by the real commands, by their tasks."""
    home = tmp_path_factory.mktemp("home")
    (home / "arm64.toml").write_text(TARGET)
    photos = {"classification": draw_folders(home / "photos", 20), "detection": draw_boxes(home / "boxes")}
    options = {"classification": ("--head-epochs", "8", "--epochs", "0"), "detection": ("--strides", "16")}
    options["detection"] += ("--epochs", "12")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGETL_MODELS", str(home / "models"))
        patch.setenv("EDGETL_CACHE", str(home / "cache"))
        for task in TASKS:
            for args in (
                ("train", photos[task], "--name", task, *TRAINING, *options[task]),
                ("convert", task, "--target", home / "arm64.toml"),
            ):
                done = edgetl(*args)
                assert done.code == 0, done.err
    return {task: home / "models" / task / "arm64" for task in TASKS}


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Ten frames of shapes."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    rng = np.random.default_rng(4)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (160, 120))
    for number in range(10):
        writer.write(draw_shape(SHAPES[number // 2 % 3], rng))
    writer.release()
    return path


def here(*command: str) -> str:
    """Runs Python of this environment; returns its stdout."""
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def digest(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 of arrays' names, shapes, types and bytes."""
    sha = hashlib.sha256()
    for name in sorted(arrays):
        sha.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode() + arrays[name].tobytes())
    return sha.hexdigest()


def load(file: Path, variant: str) -> dict[str, np.ndarray]:
    """A variant's arrays as `answers.py` wrote them, by their names."""
    with np.load(file) as arrays:
        return {key.partition("/")[2]: arrays[key] for key in arrays if key.startswith(f"{variant}/")}


@pytest.fixture(scope="module")
def answers_here(bundles, tmp_path_factory, note) -> dict[str, Path]:
    """What the variants say on this machine, by their tasks."""
    files = {task: tmp_path_factory.mktemp(task) / "here.npz" for task in TASKS}
    for task, file in files.items():
        note(f"here: {here(str(ANSWERS), str(bundles[task]), str(file)).strip()}")
    return files


def test_the_device_extra_is_small_and_for_arm64(device):
    (packages,) = device.system.environment.glob("lib/python3*/site-packages")
    files = [path for path in packages.rglob("*") if path.is_file() and not path.is_symlink()]
    libraries = [path for path in files if path.suffix == ".so" or ".so." in path.name]
    assert len(libraries) > 10
    assert [path.name for path in libraries if path.read_bytes()[18:20] != _AARCH64] == []
    size = sum(path.stat().st_blocks * 512 for path in files)
    shares = {path.name: sum(f.stat().st_blocks * 512 for f in path.rglob("*")) for path in packages.iterdir()}
    largest = sorted(shares, key=lambda name: -shares[name])[:6]
    device.note(f"{size / 1e6:.1f} MB: {', '.join(f'{name} {shares[name] / 1e6:.1f}' for name in largest)}, …")
    assert size < MOST_BYTES


def test_commands_start(device):
    assert device.run("python", "-c", "import platform; print(platform.machine())") == "aarch64\n"
    assert device.run("edgetl", "--version").startswith("edgetl, version ")
    assert "edgetl verify" in device.run("edgetl", "--help")
    if device.system.run("edgetl", "doctor", "--help").returncode == 0:
        assert device.run("edgetl", "doctor")


@pytest.mark.parametrize("task", TASKS)
def test_every_variant_replays_its_golden_photos(device, bundles, task):
    reports = json.loads(device.run("edgetl", "verify", device.copy(bundles[task], task), "--json"))
    assert [report["variant"] for report in reports] == [INT8, "float16", "float32", "preprocessing"]
    pixels = reports.pop()
    device.note(f"    {pixels['share']:.1%} of the pixels are rounded otherwise there, by {pixels['levels']} of 255")
    assert pixels["levels"] <= 1
    assert [report["reason"] for report in reports if not report["ok"] or report["skipped"]] == []


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("task", TASKS)
def test_int8_says_the_same_to_the_byte_and_floats_to_a_ten_thousandth(
    device, bundles, answers_here, tmp_path, task, board
):
    script, bundle = device.copy(ANSWERS, "answers"), device.copy(bundles[task], task)
    told = json.loads(device.run("python", script, bundle, "/srv/answers/there.npz", cpu=BOARDS[board]))
    assert told["machine"] == "aarch64"
    there = device.system.root / "srv/answers/there.npz"
    for variant in (INT8, "float16", "float32"):
        theirs, ours = load(there, variant), load(answers_here[task], variant)
        assert theirs.keys() == ours.keys()
        device.note(f"{board}, {task}, {variant}: {digest(theirs)} there, {digest(ours)} here")
        compare(theirs, ours, exact=variant == INT8, note=device.note)


def compare(theirs, ours, *, exact, note):
    """int8 outputs are equal; of floats, the scores that they stand for are next to equal."""
    np.testing.assert_array_equal(theirs["input"], ours["input"], "the pixels that the network is given")
    outputs = theirs.keys() - {"input", "scores", "boxes"}
    for name in outputs:
        assert theirs[name].dtype == ours[name].dtype == (np.uint8 if exact else np.float32)
        assert len(np.unique(ours[name])) > 8, "outputs that say next to nothing prove nothing"
        if exact:
            np.testing.assert_array_equal(theirs[name], ours[name], name)
    scores = {name: theirs[name].astype(np.float64) - ours[name] for name in outputs | {"scores"} & theirs.keys()}
    if "logits" in outputs:
        scores["logits"] = sigmoid(theirs["logits"]) - sigmoid(ours["logits"])
    for name, apart in ({} if exact else scores).items():
        note(f"    {name} {apart.shape}: at most {np.abs(apart).max():.1e} apart")
        assert np.abs(apart).max() < 1e-4, name


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def same_film(theirs: str, ours: str, frames: int) -> None:
    """The results of a film are those of here, but for what the decoder rounds otherwise on another processor."""
    rows, own = ([json.loads(line) for line in text.splitlines()] for text in (theirs, ours))
    assert [row["index"] for row in rows] == [row["index"] for row in own] == list(range(frames))
    same = [labels(row) == labels(mine) for row, mine in zip(rows, own, strict=True)]
    assert np.mean(same) >= 0.8


def labels(row: dict) -> list[str]:
    return sorted(found["label"] for found in row.get("classes", row.get("objects")))


@pytest.mark.parametrize("task", TASKS)
def test_a_film_is_run(device, bundles, film, task):
    bundle, source = device.copy(bundles[task], task), device.copy(film, "film")
    options = ("--quiet", "--jsonl", "-")
    theirs = device.run("edgetl", "run", bundle, "--source", source, *options)
    same_film(theirs, here("-m", "edgetl", "run", str(bundles[task]), "--source", str(film), *options), 10)


@pytest.fixture
def scenes(data_folder, tmp_path) -> Path:
    """A folder of pictures from a film of people: a film would be decoded there otherwise than here."""
    capture = cv2.VideoCapture(str(data_folder / "videos" / "one-by-one-person-detection.mp4"))
    (tmp_path / "scenes").mkdir()
    for number in range(5):
        capture.set(cv2.CAP_PROP_POS_FRAMES, 200 * (number + 1))
        cv2.imwrite(str(tmp_path / "scenes" / f"{number}.png"), capture.read()[1])
    return tmp_path / "scenes"


@pytest.mark.real_data
def test_people_are_found_in_real_pictures(device, data_folder, scenes):
    files = [data_folder / "models" / name for name in ("coco_ssd_mobilenet_v1_1.0_quant.tflite", "coco_labelmap.txt")]
    model, names = (device.copy(file, f"real-{file.suffix[1:]}") for file in files)
    options = ("--quiet", "--jsonl", "-", "--threads", "1", "--threshold", "0.6")
    theirs = device.run("edgetl", "run", model, "--labels", names, "--source", device.copy(scenes, "scenes"), *options)
    command = ("-m", "edgetl", "run", str(files[0]), "--labels", str(files[1]), "--source", str(scenes), *options)
    same_film(theirs, here(*command), 5)
    assert theirs.count('"person"') >= 3
