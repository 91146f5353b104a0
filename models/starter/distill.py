"""Trains the starter backbone by distillation: a small MobileNetV2 learns to compute what a large one computes.

    python models/starter/distill.py --photos FOLDER … --teacher FILE --work FOLDER

Student and teacher see the same crop of a photo or drawing; labels are not needed. The student learns the teacher's
last feature map, which has 1,280 channels in both networks, and its mean. It also learns the teacher's maps at strides
8 and 16, through a linear layer each, which is discarded later. See Hinton et al., "Distilling the Knowledge in a
Neural Network", 2015; Romero et al., "FitNets", 2015; Beyer et al., "Knowledge distillation: A good teacher is patient
and consistent", 2022.

The script writes a checkpoint into the work folder, and continues from it when it is started again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import click
import h5py
import numpy as np
import torch
from batches import batches, recolour
from distillation import ALPHA, Distillation
from network import MobileNetV2, to_keras
from pictures import Crops, drawn, frames, photos_under, read, training_photos

from edgetl.files import sha256_of
from edgetl.host.train.weights.backbones import build

RESULT = "mobilenet_v2_0.35_no_top.weights.h5"
_LOG_EVERY = 100
"""A line is logged after this many steps, which take about a minute."""


def rate_of(step: int, steps: int, peak: float) -> float:
    """Returns the learning rate of a step: it rises over 2 % of the steps, then falls to zero as half a cosine."""
    warmup = max(1, steps // 50)
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + float(np.cos(np.pi * (step - warmup) / (steps - warmup))))


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_SOME = click.IntRange(min=1)


@click.command()
@click.option("--teacher", type=_FILE, required=True, help="Weights file of Keras's MobileNetV2 1.0 without its top.")
@click.option("--photos", type=_FOLDER, multiple=True, help="A folder of any photos.")
@click.option(
    "--labelled",
    type=_FOLDER,
    multiple=True,
    help="A data set, of which only the photos are used that edgetl would train on.",
)
@click.option("--film", type=_FILE, multiple=True, help="A film, of which every tenth frame is used.")
@click.option("--drawn", "drawings", type=_SOME, default=2000, show_default=True, help="Number of pictures to draw.")
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Folder for checkpoint, log and result.")
@click.option("--steps", type=_SOME, default=6500, show_default=True, help="Number of steps.")
@click.option(
    "--batch", type=_SOME, default=128, show_default=True, help="Crops of a step at 96 px; larger crops are fewer."
)
@click.option("--rate", default=3e-3, show_default=True, help="Peak learning rate.")
@click.option("--save-every", type=_SOME, default=500, show_default=True, help="Steps between checkpoints.")
@click.option("--compile/--no-compile", "compiled", default=True, help="Compile: twice as fast, needs a C++ compiler.")
def main(
    teacher: Path,
    photos: Sequence[Path],
    labelled: Sequence[Path],
    film: Sequence[Path],
    drawings: int,
    work: Path,
    steps: int,
    batch: int,
    rate: float,
    save_every: int,
    compiled: bool,
) -> None:
    """Distil a large MobileNetV2 into the starter, or continue from the checkpoint in WORK."""
    torch.manual_seed(0)
    work.mkdir(parents=True, exist_ok=True)
    real = read([*[p for f in photos for p in photos_under(f)], *[p for f in labelled for p in training_photos(f)]])
    filmed = [frame for path in film for frame in frames(path)]
    crops = Crops([(real, 0.7), (filmed, 0.05), (drawn(drawings), 0.25)])
    pictures = f"{len(real)} photos, {len(filmed)} frames, {drawings} drawings"
    click.echo(pictures)
    made_by = f"{pictures}, teacher {sha256_of(teacher)[:12]}, {steps} steps of {batch} at {rate:g}"
    device = "cuda" if torch.cuda.is_available() else "cpu"
    distillation = Distillation(teacher, compiled=compiled, device=device)
    distillation.measure(recolour(pixels, step, device) for step, pixels in batches(crops, batch, 0, 20))
    start = distillation.restore(work / "checkpoint.pt", made_by)
    if start:
        click.echo(f"going on from step {start}")
    began, losses = time.monotonic(), []
    for step, pixels in batches(crops, batch, start, steps):
        losses.append(distillation.step(recolour(pixels, step, device), rate_of(step, steps, rate)))
        if (step + 1) % _LOG_EVERY == 0 or step + 1 == steps:
            pace = (time.monotonic() - began) / len(losses)
            note(work / "log.txt", f"step {step + 1}/{steps}  loss {np.mean(losses):.4f}  {pace:.2f} s a step")
            began, losses = time.monotonic(), []
        if (step + 1) % save_every == 0 or step + 1 == steps:
            distillation.save(work / "checkpoint.pt", step + 1, made_by)
    write_weights(distillation.student.network, work / RESULT)
    click.echo(f"{work / RESULT}: {(work / RESULT).stat().st_size} bytes")


def note(log: Path, line: str) -> None:
    """Prints a line, and appends it to the log."""
    click.echo(line)
    with log.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def write_weights(network: MobileNetV2, path: Path) -> None:
    """Writes the weights of a MobileNetV2 without its top in the layout of Keras, but in float16."""
    backbone = build("mobilenet_v2", ALPHA, 96, 96)
    to_keras(network, backbone)
    whole, half = path.with_name("whole.weights.h5"), path.with_name("half.tmp")
    backbone.save_weights(whole)
    with h5py.File(whole) as source, h5py.File(half, "w", libver=("earliest", "v110")) as target:

        def copy(name: str, item: object) -> None:
            if isinstance(item, h5py.Dataset):
                array = item[()].astype(np.float16)
                if not np.isfinite(array).all():
                    raise click.ClickException(f"{name} doesn't fit into 16 bits: the training has diverged")
                target.create_dataset(name, data=array)

        source.visititems(copy)
    whole.unlink()
    half.replace(path)


if __name__ == "__main__":
    main()
