"""Writes results and events as JSON Lines, for other programs."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.sinks import RunEnded
from edgetl.device.sinks.change_filter import ChangeFilter
from edgetl.errors import EdgetlError, UsageError
from edgetl.files import friendly_os_errors, local_path
from edgetl.locks import BusyError, lock_open
from edgetl.quiet import was_closed
from edgetl.text import json_text


class JsonLines:
    r"""Writes one JSON object a line, and flushes each line.

    A line holds the frame's `index`; `t`, the seconds since the first frame's capture; the `name` of a photo;
    `timings_ms`; `age_ms`, from the capture to the result; and the entries of the result's `to_dict`. In a name, a byte
    that is not UTF-8 is written as text such as `\udce9`.

    An earlier file of the same name is replaced. If the sink is entered again after a failure, it appends to its file.

    Args:
        target: a file's path, or `-` for stdout.
        only_changes: whether only events and results that pass a `ChangeFilter` are written.

    Raises:
        BusyError: another run writes to the file.
        UsageError: the target is stdout, which was closed when the command started.
        EdgetlError: the file can't be written; what is in it ends with a complete line.
    """

    def __init__(self, target: str, *, only_changes: bool = False) -> None:
        self._path = None if target == "-" else local_path(target)
        self._emptied = False
        self._only_changes = only_changes
        self._filter: ChangeFilter | None = None
        self._start: float | None = None
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        # A new filter after each failure: a change that could not be written must be written later.
        self._filter = ChangeFilter() if self._only_changes else None
        if self._path is None:
            _require_stdout()
        else:
            with friendly_os_errors(self._path):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("ab", buffering=0)
                self._lock_and_empty(self._path, self._file)
        return self

    def _lock_and_empty(self, path: Path, file: BinaryIO) -> None:
        """Locks a regular file and empties it the first time; a device or a pipe may have several writers."""
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return
        if not lock_open(file.fileno()):
            file.close()
            remedy = "name another file with --jsonl, or wait until that run has ended"
            raise BusyError("another run writes its results there", where=str(path), remedy=remedy)
        if not self._emptied:
            file.truncate(0)
        self._emptied = True

    def write(self, observation: Observation) -> None:
        """Writes a line, unless only changes are written and this result is unchanged."""
        start = self._started(observation.frame.captured_at)
        if self._filter and not self._filter.passes(observation):
            return
        self._write_line(observation.to_dict(start))

    def notify(self, event: Event) -> None:
        """Writes a line with the event's kind as `event`, its `text` and facts, `t`, and the `index` of its frame."""
        line: dict[str, object] = {} if event.index is None else {"index": event.index}
        self._write_line(line | {"t": round(event.at - self._started(event.at), 4)} | event.to_dict())

    def _started(self, at: float) -> float:
        """Returns the time of the first line, s; it is that of this line if there was none before."""
        if self._start is None:
            self._start = at
        return self._start

    def _write_line(self, line: dict[str, object]) -> None:
        data = json_text(line).encode() + b"\n"
        try:
            self._write_bytes(data)
        except BrokenPipeError as error:
            raise RunEnded from error

    def _write_bytes(self, data: bytes) -> None:
        if self._file is None or self._path is None:
            try:
                return _write_stdout(data)
            except BrokenPipeError:
                raise
            except OSError as error:
                what = f"the results can't be written: {error.strerror}"
                raise EdgetlError(what, where="stdout", remedy="free some space where stdout is written") from error
        with friendly_os_errors(self._path):
            written = self._file.write(data)
            if written < len(data):  # a full disk takes a part without an error
                with suppress(OSError):
                    self._file.truncate(self._file.tell() - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()


def _require_stdout() -> None:
    """Raises a UsageError if stdout was closed when the command started, because every result would be lost."""
    if sys.stdout is None or was_closed("stdout"):
        what, remedy = "stdout is closed, so there is nowhere to write the results", "name a file with --jsonl"
        raise UsageError(what, where="--jsonl -", remedy=remedy)


def _write_stdout(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError:
        # The rest in the buffer would fail again when Python closes stdout at exit.
        with open(os.devnull, "wb") as null, suppress(OSError, ValueError):  # noqa: PTH123 - not a Path
            os.dup2(null.fileno(), sys.stdout.fileno())
        raise
