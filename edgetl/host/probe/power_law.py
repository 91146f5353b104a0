"""Fits error = a + b * n ** -c to data curves, many at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgetl.vision.arrays import Doubles

_EXPONENTS = np.linspace(0.05, 1.0, 20)
"""The exponents c that are tried.

Image classifiers have 0.1 to 0.5 (Hestness et al., 2017); the error of a head of fixed size falls with 1 at most.
"""


@dataclass(frozen=True, slots=True, eq=False)
class PowerLaw:
    """The fits of R curves.

    Attributes:
        floor: the error a that no number of photos removes, (R,) float64, at least 0.
        slope: the factor b, (R,) float64, at least 0.
        exponent: the exponent c, (R,) float64, 0.05..1.
    """

    floor: Doubles
    slope: Doubles
    exponent: Doubles

    def error(self, photos: float) -> Doubles:
        """Returns the error of each curve with some number of photos, (R,) float64."""
        return np.asarray(self.floor + self.slope * photos**-self.exponent)


def fit_power_law(photos: Doubles, errors: Doubles) -> PowerLaw:
    """Fits each curve by least squares.

    Args:
        photos: the numbers of photos of the P points, (P,) float64.
        errors: the errors of R curves at these points, (R, P) float64, 0..1.
    """
    best = np.full(len(errors), np.inf)
    floor, slope, exponent = (np.zeros(len(errors)) for _ in range(3))
    for power in _EXPONENTS:
        a, b = _fit_line(photos**-power, errors)
        squares = ((a[:, None] + b[:, None] * photos**-power - errors) ** 2).sum(axis=1)
        better = squares < best
        best, floor, slope = np.where(better, squares, best), np.where(better, a, floor), np.where(better, b, slope)
        exponent = np.where(better, power, exponent)
    return PowerLaw(floor, slope, exponent)


def _fit_line(x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
    """Returns the intercept and the slope of each row of y over x, both (R,) float64 and not negative.

    Args:
        x: the positions, (P,) float64, positive.
        y: the values, (R, P) float64, not negative.
    """
    deviation = x - x.mean()
    slope = np.maximum(y @ deviation / max(float(deviation @ deviation), 1e-300), 0)
    intercept = y.mean(axis=1) - slope * x.mean()
    through_zero = y @ x / float(x @ x)
    return np.maximum(intercept, 0), np.where(intercept < 0, through_zero, slope)
