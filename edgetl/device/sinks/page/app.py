"""The live page's application: what is served under which path."""

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
from edgetl.device.sinks.page.latest import Scene, Shown
from edgetl.device.sinks.page.metrics import Board, metrics
from edgetl.device.sinks.page.mjpeg import BOUNDARY, Pictures
from edgetl.device.sinks.page.settings import change, description, settings
from edgetl.errors import EdgetlError, UsageError
from edgetl.text import json_text

_MOST_BODY = 64 << 10
_PAUSE = 0.1
"""Between two looks for something new to send, s: nobody reads faster."""
_STATUS_EVERY = 1.0
_KINDS = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


class Pages:
    """The endpoints.

    Args:
        scene: that is looked at.
        pictures: of it.
        selection: the results that the run reports; viewers may change them.
        board: how the run is doing.
    """

    def __init__(self, scene: Scene, pictures: Pictures, selection: ResultSelection, board: Board) -> None:
        self._scene = scene
        self._pictures = pictures
        self._selection = selection
        self._board = board
        self._static = _static()
        self._told: tuple[int, bytes] = (0, b"")

    def application(self) -> Starlette:
        """Returns them as an ASGI application."""
        application = Starlette(
            routes=[
                Route("/", self._index),
                Route("/static/{name}", self._file),
                Route("/api/results", self._results),
                Route("/api/stream.mjpg", self._stream),
                Route("/api/snapshot.jpg", self._snapshot),
                Route("/api/settings", self._settings, methods=["GET", "POST"]),
                Route("/healthz", self._health),
                Route("/metrics", self._metrics),
            ]
        )
        application.router.redirect_slashes = False  # to a host that the request names
        return application

    async def _index(self, request: Request) -> Response:
        return Response(self._static["index.html"], media_type=_KINDS["html"])

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._static:
            return PlainTextResponse("there is no such file\n", 404)
        cached = {"cache-control": "no-cache"}
        return Response(self._static[name], media_type=_KINDS[name.rpartition(".")[2]], headers=cached)

    async def _results(self, request: Request) -> Response:
        return _endless(request, self._news(), "text/event-stream")

    async def _stream(self, request: Request) -> Response:
        return _endless(request, self._pictures.multipart(), f"multipart/x-mixed-replace; boundary={BOUNDARY}")

    async def _snapshot(self, request: Request) -> Response:
        try:
            picture = await self._pictures.snapshot()
        except EdgetlError as error:
            return PlainTextResponse(f"{error.what}\n", 503)
        if picture is None:
            return PlainTextResponse("no frame has come yet\n", 503)
        return Response(picture.jpeg, media_type="image/jpeg")

    async def _settings(self, request: Request) -> Response:
        if request.method == "POST":
            refusal = await self._change(request)
            if refusal:
                return refusal
        return _json(description(self._selection))

    async def _change(self, request: Request) -> Response | None:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _refused("send the settings as application/json", 415)
        try:
            body = await _body(request)
            if body is None:
                return _refused(f"settings have at most {_MOST_BODY >> 10} kB", 413)
            change(self._selection, body)
        except UsageError as error:
            return _refused("; ".join(part for part in (error.what, error.remedy) if part), 400)
        except ClientDisconnect:
            return _refused("the settings ended too early", 400)
        return None

    async def _health(self, request: Request) -> Response:
        silence = self._board.silence()
        stalled = silence > self._board.stall
        told = {"status": "stalled" if stalled else "ok", "seconds_since_frame": round(silence, 3)}
        return _json(told, 503 if stalled else 200)

    async def _metrics(self, request: Request) -> Response:
        return Response(metrics(self._board), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _news(self) -> AsyncIterator[bytes]:
        """Yields server-sent events: `result` for the newest frame, `event`, and `status` once a second."""
        told = number = 0
        next_status = 0.0
        while True:
            news = []
            if monotonic() >= next_status:
                next_status = monotonic() + _STATUS_EVERY
                news.append(_message("status", self._board.to_dict() | {"settings": settings(self._selection)}))
            newest = self._scene.newest
            if newest and newest.number != number:
                number = newest.number
                news.append(self._result(newest))
            for event_number, event in tuple(self._scene.events):
                if event_number > told:
                    told = event_number
                    at = time() - (monotonic() - event.at)
                    news.append(_message("event", {"time": round(at, 3), **event.to_dict()}))
            if news:
                yield b"".join(news)
            await asyncio.sleep(_PAUSE)

    def _result(self, shown: Shown) -> bytes:
        """The message of a frame's result, made once for all viewers."""
        if self._told[0] != shown.number:
            told = {"index": shown.frame.index, "age_ms": round(shown.age, 1), **shown.result.to_dict()}
            self._told = shown.number, _message("result", told)
        return self._told[1]


async def _body(request: Request) -> bytes | None:
    """The body; None where it is longer than any settings are, which is not read to its end then."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > _MOST_BODY:
        return None
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BODY:
            return None
    return body


def _endless(request: Request, parts: AsyncIterator[bytes], kind: str) -> Response:
    if request.method == "HEAD":  # has an end
        return Response(media_type=kind)
    return StreamingResponse(parts, media_type=kind)


def _refused(why: str, code: int) -> Response:
    return _json({"error": why}, code)


def _json(value: object, code: int = 200) -> Response:
    return Response(json_text(value), code, media_type="application/json")


def _message(kind: str, told: dict[str, object]) -> bytes:
    return f"event: {kind}\ndata: {json_text(told)}\n\n".encode()


def _static() -> dict[str, bytes]:
    """The page's own files, by their names: what isn't among them can't be asked for."""
    folder = files("edgetl.device.sinks.page") / "static"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in _KINDS}
