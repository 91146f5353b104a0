"""What of a result is news."""

from __future__ import annotations

from collections import Counter

from edgetl.device.observation import Observation
from edgetl.vision.results import Classification, Result


def counts(result: Result) -> dict[str, int]:
    """Returns how many objects there are of each class, the classes in the model's order; of a classifier its best."""
    if isinstance(result, Classification):
        return dict.fromkeys(result.labels[:1], 1)
    ordered = sorted(zip(result.class_id.tolist(), result.labels, strict=True))
    return dict(Counter(label for _, label in ordered))


class News:
    """Says of each result whether it differs from the last that did.

    Different is another order of a classifier's classes, another count of a class's objects, another photo.
    """

    def __init__(self) -> None:
        self._last: object = None

    def __call__(self, observation: Observation) -> bool:
        """Looks at the next result; the first one is news."""
        frame, result = observation.frame, observation.result
        said = result.labels if isinstance(result, Classification) else counts(result)
        news = (frame.name, said) != self._last
        self._last = frame.name, said
        return news
