"""Trains the starter backbone: a small MobileNetV2 that learns to compute what a large one computes.

    python models/starter/distill.py --photos FOLDER … --teacher FILE --work FOLDER

Student and teacher look at the same crop, photo or drawing, and no label is asked for. The student learns the teacher's
last feature map (1,280 channels in either), its mean, and through a linear layer each, which are thrown away, the
teacher's maps at strides 8 and 16: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015; Romero et al.,
"FitNets", 2015; Beyer et al., "Knowledge distillation: A good teacher is patient and consistent", 2022.

It keeps a checkpoint in the work folder and goes on from there when it is started again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import click
import h5py
import numpy as np
import torch
import torch._inductor.config
from network import TAPS, MobileNetV2, from_keras, to_keras
from numpy.typing import NDArray
from pictures import Crops, drawn, frames, photos_under, read, training_photos
from torch import Tensor, nn
from torch.nn import functional

from edgetl.files import sha256_of
from edgetl.host.train.weights.backbones import build
from edgetl.host.train.weights.read import load_backbone_weights

Maps = tuple[Tensor, Tensor, Tensor]

ALPHA = 0.35
RESULT = "mobilenet_v2_0.35_no_top.weights.h5"
SIZES = {96: 0.35, 128: 0.25, 160: 0.2, 192: 0.1, 224: 0.1}
"""Input sides, px, and the share of the steps at each. A batch has as many pixels at one as at another."""
_MIXED = 0.4  # the share of the batches whose crops are blended in pairs
_LOG_EVERY = 100


class Scale:
    """Each channel's mean and deviation over the teacher's features, so that no channel counts more than another."""

    def __init__(self, batches: Sequence[Tensor]) -> None:
        values = torch.cat([batch.movedim(1, -1).flatten(0, -2) for batch in batches])
        self.mean, self.deviation = values.mean(0), values.std(0).clamp(min=1e-2)

    def __call__(self, features: Tensor) -> Tensor:
        """Standardizes (N, C) or (N, C, H, W)."""
        shape = (-1, *[1] * (features.dim() - 2))
        return (features - self.mean.view(shape)) / self.deviation.view(shape)


class Student(nn.Module):
    """The network with the linear layers that take its middle maps to the teacher's."""

    def __init__(self, widths: dict[int, int]) -> None:
        super().__init__()
        self.network = MobileNetV2(ALPHA)
        pairs = [(self.network.widths[stride], widths[stride]) for stride in TAPS]
        self.adapters = nn.ModuleList(nn.Conv2d(ours, theirs, 1) for ours, theirs in pairs)

    def forward(self, x: Tensor) -> Maps:
        """Maps (N, 3, H, W) to the teacher's three maps."""
        eighth, sixteenth, last = self.network(x)
        return self.adapters[0](eighth), self.adapters[1](sixteenth), last


class Distillation:
    """Teacher, student and optimizer.

    Args:
        teacher: weights file of MobileNetV2 1.0.
        compiled: whether PyTorch compiles the networks for each input size, which takes a minute each.
        device: cpu or cuda.
    """

    def __init__(self, teacher: Path, *, compiled: bool, device: str) -> None:
        backbone = build("mobilenet_v2", 1.0, 96, 96)
        load_backbone_weights(backbone, teacher)
        master = from_keras(backbone, 1.0).eval().to(device, memory_format=torch.channels_last)
        self.student = Student(master.widths).to(device, memory_format=torch.channels_last)
        self.device = device
        self._optimizer = torch.optim.AdamW(self.student.parameters(), weight_decay=1e-4)
        torch._inductor.config.freezing = True  # folds the teacher's normalizations into its convolutions
        self._teach = torch.compile(master, dynamic=False, disable=not compiled)
        self._learn = torch.compile(self.student, dynamic=False, disable=not compiled)
        self._scales: list[Scale] = []

    def measure(self, inputs: Iterable[Tensor]) -> None:
        """Takes the scales of the teacher's features from some inputs."""
        samples = [self._taught(x) for x in inputs]
        self._scales = [Scale([maps[k] for maps in samples]) for k in range(3)]
        self._scales.append(Scale([maps[2].mean((2, 3)) for maps in samples]))

    def step(self, x: Tensor, rate: float) -> float:
        """Learns from a batch, (N, 3, H, W) in -1..1; returns its loss."""
        self._optimizer.param_groups[0]["lr"] = rate
        error = loss(self._learn(x), self._taught(x), self._scales)
        self._optimizer.zero_grad(set_to_none=True)
        error.backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        self._optimizer.step()
        return float(error.item())

    def save(self, checkpoint: Path, step: int, made_by: str) -> None:
        """Writes a checkpoint after so many steps; `made_by` says what it is a checkpoint of."""
        state = {
            "made_by": made_by,
            "student": self.student.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "step": step,
        }
        temporary = checkpoint.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(checkpoint)

    def restore(self, checkpoint: Path, made_by: str) -> int:
        """Reads a checkpoint, if there is one; returns the steps done.

        Raises:
            ClickException: it is one of something else.
        """
        if not checkpoint.is_file():
            return 0
        state = torch.load(checkpoint, map_location="cpu")
        if state["made_by"] != made_by:
            remedy = "give the options it began with, or another --work"
            raise click.ClickException(f"{checkpoint} is of another distillation, {state['made_by']}: {remedy}")
        self.student.load_state_dict(state["student"])
        self._optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])

    def _taught(self, x: Tensor) -> Maps:
        with torch.no_grad(), torch.autocast(self.device, torch.bfloat16):
            eighth, sixteenth, last = self._teach(x)
        return eighth.float(), sixteenth.float(), last.float()


