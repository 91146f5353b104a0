"""Builds MobileNetV2 in PyTorch with the layers of Keras's, so that weights can be copied in both directions.

See Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018. The distillation uses PyTorch
because its compiler fuses normalization and activation, which take much of a training step's time on a CPU.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from edgetl.host.networks.untyped import Layer, Network

TAPS = {8: 6, 16: 13}
"""The number of blocks before the middle feature map at a stride, px (Keras's `block_5` and `block_12`)."""

_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels at alpha 1, number of blocks and stride of the first block, for each stage."""


class Convolution(nn.Sequential):
    """A convolution without bias, its normalization, and ReLU6 if `relu`; at stride 2 it pads as TensorFlow does."""

    def __init__(self, inputs: int, outputs: int, side: int, *, stride: int = 1, groups: int = 1, relu: bool) -> None:
        padding = 1 if side == 3 and stride == 1 else 0
        layers = [
            nn.Conv2d(inputs, outputs, side, stride, padding, groups=groups, bias=False),
            nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01),
        ]
        super().__init__(*layers, *([nn.ReLU6()] if relu else []))
        self.halves = stride == 2

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) to (N, outputs, H / stride, W / stride)."""
        return super().forward(functional.pad(x, (0, 1, 0, 1)) if self.halves else x)


class Block(nn.Module):
    """An inverted residual: expand, depthwise, project."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = [Convolution(inputs, hidden, 1, relu=True)] if expansion > 1 else []
        depthwise = Convolution(hidden, hidden, 3, stride=stride, groups=hidden, relu=True)
        self.layers = nn.Sequential(*expand, depthwise, Convolution(hidden, outputs, 1, relu=False))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) to (N, outputs, H / stride, W / stride)."""
        return x + self.layers(x) if self.adds else self.layers(x)


class MobileNetV2(nn.Module):
    """The network without its top.

    Args:
        alpha: the width multiplier, at most 1.

    Attributes:
        widths: the channels of the map at each stride of `TAPS`.
    """

    def __init__(self, alpha: float) -> None:
        super().__init__()
        channels = _divisible(32 * alpha)
        self.stem = Convolution(3, channels, 3, stride=2, relu=True)
        blocks: list[nn.Module] = []
        outputs = [channels]
        for expansion, width, repeats, stride in _STAGES:
            for repeat in range(repeats):
                outputs.append(_divisible(width * alpha))
                blocks.append(Block(outputs[-2], outputs[-1], stride if repeat == 0 else 1, expansion))
        self.blocks = nn.ModuleList(blocks)
        self.top = Convolution(outputs[-1], 1280, 1, relu=True)
        self.widths = {stride: outputs[count] for stride, count in TAPS.items()}

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Computes feature maps.

        Args:
            x: (N, 3, H, W) float32 RGB, -1..1; H and W are multiples of 32.

        Returns:
            The maps at strides 8 and 16, which are linear, and at stride 32, which has 1,280 channels in 0..6.
        """
        x = self.stem(x)
        taps = []
        for count, block in enumerate(self.blocks, 1):
            x = block(x)
            if count in TAPS.values():
                taps.append(x)
        return taps[0], taps[1], self.top(x)


def from_keras(backbone: Network, alpha: float) -> MobileNetV2:
    """Returns a copy of a `keras.applications.MobileNetV2` without its top."""
    network = MobileNetV2(alpha)
    with torch.no_grad():
        for ours, theirs in _pairs(network, backbone):
            arrays = [torch.from_numpy(np.ascontiguousarray(_turn(a, back=False))) for a in theirs.get_weights()]
            for tensor, array in zip(_tensors(ours), arrays, strict=True):
                tensor.copy_(array)
    return network


def to_keras(network: MobileNetV2, backbone: Network) -> None:
    """Copies the weights into a `keras.applications.MobileNetV2` of the same width without its top."""
    for ours, theirs in _pairs(network, backbone):
        theirs.set_weights([_turn(t.detach().cpu().float().numpy(), back=True) for t in _tensors(ours)])


def _pairs(network: MobileNetV2, backbone: Network) -> Iterator[tuple[nn.Module, Layer]]:
    """Pairs the layers that have weights, in the order of both networks."""
    ours = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
    return zip(ours, [layer for layer in backbone.layers if layer.weights], strict=True)


def _tensors(layer: nn.Module) -> list[Tensor]:
    if isinstance(layer, nn.BatchNorm2d):
        return [layer.weight, layer.bias, layer.running_mean, layer.running_var]  # type: ignore[list-item]
    return [layer.weight]  # type: ignore[list-item]


def _turn(array: NDArray[np.generic], *, back: bool) -> NDArray[np.generic]:
    """Transposes a kernel from Keras's axes to PyTorch's, or back; other weights are returned unchanged.

    Args:
        array: the kernel, (H, W, I, O) in Keras or (O, I, H, W) in PyTorch; if it is depthwise, (H, W, I, 1) or
            (I, 1, H, W).
        back: whether the kernel is PyTorch's.
    """
    if array.ndim < 4:
        return array
    depthwise = array.shape[1 if back else 3] == 1
    order = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0) if back else (3, 2, 0, 1)
    return array.transpose(order)


def _divisible(width: float) -> int:
    """Returns the nearest multiple of eight that is at most a tenth smaller than a width."""
    rounded = max(8, int(width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width else rounded
