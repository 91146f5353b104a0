"""Earlier models serve what is trained next, by the real commands: a related model does, an unrelated one never."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from homes import edgetl

from edgetl import open_model

pytestmark = pytest.mark.slow
pytest.importorskip("keras")

BUDGET = ("--size", "96", "--epochs", "4", "--seed", "1")


def train(photos: Path, name: str, weights: str, *more: str) -> float:
    """Trains a classifier; returns its top-1 on the photos held back."""
    done = edgetl("train", photos, "--name", name, "--weights", weights, *BUDGET, *more)
    assert done.code == 0, done.err
    return open_model(name).card.metrics["top1"]


def keep(photos: Path, part: Path, labels: tuple[str, ...], count: int) -> Path:
    """Links some photos of some classes into another folder."""
    for label in labels:
        (part / label).mkdir(parents=True)
        for photo in sorted((photos / label).iterdir())[:count]:
            (part / label / photo.name).symlink_to(photo)
    return part


def write_digits(root: Path, values: np.ndarray, pixels: np.ndarray, name_of) -> Path:
    for i, (value, image) in enumerate(zip(values, pixels, strict=True)):
        folder = root / name_of(int(value))
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{i}.png"), image)
    return root


@pytest.fixture
def drawn(empty_home, monkeypatch):
    """Photos of six metal parts in an empty home, without ImageNet's weights."""
    from edgetl.host.demo.draw import draw_photos

    monkeypatch.setenv("KERAS_HOME", str(empty_home.folder / "keras"))
    draw_photos(empty_home.folder / "drawn", 60, seed=5)
    return empty_home


def test_a_model_of_related_things_beats_random_weights_with_few_photos(drawn):
    folder = drawn.folder
    train(keep(folder / "drawn", folder / "many", ("bolt", "gear", "nut"), 60), "earlier", "starter")
    few = keep(folder / "drawn", folder / "few", ("bearing", "spring", "washer"), 12)
    held = ("--val-fraction", "0.5")
    assert train(few, "reused", "earlier", *held) > train(few, "scratch", "none", *held) + 0.1


def test_an_unrelated_start_is_recognised_and_not_chosen(drawn):
    folder = drawn.folder
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (80, 64, 64, 3), np.uint8)
    write_digits(folder / "noise", np.arange(80) % 2, noise, lambda value: "ab"[value])
    train(folder / "noise", "unrelated", "none", "--head-epochs", "0")
    some = keep(folder / "drawn", folder / "some", ("bolt", "gear", "nut", "spring"), 20)
    told = json.loads(edgetl("models", "rank", some, "--size", "96", "--json").out)
    by = {row["weights"]: row for row in told["starts"]}
    assert by["unrelated@1"]["verdict"] == "hurts"
    assert by["none"]["verdict"] == "hurts"
    train(some, "chosen", "best")
    assert open_model("chosen").card.start.chosen == "starter"
    assert open_model("chosen").card.backbone.weights == "starter"


def test_the_textbook_recipe_learns_a_hundred_and_one_classes(empty_home):
    from edgetl.host.networks.stored import load_keras
    from edgetl.host.train.weights.backbones import build
    from edgetl.host.train.weights.initial_backbone import load_source
    from edgetl.host.train.weights.source import open_source
    from edgetl.host.train.weights.starter import weights_file

    draw_kinds(empty_home.photos, 101, 8)
    plain = ("--head-epochs", "0", "--augment", "0", "--ema", "0", "--label-smoothing", "0", "--layer-decay", "1")
    recipe = ("--freeze", "20", "--head", "1024", "--epochs", "5", "--optimizer", "adam", "--batch-norm", "train")
    done = edgetl("train", "photos", "--name", "book", "--weights", "starter", "--size", "96", *recipe, *plain)
    assert done.code == 0, done.err
    stored = open_model("book")
    assert len(stored.card.labels) == 101
    assert stored.card.metrics["top1"] > 5 / 101
    assert (stored.folder / "history.csv").read_text().count("finetune") == 5
    model = load_keras(stored)
    assert [layer.units for layer in model.get_layer("head").layers if hasattr(layer, "units")] == [1024, 101]
    before = build("mobilenet_v2", 0.35, 96, 96)
    load_source(before, open_source("starter"), weights_file())
    pairs = list(zip(before.layers, model.get_layer("backbone").layers, strict=True))
    assert all(same(a, b) for a, b in pairs[:20])
    assert not all(same(a, b) for a, b in pairs[20:])


def draw_kinds(root: Path, count: int, photos: int) -> None:
    """Draws kinds of things: each has a shape, a hue and a brightness of its own."""
    rng = np.random.default_rng(0)
    for kind in range(count):
        (root / f"{kind:03}").mkdir(parents=True)
        hue, bright, shape = 10 * (kind // 6), (kind // 3) % 2, kind % 3
        colour = cv2.cvtColor(np.uint8([[[hue, 255, 255 if bright else 120]]]), cv2.COLOR_HSV2BGR)[0, 0].tolist()
        for number in range(photos):
            image = rng.integers(0, 80, (96, 96, 3), np.uint8)
            x, y = (int(v) for v in rng.integers(30, 66, 2))
            if shape == 0:
                cv2.circle(image, (x, y), 24, colour, -1)
            elif shape == 1:
                cv2.rectangle(image, (x - 22, y - 22), (x + 22, y + 22), colour, -1)
            else:
                cv2.drawMarker(image, (x, y), colour, cv2.MARKER_CROSS, 52, 10)
            cv2.imwrite(str(root / f"{kind:03}" / f"{number}.png"), image)


def same(one, other) -> bool:
    """Whether two layers have the same weights."""
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


@pytest.mark.real_data
def test_digits_serve_a_zero_detector_and_the_other_way_round(empty_home, data_folder):
    mnist = data_folder / "classification" / "mnist_t10k"
    pixels = np.frombuffer(gzip.decompress((mnist / "t10k-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
    values = np.frombuffer(gzip.decompress((mnist / "t10k-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    pixels, flat = pixels.reshape(-1, 28, 28), ("--no-flip",)
    folder = empty_home.folder
    digits = write_digits(folder / "digits", values[:1500], pixels[:1500], str)
    zero = write_digits(folder / "zero", values[2000:2300], pixels[2000:2300], lambda v: "other" if v else "zero")
    assert train(digits, "digits", "starter", *flat) > 0.8
    reused = train(zero, "zero", "digits", *flat)
    assert reused >= 0.95
    assert reused >= train(zero, "zero-scratch", "none", *flat)
    again = write_digits(folder / "again", values[4000:4400], pixels[4000:4400], str)
    assert train(again, "again", "zero", *flat) > train(again, "again-scratch", "none", *flat)
