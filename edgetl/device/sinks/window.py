"""Shows the annotated frames in a window."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2

from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.sinks import RunEnded
from edgetl.device.sinks.drawing import Drawing
from edgetl.errors import UsageError
from edgetl.install import install_command
from edgetl.vision.draw import draw

_KEYS_TO_END = (ord("q"), 27)
"""The keys that end the run: q and Esc."""
_NO_KEY = 255
"""The code if no key was pressed."""
_REMEDY = "start edgetl on the desktop, or use --save or --jsonl"
_PHOTO_MS = 1000
"""A photo is shown for this long before the next one, ms."""


class Window:
    """Shows each frame in a window; q, Esc or the window's close button end the run.

    Args:
        title: the title of the window.
        drawing: draws a result onto a picture.
        on_key: a function that gets the character of each key but q and Esc; None ignores them.

    Raises:
        UsageError: there is no display, or this build of OpenCV has no windows.
    """

    def __init__(
        self, title: str = "edgetl", drawing: Drawing = draw, on_key: Callable[[str], None] | None = None
    ) -> None:
        self._title = title
        self._drawing = drawing
        self._on_key = on_key
        self._sized = False

    def __enter__(self) -> Self:
        if not cv2.currentUIFramework():
            swap = f"pip uninstall opencv-python-headless, then {install_command('window')}"
            remedy = f"{swap}, or use --save or --jsonl"
            raise UsageError(
                "this is the headless build of OpenCV, which has no windows", where="--show", remedy=remedy
            )
        if sys.platform.startswith("linux") and not _display_answers(os.environ.get("DISPLAY", "")):
            raise UsageError("there is no display to show a window on", where="--show", remedy=_REMEDY)
        try:
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        except cv2.error as error:
            raise UsageError(f"no window can be opened: {error.err}", where="--show", remedy=_REMEDY) from error
        return self

    def write(self, observation: Observation) -> None:
        """Shows a frame, and a photo for a second.

        Raises:
            RunEnded: the viewer has pressed q or Esc, or closed the window.
        """
        image = observation.frame.picture().copy()
        self._drawing(image, observation.result)
        if not self._sized:
            cv2.resizeWindow(self._title, image.shape[1], image.shape[0])
            self._sized = True
        cv2.imshow(self._title, image)
        key = cv2.waitKey(_PHOTO_MS if observation.frame.name else 1) & 0xFF
        if key in _KEYS_TO_END or cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
            raise RunEnded
        if self._on_key and key != _NO_KEY:
            self._on_key(chr(key))

    def notify(self, event: Event) -> None:
        """Does nothing: the window shows no events."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(cv2.error):  # the viewer has closed it
            cv2.destroyWindow(self._title)


def _display_answers(display: str) -> bool:
    """Returns whether an X server listens at a DISPLAY; without one the window library would end the process."""
    host, _, number = display.rpartition(":")
    number = number.partition(".")[0]
    if not number.isdecimal():
        return False
    try:
        if host in ("", "unix"):
            return _unix_answers(f"/tmp/.X11-unix/X{number}")
        socket.create_connection((host, 6000 + int(number)), timeout=3).close()
    except OSError:
        return False
    return True


def _unix_answers(path: str) -> bool:
    # Some servers listen only in Linux's abstract namespace, whose names begin with a zero byte.
    for address in (path, "\0" + path):
        if address == path and not Path(path).exists():
            continue
        with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
            client.connect(address)
            return True
    return False
