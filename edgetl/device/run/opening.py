"""Opens what a run needs: the model, the camera, the observer and the sinks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edgetl.bundle import MANIFEST
from edgetl.device.camera import CameraOpener
from edgetl.device.camera.address import read_password, without_password
from edgetl.device.camera.frame import FrameClock, FrameSampler
from edgetl.device.camera.protocol import Camera, CameraRequest
from edgetl.device.camera.source import Source, parse_source
from edgetl.device.collect.selector import RATED_EVERY
from edgetl.device.measure.tune import AUTO, recall_or_tune
from edgetl.device.result_selection import ResultSelection
from edgetl.device.run.camera_loss import CameraTimeouts
from edgetl.device.run.drift import DriftMonitor
from edgetl.device.run.live_source import wait_for_camera
from edgetl.device.run.model_pool import ModelPool
from edgetl.device.run.observer import SceneObserver
from edgetl.device.run.outputs import broker_of, make_sinks, refuse_overwriting
from edgetl.device.run.scene_settings import SceneSettings
from edgetl.device.run.settings import RunSettings
from edgetl.device.service.notify import RunLimits, ServiceNotifier
from edgetl.device.sinks import Sink
from edgetl.device.sinks.window import Window
from edgetl.device.status import Status
from edgetl.device.stop import Stop, unless_stopped
from edgetl.errors import UsageError
from edgetl.find_bundle import find_bundle
from edgetl.progress import current
from edgetl.store import open_model
from edgetl.text import printable

_TIMEOUT_BEYOND_STALL = 5.0
"""Time by which FFmpeg's own limit exceeds `stall`, s: it ends a read that hangs after the run has given it up."""

_TUNING = 600.0
"""Time that the measurement of the fastest variant may take at the first start, s."""
_OPENING = 120.0
"""Time that a slow device may take to open the model, the camera and the sinks, s."""


@dataclass(frozen=True, slots=True)
class OpenedRun:
    """Everything that a run holds open.

    Attributes:
        pool: the instances of the model.
        camera: the opened source.
        reopen: the function that opens the source again.
        selection: the results that the run reports.
        status: the run's status.
        observer: the observer of the scene; None if nothing has to be followed.
        drift: the monitor of the pictures and the answers; None if nothing has to be monitored.
        sinks: the sinks of the settings, and the caller's own.
    """

    pool: ModelPool
    camera: Camera
    reopen: Callable[[], Camera]
    selection: ResultSelection
    status: Status
    observer: SceneObserver | None
    drift: DriftMonitor | None
    sinks: Sequence[Sink]


def open_notifiers(settings: RunSettings, stack: ExitStack) -> list[Sink]:
    """Returns the sink of the service manager that has started this process, in a list; an empty list without one.

    Args:
        settings: the run's settings.
        stack: the stack that closes the sink at the end of the run.
    """
    # A camera may be waited for at the start, and be lost again before its first picture.
    opening = _OPENING + settings.give_up * (2 if settings.wait else 1) + (_TUNING if settings.variant == AUTO else 0)
    # The run finds out by itself that the camera is lost, and has to say so before the watchdog fires.
    silence = 1.5 * (settings.stall + (1 / settings.rate if settings.rate else 0.0)) + 2
    notifier = ServiceNotifier.from_environment(RunLimits(opening, silence, settings.give_up))
    return [stack.enter_context(notifier)] if notifier else []


def find_model(settings: RunSettings) -> RunSettings:
    """Returns the settings with the model's path; `auto` is replaced by the fastest variant and its threads.

    Raises:
        UsageError: there is no such model, or the name stands for several.
    """
    _refuse_address(settings.model)
    path = find_bundle(settings.model) if settings.model else _last_bundle()
    variant, threads = settings.variant, settings.threads
    if variant == AUTO:
        receiver = current()
        tuned = recall_or_tune(
            path, message=lambda line: receiver.message(printable(line)) if receiver is not None else None
        )
        variant = tuned.variant
        # The tuned number of threads is for one frame, not for several of a film at once.
        threads = threads or (None if parse_source(settings.source).parallel else tuned.threads)
    return replace(settings, model=path, variant=variant, threads=threads)


def _refuse_address(model: Path | str | None) -> None:
    """Raises a UsageError if a camera's address stands in the model's place."""
    text = str(model or "")
    if ":" in text.partition("/")[0] and not Path(text).exists():
        remedy = "give the model first, and then --source ADDRESS"
        raise UsageError("this is not a model", where=without_password(text), remedy=remedy)


def _last_bundle() -> Path:
    """Returns the bundle converted last of the model trained last."""
    model = open_model()
    bundles = sorted(model.bundles(), key=lambda folder: (folder / MANIFEST).stat().st_mtime)
    if not bundles:
        remedy = f"run `edgetl convert {model.name}`, or name a bundle"
        raise UsageError("the model trained last has not been converted", where=str(model.folder), remedy=remedy)
    return bundles[-1]


