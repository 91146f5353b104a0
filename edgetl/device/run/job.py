"""Runs a model on a camera, a film or photos, as `edgetl run` does: opens everything, loops, and sums up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from edgetl.argument_types import object_argument, wrong_type
from edgetl.device.observation import Observation
from edgetl.device.run import loop
from edgetl.device.run.opening import OpenedRun, camera_timeouts, find_model, open_notifiers, open_run
from edgetl.device.run.result import RunResult
from edgetl.device.run.settings import RunSettings
from edgetl.device.run.tally import Tally
from edgetl.device.sinks import Sink
from edgetl.device.stop import Stop, Stopped, stop_on_signals
from edgetl.progress import Progress, receiver_of, reporting


def run(
    settings: RunSettings,
    on_observation: Callable[[Observation], None] | None = None,
    *,
    sinks: Sequence[Sink] = (),
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> RunResult:
    """Runs a model on a camera, a film or photos until these end, a signal comes, or `max_frames` are done.

    Nothing is printed unless the settings ask for it. In the main thread Ctrl-C, SIGTERM and SIGHUP end the run well;
    in another thread only `stop` does. Under a systemd unit of `Type=notify` the service manager hears how the run is
    doing, see `edgetl.device.service.notify`.

    Example:
        >>> import edgetl
        >>> settings = edgetl.RunSettings(model="parts", source="photos/disc", max_frames=2)
        >>> result = edgetl.run(settings, lambda observation: print(observation.frame.name))
        00.jpg
        01.jpg
        >>> result.summary.frames
        2

    Args:
        settings: the options of the run.
        on_observation: a function that gets every frame with its result, in the thread that called `run`. It may raise
            `RunEnded` to end the run.
        sinks: sinks of your own, which get every observation and every event after the sinks of the settings.
        progress: the receiver of messages such as the live page's address; None prints nothing.
        stop: an object whose `set` ends the run, from any thread; None makes the run handle signals.

    Returns:
        The numbers of frames, the times, and what was seen.

    Raises:
        CameraError: the camera is lost, and has not come back in time.
        ModelError: the model is not valid.
        UsageError: an option can't be used with this model or this source, or a name does not exist.
        EdgetlError: a sink can't go on, or a package is missing.
    """
    _check_arguments(on_observation, sinks, stop)
    tally = Tally()
    try:
        with reporting(receiver_of(progress)), ExitStack() as stack:
            notifiers = open_notifiers(object_argument(settings, RunSettings, "settings"), stack)
            settings = find_model(settings)
            stop = stop or stack.enter_context(stop_on_signals())  # after the tuning, which does not check it
            opened = open_run(settings, sinks, stop, stack)
            # The notifier comes last, so that a sink that hangs keeps it from saying that all is well.
            every_sink = [*opened.sinks, *notifiers]
            summary = _loop(settings, opened, every_sink, _calls(tally, on_observation), stop)
    except Stopped:
        return RunResult(loop.Summary(0, 0, 0.0, 0.0), tally, started=False)
    if opened.observer is None:
        return RunResult(summary, tally)
    return RunResult(summary, tally, opened.observer.crossings(), opened.observer.totals)


def _check_arguments(on_observation: object, sinks: object, stop: object) -> None:
    """Raises a UsageError if an argument of `run` is not what the run will call."""
    if not (on_observation is None or callable(on_observation)):
        raise wrong_type(on_observation, "on_observation", "a function of an observation")
    if not isinstance(sinks, Sequence) or not all(isinstance(sink, Sink) for sink in sinks):
        raise wrong_type(sinks, "sinks", "a list of objects with write, notify, __enter__ and __exit__")
    if not (stop is None or hasattr(stop, "is_set")):
        raise wrong_type(stop, "stop", "an edgetl.Stop")


def _calls(*functions: Callable[[Observation], None] | None) -> Callable[[Observation], None]:
    """Returns a function that calls the functions in turn."""

    def call(observation: Observation) -> None:
        for function in functions:
            if function:
                function(observation)

    return call


def _loop(
    settings: RunSettings,
    opened: OpenedRun,
    sinks: Sequence[Sink],
    on_observation: Callable[[Observation], None],
    stop: Stop,
) -> loop.Summary:
    return loop.run(
        opened.pool,
        opened.camera,
        sinks,
        selection=opened.selection,
        max_frames=settings.max_frames,
        on_observation=on_observation,
        stop=stop,
        observer=opened.observer,
        drift=opened.drift,
        status=opened.status,
        rate=settings.rate,
        reopen=opened.reopen,
        timeouts=camera_timeouts(settings),
    )
