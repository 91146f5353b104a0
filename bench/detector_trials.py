"""Trains a detector with changed constants, and prints its mAP at each IoU: one trial of docs/detector-design.md.

    python bench/detector_trials.py cards --weights FILE --seed 0
    python bench/detector_trials.py cards --weights FILE --seed 0 loss:_BOX_WEIGHT=4 fit:_CLIP=40
    python bench/detector_trials.py cards --weights FILE --epochs 75 --json trial.json

Each change names a module of `edgetl.host.train.detector`, one of its numbers and a new value. The network computes in
one thread, so that two trials can run side by side; only the last sixth of the epochs is validated.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}

from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.host.train.options import TrainOptions


def main() -> None:
    """Runs one trial."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="the folder of photos with boxes")
    parser.add_argument("changes", nargs="*", metavar="MODULE:NAME=NUMBER")
    parser.add_argument("--weights", default="starter")
    parser.add_argument("--alpha", type=float)
    parser.add_argument("--size", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = vars(parser.parse_intermixed_args())
    changes, file = given.pop("changes"), given.pop("json")
    figures = trial(TrainOptions(name="trial", patience=0, **given), changes)
    for part, row in figures.items():
        print(f"{part:<10} {row}")
    if file:
        file.write_text(json.dumps({"options": given, "changes": changes, **figures}))


def trial(options: TrainOptions, changes: list[str]) -> dict[str, object]:
    """Trains once; returns the seconds of training and the figures of each part of the data set."""
    import keras

    from edgetl.host.evaluate.predict_boxes import measure
    from edgetl.host.train.checkpoint import Checkpoint
    from edgetl.host.train.detector import fit
    from edgetl.host.train.detector.task import load
    from edgetl.host.train.resolve import resolve_input
    from edgetl.host.train.weights.initial_backbone import build_backbone
    from edgetl.host.train.weights.source import open_source

    for change in changes:
        where, value = change.split("=")
        module_name, name = where.split(":")
        module = importlib.import_module(f"edgetl.host.train.detector.{module_name}")
        setattr(module, name, type(getattr(module, name))(float(value)))
    source = open_source(options.weights)
    training = load(options, source, resolve_input(options, source, "detection"))
    keras.utils.set_random_seed(options.seed)
    backbone, about = build_backbone(training.options, source)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder))

        def late(*args: object) -> object:
            early = checkpoint.state.epoch < training.options.epochs * 5 // 6
            return SimpleNamespace(map=0.0, map50=0.0) if early else measure(*args)  # type: ignore[arg-type]

        fit.measure = late  # type: ignore[assignment]
        began, processor = time.monotonic(), time.process_time()
        model, card = training.learn(backbone, about, checkpoint)
        seconds = {"seconds": round(time.monotonic() - began), "processor": round(time.process_time() - processor)}
    parts = {"validation": training.dataset.val, "test": training.dataset.test}
    found = {name: figures_of(measure(model, photos, card)) for name, photos in parts.items() if len(photos)}
    network = {"alpha": card.backbone.alpha if card.backbone else 0.0, "size": card.input.height}
    return {"network": network, "time": seconds, **found}


def figures_of(found: DetectionEvaluation) -> dict[str, float]:
    """Returns mAP and the mAP at each IoU."""
    return {"map": round(found.map, 4)} | {f"{iou:.2f}": round(value, 3) for iou, value in found.by_iou().items()}


if __name__ == "__main__":
    sys.exit(main())