def open_run(settings: RunSettings, own_sinks: Sequence[Sink], stop: Stop, stack: ExitStack) -> OpenedRun:
    """Opens everything that a run needs.

    Args:
        settings: the run's settings, with the path of the model.
        own_sinks: the caller's sinks.
        stop: the run's stop.
        stack: the stack that closes everything at the end of the run.

    Raises:
        Stopped: the run was asked to end before everything was open.
        UsageError: an option can't be used with this model or this source.
        EdgetlError: the model, the camera or a sink can't be opened.
    """
    pool = stack.enter_context(unless_stopped(lambda: _open_pool(settings), stop))
    card = pool.models[0].card
    settings.refuse_misplaced(card)
    broker = unless_stopped(lambda: broker_of(settings), stop)
    refuse_overwriting(settings)
    source = parse_source(settings.source)
    opener = CameraOpener(source, card.input, _camera_request(settings, source))
    timeouts = camera_timeouts(settings)
    found = wait_for_camera(opener, timeouts, stop) if settings.wait else unless_stopped(opener, stop)
    camera = stack.enter_context(found)
    if settings.collect is not None:
        pool.keeps_scores = FrameSampler(FrameClock(camera.live, camera.fps), RATED_EVERY)
    status, selection = Status(), ResultSelection(card, settings.result_filter)
    observer = _observer(settings, selection, camera, wants_events=bool(own_sinks))
    receiver = current()  # asked in this thread: each thread has a receiver of its own
    make = partial(
        make_sinks,
        broker=broker,
        scene=observer,
        variant=pool.models[0].variant,
        announce=receiver.message if receiver is not None else None,
    )
    sinks = unless_stopped(lambda: list(make(settings, camera, status, selection, stop)), stop)
    _enter(sinks, stack, stop)
    for sink in own_sinks:
        stack.enter_context(sink)
    drift = _drift_monitor(settings, selection, camera, status)
    return OpenedRun(pool, camera, opener, selection, status, observer, drift, [*sinks, *own_sinks])


def _open_pool(settings: RunSettings) -> ModelPool:
    assert settings.model is not None  # `find_model` has set it
    return ModelPool.open(
        Path(settings.model),
        parallel=parse_source(settings.source).parallel,
        variant=settings.variant,
        threads=settings.threads,
        labels=settings.labels,
        only=settings.result_filter,
    )


def _camera_request(settings: RunSettings, source: Source) -> CameraRequest:
    """Returns the size, the frame rate and the like that the camera is asked for.

    Raises:
        UsageError: the file of the password can't be read, or the source takes no password.
    """
    password = read_password(settings.camera_password_file, source)
    shows_all = settings.show or settings.save is not None
    timeout = settings.stall + _TIMEOUT_BEYOND_STALL
    return CameraRequest(settings.size, settings.fps, shows_all, timeout=timeout, password=password)


def camera_timeouts(settings: RunSettings) -> CameraTimeouts:
    """Returns the times after which the camera counts as lost, is opened again, or is given up."""
    return CameraTimeouts(settings.stall, settings.frozen, settings.give_up)


def _observer(
    settings: RunSettings, selection: ResultSelection, camera: Camera, *, wants_events: bool
) -> SceneObserver | None:
    """Returns the observer of the scene; None if nobody asks for tracks, events or smoothed labels."""
    wants_events = wants_events or settings.events is not None or settings.mqtt is not None
    is_detector = selection.card.task == "detection"
    needs_tracks = wants_events or settings.serve is not None or settings.collect is not None
    track = settings.track or (is_detector and needs_tracks)
    scene = SceneSettings(track, settings.zones, settings.lines, settings.smooth, settings.every or 0.0)
    if not (scene.tracks or wants_events or settings.smooth > 1 or settings.every):
        return None
    return SceneObserver(scene, selection, live=camera.live, fps=camera.fps)


def _drift_monitor(
    settings: RunSettings, selection: ResultSelection, camera: Camera, status: Status
) -> DriftMonitor | None:
    """Returns the monitor of the pictures and the answers; None for photos, each of which shows another scene."""
    covered = settings.covered if camera.live else 0.0
    is_stream = camera.live or camera.fps is not None
    if not is_stream or not (covered or settings.drift):
        return None
    clock = FrameClock(camera.live, camera.fps)
    return DriftMonitor(selection, status, clock, delay=settings.drift, covered=covered)


def _enter(sinks: Iterable[Sink], stack: ExitStack, stop: Stop) -> None:
    """Enters the sinks until the stack is closed; stops waiting for a sink when the run is asked to end."""
    for sink in sinks:
        if isinstance(sink, Window):  # a window belongs to the thread that opened it
            stack.enter_context(sink)
        else:
            unless_stopped(sink.__enter__, stop)
            stack.push(sink)
