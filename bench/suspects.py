"""How many wrong labels come first in the list of suspects: labels are flipped at random, and searched for.

    python bench/suspects.py DATA --weights FILE

The features are computed once, from weights that never saw the photos; labels are flipped in arrays only. Prints, for
each seed, the share of the flipped photos among the first 8 % of the photos in the order of suspicion, the length of
the list, the number of photos that it calls clear, and how many of these are flipped. Photos with boxes are searched by
crops of their boxes, as in the training of a detector.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgetl.card import InputSpec
from edgetl.host.dataset.load import load_dataset
from edgetl.host.networks.backend import import_keras
from edgetl.host.probe.photo_review import CLEAR
from edgetl.host.probe.suspects import find_suspects
from edgetl.host.train.detector import task as detector_task
from edgetl.host.train.detector.review import CropFeatures, compute_crop_features
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.resolve import resolve_classifier, resolve_input
from edgetl.host.train.task import detect_task
from edgetl.host.train.weights.initial_backbone import build_backbone
from edgetl.host.train.weights.source import open_source
from edgetl.vision.arrays import ClassIds, Floats, Integers


@dataclass(frozen=True)
class Searched:
    """What is searched for wrong labels.

    Attributes:
        features: the features of N photos, or of crops of boxes followed by those of the background, (N, F) float32.
        classes: the class of each, (N,) int64.
        labelled: the number of those that have a label; the rest shows the background.
        count: the number of classes that a label can be.
        groups: the number of each one's group of duplicates, (N,) int64; the crops of a photo are one group.
    """

    features: Floats
    classes: ClassIds
    labelled: int
    count: int
    groups: Integers


def boxes_of(folder: str, weights: str, size: int) -> Searched:
    """The crops of the training photos' boxes, with the features that a detector's training computes."""
    import_keras()
    options, source = TrainOptions(folder, "bench", weights=weights, size=size), open_source(weights)
    training = detector_task.load(options, source, resolve_input(options, source, "detection"))
    backbone = build_backbone(training.options, source)[0]
    crops = compute_crop_features(backbone, training.dataset, training.options, training.spec)
    assert isinstance(crops, CropFeatures), crops.missing
    part, data = crops.train, training.dataset
    known = part.labelled
    return Searched(known.features, known.classes, len(part.boxes), len(data.labels), data.report.groups_of(part.files))


def photos_of(folder: str, weights: str, size: int) -> Searched:
    """The training photos, with their features by weights as they are."""
    import_keras()
    from edgetl.host.train.classifier.fit import compute_features
    from edgetl.host.train.classifier.network import assemble

    spec = InputSpec(size, size)
    data = load_dataset(Path(folder), spec)
    source = open_source(weights)
    options = TrainOptions(data=folder, name="bench", weights=weights, size=size)
    resolved = resolve_classifier(options, source, spec, np.bincount(data.train.classes).tolist())
    parts = assemble(build_backbone(resolved, source)[0], len(data.labels), resolved)
    features, classes = compute_features(parts.features, data.train, 64), data.train.classes
    return Searched(features, classes, len(classes), len(data.labels), data.report.groups_of(data.train.paths))


def flip(classes: ClassIds, count: int, share: float, seed: int) -> tuple[ClassIds, Integers]:
    """Labels of which a share was replaced by another class at random, and the positions of these photos."""
    rng = np.random.default_rng(seed)
    flipped = rng.choice(len(classes), round(share * len(classes)), replace=False)
    labels = classes.copy()
    labels[flipped] = (labels[flipped] + rng.integers(1, count, len(flipped))) % count
    return labels, flipped


def report(searched: Searched, labels: ClassIds, flipped: Integers) -> tuple[str, float]:
    """A line for people, and the share of the flipped photos among the first 8 %."""
    classes = np.concatenate([labels, searched.classes[searched.labelled :]])
    found = find_suspects(searched.features, classes, int(classes.max()) + 1, searched.groups)
    found = [suspect for suspect in found if suspect.photo < searched.labelled]
    first = [suspect.photo for suspect in found[: round(0.08 * len(labels))]]
    clear = [suspect.photo for suspect in found if suspect.other - suspect.own >= CLEAR]
    caught = float(np.isin(flipped, first).mean()) if len(flipped) else 0.0
    truly = int(np.isin(clear, flipped).sum())
    return f"{caught:6.1%} in the first 8 %; {len(found)} suspects, {len(clear)} clear, {truly} of them flipped", caught


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--size", type=int, help="the input, px; by default that of a training")
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    boxed = detect_task(Path(arguments.data)) == "detection"
    searched = (
        boxes_of(arguments.data, arguments.weights, arguments.size or 320)
        if boxed
        else photos_of(arguments.data, arguments.weights, arguments.size or 224)
    )
    right, shares = searched.classes[: searched.labelled], []
    print(f"as they are: {report(searched, right, np.empty(0, np.int64))[0]}")
    for seed in range(arguments.seeds):
        labels, flipped = flip(right, searched.count, arguments.share, seed)
        line, caught = report(searched, labels, flipped)
        print(f"seed {seed}: {len(flipped)} of {len(labels)} flipped, {line}")
        shares.append(caught)
    print(f"mean {np.mean(shares):.1%}, from {min(shares):.1%} to {max(shares):.1%}")


if __name__ == "__main__":
    main()
