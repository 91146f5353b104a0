"""A text that edgetl reads is either read or refused with an EdgetlError, whatever its content."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from homes import LOOSE_TARGET, Home
from mutants import mutants

from edgetl.bundle import Bundle
from edgetl.card import ModelCard
from edgetl.device.measure import tune
from edgetl.device.measure.machine import Machine
from edgetl.device.sinks.page.endpoint import Endpoint
from edgetl.errors import EdgetlError
from edgetl.files import sha256_of
from edgetl.host.train.checkpoint import Checkpoint
from edgetl.host.train.options import TrainOptions
from edgetl.target import Target


@dataclass(frozen=True)
class Text:
    """A file and what reads it."""

    path: Path
    read: Callable[[], object]


def _target(home: Home) -> Text:
    first = 'name = "loose"\nboard = "any"\nbudget = { p95_ms = 40.0 }\n'
    home.target.write_text(first + LOOSE_TARGET)
    return Text(home.target, lambda: Target.load(str(home.target)))


def _train_toml(home: Home) -> Text:
    path = home.folder / "train.toml"
    path.write_text(TrainOptions("photos", "tiny", alpha=0.25, rate=1e-3, strides=(8, 16)).to_toml())
    return Text(path, lambda: TrainOptions.load(path))


def _card(home: Home) -> Text:
    path = home.models / "tiny" / "card.json"
    return Text(path, lambda: ModelCard.load(path).to_json())


def _read_bundle(folder: Path) -> None:
    bundle = Bundle.open(folder)
    bundle.golden_frames()
    for variant in bundle.runnable:
        bundle.model_file(variant)
        bundle.golden_scores(variant)


def _bundle(home: Home) -> Text:
    return Text(home.bundle / "bundle.json", lambda: _read_bundle(home.bundle))


def _tuned(home: Home) -> Text:
    trials = (tune.Trial("float32", 1, 1.0, 2.0), tune.Trial("float16", 1, reason="drifted"))
    digest = sha256_of(home.bundle / "bundle.json")
    tune.remember(home.bundle, tune.Tuning(Machine.here(), digest, "float32", 1, trials))
    return Text(home.bundle / "tuned.json", lambda: tune.recall(home.bundle))


class Weights:
    """Stands for a Keras model: variables, and an optimizer with none of its own."""

    def __init__(self) -> None:
        self.weights = self.variables = [Variable(), Variable()]
        self.trainable_variables = self.weights
        self.optimizer = Optimizer()


class Variable:
    """Stands for a variable of a (2, 3) float32 array."""

    shape = (2, 3)

    def __init__(self) -> None:
        self.value = np.zeros(self.shape, np.float32)

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self.value

    def assign(self, array: np.ndarray) -> None:
        self.value = np.broadcast_to(array, self.shape).astype(np.float32)


class Optimizer:
    """Stands for an optimizer without variables."""

    variables = ()

    def build(self, variables: object) -> None:
        """Does nothing."""


def _checkpoint(home: Home) -> Text:
    """A checkpoint after an epoch of the second stage; its arrays are laid out as `Checkpoint.save` does."""
    folder = home.models / ".tiny.training"
    folder.mkdir()
    path = folder / "checkpoint.npz"
    row = {"stage": "all", "epoch": 1, "loss": 0.5}
    state = {"data": "f", "stage": "all", "epoch": 1, "best_epoch": 1, "best": [0.5], "done": ["head"], "rows": [row]}
    arrays = {f"{kind}{i}": np.ones((2, 3), np.float32) for kind in ("now", "best", "model") for i in range(2)}
    np.savez(path, allow_pickle=False, state=np.array(json.dumps(state)), **arrays)

    def read() -> None:
        checkpoint = Checkpoint(folder)
        checkpoint.load()
        model = Weights()
        checkpoint.attach(model)
        checkpoint.begin("all", model)

    return Text(path, read)


KINDS = {
    "target": _target,
    "train.toml": _train_toml,
    "card.json": _card,
    "bundle.json": _bundle,
    "tuned.json": _tuned,
    "checkpoint": _checkpoint,
}


def read_mutants(text: Text, count: int, seed: int) -> int:
    """Returns how many damaged copies were refused; any other exception than an EdgetlError goes through."""
    whole, refused = text.path.read_bytes(), 0
    text.read()
    for damaged in mutants(whole, count, seed):
        text.path.write_bytes(damaged)
        try:
            text.read()
        except EdgetlError:
            refused += 1
    return refused


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_texts_are_read_or_refused(home, kind):
    assert read_mutants(KINDS[kind](home), 60, seed=zlib.crc32(kind.encode())) > 20


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_thousands_of_damaged_texts_are_read_or_refused(home, kind):
    assert read_mutants(KINDS[kind](home), 3000, seed=1) > 1000


@pytest.mark.parametrize("address", ["9" * 5000, "x:" + "9" * 5000, "x", "٣٣", "-1", "65536", "[::1", ":", "a:b:c"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(EdgetlError):
        Endpoint.parse(address)


def test_a_number_too_large_for_a_float_is_refused(home):
    home.target.write_text(LOOSE_TARGET.replace("max_accuracy_drop = 1.0", f"max_accuracy_drop = {'9' * 400}"))
    with pytest.raises(EdgetlError, match="max_accuracy_drop"):
        Target.load(str(home.target))


def test_a_compressed_checkpoint_is_refused_before_it_is_unpacked(home):
    text = _checkpoint(home)
    with np.load(text.path) as arrays:
        np.savez_compressed(text.path, **dict(arrays))
    with pytest.raises(EdgetlError, match="compressed"):
        text.read()


def test_a_path_that_is_no_regular_file_is_refused_at_once(home):
    os.mkfifo("pipe.toml")
    for path in (Path("pipe.toml"), Path("/dev/zero"), home.folder, Path("gone.toml")):
        with pytest.raises(EdgetlError):
            TrainOptions.load(path)
        with pytest.raises(EdgetlError):
            Target.load(str(path))
