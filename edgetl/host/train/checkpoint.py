"""What a killed training continues from: every variable, the best weights so far, and the history, once an epoch."""

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
from edgetl.errors import EdgetlError
from edgetl.files import write_atomic
from edgetl.host.networks.untyped import Network, Tensor
from edgetl.host.train.better import NOTHING, Choice

Row = dict[str, float | str]


@dataclass(slots=True)
class State:
    """Where a training stands.

    Attributes:
        data: the data set's fingerprint.
        stage: being trained.
        epoch: finished in this stage.
        best_epoch: the one validated best in this stage; 0 where the stage hasn't bettered what it began with.
        best: the best score so far, see `edgetl.host.train.stage.Judgement`.
        highest: the highest first figure of any score so far.
        kept: the position in `rows` of the epoch whose weights are kept; -1 while there is none.
        done: finished stages.
        rows: the history.
    """

    data: str = ""
    stage: str = ""
    epoch: int = 0
    best_epoch: int = 0
    best: tuple[float, ...] = NOTHING
    highest: float = NOTHING[0]
    kept: int = -1
    done: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)


class Checkpoint:
    """A training's folder while it runs.

    Args:
        folder: made if need be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = State()
        self._best: list[NDArray[Any]] | None = None
        self._loaded: dict[str, NDArray[Any]] = {}
        self._whole: Network = None
        self._finished: list[NDArray[Any]] = []

    @property
    def exists(self) -> bool:
        """Whether there is something to resume."""
        return self._path.is_file()

    @property
    def _path(self) -> Path:
        return self.folder / "checkpoint.npz"

    def load(self) -> None:
        """Reads the last epoch's state.

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
        """Turns whatever a damaged checkpoint makes NumPy, zipfile, json or Keras raise into an EdgetlError."""
        try:
            yield
        except Exception as error:  # zlib.error, NotImplementedError, BadZipFile, RecursionError and many more
            what = f"the checkpoint can't be read: {(str(error).splitlines() or [type(error).__name__])[0]}"
            raise EdgetlError(
                what, where=str(self._path), remedy="train again with --restart instead of --resume"
            ) from error

    def finished(self, stage: str) -> bool:
        """Whether a stage was trained to its end, before or now."""
        return stage in self.state.done

    def attach(self, whole: Network) -> None:
        """Takes the whole model, and gives it the weights that the last finished stage ended with."""
        self._whole = whole
        if self.state.done:
            with self._refusing_damage():
                self._finished = self._stored("model")
                _assign(whole.variables, self._finished)

    def begin(self, stage: str, model: Network) -> State:
        """Starts a stage, or takes it up where it was left."""
        model.optimizer.build(model.trainable_variables)
        if self.state.stage == stage and self._loaded:
            with self._refusing_damage():
                _assign(_variables(model), self._stored("now"))
                self._best = self._stored("best") or None  # none yet where no epoch has been judged
                _require_alike(self._best or [], model.weights if self._best else [])
        else:
            # What an earlier stage came to is the one to beat: a later stage must not make the model worse.
            self.state.stage, self.state.epoch, self.state.best_epoch = stage, 0, 0
            self._best = [_array(v) for v in model.weights] if self.state.done else None
        self._loaded = {}
        return self.state

    def record(self, row: Row, score: tuple[float, ...], model: Network, error: float = 0.0) -> None:
        """Notes an epoch; keeps the model's weights if its score is the best so far, see `Choice`."""
        state = self.state
        state.rows.append(row)
        state.epoch += 1
        choice = Choice(state.best, state.highest)
        taken = choice.takes(score, error)
        state.best, state.highest = choice.best, choice.highest
        if taken:
            state.best_epoch, state.kept = state.epoch, len(state.rows) - 1
            self._best = [_array(v) for v in model.weights]

    def save(self, model: Network) -> None:
        """Writes everything that is needed to go on after this epoch."""
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
        # Variables, not weights: the next stage takes up the dropout's random numbers where this one left them.
        self._finished = [_array(v) for v in self._whole.variables]
        self.save(model)

    def write_history(self, path: Path) -> None:
        """Writes the history as CSV."""
        text = io.StringIO()
        columns = list(dict.fromkeys(name for row in self.state.rows for name in row))
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.state.rows)
        write_atomic(path, text.getvalue())

    def _stored(self, prefix: str) -> list[NDArray[Any]]:
        names = [name for name in self._loaded if name.startswith(prefix)]
        return [self._loaded[f"{prefix}{i}"] for i in range(len(names))]


def _require_stored(path: Path) -> None:
    """Refuses a checkpoint whose arrays are compressed, as edgetl writes none: they could unpack to any size.

    Raises:
        ValueError: an entry is compressed, or they claim more bytes than the file has.
    """
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if any(entry.compress_type for entry in entries) or sum(e.file_size for e in entries) > path.stat().st_size:
        raise ValueError("its arrays are compressed or overlap")


def _parse_state(document: dict[str, Any]) -> State:
    rows = document.pop("rows")
    if not all(isinstance(cell, float | int | str) for row in rows for cell in row.values()):
        raise schema.SchemaError("its history can't be read")
    state = schema.parse(State, document)
    if not (0 <= state.best_epoch <= state.epoch and state.best):
        raise schema.SchemaError("its epochs or its score can't be meant")
    state.rows = rows
    return state


def _require_alike(arrays: Sequence[NDArray[Any]], variables: Sequence[Any]) -> None:
    """Refuses arrays that can't be assigned to variables.

    Raises:
        ValueError: their number or a shape differs, or they aren't numbers.
    """
    for array, variable in zip(arrays, variables, strict=True):
        if array.shape != tuple(variable.shape) or array.dtype.kind not in "fiub":
            raise ValueError(f"an array of {array.shape} stands for one of {tuple(variable.shape)}")


def _variables(model: Network) -> list[Any]:
    """Weights, the random generators' states and the optimizer's variables, in a fixed order."""
    return [*model.variables, *model.optimizer.variables]


def _array(variable: Tensor) -> NDArray[Any]:
    from keras import ops

    return np.array(ops.convert_to_numpy(variable))


def _assign(variables: Sequence[Any], arrays: Sequence[NDArray[Any]]) -> None:
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
