"""The training that a report describes: its card, history, data, settings and end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgetl.card import ModelCard
from edgetl.host.report.curve_figures import History, best_epoch


@dataclass(frozen=True, slots=True)
class Verdict:
    """A plain verdict on a trained model.

    Attributes:
        judgement: sentences on what the model is good enough for.
        next_step: the one thing to do next.
    """

    judgement: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a training.

    Attributes:
        best: the position of the epoch in the history whose weights were stored; negative if it is unknown.
        advice: sentences about the uncertainty of the figures and about ways to improve the model.
        interval: the 95 % confidence interval of a detector's mAP, 0..1; NaN if it is unknown.
        verdict: the verdict on the model; None if it wasn't judged.
    """

    best: int = -1
    advice: tuple[str, ...] = ()
    interval: tuple[float, float] = (math.nan, math.nan)
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A finished training.

    Attributes:
        card: the card of the trained model.
        history: a row for each epoch with stage, epoch, learning_rate, seconds and the figures of the task. They are
            loss, accuracy, val_loss and val_accuracy for a classifier; training loss, map and map50 for a detector.
        photos: the N validation photo files, in the order of the evaluation; missing files show a placeholder.
        data_summary: the description of the data set; mappings and sequences may be nested.
        settings: every resolved option by name.
        ending: the end of the training.
    """

    card: ModelCard
    history: History
    photos: Sequence[Path]
    data_summary: Mapping[str, object]
    settings: Mapping[str, object]
    ending: Ending = field(default_factory=Ending)

    @property
    def seconds(self) -> float:
        """The time of all epochs together, s."""
        return sum(float(row.get("seconds", 0)) for row in self.history)

    def best_epoch(self, measure: str) -> int | None:
        """Returns the position of the stored epoch, or of the epoch with the highest value of a measure."""
        return self.ending.best if self.ending.best >= 0 else best_epoch(self.history, measure)

    def page_values(self, best: int | None) -> dict[str, object]:
        """Returns the values that the templates of all tasks need.

        Args:
            best: the position of the epoch to mark.
        """
        return {
            "card": self.card,
            "seconds": self.seconds,
            "history": self.history,
            "best": best,
            "data_summary": self.data_summary,
            "settings": self.settings,
            "advice": self.ending.advice,
            "verdict": self.ending.verdict,
        }
