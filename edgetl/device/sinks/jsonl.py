"""Results as JSON Lines, for other programs."""

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
from edgetl.device.sinks.changes import News
from edgetl.errors import EdgetlError
from edgetl.files import friendly_os_errors, local_path
from edgetl.locks import BusyError, lock_open
from edgetl.text import json_text


class JsonLines:
    r"""One JSON object a line, each written out at once.

    A line holds `index` of the frame, `t` in seconds since the first one's capture, `name` of a photo, `timings_ms`,
    `age_ms` from the capture to the result, and the result as its `to_dict` gives it. In a name, a byte that isn't
    UTF-8 is written as text such as `\udce9`.
    An earlier file of that name is replaced; one that another run writes to is refused. Entered again after a failure,
    it goes on with the same file.

    Args:
        target: a file's path, or `-` for stdout.
        changes: write only results that are news, see `News`, and events.

    Raises:
        BusyError: another run writes to the file.
        EdgetlError: the file can't be written to; it ends with a whole line all the same.
    """

    def __init__(self, target: str, *, changes: bool = False) -> None:
        self._path = None if target == "-" else local_path(target)
        self._begun = False
        self._changes = changes
        self._news: News | None = None
        self._start: float | None = None
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._news = News() if self._changes else None  # anew: what couldn't be written was no news to anybody
        if self._path:
            with friendly_os_errors(self._path):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("ab", buffering=0)
                self._own(self._path, self._file)
        return self

    def _own(self, path: Path, file: BinaryIO) -> None:
        """Locks and empties the file; a device or a pipe may have several writers."""
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return
        if not lock_open(file.fileno()):
            file.close()
            remedy = "name another file with --jsonl, or wait until that run has ended"
            raise BusyError("another run writes its results there", where=str(path), remedy=remedy)
        if not self._begun:
            file.truncate(0)
        self._begun = True

    def write(self, observation: Observation) -> None:
        """Writes one line, or none where only news is wanted and this is none."""
        frame, t = observation.frame, observation.timings
        at = self._since_start(frame.captured_at)
        if self._news and not self._news(observation):
            return
        line: dict[str, object] = {"index": frame.index, "t": at}
        if frame.name:
            line["name"] = frame.name
        stages = {"preprocess": t.preprocess, "invoke": t.invoke, "decode": t.decode}
        line["timings_ms"] = {stage: round(ms, 3) for stage, ms in stages.items()}
        line["age_ms"] = round(observation.age_ms, 3)
        self._line(line | observation.result.to_dict())

    def notify(self, event: Event) -> None:
        """Writes a line of `event`, its `text` and its facts; it has `t`, and `index` where a frame shows it."""
        line: dict[str, object] = {} if event.index is None else {"index": event.index}
        self._line(line | {"t": self._since_start(event.at)} | event.to_dict())

    def _since_start(self, at: float) -> float:
        if self._start is None:
            self._start = at
        return round(at - self._start, 4)

    def _line(self, line: dict[str, object]) -> None:
        data = json_text(line).encode() + b"\n"
        try:
            self._put(data)
        except BrokenPipeError as error:
            raise RunEnded from error

    def _put(self, data: bytes) -> None:
        if self._file is None or self._path is None:
            try:
                return _put_stdout(data)
            except BrokenPipeError:
                raise
            except OSError as error:
                what = f"the results can't be written: {error.strerror}"
                raise EdgetlError(what, where="stdout", remedy="free some space where stdout is written") from error
        with friendly_os_errors(self._path):
            written = self._file.write(data)
            if written < len(data):  # a disk that is full takes a part without a word
                with suppress(OSError):
                    self._file.truncate(self._file.tell() - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()


def _put_stdout(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError:
        # What is left in the buffer would fail again when Python closes stdout at exit.
        with open(os.devnull, "wb") as nowhere, suppress(OSError, ValueError):  # noqa: PTH123 - not a Path
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        raise
