"""The checkpoint that an interrupted training continues from: all variables, the best weights and the history.

It is written after every epoch.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl import schema
from edgetl.chosen_start import ChosenStart
from edgetl.errors import EdgetlError
from edgetl.files import write_atomic
from edgetl.host.networks.untyped import Network, Variable
from edgetl.host.train.best_epoch import NO_SCORE, BestScore

Row = dict[str, float | str]
"""One epoch of the history, by column."""
Arrays = list[NDArray[np.generic]]
"""The values of variables, in a fixed order."""


@dataclass(slots=True)
class State:
    """The progress of a training.

    Attributes:
        data: the fingerprint of the data set.
        stage: the name of the current stage.
        epoch: the number of finished epochs of this stage.
        best_epoch: the best epoch of this stage; 0 if none is better than the weights that the stage began with.
        best: the best score so far, see `edgetl.host.train.stage.Judgement`.
        highest: the highest first figure of any score so far.
        best_row: the position in `rows` of the epoch whose weights are stored; -1 before the first one.
        done: the names of the finished stages.
        rows: the history.
        start: the choice of the weights that the training began with, for its card; None if the user named them.
    """

    data: str = ""
    stage: str = ""
    epoch: int = 0
    best_epoch: int = 0
    best: tuple[float, ...] = NO_SCORE
    highest: float = NO_SCORE[0]
    best_row: int = -1
    done: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    start: ChosenStart | None = None


class Checkpoint:
    """The folder of a training while it runs.

    Args:
        folder: the folder; it is made with the first file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = State()
        self._best: Arrays | None = None
        self._loaded: dict[str, NDArray[np.generic]] = {}
        self._whole: Network | None = None
        self._finished: Arrays = []

    @property
    def exists(self) -> bool:
        """Whether there is a checkpoint to resume from."""
        return self._path.is_file()

    @property
    def _path(self) -> Path:
        return self.folder / "checkpoint.npz"

    def load(self) -> None:
        """Reads the checkpoint of the last finished epoch.

        Raises:
            EdgetlError: the checkpoint can't be read.
        """
        with self._refusing_damage():
            _require_stored(self._path)
            with np.load(self._path) as arrays:
                self._loaded = dict(arrays)
            self.state = _parse_state(json.loads(self._loaded.pop("state").item()))

    @contextmanager
    def _refusing_damage(self) -> Iterator[None]:
        """Turns whatever NumPy, zipfile, json or Keras raise at a damaged checkpoint into an EdgetlError."""
        try:
            yield
        except Exception as error:  # zlib.error, NotImplementedError, BadZipFile, RecursionError and many more
            what = f"the checkpoint can't be read: {(str(error).splitlines() or [type(error).__name__])[0]}"
            raise EdgetlError(
                what, where=str(self._path), remedy="train again with --restart instead of --resume"
            ) from error

    def finished(self, stage: str) -> bool:
        """Returns whether a stage was trained to its end, now or before an interruption."""
        return stage in self.state.done

    def attach(self, whole: Network) -> None:
        """Connects the checkpoint with the whole model, and restores the weights at the end of the last stage."""
        self._whole = whole
        if self.state.done:
            with self._refusing_damage():
                self._finished = self._arrays("model")
                _assign(whole.variables, self._finished)

    def begin(self, stage: str, model: Network) -> State:
        """Begins a stage, or restores it as it was after its last finished epoch."""
        model.optimizer.build(model.trainable_variables)
        if self.state.stage == stage and self._loaded:
            with self._refusing_damage():
                _assign(_variables(model), self._arrays("now"))
                self._best = self._arrays("best") or None  # there is none before the first validation
                _require_same_shapes(self._best or [], model.weights if self._best else [])
        else:
            # The result of the stage before is the one to beat: a later stage must not make the model worse.
            self.state.stage, self.state.epoch, self.state.best_epoch = stage, 0, 0
            self._best = [_array(v) for v in model.weights] if self.state.done else None
        self._loaded = {}
        return self.state

    def record(self, row: Row, score: tuple[float, ...], model: Network, error: float = 0.0) -> None:
        """Adds an epoch to the history, and copies the model's weights if its score is the best so far.

        Args:
            row: the epoch's row of the history.
            score: the epoch's figures, see `BestScore.update`.
            model: the model after the epoch.
            error: the standard error of the score's first figure.
        """
        state = self.state
        state.rows.append(row)
        state.epoch += 1
        best = BestScore(state.best, state.highest)
        better = best.update(score, error)
        state.best, state.highest = best.best, best.highest
        if better:
            state.best_epoch, state.best_row = state.epoch, len(state.rows) - 1
            self._best = [_array(v) for v in model.weights]

    def save(self, model: Network) -> None:
        """Writes everything that the training needs to continue after this epoch."""
        arrays = {f"now{i}": _array(v) for i, v in enumerate(_variables(model))}
        arrays |= {f"best{i}": array for i, array in enumerate(self._best or [])}
        arrays |= {f"model{i}": array for i, array in enumerate(self._finished)}
        arrays["state"] = np.array(json.dumps(asdict(self.state)))
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        write_atomic(self._path, buffer.getvalue())
        self.write_history(self.folder / "history.csv")

    def end(self, stage: str, model: Network) -> None:
        """Ends a stage: the model gets its best weights."""
        if self._best is not None:
            _assign(model.weights, self._best)
        self.state.done.append(stage)
        # Variables, not weights: the next stage continues the random numbers of the dropout from here.
        self._finished = [_array(v) for v in self._whole.variables] if self._whole is not None else []
        self.save(model)

    def write_history(self, path: Path) -> None:
        """Writes the history as CSV, a line for each epoch."""
        text = io.StringIO()
        columns = list(dict.fromkeys(name for row in self.state.rows for name in row))
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.state.rows)
        write_atomic(path, text.getvalue())

    def _arrays(self, prefix: str) -> Arrays:
        """Returns the loaded arrays whose names begin with a prefix, in order."""
        names = [name for name in self._loaded if name.startswith(prefix)]
        return [self._loaded[f"{prefix}{i}"] for i in range(len(names))]