def loss(ours: Maps, theirs: Maps, scales: Sequence[Scale]) -> Tensor:
    """Squared errors of the maps and of the last one's mean, and the angle between the means; all standardized."""
    *maps, pooled = scales
    errors = [functional.mse_loss(s(a), s(b)) for a, b, s in zip(ours, theirs, maps, strict=True)]
    mean, wanted = pooled(ours[2].mean((2, 3))), pooled(theirs[2].mean((2, 3)))
    angle = 1 - functional.cosine_similarity(mean, wanted).mean()
    return 0.25 * (errors[0] + errors[1]) + 0.5 * errors[2] + functional.mse_loss(mean, wanted) + angle


def size_of(step: int) -> int:
    """The input side of a step, px."""
    return int(np.random.default_rng([11, step]).choice(list(SIZES), p=list(SIZES.values())))


def batches(crops: Crops, count: int, start: int, stop: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Makes the batches of steps, `count` crops at 96 px, ahead of their use."""

    def make(step: int) -> NDArray[np.uint8]:
        size = size_of(step)
        return crops.batch(step, max(1, count * 96**2 // size**2), size)

    with ThreadPoolExecutor(1) as ahead:
        waiting: list[Future[NDArray[np.uint8]]] = []
        for step in range(start, stop):
            while len(waiting) < min(4, stop - step):
                waiting.append(ahead.submit(make, step + len(waiting)))
            yield step, waiting.pop(0).result()


def recolour(pixels: NDArray[np.uint8], step: int, device: str) -> Tensor:
    """Turns crops into inputs, (N, 3, H, W) in -1..1, each with its own light, contrast and saturation; blends some."""
    rng = np.random.default_rng([13, step])
    count = len(pixels)
    grey = np.full((3, 3), 1 / 3)
    saturation = rng.uniform(0.2, 1.6, (count, 1, 1)) * (rng.random((count, 1, 1)) > 0.05)
    matrix = (saturation * np.eye(3) + (1 - saturation) * grey) * rng.uniform(0.6, 1.4, (count, 1, 1))
    matrix = matrix * rng.uniform(0.9, 1.1, (count, 3, 1))
    shift = rng.uniform(-0.25, 0.25, (count, 1, 1, 3))
    plain = rng.random((count, 1, 1)) < 0.3
    matrix = np.where(plain, np.eye(3), matrix)
    shift = np.where(plain[..., None], 0, shift)
    x = torch.from_numpy(pixels).to(device).float() / 127.5 - 1
    x = torch.einsum("nhwc,ndc->nhwd", x, torch.tensor(matrix, dtype=torch.float32, device=device))
    x = (x + torch.tensor(shift, dtype=torch.float32, device=device)).clamp(-1, 1)
    if rng.random() < _MIXED:
        share = torch.tensor(rng.beta(0.8, 0.8, (count, 1, 1, 1)), dtype=torch.float32, device=device)
        x = share * x + (1 - share) * x.flip(0)
    return x.permute(0, 3, 1, 2)


def rate_of(step: int, steps: int, peak: float) -> float:
    """Warm-up over 2 % of the steps, then a cosine down to nothing."""
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
    "--labelled", type=_FOLDER, multiple=True, help="A data set: the photos edgetl would train on, no others."
)
@click.option("--film", type=_FILE, multiple=True, help="A film: every tenth frame.")
@click.option("--drawn", "drawings", type=_SOME, default=2000, show_default=True, help="Pictures to draw.")
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Folder for checkpoint, log and result.")
@click.option("--steps", type=_SOME, default=6500, show_default=True, help="How many.")
@click.option(
    "--batch", type=_SOME, default=128, show_default=True, help="Crops a step at 96 px; fewer of larger ones."
)
@click.option("--rate", default=3e-3, show_default=True, help="Peak learning rate.")
@click.option("--save-every", type=_SOME, default=500, show_default=True, help="Steps between checkpoints.")
@click.option("--compile/--no-compile", "compiled", default=True, help="Twice as fast; wants a C++ compiler.")
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
    """Distils a large MobileNetV2 into the starter; goes on from WORK's checkpoint where there is one."""
    torch.manual_seed(0)
    work.mkdir(parents=True, exist_ok=True)
    real = read([*[p for f in photos for p in photos_under(f)], *[p for f in labelled for p in training_photos(f)]])
    filmed = [frame for path in film for frame in frames(path)]
    crops = Crops([(real, 0.7), (filmed, 0.05), (drawn(drawings), 0.25)])
    told = f"{len(real)} photos, {len(filmed)} frames, {drawings} drawings"
    click.echo(told)
    made_by = f"{told}, teacher {sha256_of(teacher)[:12]}, {steps} steps of {batch} at {rate:g}"
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
    """Says a line and keeps it."""
    click.echo(line)
    with log.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def write_weights(network: MobileNetV2, path: Path) -> None:
    """Writes the weights as Keras does, for a MobileNetV2 without its top, but in 16 bits."""
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
