"""Encodes the live picture as JPEG: once for all viewers, and only while there is a viewer."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic

import cv2
import numpy as np

from edgetl.device.observation import Observation
from edgetl.device.sinks.drawing import Drawing
from edgetl.device.sinks.page.live_feed import LiveFeed, Numbered
from edgetl.errors import EdgetlError
from edgetl.vision.draw import draw

BOUNDARY = "edgetl-frame"

_MAX_WIDTH = 1280
"""Pictures of the stream are scaled down to this width, px; a snapshot has the camera's full size."""
_QUALITY, _SNAPSHOT_QUALITY = 80, 92
_MAX_RATE = 12.0
"""At most this many pictures are encoded a second, so that viewers leave the processor to the model."""
_MAX_LOAD = 0.25
"""Encoding takes at most this share of its thread's time; on a slow machine there are fewer pictures, not results."""
_NICENESS = 5
"""The niceness of the encoding thread, so that the run goes first; only Linux has a niceness for each thread."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded frame.

    Attributes:
        jpeg: the JPEG file of the frame with its result drawn on it.
        source: the observation that was encoded.
    """

    jpeg: bytes
    source: Numbered


class Pictures:
    """Encodes the latest frame of a feed for all viewers.

    All methods are called in the page's event loop, so the state needs no lock. The encoding itself is done in a thread
    of its own, which touches none of the state.

    Args:
        feed: the feed whose frames are encoded.

    Attributes:
        encoded: the number of pictures encoded so far.
    """

    def __init__(self, feed: LiveFeed) -> None:
        self.encoded = 0
        self._feed = feed
        self._latest: Picture | None = None
        self._snapshot: Picture | None = None
        self._encoding: asyncio.Task[Picture] | None = None
        self._next_at = 0.0
        self._pool = ThreadPoolExecutor(1, "page-pictures", initializer=_lower_priority)
        self._snapshot_lock = asyncio.Lock()

    async def newer_than(self, number: int) -> Picture:
        """Waits for a picture; all callers that wait get the same picture.

        Args:
            number: the number of the last frame that the viewer has seen; 0 for none.
        """
        if self._latest and self._latest.source.number > number:
            return self._latest
        if self._encoding is None or self._encoding.done():
            self._encoding = asyncio.create_task(self._encode_next(number))
        return await asyncio.shield(self._encoding)  # a viewer who leaves does not cancel it for the others

    async def snapshot(self) -> Picture | None:
        """Returns the latest frame in full size; None before the first frame.

        Raises:
            EdgetlError: the JPEG file of the frame, which the camera delivered, is damaged.
        """
        async with self._snapshot_lock:
            latest = self._feed.latest
            if latest is None:
                return None
            if self._snapshot is None or self._snapshot.source.number != latest.number:
                self._snapshot = await self._encode(latest, None, _SNAPSHOT_QUALITY)
            return self._snapshot

    async def multipart(self) -> AsyncIterator[bytes]:
        """Yields the parts of a `multipart/x-mixed-replace` stream without end, each of them a picture.

        Pictures that were encoded while the viewer still received an earlier one are skipped for this viewer.
        """
        number = 0
        while True:
            picture = await self.newer_than(number)
            number = picture.source.number
            head = (
                f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture.jpeg)}\r\n"
                f"X-Frame-Index: {picture.source.observation.frame.index}\r\n\r\n"
            )
            yield head.encode() + picture.jpeg + b"\r\n"

    async def _encode_next(self, number: int) -> Picture:
        await asyncio.sleep(self._next_at - monotonic())
        while True:
            source = await self._feed.newer_than(number)
            try:
                self._latest = await self._encode(source, _MAX_WIDTH, _QUALITY)
            except EdgetlError:  # the camera's JPEG file is damaged: the next frame is shown instead
                number = source.number
            else:
                return self._latest

    async def _encode(self, source: Numbered, max_width: int | None, quality: int) -> Picture:
        start = monotonic()
        loop = asyncio.get_running_loop()
        task = partial(encode, source.observation, max_width, quality, self._feed.drawing)
        jpeg = await loop.run_in_executor(self._pool, task)
        self.encoded += 1
        self._next_at = start + max(1 / _MAX_RATE, (monotonic() - start) / _MAX_LOAD)
        return Picture(jpeg, source)

    def close(self) -> None:
        """Ends the encoding thread."""
        if self._encoding:
            self._encoding.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)


def encode(observation: Observation, max_width: int | None, quality: int, drawing: Drawing = draw) -> bytes:
    """Draws a result onto a copy of its frame's picture, (H, W, 3) uint8 BGR, and encodes the copy as JPEG.

    Args:
        observation: the frame with its result.
        max_width: the width that a wider picture is scaled down to, px; None leaves the size as it is.
        quality: the JPEG quality, 0..100.
        drawing: draws the result onto the picture.

    Raises:
        EdgetlError: OpenCV can't encode the picture, or the frame's own JPEG file is damaged.
    """
    picture = observation.frame.picture()
    height, width = picture.shape[:2]
    if max_width is not None and width > max_width:
        canvas = np.empty((max(1, round(height * max_width / width)), max_width, 3), np.uint8)
        # INTER_AREA takes six times as long, and differs visibly only at large factors.
        interpolation = cv2.INTER_AREA if width >= 2 * max_width else cv2.INTER_LINEAR
        cv2.resize(picture, (max_width, canvas.shape[0]), dst=canvas, interpolation=interpolation)
    else:
        canvas = picture.copy()
    drawing(canvas, observation.result)
    done, data = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise EdgetlError("OpenCV can't encode the picture as JPEG", where=f"{width} x {height}")
    return data.tobytes()


def _lower_priority() -> None:
    if sys.platform == "linux":  # on other systems it would apply to the whole process
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
