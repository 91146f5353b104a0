"""Words what a training found out about its photos, for the terminal and for its report."""

from __future__ import annotations

from edgetl.host.probe.folds import Estimate
from edgetl.host.probe.photo_review import PhotoReview
from edgetl.text import counted

HARDLY = 0.01
"""A gain of less than this, 0..1, is hardly worth the work of taking photos."""
_UNKNOWN = 0.15
"""An interval of a gain that is wider than this, 0..1, says nothing that would help to decide."""
_MOST_NAMED = 3
"""At most this many classes are named as those that would gain most."""


def gain_sentence(review: PhotoReview) -> str:
    """Returns what twice the photos should bring, and which classes would gain most.

    Args:
        review: a review with a gain.
    """
    gain = review.gain
    if gain is None:
        return ""
    points = _points(gain, " of recall" if review.unit == "box" else "")
    if gain.high - gain.low > _UNKNOWN:
        things = "boxes" if review.unit == "box" else "photos"
        return f"Twice the photos should bring {points}: too few validation {things} to tell more."
    if gain.mean < HARDLY / 2 and gain.high < 3 * HARDLY:
        return f"Twice the photos of the same kind should bring hardly anything: {points}."
    names = classes_that_gain(review)
    more = f" Most would gain: {', '.join(names)}." if names else ""
    return f"Twice the photos should bring {points}.{more}"


def classes_that_gain(review: PhotoReview) -> list[str]:
    """Returns the classes that would gain clearly more than the average, the largest gain first."""
    gains = [gain for gain in review.class_gains if gain.gain >= HARDLY]
    usual = sum(gain.gain for gain in review.class_gains) / max(1, len(review.class_gains))
    return [gain.label for gain in gains if gain.gain > 1.2 * usual][:_MOST_NAMED]


def suspects_sentence(review: PhotoReview) -> str:
    """Returns how many labels are probably wrong, the clear ones first.

    Args:
        review: a review with suspects.
    """
    clear, rest = review.clear, sum(not suspect.clear for suspect in review.suspects)
    found = f"{_look(clear, 'label')} clearly wrong" if clear else "No label looks clearly wrong"
    shown = _look(rest, "box", "boxes") if review.unit == "box" else _look(rest, "photo")
    own = ("its label" if rest == 1 else "their labels") if review.unit == "box" else "that of the folder"
    less = f", and {shown} less clearly like another class than {own}" if rest else ""
    return f"{found}{less}: check the first ones of suspects.csv, which lies beside the report."


def _look(count: int, noun: str, nouns: str = "") -> str:
    return f"{counted(count, noun, nouns)} {'looks' if count == 1 else 'look'}"


def _points(gain: Estimate, of: str = "") -> str:
    """Returns a gain as `about +2 points (0 to 4)`, or as `about +2 points of recall (0 to 4)`.

    Args:
        gain: the gain, -1..1; a small one gets a decimal.
        of: the words behind the points.
    """
    digits = 0 if gain.high >= 2 * HARDLY else 1
    # Adding zero turns a rounded -0 into 0.
    mean, low, high = (f"{round(100 * value, digits) + 0:.{digits}f}" for value in (gain.mean, gain.low, gain.high))
    return f"about +{mean} {'point' if mean == '1' else 'points'}{of} ({low} to {high})"
