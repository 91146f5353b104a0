"""Estimates how good a way of training is, and how much better than another, with 90 % intervals.

An interval covers two kinds of chance: which validation photos there happen to be, by a bootstrap over them, and which
training photos and random numbers a seed chooses, by the spread over the seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edgetl.host.knowledge.comparison_file import DRAWS, Run
from edgetl.host.probe.folds import Estimate, student_t
from edgetl.vision.arrays import Doubles, Mask

_Z = 1.645
"""The distance of the ends of a 90 % interval from its middle, in standard errors."""
_ENOUGH_SEEDS = 3
"""The spread of this many seeds is known well enough; of fewer, that of all numbers of photos together is taken."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference between two ways of training with the same photos.

    Attributes:
        photos: the number of training photos.
        seeds: the number of seeds.
        mean: the mean difference of the figure, -1..1.
        half: half of the 90 % interval.
        seeds_known: whether the interval covers the chance of seeds; it doesn't if no number of photos had two.
    """

    photos: int
    seeds: int
    mean: float
    half: float
    seeds_known: bool

    @property
    def better(self) -> bool:
        """Whether the first way is better beyond doubt."""
        return self.mean > self.half

    @property
    def worse(self) -> bool:
        """Whether the first way is worse beyond doubt."""
        return self.mean < -self.half


@dataclass(frozen=True, slots=True)
class _Sample:
    """What was measured with one number of photos.

    Attributes:
        values: the figure, or the difference of two, of each of S seeds, (S,) float64.
        draws: its mean over the seeds on each draw of the validation photos, (DRAWS,) float64.
    """

    values: Doubles
    draws: Doubles


def accuracy_draws(right: Mask) -> Doubles:
    """Returns the accuracy on draws of the validation photos, the same draws in each call.

    Args:
        right: whether each photo is recognised, (N,) bool.

    Returns:
        The accuracies, (DRAWS,) float64, 0..1.
    """
    count = len(right)
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), DRAWS)
    return np.asarray(drawn @ right / count, np.float64)


def estimate_curve(runs: Iterable[Run], way: str, validation: int) -> dict[int, Estimate]:
    """Returns the figure of a way of training by the number of photos, in ascending order.

    Args:
        runs: the finished runs.
        way: the name of the way.
        validation: the number of validation photos.
    """
    samples = {
        photos: _Sample(np.array([run.figure for run in own]), np.mean([run.draws for run in own], axis=0))
        for photos, own in _by_photos(runs, way).items()
    }
    halves = _half_widths(samples, validation)
    means = {photos: float(sample.values.mean()) for photos, sample in samples.items()}
    return {n: Estimate(mean, max(0.0, mean - halves[n]), min(1.0, mean + halves[n])) for n, mean in means.items()}


def differences(runs: Sequence[Run], first: str, second: str, validation: int) -> list[Difference]:
    """Returns by how much one way of training is better than another, by ascending number of photos.

    Only seeds that both ways have are compared, because they were trained on the same photos.

    Args:
        runs: the finished runs.
        first: the name of one way.
        second: the name of the other way.
        validation: the number of validation photos.
    """
    samples: dict[int, _Sample] = {}
    others = _by_photos(runs, second)
    for photos, own in _by_photos(runs, first).items():
        partners = {run.seed: run for run in others.get(photos, ())}
        pairs = [(run, partners[run.seed]) for run in own if run.seed in partners]
        if pairs:
            gains = np.array([a.figure - b.figure for a, b in pairs])
            samples[photos] = _Sample(gains, np.mean([np.subtract(a.draws, b.draws) for a, b in pairs], axis=0))
    halves, known = _half_widths(samples, validation), _freedom(samples) > 0
    return [Difference(n, len(s.values), float(s.values.mean()), halves[n], known) for n, s in samples.items()]


def _by_photos(runs: Iterable[Run], way: str) -> dict[int, list[Run]]:
    own = [run for run in runs if run.way == way]
    return {photos: [run for run in own if run.photos == photos] for photos in sorted({run.photos for run in own})}


def _half_widths(samples: dict[int, _Sample], validation: int) -> dict[int, float]:
    """Returns half of the 90 % interval by the number of photos.

    It is at least that of a share of the validation photos of which none differs (Agresti and Min 2005): a few photos
    without any difference are no certainty.

    Args:
        samples: what was measured, by the number of photos.
        validation: the number of validation photos.
    """
    freedom = _freedom(samples)
    squares = sum(float(((s.values - s.values.mean()) ** 2).sum()) for s in samples.values())
    pooled = (squares / freedom, freedom) if freedom else (0.0, 1)
    halves = {}
    for photos, sample in samples.items():
        count = len(sample.values)
        own = (float(sample.values.var(ddof=1)), count - 1) if count >= _ENOUGH_SEEDS else pooled
        by_seeds = student_t(own[1]) * math.sqrt(own[0] / count)
        halves[photos] = max(math.hypot(_Z * float(sample.draws.std()), by_seeds), _Z / (validation + 2))
    return halves


def _freedom(samples: dict[int, _Sample]) -> int:
    """Returns the degrees of freedom of the spread over the seeds, all numbers of photos together."""
    return sum(len(sample.values) - 1 for sample in samples.values())
