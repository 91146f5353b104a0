"""The head-only stage on cached features against the plain Keras loop that runs the frozen backbone each epoch.

    python bench/head_stage.py DATA --weights FILE

Both train the same head on the same frozen backbone, split, photos and number of epochs, one after the other in one
run; the loop is what tutorials teach: `backbone.trainable = False`, `model.fit` over the photos. Prints seconds,
validation top-1 and the ratio.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgetl.card import InputSpec
from edgetl.host.dataset.load import Dataset, load_dataset
from edgetl.host.networks.backend import import_keras
from edgetl.host.networks.stored import predict
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.resolve import ClassifierOptions, resolve_classifier
from edgetl.host.train.weights.initial_backbone import build_backbone
from edgetl.host.train.weights.source import open_source


def cached(data: Dataset, options: ClassifierOptions) -> tuple[float, float]:
    """Our stage: seconds and validation top-1."""
    import keras

    from edgetl.host.train.checkpoint import Checkpoint
    from edgetl.host.train.classifier.fit import train_head
    from edgetl.host.train.classifier.network import assemble

    keras.utils.set_random_seed(options.seed)
    started = time.monotonic()
    parts = assemble(build_backbone(options, open_source(options.weights))[0], len(data.labels), options)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder))
        checkpoint.attach(parts.model)
        train_head(parts, data, options, checkpoint)
    return time.monotonic() - started, _top1(parts.model, data)


def plain(data: Dataset, options: ClassifierOptions, epochs: int) -> tuple[float, float]:
    """The tutorial's loop over some epochs: seconds and validation top-1."""
    import keras

    keras.utils.set_random_seed(options.seed)
    started = time.monotonic()
    backbone = build_backbone(options, open_source(options.weights))[0]
    backbone.trainable = False
    pixels = keras.Input((options.size, options.size, 3), dtype="uint8")
    features = keras.layers.GlobalAveragePooling2D()(
        backbone(keras.layers.Rescaling(1 / 127.5, -1)(pixels), training=False)
    )
    scores = keras.layers.Dense(len(data.labels), activation="softmax")(keras.layers.Dropout(0.2)(features))
    model = keras.Model(pixels, scores)
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = data.train.batch(slice(None)), data.train.classes
    model.fit(x, y, batch_size=options.batch, epochs=epochs, verbose=0)
    return time.monotonic() - started, _top1(model, data)


def _top1(model: object, data: Dataset) -> float:
    return float((predict(model, data.val).argmax(axis=1) == data.val.classes).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--epochs", type=int, default=40)
    arguments = parser.parse_args()
    options = TrainOptions(data=arguments.data, name="bench", weights=arguments.weights, size=arguments.size)
    spec = InputSpec(arguments.size, arguments.size)
    data = load_dataset(Path(arguments.data), spec)
    counts = np.bincount(data.train.classes).tolist()
    resolved = resolve_classifier(options, open_source(arguments.weights), spec, counts)
    resolved = replace(resolved, head_epochs=arguments.epochs)
    import_keras()
    ours, ours_top1 = cached(data, resolved)
    theirs, theirs_top1 = plain(data, resolved, arguments.epochs)
    print(f"cached features  {ours:7.1f} s  top-1 {ours_top1:.4f}")
    print(f"plain loop       {theirs:7.1f} s  top-1 {theirs_top1:.4f}")
    print(f"{theirs / ours:.1f} times as fast over {np.int64(arguments.epochs)} epochs")


if __name__ == "__main__":
    main()
