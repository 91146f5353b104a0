"""Training beside the loop that tutorials teach: the same photos, split, network and weights, in one run.

    python bench/peers/training.py DATA --weights FILE

The tutorial: a frozen MobileNetV2 0.35 with a new head for ten epochs, then all of it at a small rate, its photos
decoded, resized and varied anew each epoch. Ours is `edgetl train` as it comes. Prints seconds an epoch of each phase,
and when each first reached the wanted top-1 on the validation photos.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from edgetl.card import InputSpec
from edgetl.host.dataset.load import load_dataset
from edgetl.host.networks.backend import import_tensorflow

SIZE, BATCH = 224, 32
Course = list[tuple[str, float, float]]
"""Of each epoch: the phase, seconds since the start, top-1."""


def ours(data: Path, weights: Path, folder: Path) -> Course:
    command = [sys.executable, "-m", "edgetl", "train", data, "--name", "ours", "--weights", weights]
    command += ["--backbone", "mobilenet_v2", "--alpha", "0.35", "--size", SIZE]
    environment = os.environ | {"EDGETL_MODELS": str(folder), "EDGETL_CACHE": str(folder / "cache")}
    start = time.monotonic()
    subprocess.run(list(map(str, command)), env=environment, check=True)
    whole = time.monotonic() - start
    with (folder / "ours" / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    before = whole - sum(float(row["seconds"]) for row in rows)  # imports, decoding, features; and the report
    course, seconds = [], before
    for row in rows:
        seconds += float(row["seconds"])
        course.append((row["stage"], seconds, float(row["val_accuracy"])))
    return course


def tutorial(data: Path, weights: Path, epochs: int) -> Course:
    tensorflow = import_tensorflow()
    import keras

    keras.utils.set_random_seed(0)
    split = load_dataset(data, InputSpec(SIZE, SIZE))
    start = time.monotonic()

    def read(path: object, label: object) -> tuple[object, object]:
        image = tensorflow.io.decode_image(tensorflow.io.read_file(path), channels=3, expand_animations=False)
        return tensorflow.image.resize(image, (SIZE, SIZE)), label

    def pipeline(photos: object, shuffled: bool) -> object:
        files = tensorflow.data.Dataset.from_tensor_slices(([str(p) for p in photos.paths], photos.classes))  # type: ignore[attr-defined]
        files = files.shuffle(len(photos.paths), seed=0) if shuffled else files  # type: ignore[attr-defined]
        return files.map(read, num_parallel_calls=tensorflow.data.AUTOTUNE).batch(BATCH).prefetch(2)

    backbone = keras.applications.MobileNetV2((SIZE, SIZE, 3), alpha=0.35, include_top=False, weights=None)
    backbone.load_weights(weights)
    varied = keras.Sequential([keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.2)])
    inputs = keras.Input((SIZE, SIZE, 3))
    features = backbone(keras.applications.mobilenet_v2.preprocess_input(varied(inputs)), training=False)
    pooled = keras.layers.Dropout(0.2)(keras.layers.GlobalAveragePooling2D()(features))
    model = keras.Model(inputs, keras.layers.Dense(len(split.labels), activation="softmax")(pooled))
    train, val = pipeline(split.train, True), pipeline(split.val, False)
    course: Course = []
    for phase, trainable, rate in (("head", False, 1e-3), ("finetune", True, 1e-4)):
        backbone.trainable = trainable
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        for _ in range(epochs):
            model.fit(train, verbose=0)
            right = (model.predict(val, verbose=0).argmax(axis=1) == split.val.classes).mean()
            course.append((phase, time.monotonic() - start, float(right)))
            print(f"tutorial {phase} {course[-1][1]:.0f} s {right:.3f}", file=sys.stderr)
    return course


def told(name: str, course: Course, wanted: float) -> str:
    """Returns a row of the table."""
    times = {}
    for phase in dict.fromkeys(phase for phase, _, _ in course):
        ends = [seconds for found, seconds, _ in course if found == phase]
        times[phase] = float(np.diff(ends).mean()) if len(ends) > 1 else float("nan")
    reached = next((seconds for _, seconds, right in course if right >= wanted), None)
    best = max(right for _, _, right in course)
    epochs = ", ".join(f"{phase} {seconds:.1f}" for phase, seconds in times.items())
    return f"| {name} | {epochs} | {f'{reached:.0f} s' if reached else 'never'} | {best:.3f} | {course[-1][1]:.0f} s |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--wanted", type=float, default=0.85, help="top-1")
    parser.add_argument("--epochs", type=int, default=10, help="of each of the tutorial's phases")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        mine = ours(given.data.resolve(), given.weights.resolve(), Path(folder))
    theirs = tutorial(given.data, given.weights, given.epochs)
    print(f"| | seconds an epoch | to {given.wanted:.0%} | best | whole |\n|---|---|---|---|---|")
    print(told("edgetl", mine, given.wanted))
    print(told("tutorial loop", theirs, given.wanted))


if __name__ == "__main__":
    main()
