"""Teacher, student and their loss: the student learns to compute the teacher's feature maps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import torch
import torch._inductor.config
from network import TAPS, MobileNetV2, from_keras
from torch import Tensor, nn
from torch.nn import functional

from edgetl.host.train.weights.backbones import build
from edgetl.host.train.weights.read import load_backbone_weights

Maps = tuple[Tensor, Tensor, Tensor]
"""The feature maps at strides 8, 16 and 32, (N, C, H, W) float32 each."""

ALPHA = 0.35
"""The width multiplier of the starter, the smallest for which Keras has ImageNet weights to compare with."""


class Scale:
    """Standardizes features by the teacher's mean and deviation of each channel, so that all channels count equally.

    Args:
        batches: the teacher's features, (N, C) or (N, C, H, W) float32 each.
    """

    def __init__(self, batches: Sequence[Tensor]) -> None:
        values = torch.cat([batch.movedim(1, -1).flatten(0, -2) for batch in batches])
        self.mean, self.deviation = values.mean(0), values.std(0).clamp(min=1e-2)

    def __call__(self, features: Tensor) -> Tensor:
        """Standardizes features, (N, C) or (N, C, H, W) float32."""
        shape = (-1, *[1] * (features.dim() - 2))
        return (features - self.mean.view(shape)) / self.deviation.view(shape)


class Student(nn.Module):
    """The small network with linear layers that map its middle maps to the teacher's.

    Args:
        widths: the channels of the teacher's map at each stride of `TAPS`.
    """

    def __init__(self, widths: dict[int, int]) -> None:
        super().__init__()
        self.network = MobileNetV2(ALPHA)
        pairs = [(self.network.widths[stride], widths[stride]) for stride in TAPS]
        self.adapters = nn.ModuleList(nn.Conv2d(ours, theirs, 1) for ours, theirs in pairs)

    def forward(self, x: Tensor) -> Maps:
        """Maps (N, 3, H, W) float32 RGB in -1..1 to the teacher's three maps."""
        eighth, sixteenth, last = self.network(x)
        return self.adapters[0](eighth), self.adapters[1](sixteenth), last


class Distillation:
    """Teacher, student and optimizer.

    Args:
        teacher: the weights file of a MobileNetV2 1.0.
        compiled: whether PyTorch compiles the networks, which takes a minute for each input size.
        device: PyTorch's name of the device, cpu or cuda.
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
        self._scales: list[Scale] = []  # one for each map, and one for the mean of the last map

    def measure(self, inputs: Iterable[Tensor]) -> None:
        """Measures the scales of the teacher's features on some inputs, (N, 3, H, W) float32 in -1..1 each."""
        samples = [self._teacher_maps(x) for x in inputs]
        self._scales = [Scale([maps[k] for maps in samples]) for k in range(3)]
        self._scales.append(Scale([maps[2].mean((2, 3)) for maps in samples]))

    def step(self, x: Tensor, rate: float) -> float:
        """Learns from a batch, (N, 3, H, W) float32 in -1..1, at a learning rate; returns the loss."""
        self._optimizer.param_groups[0]["lr"] = rate
        error = loss(self._learn(x), self._teacher_maps(x), self._scales)
        self._optimizer.zero_grad(set_to_none=True)
        error.backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        self._optimizer.step()
        return float(error.item())

    def save(self, checkpoint: Path, step: int, made_by: str) -> None:
        """Writes a checkpoint.

        Args:
            checkpoint: the checkpoint's file.
            step: the number of finished steps.
            made_by: the options of this distillation, which a continued one must have too.
        """
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
        """Reads a checkpoint if there is one; returns the number of finished steps.

        Args:
            checkpoint: the checkpoint's file.
            made_by: the options of this distillation.

        Raises:
            ClickException: the checkpoint is of a distillation with other options.
        """
        if not checkpoint.is_file():
            return 0
        state = torch.load(checkpoint, map_location="cpu")
        if state["made_by"] != made_by:
            remedy = "give the options that it began with, or another --work"
            raise click.ClickException(f"{checkpoint} is of another distillation, {state['made_by']}: {remedy}")
        self.student.load_state_dict(state["student"])
        self._optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])

    def _teacher_maps(self, x: Tensor) -> Maps:
        with torch.no_grad(), torch.autocast(self.device, torch.bfloat16):
            eighth, sixteenth, last = self._teach(x)
        return eighth.float(), sixteenth.float(), last.float()


def loss(ours: Maps, theirs: Maps, scales: Sequence[Scale]) -> Tensor:
    """Returns the loss: squared errors of the maps and of the last map's mean, and the angle between the means.

    Args:
        ours: the student's maps.
        theirs: the teacher's maps.
        scales: the scale of each map, and of the last map's mean.
    """
    *maps, pooled = scales
    errors = [functional.mse_loss(s(a), s(b)) for a, b, s in zip(ours, theirs, maps, strict=True)]
    mean, target = pooled(ours[2].mean((2, 3))), pooled(theirs[2].mean((2, 3)))
    angle = 1 - functional.cosine_similarity(mean, target).mean()
    return 0.25 * (errors[0] + errors[1]) + 0.5 * errors[2] + functional.mse_loss(mean, target) + angle
