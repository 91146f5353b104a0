"""Shows a capture to a person, in a window or on the live page, and takes their keys and their button."""

from __future__ import annotations

from contextlib import ExitStack
from time import monotonic

import cv2
import numpy as np

from edgetl.card import InputSpec, ModelCard
from edgetl.device.camera.frame import Frame
from edgetl.device.capture.photographer import Photographer
from edgetl.device.capture.requests import Requests
from edgetl.device.capture.settings import CaptureSettings
from edgetl.device.capture.terminal_keys import TerminalKeys, has_terminal
from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.result_selection import ResultSelection
from edgetl.device.sinks import Sink
from edgetl.device.sinks.window import Window
from edgetl.device.stages import Timings
from edgetl.device.status import Status
from edgetl.device.stop import Stop, unless_stopped
from edgetl.progress import current
from edgetl.vision.arrays import Image
from edgetl.vision.results import Classification, Result

_NOTHING = Classification(np.empty(0, np.int64), np.empty(0, np.float32), ())
_HEIGHT = 1 / 12
"""The number of photos has digits of this height in the picture, as a share of the picture's height."""


class Views:
    """The window, the live page and the terminal's keys of a capture, as far as its settings ask for them.

    Args:
        settings: the options of the capture.
        photographer: what takes the photos, which are counted in the picture.
        requests: what a person asks for.

    Attributes:
        status: the status of the capture, which the page shows.
    """

    def __init__(self, settings: CaptureSettings, photographer: Photographer, requests: Requests) -> None:
        self.status = Status()
        self._settings = settings
        self._photographer = photographer
        self._requests = requests
        self._sinks: list[Sink] = []

    def open(self, stack: ExitStack, stop: Stop) -> None:
        """Opens everything until the stack is closed.

        Args:
            stack: the stack that closes everything.
            stop: the stop of the capture.

        Raises:
            Stopped: the capture was asked to end before everything was open.
            UsageError: there is no display for a window, or the page's address can't be used.
            EdgetlError: the page can't be served, or a package is missing.
        """
        if self._settings.show:
            self._sinks.append(stack.enter_context(Window("edgetl capture", self._draw, self._requests.press)))
        if self._settings.serve is not None:
            page = self._page(self._settings.serve)
            unless_stopped(page.__enter__, stop)
            stack.push(page)
            self._sinks.append(page)
        if self._settings.keys and has_terminal():
            stack.enter_context(TerminalKeys(self._requests.press))

    def show(self, frame: Frame) -> None:
        """Shows a frame.

        Raises:
            RunEnded: the person has pressed q or Esc in the window, or closed it.
        """
        observation = Observation(frame, _NOTHING, Timings(), (monotonic() - frame.captured_at) * 1e3)
        self.status.observed(observation)
        for sink in self._sinks:
            sink.write(observation)

    def notify(self, event: Event) -> None:
        """Shows an event of the camera."""
        for sink in self._sinks:
            sink.notify(event)

    def _page(self, address: str) -> Sink:
        from edgetl.device.sinks.page import Page
        from edgetl.device.sinks.page.endpoint import Endpoint
        from edgetl.device.sinks.page.photo_button import PhotoButton

        settings, receiver = self._settings, current()
        endpoint = Endpoint.parse(address, settings.token_file, settings.tls_cert, settings.tls_key)
        card = ModelCard("capture", "classification", (settings.label,), InputSpec(32, 32))
        button = PhotoButton(settings.label, self._requests.take_photo, lambda: self._photographer.result.taken)
        return Page(
            endpoint,
            ResultSelection(card),
            self.status,
            stall=settings.stall,
            announce=receiver.message if receiver is not None else None,
            drawing=self._draw,
            button=button,
        )

    def _draw(self, picture: Image, result: Result) -> None:
        """Writes the number of photos into a picture, (H, W, 3) uint8 BGR, in place."""
        text, scale = f"{self._photographer.result.taken}", picture.shape[0] * _HEIGHT / 22
        corner = (round(10 * scale), round(picture.shape[0] * (_HEIGHT + 0.02)))
        for colour, width in (((0, 0, 0), 6), ((255, 255, 255), 2)):
            thickness = max(1, round(width * scale / 2))
            cv2.putText(picture, text, corner, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA)
