"""The sinks of a run: where its settings send results and events."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from edgetl.bundle import Bundle, is_bundle
from edgetl.card import ModelCard
from edgetl.device.camera.frame import FrameClock
from edgetl.device.camera.protocol import Camera
from edgetl.device.collect.budget import Budget
from edgetl.device.collect.frame_folder import DEFAULT_BYTES, FrameFolder, RunningModel
from edgetl.device.collect.selector import FrameSelector
from edgetl.device.result_selection import ResultSelection
from edgetl.device.run.observer import SceneObserver
from edgetl.device.run.settings import RunSettings
from edgetl.device.sinks import Sink
from edgetl.device.sinks.background import Background
from edgetl.device.sinks.collecting import Collecting
from edgetl.device.sinks.console import Console
from edgetl.device.sinks.drawing import Drawing
from edgetl.device.sinks.event_snapshots import DEFAULT_MAX_EVENTS, EventFrames, Snapshots
from edgetl.device.sinks.jsonl import JsonLines
from edgetl.device.sinks.mqtt.address import Address
from edgetl.device.sinks.mqtt.home_assistant_discovery import CameraDescription
from edgetl.device.sinks.mqtt.sink import MqttSink
from edgetl.device.sinks.saving import open_saving
from edgetl.device.sinks.video.rolling_film import RollingVideo
from edgetl.device.sinks.window import Window
from edgetl.device.status import Status
from edgetl.device.stop import Stop
from edgetl.errors import UsageError
from edgetl.files import local_path, sha256_of
from edgetl.vision.draw import draw


def refuse_overwriting(settings: RunSettings) -> None:
    """Raises a UsageError if an output is the file that the frames come from, or if two outputs are one file."""
    save = Path(settings.save) if settings.save else None
    jsonl = Path(settings.jsonl) if settings.jsonl else None
    if save and jsonl and str(jsonl) != "-" and local_path(save).resolve() == local_path(jsonl).resolve():
        what, remedy = "--jsonl and --save name the same file", "name another file with --jsonl"
        raise UsageError(what, where=str(jsonl), remedy=remedy)
    for option, path in (("--save", save), ("--jsonl", jsonl)):
        if path and _is_same_file(local_path(path), local_path(settings.source)):
            what = f"{option} would overwrite the source"
            raise UsageError(what, where=str(path), remedy=f"name another file with {option}")


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them does not exist, or is no path at all
        return False


def broker_of(settings: RunSettings) -> Address | None:
    """Returns the MQTT broker's address with its password; None if the settings name no broker.

    Raises:
        UsageError: the address is not valid, or a file can't be read.
    """
    if settings.mqtt is None:
        return None
    return Address.parse(settings.mqtt, password_file=settings.mqtt_password_file, ca=settings.mqtt_ca)


def make_sinks(
    settings: RunSettings,
    camera: Camera,
    status: Status,
    selection: ResultSelection,
    stop: Stop,
    *,
    broker: Address | None = None,
    scene: SceneObserver | None = None,
    variant: str | None = None,
    announce: Callable[[str], None] | None = None,
) -> Iterator[Sink]:
    """Yields the sinks of the settings; enter them in their order.

    A sink that writes to a disk or a pipe does so in a thread of its own, see `edgetl.device.sinks.background`.

    Args:
        settings: the run's settings.
        camera: the opened source of the frames.
        status: the run's status.
        selection: the results that the run reports, which viewers of the live page may change.
        stop: the run's stop.
        broker: the MQTT broker to publish to.
        scene: the run's observer, which also draws zones and lines.
        variant: the name of the bundle's variant that runs; None for a single file.
        announce: the receiver of the line with the live page's address.

    Raises:
        UsageError: the path can't be what is saved there, or the live page can't be served as the settings say.
        EdgetlError: a package that a sink needs is not installed.
    """
    background = partial(Background, lossless=not camera.live, status=status, stop=stop)
    drawing: Drawing = scene.draw if scene else draw
    if settings.show:
        yield Window(drawing=drawing)
    yield from _files(settings, camera, background, drawing)
    if settings.events:
        snapshots = Snapshots(local_path(settings.events), settings.events_max or DEFAULT_MAX_EVENTS, drawing)
        yield EventFrames(background(snapshots, "events", 16, reopens=True))
    if settings.collect:
        yield _collecting(settings, local_path(settings.collect), camera, background, selection.card, variant, status)
    if broker:
        yield _publishing(settings, broker, status, selection.card, scene)
    if settings.print_results:
        yield background(Console(sys.stderr), "console", 64, pictures=False)
    if settings.serve is not None:
        yield _page(settings, settings.serve, selection, status, drawing, announce)


def _files(
    settings: RunSettings, camera: Camera, background: Callable[..., Background], drawing: Drawing
) -> Iterator[Sink]:
    if settings.jsonl:
        results = JsonLines(str(settings.jsonl), only_changes=settings.jsonl_changes)
        yield background(results, "jsonl", 256, pictures=False, reopens=True)
    if settings.save:
        yield _saving(settings, str(settings.save), camera, background, drawing)


def _saving(
    settings: RunSettings, name: str, camera: Camera, background: Callable[..., Background], drawing: Drawing
) -> Sink:
    path = local_path(Path(name))
    is_folder = name.endswith("/") or path.is_dir()
    every, most = settings.save_every, settings.save_max
    sink = open_saving(path, camera, folder=is_folder, every=every, most=most, drawing=drawing)
    return background(sink, "film", reopens=isinstance(sink, RollingVideo))


def _collecting(
    settings: RunSettings,
    folder: Path,
    camera: Camera,
    background: Callable[..., Background],
    card: ModelCard,
    variant: str | None,
    status: Status,
) -> Sink:
    budget = Budget()
    model = RunningModel(card.name, _digest(settings, variant), variant, card.labels)
    frames = FrameFolder(folder, settings.collect_max or DEFAULT_BYTES, model, budget, status)
    selector = FrameSelector(card, FrameClock(camera.live, camera.fps), budget)
    return Collecting(background(frames, "collect", reopens=True), selector)


def _digest(settings: RunSettings, variant: str | None) -> str:
    """Returns the SHA-256 of the model file that runs, as hex."""
    path = Path(settings.model or "")
    return Bundle.open(path).variant(variant).sha256 if is_bundle(path) else sha256_of(path)


def _publishing(
    settings: RunSettings, broker: Address, status: Status, card: ModelCard, scene: SceneObserver | None
) -> Sink:
    classes = tuple((i, label) for i, label in enumerate(card.labels) if label in (settings.classes or card.labels))
    described = CameraDescription(card.name, card.task, classes, scene.lines if scene else (), broker.prefix)
    return MqttSink(broker, described, status, scene.crossings if scene else None)


def _page(
    settings: RunSettings,
    address: str,
    selection: ResultSelection,
    status: Status,
    drawing: Drawing,
    announce: Callable[[str], None] | None,
) -> Sink:
    from edgetl.device.sinks.page import Page
    from edgetl.device.sinks.page.endpoint import Endpoint

    endpoint = Endpoint.parse(address, settings.token_file, settings.tls_cert, settings.tls_key)
    # A token that was made for this run has to be announced: nobody else knows it.
    announced = announce if settings.print_results or endpoint.made else None
    return Page(endpoint, selection, status, stall=settings.stall, announce=announced, drawing=drawing)
