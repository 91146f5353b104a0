"""Defines what a model card says about the model's answers on its validation photos, for comparison while it runs."""

from __future__ import annotations

from dataclasses import dataclass

_MOST_BINS = 1000
"""A histogram of a card may have at most this many bins, which bounds the work that a card can ask for."""


@dataclass(frozen=True, slots=True)
class ValidationProfile:
    """The distribution of a model's answers and of the light on its validation photos.

    Each histogram holds the shares of equal bins, see `edgetl.vision.shares`.

    Attributes:
        photos: number of validation photos.
        score: histogram of the scores of the best classes, or of the objects that a detector shows.
        margin: histogram of the best score minus the second best; empty for a detector.
        entropy: histogram of the entropy of all scores, see `edgetl.vision.uncertainty`; empty for a detector.
        classes: shares of the answers that name each class, in the order of the labels, and of those that name none.
        brightness: histogram of the mean brightness of the photos.
    """

    photos: int
    score: tuple[float, ...]
    margin: tuple[float, ...]
    entropy: tuple[float, ...]
    classes: tuple[float, ...]
    brightness: tuple[float, ...]

    def problem(self, labels: int) -> str:
        """Returns what is wrong with the profile in a model card; an empty text if nothing is.

        Args:
            labels: the number of the model's labels.
        """
        if len(self.classes) != labels + 1:
            return f"validation.classes must have {labels + 1} shares, got {len(self.classes)}"
        histograms = (self.score, self.margin, self.entropy, self.brightness)
        if max(map(len, histograms)) > _MOST_BINS or not (self.score and self.brightness):
            return f"validation must have histograms of 1 to {_MOST_BINS} bins"
        if bool(self.margin) != bool(self.entropy):
            return "validation must have both margin and entropy, or neither"
        shares = (*self.classes, *(share for one in histograms for share in one))
        return "" if all(0 <= share <= 1 for share in shares) else "validation must have shares from 0 to 1"
