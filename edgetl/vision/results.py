"""What a model says about a frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Classification:
    """The K best classes of a frame, best first; empty where no score reached the threshold.

    Attributes:
        class_id: (K,) int64, columns of the model's output.
        score: (K,) float32, 0..1.
        labels: the K classes' names.
    """

    class_id: NDArray[np.int64]
    score: NDArray[np.float32]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def to_dict(self) -> dict[str, object]:
        """Returns JSON-ready values: `{"task", "classes": [{"label", "class_id", "score"}, …]}`."""
        rows = zip(self.labels, self.class_id.tolist(), self.score.tolist(), strict=True)
        classes = [{"label": label, "class_id": i, "score": round(score, 4)} for label, i, score in rows]
        return {"task": "classification", "classes": classes}

    def __str__(self) -> str:
        pairs = zip(self.labels, self.score.tolist(), strict=True)
        return ", ".join(f"{label} {score:.0%}" for label, score in pairs) or "nothing known"