def _require_stored(path: Path) -> None:
    """Refuses a checkpoint with compressed arrays: edgetl writes none, and they could unpack to any size.

    Raises:
        ValueError: an entry is compressed, or the entries claim more bytes than the file has.
    """
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if any(entry.compress_type for entry in entries) or sum(e.file_size for e in entries) > path.stat().st_size:
        raise ValueError("its arrays are compressed or overlap")


def _parse_state(document: dict[str, Any]) -> State:
    rows = document.pop("rows")
    if not all(isinstance(cell, float | int | str) for row in rows for cell in row.values()):
        raise schema.SchemaError("its history can't be read")
    if "kept" in document:  # what earlier checkpoints call `best_row`
        document["best_row"] = document.pop("kept")
    state = schema.parse(State, document)
    if not (0 <= state.best_epoch <= state.epoch and state.best):
        raise schema.SchemaError("its epochs or its score are out of range")
    state.rows = rows
    return state


def _require_same_shapes(arrays: Arrays, variables: Sequence[Variable]) -> None:
    """Refuses arrays that can't be assigned to variables.

    Raises:
        ValueError: their number or a shape differs, or they aren't numbers.
    """
    for array, variable in zip(arrays, variables, strict=True):
        if array.shape != tuple(variable.shape) or array.dtype.kind not in "fiub":
            raise ValueError(f"an array has the shape {array.shape}, its variable {tuple(variable.shape)}")


def _variables(model: Network) -> list[Variable]:
    """Returns the weights, the random generators' states and the optimizer's variables, in a fixed order."""
    return [*model.variables, *model.optimizer.variables]


def _array(variable: Variable) -> NDArray[np.generic]:
    """Returns a copy of a variable's values, in its shape and dtype."""
    from keras import ops

    return np.array(ops.convert_to_numpy(variable))


def _assign(variables: Sequence[Variable], arrays: Arrays) -> None:
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
