"""The file of a comparison, as JSON Lines: what all runs have in common, then a line for each finished run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from edgetl import schema
from edgetl.errors import DatasetError, EdgetlError, UsageError
from edgetl.files import read_regular, write_atomic
from edgetl.host.train.options import TaskName

_MOST_BYTES = 64 << 20
"""A file of a comparison may have at most this many bytes; a run takes about two thousand."""

DRAWS = 200
"""The validation photos are drawn with replacement this many times, as for the interval of a detector's mAP."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What all runs of a comparison have in common.

    Attributes:
        data: the fingerprint of the data set.
        split: the fingerprint of the validation photos.
        task: the task.
        backbone: the name of the default's backbone.
        alpha: the width multiplier of that backbone.
        size: the input's height and width, px.
        default: the weights that the default start stands for, as a value of `--weights`.
        classes: the number of classes.
        train: the number of training photos.
        validation: the number of validation photos.
        speed: the photos that this machine was expected to train on in a second when the comparison began.
        shown: the most photos that a run shows to the network, all epochs together.
        first_levels: the number of levels of photos that are compared first.
    """

    data: str
    split: str
    task: TaskName
    backbone: str
    alpha: float
    size: int
    default: str
    classes: int
    train: int
    validation: int
    speed: float
    shown: int
    first_levels: int


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run.

    Attributes:
        way: the name of the way of training.
        photos: the number of training photos.
        seed: the seed of the choice of these photos, of the random weights and of the training.
        epochs: the number of epochs in which the backbone learned.
        full_epochs: the number that `edgetl train` would have taken by default.
        figure: the top-1 or mAP50 on the validation photos, 0..1.
        draws: the figure on each of `DRAWS` draws of the validation photos, 0..1.
        seconds: the time that the run took, s.
        processor: the processor time that it took, of all cores together, s.
    """

    way: str
    photos: int
    seed: int
    epochs: int
    full_epochs: int
    figure: float
    draws: tuple[float, ...]
    seconds: float
    processor: float

    def __post_init__(self) -> None:
        if len(self.draws) != DRAWS:
            raise schema.SchemaError(f"a run must have {DRAWS} draws, got {len(self.draws)}")


class ComparisonFile:
    """The file of a comparison. It is written anew after each run, so that a reader never sees half of a line.

    Args:
        path: the file.
        settings: what the runs have in common.
        runs: the finished runs.
    """

    def __init__(self, path: Path, settings: Settings, runs: tuple[Run, ...] = ()) -> None:
        self.path, self.settings, self.runs = path, settings, runs

    def add(self, run: Run) -> None:
        """Adds a finished run.

        Raises:
            EdgetlError: the file can't be written.
        """
        self.runs = (*self.runs, run)
        lines = [{"settings": schema.document(self.settings)}, *map(schema.document, self.runs)]
        write_atomic(self.path, "".join(f"{json.dumps(line)}\n" for line in lines))

    @classmethod
    def load(cls, path: Path) -> ComparisonFile | None:
        """Reads a file; returns None if there is none.

        Raises:
            EdgetlError: the file can't be read.
        """
        try:
            first, *others = read_regular(path, _MOST_BYTES).decode().splitlines()
            settings = schema.parse(Settings, json.loads(first)["settings"])
            return cls(path, settings, tuple(schema.parse(Run, json.loads(line)) for line in others))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(path, error.strerror or "") from error
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise _unreadable(path, str(error)) from error

    def require_same(self, settings: Settings) -> None:
        """Passes if a comparison with other settings could go on with these runs.

        Args:
            settings: the settings; what was measured or chosen when the comparison began may differ.

        Raises:
            DatasetError: the photos have changed.
            UsageError: the network, its input or the default start differs.
        """
        remedy = "--restart discards the runs; --folder keeps them and begins another comparison"
        mine = self.settings
        if (settings.data, settings.split) != (mine.data, mine.split):
            what = "the photos, or how they are split, have changed since this comparison began"
            raise DatasetError(what, where=str(self.path), remedy=remedy)
        for name in ("task", "backbone", "alpha", "size", "default"):
            if (now := getattr(settings, name)) != (then := getattr(mine, name)):
                what = f"this comparison began with the {_TITLES.get(name, name)} {then}, not {now}"
                raise UsageError(what, where=str(self.path), remedy=remedy)


_TITLES = {"default": "default start", "alpha": "width", "size": "input size"}
"""The words for the settings that differ from the names of their fields."""


def _unreadable(path: Path, reason: str) -> EdgetlError:
    what = f"the runs of this comparison can't be read: {(reason.splitlines() or ['no reason given'])[0]}"
    return EdgetlError(what, where=str(path), remedy="start over with --restart")
