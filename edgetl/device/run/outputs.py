"""The sinks that a run was asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edgetl.card import ModelCard
from edgetl.device.camera.protocol import Camera
from edgetl.device.run.observer import SceneObserver
from edgetl.device.sinks import Sink
from edgetl.device.sinks.background import Background
from edgetl.device.sinks.console import Console
from edgetl.device.sinks.drawing import Drawing
from edgetl.device.sinks.jsonl import JsonLines
from edgetl.device.sinks.mqtt.address import Address
from edgetl.device.sinks.mqtt.discovery import Described
from edgetl.device.sinks.mqtt.sink import Mqtt
from edgetl.device.sinks.saving import open_saving
from edgetl.device.sinks.snapshots import MOST, EventFrames, Snapshots
from edgetl.device.sinks.video.rolling import RollingVideo
from edgetl.device.sinks.window import Window
from edgetl.device.status import Status
from edgetl.device.stop import Stop
from edgetl.errors import UsageError
from edgetl.files import local_path
from edgetl.vision.draw import draw


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where results and events go.

    Attributes:
        jsonl: a file's path, or `-` for stdout.
        jsonl_changes: only what is news goes there.
        save: where the annotated pictures go: a film, a photo, or a folder; see `edgetl.device.sinks.saving`.
        save_folder: whether `save` is a folder.
        save_every: seconds of film a piece of it has; None and no `save_max` make it one film.
        save_max: bytes that its pieces may take; the oldest go.
        show: a window.
        events: a folder for a picture of each event.
        events_max: that are kept there; the oldest go.
        mqtt: a broker to publish to.
        quiet: no lines for people on stderr.
    """

    jsonl: str | None = None
    jsonl_changes: bool = False
    save: Path | None = None
    save_folder: bool = False
    save_every: float | None = None
    save_max: int | None = None
    show: bool = False
    events: Path | None = None
    events_max: int = MOST
    mqtt: Address | None = None
    quiet: bool = False

    def refuse_overwriting(self, source: str) -> None:
        """Raises a UsageError if one of them is the file that the frames come from, or if two of them are one file."""
        if self.save and self.jsonl and self.jsonl != "-" and _one_file(self.save, Path(self.jsonl)):
            what, remedy = "--jsonl and --save name the same file", "name another file with --jsonl"
            raise UsageError(what, where=self.jsonl, remedy=remedy)
        for option, path in (("--save", self.save), ("--jsonl", Path(self.jsonl) if self.jsonl else None)):
            if path and _same(local_path(path), local_path(source)):
                what = f"{option} would overwrite the source"
                raise UsageError(what, where=str(path), remedy=f"name another file with {option}")


def _one_file(one: Path, other: Path) -> bool:
    """Returns whether two paths, of files that need not exist, mean the same file."""
    return local_path(one).resolve() == local_path(other).resolve()


def open_sinks(
    outputs: Outputs,
    camera: Camera,
    status: Status,
    card: ModelCard,
    *,
    classes: tuple[str, ...] = (),
    scene: SceneObserver | None = None,
    stop: Stop | None = None,
) -> Iterator[Sink]:
    """Yields the sinks, to be entered in their order.

    What writes to a disk or a pipe does so in a thread of its own, see `edgetl.device.sinks.background`.

    Args:
        outputs: that were asked for.
        camera: opened.
        status: of the run.
        card: of the model.
        classes: that are looked for; none stands for all.
        scene: what watches it, and draws what it watches.
        stop: of the run.

    Raises:
        UsageError: the path can't be what is saved there.
        EdgetlError: what one of them needs is not installed.
    """
    background = partial(Background, lossless=not camera.live, status=status, stop=stop)
    drawing: Drawing = scene.draw if scene else draw
    if outputs.show:
        yield Window(drawing=drawing)
    if outputs.jsonl:
        results = JsonLines(outputs.jsonl, changes=outputs.jsonl_changes)
        yield background(results, "jsonl", 256, pictures=False, reopens=True)
    if outputs.save:
        yield _saving(outputs, local_path(outputs.save), camera, background, drawing)
    if outputs.events:
        snapshots = Snapshots(local_path(outputs.events), outputs.events_max, drawing)
        yield EventFrames(background(snapshots, "events", 16, reopens=True))
    if outputs.mqtt:
        named = tuple((i, label) for i, label in enumerate(card.labels) if not classes or label in classes)
        lines = scene.lines if scene else ()
        yield Mqtt(
            outputs.mqtt,
            Described(card.name, card.task, named, lines, outputs.mqtt.prefix),
            status,
            scene.crossings if scene else None,
        )
    if not outputs.quiet:
        yield background(Console(sys.stderr), "console", 64, pictures=False)


def _saving(
    outputs: Outputs, path: Path, camera: Camera, background: Callable[..., Background], drawing: Drawing
) -> Sink:
    every, most = outputs.save_every, outputs.save_max
    sink = open_saving(path, camera, folder=outputs.save_folder, every=every, most=most, drawing=drawing)
    return background(sink, "film", reopens=isinstance(sink, RollingVideo))


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them isn't there, or is no path at all
        return False
