"""Makes the batches of the distillation: crops of one size a step, with random light, contrast and saturation."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from pictures import Crops
from torch import Tensor

SIZES = {96: 0.35, 128: 0.25, 160: 0.2, 192: 0.1, 224: 0.1}
"""The input's sides, px, with the share of the steps at each. Batches have about as many pixels at every side."""
_MIXED = 0.4
"""The share of the batches whose crops are blended in pairs."""


def size_of(step: int) -> int:
    """Returns the side of a step's inputs, px."""
    return int(np.random.default_rng([11, step]).choice(list(SIZES), p=list(SIZES.values())))


def batches(crops: Crops, count: int, start: int, stop: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yields the number and the batch of each step, (N, H, W, 3) uint8 RGB; a thread makes the next batches meanwhile.

    Args:
        crops: the source of the crops.
        count: the crops of a batch at 96 px; larger ones are fewer.
        start: the first step.
        stop: the step after the last one.
    """

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
    """Turns crops into inputs with random light, contrast and saturation, and blends some of them in pairs.

    Args:
        pixels: the crops, (N, H, W, 3) uint8 RGB.
        step: the step, which the random numbers depend on.
        device: PyTorch's name of the device.

    Returns:
        The inputs, (N, 3, H, W) float32 RGB, -1..1.
    """
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
