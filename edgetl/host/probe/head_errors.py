"""Summarises the errors of heads that learned from parts of the training photos: by size, by class and by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgetl.vision.arrays import ClassIds, Doubles, Floats, Integers, Mask

_LEAST_DISCORDANT = 0.5
"""Two trainings disagree on at least this many photos for each error, even if heads on the same features do not."""
_PRIOR = 10.0
"""A class is judged as if it had this many wrong photos more, corrected as often as those of all classes."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadErrors:
    """The errors of the head after it learned from P parts.

    Attributes:
        photos: the number of all training photos.
        sizes: the number of photos of each part, (P,) int64.
        wrong: whether each of V validation photos is wrong after each part, (P, V) bool.
        truth: the class of each validation photo, (V,) int64.
        count: the number of classes C.
    """

    photos: int
    sizes: Integers
    wrong: Mask
    truth: ClassIds
    count: int

    def mean_wrong(self) -> Doubles:
        """Returns how often each validation photo is wrong at each of S sizes, (S, V) float64, 0..1."""
        return np.stack([self.wrong[self.sizes == size].mean(axis=0) for size in np.unique(self.sizes)])

    def errors(self, draws: Floats, rng: np.random.Generator) -> Doubles:
        """Returns the error at each of S sizes in R resamplings of photos and parts, (R, S) float64, 0..1.

        Args:
            draws: the weights of the validation photos, (R, V) float32.
            rng: the generator of the parts that are drawn.
        """
        by_part = draws @ self.wrong.T.astype(np.float32)
        columns = []
        for size in np.unique(self.sizes):
            own = by_part[:, self.sizes == size]
            drawn = rng.integers(0, own.shape[1], own.shape)
            columns.append(np.take_along_axis(own, drawn, axis=1).mean(axis=1))
        return np.stack(columns, axis=1).astype(np.float64)

    def discordant(self) -> float:
        """Returns on how many photos two disjoint parts of the largest size disagree for each error of one of them."""
        sizes = [size for size in np.unique(self.sizes).tolist() if (self.sizes == size).sum() > 1]
        first, second = self.wrong[self.sizes == sizes[-1]][:2]
        share = float((first != second).sum()) / max(1.0, float(first.sum() + second.sum()) / 2)
        return max(share, _LEAST_DISCORDANT)

    def corrected_by_class(self, overall: float) -> Doubles:
        """Returns the share of the errors of each class that twice the photos correct, (C,) float64, 0..1.

        A class is judged by how many of its errors the head corrected from each size to the next.

        Args:
            overall: this share of all classes together, 0..1.
        """
        wrong = self.mean_wrong()
        before = np.bincount(self.truth, weights=wrong[:-1].sum(axis=0), minlength=self.count)
        fewer = np.bincount(self.truth, weights=(wrong[:-1] - wrong[1:]).sum(axis=0), minlength=self.count)
        usual = max(float(fewer.sum()), 0.0) / max(float(before.sum()), 1.0)
        shares = np.maximum(fewer + _PRIOR * usual, 0) / (before + _PRIOR)
        return np.asarray(np.minimum(shares * (overall / usual if usual else 0.0), 1))
