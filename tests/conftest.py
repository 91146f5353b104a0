from __future__ import annotations

import logging
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from homes import LOOSE_TARGET, TINY, Home, draw_folders, edgetl
from once import made_once

from edgetl.progress import TerminalProgress, reporting

_MOST_PROCESSES = 4
"""The tests run in at most this many processes: each one that loads TensorFlow takes more than 1 GB of memory."""


def pytest_xdist_auto_num_workers() -> int:
    """Returns the number of processes that share the tests: one more than this process may use cores.

    Some tests wait for cameras, brokers and clocks; the further process uses the core meanwhile.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores + 1, _MOST_PROCESSES)


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of the tests' own, so that the user's remembers nothing of what they open; some have further ones."""
    with pytest.MonkeyPatch.context() as patch:
        if "EDGETL_CACHE" not in os.environ:
            patch.setenv("EDGETL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _signals_are_heeded() -> Iterator[None]:
    """Heeds the signals that `nohup` or a shell's background have had this process ignore, as its children would."""
    ignored = [n for n in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT) if signal.getsignal(n) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(autouse=True)
def _log_level() -> None:
    """Sets the log's level before each test: `--quiet` in one must not silence those that follow."""
    logging.getLogger("edgetl").setLevel(logging.NOTSET)


@pytest.fixture(scope="session", autouse=True)
def on_the_terminal() -> Iterator[None]:
    """Has library functions print as they do under the command line, so that tests can read it."""
    with reporting(TerminalProgress()):
        yield


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The photos, weights and films that the `real_data` tests read."""
    default = Path(__file__).parent.parent.parent / "shared" / "data"
    folder = Path(os.environ.get("EDGETL_DATA") or default)
    if not folder.is_dir():
        pytest.skip("no data folder: set EDGETL_DATA to one that holds models/ and photos/")
    return folder


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A (1, 32, 32, 3) -> (1, 3) classifier as `.tflite` files without metadata, by the name of their kind."""
    pytest.importorskip("tensorflow")

    def make(folder: Path) -> None:
        for kind, content in _make_tiny_models().items():
            (folder / kind).write_bytes(content)

    return {file.name: file.read_bytes() for file in made_once(tmp_path_factory, "tiny-models", make).iterdir()}


def _make_tiny_models() -> dict[str, bytes]:
    import numpy as np
    import tensorflow as tf

    keras = tf.keras
    keras.utils.set_random_seed(7)
    image = keras.Input((32, 32, 3), batch_size=1)
    scaled = keras.layers.Rescaling(1 / 127.5, -1)
    backbone = keras.Sequential(
        [
            keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
            keras.layers.Conv2D(16, 3, strides=2, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, kernel_initializer=keras.initializers.RandomNormal(stddev=2.0)),
        ]
    )
    softmax = keras.layers.Softmax()
    whole = keras.Model(image, softmax(backbone(scaled(image))))
    noise = np.random.default_rng(3).integers(0, 256, (20, 1, 32, 32, 3)).astype(np.float32)

    def convert(model, *, optimize=False, float16=False, integer=None):
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT] if optimize else []
        if float16:
            converter.target_spec.supported_types = [tf.float16]
        if integer is not None:
            converter.representative_dataset = lambda: ([photo] for photo in noise)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = integer
        return bytes(converter.convert())

    return {
        "float32": convert(whole),
        "float16": convert(whole, optimize=True, float16=True),
        "uint8": convert(whole, optimize=True, integer=tf.uint8),
        "int8": convert(whole, optimize=True, integer=tf.int8),
        "logits": convert(keras.Model(image, backbone(scaled(image)))),
        "unscaled": convert(keras.Model(image, softmax(backbone(image)))),
    }


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose model was trained and converted by the real commands; use `home`, a copy."""
    pytest.importorskip("tensorflow")

    def make(folder: Path) -> None:
        made = Home(folder)
        draw_folders(made.photos, 12)
        made.target.write_text(LOOSE_TARGET)
        with pytest.MonkeyPatch.context() as patch:
            for key, value in made.environment.items():
                patch.setenv(key, value)
            patch.chdir(made.folder)
            for args in (["train", "photos", "--name", "tiny", *TINY], ["convert", "tiny", "--target", "loose.toml"]):
                done = edgetl(*args)
                assert done.code == 0, done.err

    return Home(made_once(tmp_path_factory, "home", make))


@pytest.fixture
def home(trained_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A copy of the trained home, as the current folder and in the environment."""
    copy = Home(tmp_path / "home")
    shutil.copytree(trained_home.folder, copy.folder)
    for name in ("card.json", "train.toml", "bundle.json"):  # the copy's photos are meant
        for file in copy.models.rglob(name):
            file.write_text(file.read_text().replace(str(trained_home.folder), str(copy.folder)))
    for key, value in copy.environment.items():
        monkeypatch.setenv(key, value)
    monkeypatch.chdir(copy.folder)
    return copy


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home without photos or models, as the current folder and in the environment."""
    made = Home(tmp_path)
    for key, value in made.environment.items():
        monkeypatch.setenv(key, value)
    monkeypatch.chdir(made.folder)
    return made
