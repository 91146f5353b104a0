"""Fills a class folder with photos from a camera, a film or photos, as `edgetl capture` does."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, suppress

from edgetl.argument_types import object_argument
from edgetl.device.camera import CameraOpener
from edgetl.device.camera.address import read_password
from edgetl.device.camera.frame import Frame
from edgetl.device.camera.protocol import Camera, CameraRequest
from edgetl.device.camera.source import parse_source
from edgetl.device.capture.photographer import Photographer
from edgetl.device.capture.requests import Requests
from edgetl.device.capture.result import CaptureResult
from edgetl.device.capture.settings import CaptureSettings
from edgetl.device.capture.terminal_keys import has_terminal
from edgetl.device.capture.views import Views
from edgetl.device.events import Event
from edgetl.device.run.camera_loss import CameraTimeouts
from edgetl.device.run.live_source import LiveSource, wait_for_camera
from edgetl.device.sinks import RunEnded
from edgetl.device.stop import Stop, Stopped, stop_on_signals, unless_stopped
from edgetl.errors import UsageError
from edgetl.progress import Progress, current, receiver_of, reporting
from edgetl.text import printable

_RATE = 15.0
"""At most this many frames of a live camera a second are decoded: a person presses no key faster."""


def capture(settings: CaptureSettings, *, progress: Progress | None = None, stop: Stop | None = None) -> CaptureResult:
    """Takes photos of one class until the source ends, a signal comes, or `count` photos are taken.

    Photos are never overwritten. Each appears whole or not at all. In the main thread Ctrl-C, SIGTERM and SIGHUP end
    the capture well; in another thread only `stop` does.

    Example:
        >>> import edgetl
        >>> settings = edgetl.CaptureSettings(label="disc", into="captured", source="photos/disc", count=3)
        >>> result = edgetl.capture(settings)
        >>> result.taken, result.folder.name
        (3, 'disc')

    Args:
        settings: the options of the capture.
        progress: the receiver of a line for each photo, and of messages such as the live page's address; None prints
            nothing.
        stop: an object whose `set` ends the capture, from any thread; None makes the capture handle signals.

    Returns:
        The numbers of photos that were taken, and of poor ones among them.

    Raises:
        UsageError: nothing would ever take a photo, or an option can't be used with this source.
        CameraError: the camera is lost, and has not come back in time.
        EdgetlError: the disk is full, or the live page can't be served.
    """
    settings = object_argument(settings, CaptureSettings, "settings")
    with reporting(receiver_of(progress)), ExitStack() as stack:
        stop = stop or stack.enter_context(stop_on_signals())
        try:
            opener = _opener(settings)
            camera = stack.enter_context(_open_camera(opener, settings, stop))
            _refuse_waiting_for_nothing(settings, camera)
            requests, say = Requests(stop), _receiver_of_lines(settings)
            photographer = Photographer(settings, requests, live=camera.live, fps=camera.fps, say=say)
            views = Views(settings, photographer, requests)
            views.open(stack, stop)
        except Stopped:
            return CaptureResult(settings.folder)
        frames = _live_frames(camera, opener, settings, views, stop) if camera.live else _file_frames(camera)
        with closing(frames), suppress(RunEnded):
            for item in frames:
                if isinstance(item, Event):
                    views.notify(item)
                    say(item.text)
                    continue
                if stop.is_set():
                    break
                photographer.see(item)
                views.show(item)
                if photographer.is_done:
                    break
        return photographer.result


def _opener(settings: CaptureSettings) -> CameraOpener:
    source = parse_source(settings.source)
    password = read_password(settings.camera_password_file, source)
    request = CameraRequest(settings.size, settings.fps, full=True, timeout=2 * settings.stall, password=password)
    return CameraOpener(source, None, request)


def _open_camera(opener: CameraOpener, settings: CaptureSettings, stop: Stop) -> Camera:
    if settings.wait:
        return wait_for_camera(opener, _timeouts(settings), stop)
    return unless_stopped(opener, stop)


def _timeouts(settings: CaptureSettings) -> CameraTimeouts:
    return CameraTimeouts(settings.stall, give_up=settings.give_up)


def _refuse_waiting_for_nothing(settings: CaptureSettings, camera: Camera) -> None:
    """Raises a UsageError if neither time nor a person would take a photo of a live camera."""
    by_person = settings.show or settings.serve is not None or (settings.keys and has_terminal())
    if camera.live and not settings.every and not by_person:
        remedy = "say how often with --every 2s, or take photos in a window with --show or in a browser with --serve"
        raise UsageError("nothing would ever take a photo", remedy=remedy)


def _receiver_of_lines(settings: CaptureSettings) -> Callable[[str], None]:
    """Returns the function that gets a line for each photo and each event of the camera."""
    receiver = current()
    if receiver is None or not settings.print_photos:
        return lambda _: None
    return lambda line: receiver.message(printable(line))


def _live_frames(
    camera: Camera, opener: CameraOpener, settings: CaptureSettings, views: Views, stop: Stop
) -> Generator[Frame | Event]:
    source = LiveSource(camera, stop, views.status, reopen=opener, timeouts=_timeouts(settings), rate=_RATE)
    with closing(source):
        yield from source


def _file_frames(camera: Camera) -> Generator[Frame | Event]:
    yield from camera
