"""Pictures for those who look: encoded once for all of them, and only while someone does."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import cv2
import numpy as np

from edgetl.device.sinks.drawing import Drawing
from edgetl.device.sinks.page.latest import Scene, Shown
from edgetl.errors import EdgetlError
from edgetl.vision.draw import draw

BOUNDARY = "edgetl-frame"

_WIDEST = 1280
"""Of a picture in the stream, px; a snapshot has all of the camera's."""
_QUALITY, _SNAPSHOT_QUALITY = 80, 92
_MOST_A_SECOND = 12.0
_SHARE = 0.25
"""Of the encoding thread's time that pictures may take: on a slow machine there are fewer, not slower results."""
_NICE = 5
"""What the encoding thread yields to the run's, where a thread has a niceness of its own."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded frame.

    Attributes:
        jpeg: with its result drawn.
        shown: what it shows.
    """

    jpeg: bytes
    shown: Shown


class Pictures:
    """The encoded newest frame; used in the page's event loop.

    Args:
        scene: that is looked at.

    Attributes:
        encoded: pictures made so far, for whom or how many does not matter.
    """

    def __init__(self, scene: Scene) -> None:
        self.encoded = 0
        self._scene = scene
        self._newest: Picture | None = None
        self._snapshot: Picture | None = None
        self._coming: asyncio.Task[Picture] | None = None
        self._next = 0.0
        self._pool = ThreadPoolExecutor(1, "page-pictures", initializer=_yield_to_the_run)
        self._shooting = asyncio.Lock()

    async def after(self, number: int) -> Picture:
        """Waits for a picture newer than that of a number; all who wait get the same."""
        if self._newest and self._newest.shown.number > number:
            return self._newest
        if self._coming is None or self._coming.done():
            self._coming = asyncio.create_task(self._encode_next(number))
        return await asyncio.shield(self._coming)  # whoever leaves doesn't take it from the others

    async def snapshot(self) -> Picture | None:
        """Returns the newest frame in full size; None before the first.

        Raises:
            EdgetlError: the camera's own file of it is damaged.
        """
        async with self._shooting:
            shown = self._scene.newest
            if shown is None:
                return None
            if self._snapshot is None or self._snapshot.shown.number != shown.number:
                self._snapshot = await self._encode(shown, None, _SNAPSHOT_QUALITY)
            return self._snapshot

    async def multipart(self) -> AsyncIterator[bytes]:
        """Yields the newest picture, again and again, as the parts of a `multipart/x-mixed-replace`.

        One that has come while a viewer was busy with the last ones is skipped for that viewer.
        """
        number = 0
        while True:
            picture = await self.after(number)
            number = picture.shown.number
            head = (
                f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture.jpeg)}\r\n"
                f"X-Frame-Index: {picture.shown.frame.index}\r\n\r\n"
            )
            yield head.encode() + picture.jpeg + b"\r\n"

    async def _encode_next(self, number: int) -> Picture:
        await asyncio.sleep(self._next - monotonic())
        while True:
            shown = await self._scene.after(number)
            try:
                self._newest = await self._encode(shown, _WIDEST, _QUALITY)
            except EdgetlError:  # a camera's file that is damaged: the next one will do
                number = shown.number
            else:
                return self._newest

    async def _encode(self, shown: Shown, widest: int | None, quality: int) -> Picture:
        start = monotonic()
        loop = asyncio.get_running_loop()
        picture = await loop.run_in_executor(self._pool, encode, shown, widest, quality, self._scene.drawing)
        self.encoded += 1
        self._next = start + max(1 / _MOST_A_SECOND, (monotonic() - start) / _SHARE)
        return picture

    def close(self) -> None:
        """Ends the encoding thread."""
        if self._coming:
            self._coming.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)


def encode(shown: Shown, widest: int | None, quality: int, drawing: Drawing = draw) -> Picture:
    """Draws a result onto a copy of its frame's picture and encodes it.

    Args:
        shown: the frame with its result.
        widest: the picture is scaled down to so many px; None leaves it as it is.
        quality: of the JPEG, 0..100.
        drawing: puts the result onto the picture.

    Raises:
        EdgetlError: OpenCV can't encode it.
    """
    picture = shown.frame.picture()
    height, width = picture.shape[:2]
    if widest is not None and width > widest:
        canvas = np.empty((max(1, round(height * widest / width)), widest, 3), np.uint8)
        # INTER_AREA takes six times as long, and shows a difference only where much is scaled away.
        kind = cv2.INTER_AREA if width >= 2 * widest else cv2.INTER_LINEAR
        cv2.resize(picture, (widest, canvas.shape[0]), dst=canvas, interpolation=kind)
    else:
        canvas = picture.copy()
    drawing(canvas, shown.result)
    done, data = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise EdgetlError("OpenCV can't encode the picture as JPEG", where=f"{width} x {height}")
    return Picture(data.tobytes(), shown)


def _yield_to_the_run() -> None:
    if sys.platform == "linux":  # elsewhere niceness is the whole program's
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
