"""The record of the frames that were fetched into a folder, by which a frame that was sorted out never comes back."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from edgetl.errors import ModelError
from edgetl.files import friendly_os_errors, read_regular
from edgetl.schema import SchemaError, parse

Outcome = Literal["proposed", "duplicate", "unusable"]
"""What became of a fetched frame: laid out for labelling, left out as a (near) duplicate, or no photo at all."""

_MOST_BYTES = 1 << 30
"""A record may have at most this many bytes; five million frames fit."""


@dataclass(frozen=True, slots=True)
class PulledFrame:
    """One fetched frame.

    Attributes:
        name: the name of its files on the device, without the suffix.
        sha256: the SHA-256 of its JPEG file, in hex.
        outcome: what became of it.
        place: the path at which it was laid out, below the folder; empty if it was not.
    """

    name: str
    sha256: str
    outcome: Outcome
    place: str = ""


class PullRecord:
    """The frames that were fetched into a folder, one JSON object a line; a line is added when a frame is in its place.

    Args:
        path: the file; it is made with the first line.

    Raises:
        ModelError: the file can't be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outcomes: dict[str, Outcome] = {}
        if not path.exists():
            return
        try:
            lines = read_regular(path, _MOST_BYTES).splitlines()
        except OSError as error:
            raise ModelError(f"can't be read: {error.strerror}", where=str(path)) from error
        for line in lines:
            try:
                frame = parse(PulledFrame, json.loads(line))
            except (SchemaError, ValueError, RecursionError):
                continue  # a killed command may leave half a line; its frame is fetched again
            self._outcomes[frame.sha256] = frame.outcome

    def outcome(self, sha256: str) -> Outcome | None:
        """Returns what became of the frame with a digest; None if it has not been fetched.

        Args:
            sha256: the SHA-256 of the frame's JPEG file, in hex.
        """
        return self._outcomes.get(sha256)

    def add(self, frames: Sequence[PulledFrame]) -> None:
        """Records frames; their lines are on the disk when this returns.

        Args:
            frames: the frames, which lie in their places already.

        Raises:
            EdgetlError: the disk is full or the folder can't be written to.
        """
        lines = "".join(f"{json.dumps(asdict(frame))}\n" for frame in frames)
        with friendly_os_errors(self._path):
            torn = self._path.exists() and self._path.read_bytes()[-1:] != b"\n"
            with self._path.open("ab") as file:
                file.write(("\n" * torn + lines).encode())
                file.flush()
                os.fsync(file.fileno())
        self._outcomes |= {frame.sha256: frame.outcome for frame in frames}
