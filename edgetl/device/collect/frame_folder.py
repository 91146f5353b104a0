"""Writes candidates into a folder, each as its clean picture and a JSON file, unless a kept frame looks the same."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

import cv2

from edgetl import locks
from edgetl.device.collect.budget import Budget
from edgetl.device.collect.candidate import Candidate
from edgetl.device.collect.kept_frames import KeptFrame, KeptFrames, name_of
from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.status import Status
from edgetl.errors import EdgetlError
from edgetl.files import friendly_os_errors, write_atomic
from edgetl.text import json_text
from edgetl.vision.known_hashes import KnownHashes
from edgetl.vision.near_duplicates import NEAR_BITS, Hash, jpeg_hash, rough_hash
from edgetl.vision.photo import PhotoError, read_file

DEFAULT_BYTES = 250_000_000
"""The frames take at most this many bytes unless the user sets another limit: some 2,500 frames of 720p."""
SCHEMA_VERSION = 1
"""The JSON files have this version."""
_QUALITY = 95
_DISTINCT_BITS = NEAR_BITS + 2
"""A frame's hash differs from those of all kept frames in more than this many of 256 bits. That is two more than those
of near duplicates do, because the workstation decodes the pictures in another way, which changes a bit."""


@dataclass(frozen=True, slots=True)
class RunningModel:
    """The model whose results the frames are judged by.

    Attributes:
        name: the model's name.
        digest: the SHA-256 of the model file, as hex.
        variant: the name of the bundle's variant; None for a single file.
        labels: the names of the model's classes.
    """

    name: str
    digest: str
    variant: str | None
    labels: tuple[str, ...]


class FrameFolder:
    """A sink that keeps the candidates that it is given; the sink's thread alone uses it.

    Args:
        folder: the folder for the frames; it is made if it does not exist.
        most: the most bytes that the frames may take.
        model: the model that runs.
        budget: the number of frames that may still be collected.
        status: the run's status, which counts the frames.

    Raises:
        BusyError: another run collects frames there.
        EdgetlError: a file can't be written.
    """

    def __init__(self, folder: Path, most: int, model: RunningModel, budget: Budget, status: Status) -> None:
        self._folder = folder
        self._model = model
        self._budget = budget
        self._status = status
        self._kept = KeptFrames(folder, most)
        self._known: KnownHashes | None = None
        self._lock: int | None = None

    def __enter__(self) -> Self:
        with friendly_os_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = locks.claim(self._folder.resolve(), certain=False)
            if self._lock is None:
                remedy = "name another folder with --collect, or end that run"
                raise locks.BusyError("another run collects frames there", where=str(self._folder), remedy=remedy)
            self._kept.read()
        return self

    def write(self, observation: Observation) -> None:
        """Keeps a candidate unless it looks like a kept frame, shows nothing, or would be deleted first."""
        assert isinstance(observation, Candidate)  # the run gives this sink nothing else
        known = self._known_hashes()
        rough = rough_hash(observation.frame.image)
        if rough is None or known.has_near(rough, NEAR_BITS):
            return
        picture = observation.frame.jpeg or _jpeg(observation)
        own = jpeg_hash(picture)  # as the workstation will see it; None if the camera's JPEG is damaged
        if own is None or known.has_near(own, _DISTINCT_BITS):
            return
        if observation.reason == "random" or self._budget.spend(observation.at):
            self._keep(observation, picture, own)

    def notify(self, event: Event) -> None:
        """Does nothing: the frames alone are kept."""

    def _keep(self, chosen: Candidate, picture: bytes, own: Hash) -> None:
        at = datetime.now(UTC) - timedelta(seconds=max(0.0, monotonic() - chosen.frame.captured_at))
        name = name_of(at, hashlib.sha256(picture).hexdigest())
        note = (json_text(self._document(chosen, at)) + "\n").encode()
        frame = KeptFrame(name, len(picture) + len(note), chosen.informative, chosen.reason == "random")
        if not self._kept.make_room(frame, datetime.now(UTC).timestamp()):
            return
        write_atomic(self._folder / f"{name}.jpg", picture)
        try:
            write_atomic(self._folder / f"{name}.json", note)
        except EdgetlError:
            (self._folder / f"{name}.jpg").unlink(missing_ok=True)
            raise
        self._kept.add(frame)
        self._known_hashes().add(own)
        self._status.frame_collected()

    def _document(self, chosen: Candidate, at: datetime) -> dict[str, object]:
        frame, model = chosen.frame, self._model
        height, width = frame.image.shape[:2]
        return {
            "schema": SCHEMA_VERSION,
            "time": at.isoformat(timespec="milliseconds"),
            "reason": chosen.reason,
            "score": round(chosen.informative, 4),
            "model": {"name": model.name, "digest": model.digest},
            "variant": model.variant,
            "labels": list(model.labels),
            "result": chosen.to_dict(chosen.start),
            "size": list(frame.size_wh or (width, height)),
        }

    def _known_hashes(self) -> KnownHashes:
        """Returns the hashes of the kept frames; those of earlier runs are computed at the first call.

        A frame that was fetched and deleted during the run is still known.
        """
        if self._known is None:
            self._known = KnownHashes()
            for file in self._kept.pictures():
                with suppress(PhotoError):  # a damaged picture resembles nothing
                    if (own := jpeg_hash(read_file(file))) is not None:
                        self._known.add(own)
        return self._known

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            locks.release(self._lock)
            self._lock = None


def _jpeg(chosen: Candidate) -> bytes:
    picture = chosen.frame.picture()
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
