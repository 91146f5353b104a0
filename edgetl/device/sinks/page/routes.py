"""Defines what the live page serves under which path: its files, the picture, results, settings and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib.resources import files
from time import monotonic, time

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from edgetl.device.result_selection import ResultSelection
from edgetl.device.sinks.page.live_feed import LiveFeed, Numbered
from edgetl.device.sinks.page.metrics import RunMetrics
from edgetl.device.sinks.page.mjpeg import BOUNDARY, Pictures
from edgetl.device.sinks.page.photo_button import PhotoButton
from edgetl.device.sinks.page.settings import change, description, settings
from edgetl.errors import EdgetlError, UsageError
from edgetl.text import json_text

_MAX_BODY = 64 << 10
"""The settings in a request have at most this many bytes; the labels of a large model fit."""
_POLL_SECONDS = 0.1
"""The stream of results looks for something new once in this time, s: nobody reads faster."""
_STATUS_SECONDS = 1.0
"""The stream of results sends the figures of the run once in this time, s."""
_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


class Routes:
    """Answers the page's requests.

    All methods are called in the page's event loop, so the state needs no lock.

    Args:
        feed: the latest observation and the recent events of the run.
        pictures: the encoded pictures of the feed.
        selection: the results that the run reports; viewers may change them.
        metrics: the figures of the run.
        button: the button that takes a photo; None has no such path.
    """

    def __init__(
        self,
        feed: LiveFeed,
        pictures: Pictures,
        selection: ResultSelection,
        metrics: RunMetrics,
        button: PhotoButton | None = None,
    ) -> None:
        self._feed = feed
        self._pictures = pictures
        self._selection = selection
        self._metrics = metrics
        self._button = button
        self._static = _static_files()
        self._last_result: tuple[int, bytes] = (0, b"")  # the frame's number and its message

    def application(self) -> Starlette:
        """Returns the routes as an ASGI application."""
        application = Starlette(
            routes=[
                Route("/", self._get_index),
                Route("/static/{name}", self._get_static),
                Route("/api/results", self._get_results),
                Route("/api/stream.mjpg", self._get_stream),
                Route("/api/snapshot.jpg", self._get_snapshot),
                Route("/api/settings", self._settings, methods=["GET", "POST"]),
                Route("/api/photo", self._take_photo, methods=["POST"]),
                Route("/healthz", self._get_health),
                Route("/metrics", self._get_metrics),
            ]
        )
        application.router.redirect_slashes = False  # a redirect would go to the host that the request names
        return application

    async def _get_index(self, request: Request) -> Response:
        return Response(self._static["index.html"], media_type=_MEDIA_TYPES["html"])

    async def _get_static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._static:
            return PlainTextResponse("there is no such file\n", 404)
        headers = {"cache-control": "no-cache"}
        return Response(self._static[name], media_type=_MEDIA_TYPES[name.rpartition(".")[2]], headers=headers)

    async def _get_results(self, request: Request) -> Response:
        return _endless(request, self._server_sent_events(), "text/event-stream")

    async def _get_stream(self, request: Request) -> Response:
        return _endless(request, self._pictures.multipart(), f"multipart/x-mixed-replace; boundary={BOUNDARY}")

    async def _get_snapshot(self, request: Request) -> Response:
        try:
            picture = await self._pictures.snapshot()
        except EdgetlError as error:
            return PlainTextResponse(f"{error.what}\n", 503)
        if picture is None:
            return PlainTextResponse("no frame has come yet\n", 503)
        return Response(picture.jpeg, media_type="image/jpeg")

    async def _settings(self, request: Request) -> Response:
        if request.method == "POST":
            refusal = await self._change_settings(request)
            if refusal:
                return refusal
        return _json(description(self._selection))

    async def _change_settings(self, request: Request) -> Response | None:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _error("send the settings as application/json", 415)
        try:
            body = await _read_body(request)
            if body is None:
                return _error(f"settings have at most {_MAX_BODY >> 10} kB", 413)
            change(self._selection, body)
        except UsageError as error:
            return _error("; ".join(part for part in (error.what, error.remedy) if part), 400)
        except ClientDisconnect:
            return _error("the connection ended before the settings were complete", 400)
        return None

    async def _take_photo(self, request: Request) -> Response:
        if self._button is None:
            return _error("this page has no button that takes photos", 404)
        self._button.press()
        return _json(self._button.to_dict(), 202)

    async def _get_health(self, request: Request) -> Response:
        silence = self._metrics.silence()
        stalled = silence > self._metrics.stall
        health = {"status": "stalled" if stalled else "ok", "seconds_since_frame": round(silence, 3)}
        return _json(health, 503 if stalled else 200)

    async def _get_metrics(self, request: Request) -> Response:
        return Response(self._metrics.prometheus_text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _server_sent_events(self) -> AsyncIterator[bytes]:
        """Yields messages: `result` for the latest frame, `event` for each event, and `status` once a second."""
        sent_event = sent_frame = 0
        next_status = 0.0
        while True:
            messages = []
            if monotonic() >= next_status:
                next_status = monotonic() + _STATUS_SECONDS
                messages.append(_message("status", self._status()))
            latest = self._feed.latest
            if latest and latest.number != sent_frame:
                sent_frame = latest.number
                messages.append(self._result_message(latest))
            for number, event in tuple(self._feed.events):
                if number > sent_event:
                    sent_event = number
                    wall_clock = time() - (monotonic() - event.at)
                    messages.append(_message("event", {"time": round(wall_clock, 3), **event.to_dict()}))
            if messages:
                yield b"".join(messages)
            await asyncio.sleep(_POLL_SECONDS)

    def _status(self) -> dict[str, object]:
        """Returns the figures of the run, the present settings, and the button if there is one."""
        button = {} if self._button is None else {"photo_button": self._button.to_dict()}
        return self._metrics.to_dict() | {"settings": settings(self._selection)} | button

    def _result_message(self, latest: Numbered) -> bytes:
        """Returns the message of a frame's result; it is made once for all viewers."""
        if self._last_result[0] != latest.number:
            seen = latest.observation
            result = {"index": seen.frame.index, "age_ms": round(seen.age_ms, 1), **seen.result.to_dict()}
            self._last_result = latest.number, _message("result", result)
        return self._last_result[1]


async def _read_body(request: Request) -> bytes | None:
    """Returns the body of a request; None if it is longer than settings may be, in which case reading stops."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > _MAX_BODY:
        return None
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY:
            return None
    return body


def _endless(request: Request, parts: AsyncIterator[bytes], media_type: str) -> Response:
    if request.method == "HEAD":  # the answer to HEAD has no body and ends at once
        return Response(media_type=media_type)
    return StreamingResponse(parts, media_type=media_type)


def _error(reason: str, code: int) -> Response:
    return _json({"error": reason}, code)


def _json(value: object, code: int = 200) -> Response:
    return Response(json_text(value), code, media_type="application/json")


def _message(name: str, data: dict[str, object]) -> bytes:
    return f"event: {name}\ndata: {json_text(data)}\n\n".encode()


def _static_files() -> dict[str, bytes]:
    """Returns the page's own files by name; no other file can be requested."""
    folder = files("edgetl.device.sinks.page") / "static"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in _MEDIA_TYPES}
