"""The forecast of what twice the photos bring, against what they really brought.

    python bench/data_curve.py DATA --weights FILE

DATA is the folder of real photos. Of each of four sets, a classifier is trained with half of the training photos and
with all of them, on the same validation photos and for the same number of steps. The forecast of the first training is
compared with the gain of the second one. Figures are means over the seeds.
"""

import argparse
import os
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from starter import write_digits

import edgetl
from edgetl.card import InputSpec
from edgetl.host.dataset.load import load_dataset
from edgetl.host.probe.folds import stratified_parts

_GROUPS = 10
"""The classes of ImageNet are put into this many groups in the order of their synsets, related things side by side."""


@dataclass(frozen=True)
class Outcome:
    """The figures of one seed, all 0..1: top-1 with half and with all photos, and the forecast gain."""

    half: float
    whole: float
    forecast: float
    low: float
    high: float


def link_trashnet(data: Path, root: Path) -> None:
    for photo in sorted((data / "classification" / "trashnet").glob("*/*.jpg")):
        link(photo, root / photo.parent.name)


def link_groups(data: Path, root: Path) -> None:
    photos = sorted((data / "photos" / "imagenet_sample").glob("*.jp*g"))
    for i, photo in enumerate(photos):
        link(photo, root / f"group{i * _GROUPS // len(photos)}")


def write_some_digits(data: Path, root: Path) -> None:
    write_digits(root, data / "classification" / "mnist_t10k", 150)


def write_crops(data: Path, root: Path) -> None:
    """Writes the contents of the boxes of playing cards."""
    for xml in sorted((data / "detection" / "cards").glob("*/*.xml")):
        tree = ElementTree.parse(xml).getroot()
        photo = cv2.imread(str(xml.with_name(tree.findtext("filename", ""))))
        for i, thing in enumerate(tree.iter("object")):
            x1, y1, x2, y2 = (int(thing.findtext(f"bndbox/{side}", "0")) for side in ("xmin", "ymin", "xmax", "ymax"))
            folder = root / thing.findtext("name", "")
            folder.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / f"{xml.stem}-{i}.jpg"), photo[y1:y2, x1:x2])


SETS: dict[str, Callable[[Path, Path], None]] = {
    "trashnet": link_trashnet,
    "digits": write_some_digits,
    "cards": write_crops,
    "groups": link_groups,
}


def link(photo: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / photo.name).symlink_to(photo.resolve())


def split(source: Path, folder: Path, size: int, seed: int) -> tuple[Path, Path]:
    """Makes a folder with half of the training photos and one with all, with the same photos to validate with."""
    data = load_dataset(source, InputSpec(size, size), val_fraction=0.3, seed=seed)
    half = next(stratified_parts(data.train.classes, 0.5, 1, np.random.default_rng(seed)))
    places = folder / "half", folder / "all"
    for place, picked in zip(places, (half, np.arange(len(data.train))), strict=True):
        for i in picked.tolist():
            link(data.train.paths[i], place / "train" / data.labels[data.train.classes[i]])
        for photo, label in zip(data.val.paths, data.val.classes.tolist(), strict=True):
            link(photo, place / "val" / data.labels[label])
    return places


def compare(name: str, source: Path, work: Path, arguments: argparse.Namespace, seed: int) -> Outcome:
    half, whole = split(source, work / f"{name}{seed}", arguments.size, seed)
    top1 = []
    for place, epochs in ((half, 2 * arguments.epochs), (whole, arguments.epochs)):
        options = edgetl.TrainOptions(
            str(place),
            f"{name}{seed}-{place.name}",
            weights=arguments.weights,
            size=arguments.size,
            epochs=epochs,
            seed=seed,
            flip=name not in ("digits", "cards"),
        )
        began = time.process_time()
        top1.append(edgetl.train(options).card.metrics["top1"])
        print(f"  {options.name}: {top1[-1]:.4f}, {time.process_time() - began:.0f} processor-seconds", flush=True)
    gain = edgetl.photo_review(f"{name}{seed}-half").gain
    if gain is None:
        raise SystemExit(f"{name} has too few photos")
    return Outcome(top1[0], top1[1], gain.mean, gain.low, gain.high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--sets", nargs="*", choices=list(SETS), default=list(SETS))
    arguments = parser.parse_args()
    arguments.weights = str(Path(arguments.weights).resolve())
    with tempfile.TemporaryDirectory() as folder:
        os.environ["EDGETL_MODELS"] = f"{folder}/models"
        lines = []
        for name in arguments.sets:
            SETS[name](arguments.data, Path(folder) / name)
            found = [compare(name, Path(folder) / name, Path(folder), arguments, s) for s in range(arguments.seeds)]
            lines.append(_line(name, found))
            print(lines[-1], flush=True)
    print("\n".join(["set       half    all     gain   forecast (interval)", *lines]))


def _line(name: str, found: list[Outcome]) -> str:
    half, whole, mean, low, high = (
        float(np.mean([getattr(one, part) for one in found])) for part in ("half", "whole", "forecast", "low", "high")
    )
    each = ", ".join(f"{100 * (one.whole - one.half):+.1f}" for one in found)
    inside = "inside" if low <= whole - half <= high else "outside"
    return (
        f"{name:<9} {half:.3f}   {whole:.3f}   {100 * (whole - half):+.1f}   {100 * mean:+.1f} "
        f"({100 * low:.1f} to {100 * high:.1f}), {inside}; gain by seed {each}"
    )


if __name__ == "__main__":
    main()
