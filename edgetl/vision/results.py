"""Defines a model's results: the classes of a frame, or the objects in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgetl.errors import EdgetlError
from edgetl.install import install_package
from edgetl.vision.arrays import BoxesXyxy, ClassIds, Rows, Scores, TrackIds

if TYPE_CHECKING:
    import supervision


UNSURE = 0.5
"""A classifier's best class is marked as unsure below this score, 0..1: all others together are then more likely."""


@dataclass(frozen=True, slots=True)
class Classification:
    """The K best classes of a frame, best first; it is empty if no score reached the threshold.

    Example:
        >>> import numpy as np
        >>> import edgetl
        >>> result = edgetl.Classification(np.array([2]), np.array([0.97], np.float32), ("bolt",))
        >>> print(result)
        bolt 97%

    Attributes:
        class_id: the classes' columns in the model's output, (K,) int64, counted from 0.
        score: the classes' scores, (K,) float32, 0..1.
        labels: the K classes' names.
    """

    class_id: ClassIds
    score: Scores
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def unsure(self) -> bool:
        """Whether the score of the best class is below `UNSURE`."""
        return len(self) > 0 and float(self.score[0]) < UNSURE

    def to_dict(self) -> dict[str, object]:
        """Returns the result as JSON-ready values: `{"task", "classes": [{"label", "class_id", "score"}, …]}`."""
        rows = zip(self.labels, self.class_id.tolist(), self.score.tolist(), strict=True)
        classes = [{"label": label, "class_id": i, "score": round(score, 4)} for label, i, score in rows]
        return {"task": "classification", "classes": classes}

    def __str__(self) -> str:
        pairs = zip(self.labels, self.score.tolist(), strict=True)
        unsure = "unsure: " if self.unsure else ""
        return unsure + ", ".join(f"{label} {score:.0%}" for label, score in pairs) or "nothing known"


@dataclass(frozen=True, slots=True)
class Detections:
    """The N objects that a detector found in a frame, best first; it is empty if no score reached its threshold.

    Example:
        >>> import numpy as np
        >>> import edgetl
        >>> boxes = np.array([[10, 20, 110, 220]], np.float32)
        >>> found = edgetl.Detections(boxes, np.array([0.9], np.float32), np.array([0]), ("bolt",), (640, 480))
        >>> print(found)
        1 bolt
        >>> found.to_dict()["objects"][0]["xyxy"]
        [10.0, 20.0, 110.0, 220.0]

    Attributes:
        xyxy: the boxes, (N, 4) float32 left, top, right, bottom, px of the frame and within it.
        score: the objects' scores, (N,) float32, 0..1.
        class_id: the classes' columns in the model's output, (N,) int64, counted from 0.
        labels: the names of the N objects' classes.
        size_wh: the frame's width and height, px.
        track: numbers that stay with the objects from frame to frame, (N,) int64, from 1 on; None without tracking.
    """

    xyxy: BoxesXyxy
    score: Scores
    class_id: ClassIds
    labels: tuple[str, ...]
    size_wh: tuple[int, int]
    track: TrackIds | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def to_dict(self) -> dict[str, object]:
        """Returns the result as JSON-ready values.

        Returns:
            A dict `{"task", "objects": [{"label", "class_id", "score", "xyxy", "xyxyn"}, …]}`: `xyxy` is in px of the
            frame, `xyxyn` in shares of its width and height, 0..1. With tracking, each object also has `track`.
        """
        pixels = self.xyxy.astype(np.float64)
        shares = pixels / (self.size_wh * 2)
        columns = (self.class_id.tolist(), self.score.tolist(), pixels.round(2).tolist(), shares.round(5).tolist())
        objects = [
            {"label": label, "class_id": i, "score": round(score, 4), "xyxy": box, "xyxyn": share}
            for label, i, score, box, share in zip(self.labels, *columns, strict=True)
        ]
        if self.track is not None:
            for found, number in zip(objects, self.track.tolist(), strict=True):
                found["track"] = number
        return {"task": "detection", "objects": objects}

    def take(self, rows: Rows) -> Detections:
        """Returns some of the objects.

        Args:
            rows: the objects' positions, (K,) intp, 0..N-1, in the order of the result.
        """
        labels = tuple(self.labels[i] for i in rows.tolist())
        track = None if self.track is None else self.track[rows]
        return Detections(self.xyxy[rows], self.score[rows], self.class_id[rows], labels, self.size_wh, track)

    def to_supervision(self) -> supervision.Detections:
        """Returns the objects as a `supervision.Detections`, with the classes' names under `class_name`.

        Raises:
            EdgetlError: supervision is not installed.
        """
        try:
            import supervision
        except ImportError as error:
            remedy = install_package("supervision")
            raise EdgetlError(f"supervision can't be imported: {error}", remedy=remedy) from error
        names = np.array(self.labels, np.str_)
        columns = self.xyxy, None, self.score, self.class_id, self.track
        return supervision.Detections(*columns, data={"class_name": names})

    def __str__(self) -> str:
        # The order must not follow the scores: it would change with every frame of a live picture.
        counts = Counter(zip(self.class_id.tolist(), self.labels, strict=True))
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return ", ".join(f"{count} {label}" for (_, label), count in ordered) or "nothing found"


Result = Classification | Detections
