"""How many wrong labels come first in the list of suspects: labels are flipped at random, and searched for.

    python bench/suspects.py DATA --weights FILE

The features are computed once, from weights that never saw the photos; labels are flipped in arrays only. Prints, for
each seed, the share of the flipped photos among the first 8 % of the photos in the order of suspicion, the length of
the list, the number of photos that it calls clear, and how many of these are flipped.
"""

import argparse
from pathlib import Path

import numpy as np

from edgetl.card import InputSpec
from edgetl.host.dataset.load import Dataset, load_dataset
from edgetl.host.networks.backend import import_keras
from edgetl.host.probe.photo_review import CLEAR
from edgetl.host.probe.suspects import find_suspects
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.resolve import resolve_classifier
from edgetl.host.train.weights.initial_backbone import build_backbone
from edgetl.host.train.weights.source import open_source
from edgetl.vision.arrays import ClassIds, Floats, Integers


def features_of(folder: str, weights: str, size: int) -> tuple[Floats, Dataset]:
    """The features of the training photos by weights as they are."""
    import_keras()
    from edgetl.host.train.classifier.fit import compute_features
    from edgetl.host.train.classifier.network import assemble

    spec = InputSpec(size, size)
    data = load_dataset(Path(folder), spec)
    source = open_source(weights)
    options = TrainOptions(data=folder, name="bench", weights=weights, size=size)
    resolved = resolve_classifier(options, source, spec, np.bincount(data.train.classes).tolist())
    parts = assemble(build_backbone(resolved, source)[0], len(data.labels), resolved)
    return compute_features(parts.features, data.train, 64), data


def flip(classes: ClassIds, count: int, share: float, seed: int) -> tuple[ClassIds, Integers]:
    """Labels of which a share was replaced by another class at random, and the positions of these photos."""
    rng = np.random.default_rng(seed)
    flipped = rng.choice(len(classes), round(share * len(classes)), replace=False)
    labels = classes.copy()
    labels[flipped] = (labels[flipped] + rng.integers(1, count, len(flipped))) % count
    return labels, flipped


def report(features: Floats, labels: ClassIds, flipped: Integers, count: int) -> tuple[str, float]:
    """A line for people, and the share of the flipped photos among the first 8 %."""
    found = find_suspects(features, labels, count)
    first = [suspect.photo for suspect in found[: round(0.08 * len(labels))]]
    clear = [suspect.photo for suspect in found if suspect.other - suspect.own >= CLEAR]
    caught = float(np.isin(flipped, first).mean()) if len(flipped) else 0.0
    truly = int(np.isin(clear, flipped).sum())
    return f"{caught:6.1%} in the first 8 %; {len(found)} suspects, {len(clear)} clear, {truly} of them flipped", caught


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    features, data = features_of(arguments.data, arguments.weights, arguments.size)
    count, shares = len(data.labels), []
    print(f"as they are: {report(features, data.train.classes, np.empty(0, np.int64), count)[0]}")
    for seed in range(arguments.seeds):
        labels, flipped = flip(data.train.classes, count, arguments.share, seed)
        line, caught = report(features, labels, flipped, count)
        print(f"seed {seed}: {len(flipped)} of {len(labels)} flipped, {line}")
        shares.append(caught)
    print(f"mean {np.mean(shares):.1%}, from {min(shares):.1%} to {max(shares):.1%}")


if __name__ == "__main__":
    main()
