"""Runs the live page's server: Uvicorn in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from functools import partial
from time import monotonic

import uvicorn

from edgetl.device.result_selection import ResultSelection
from edgetl.device.sinks.page.access import Access, Guard
from edgetl.device.sinks.page.connection_limit import LimitedListener
from edgetl.device.sinks.page.endpoint import Endpoint
from edgetl.device.sinks.page.http_protocol import BoundedProtocol
from edgetl.device.sinks.page.live_feed import LiveFeed
from edgetl.device.sinks.page.metrics import RunMetrics
from edgetl.device.sinks.page.mjpeg import Pictures
from edgetl.device.sinks.page.photo_button import PhotoButton
from edgetl.device.sinks.page.routes import Routes
from edgetl.device.status import Status
from edgetl.errors import EdgetlError

logger = logging.getLogger(__name__)

_START_SECONDS = 10.0
"""The server must accept connections within this time, s; otherwise the run ends with an error instead of waiting."""
_END_SECONDS = 5.0
"""The end of a run waits this long for the server's thread, s, so that a stuck server does not keep the run alive."""
_MAX_HEADERS = 16 << 10
"""The headers of a request have at most this many bytes, which bounds the memory of a connection."""
_HANDSHAKE_SECONDS = 5.0
"""A TLS handshake must end within this time, s, so that silent clients do not hold sockets."""
_RECORDS_A_MINUTE = 5
"""At most this many log records of the server are printed a minute, so that nobody can fill the log from outside."""


class Server:
    """Serves the live page, from when the object is made until it is closed.

    `_loop` and `error` are written by the server's thread only; other threads read them, which needs no lock because
    each is replaced in one step. Everything else is written before the thread starts.

    Args:
        endpoint: the address, the token and the certificate.
        feed: the latest observation and the recent events of the run.
        selection: the results that the run reports; viewers may change them.
        status: the status of the run.
        stall: the camera counts as lost after this time without a frame, s.
        button: the button that takes a photo; None shows none.

    Attributes:
        port: the port that the page is served at.
        error: the error that ended the server; None while it serves and after `close`.

    Raises:
        UsageError: the host is not an address of this machine, or the certificate can't be used.
        EdgetlError: the port can't be opened, or the server does not start.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        feed: LiveFeed,
        selection: ResultSelection,
        status: Status,
        stall: float,
        button: PhotoButton | None = None,
    ) -> None:
        endpoint.check_certificate()
        self._listener = endpoint.listen(LimitedListener)
        self.port: int = self._listener.getsockname()[1]
        self.error: BaseException | None = None
        self._pictures = Pictures(feed)
        metrics = RunMetrics(status, stall, self.viewers)
        access = Access(endpoint.token, _is_loopback(self._listener), self.port, endpoint.certificate is not None)
        guard = Guard(Routes(feed, self._pictures, selection, metrics, button).application(), access)
        if endpoint.certificate is None:
            self._listener.is_flood = guard.is_flood
        self._server = _Uvicorn(_configuration(endpoint, self._listener, guard))
        _limit_log()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._serve, name="page", daemon=True)
        self._thread.start()
        if not self._server.started_or_failed.wait(_START_SECONDS) or not self._server.started:
            self.close()
            reason = f": {self.error}" if self.error else f" within {_START_SECONDS:.0f} s"
            where = f"{endpoint.host}:{self.port}"
            raise EdgetlError(f"the live page did not start{reason}", where=where, remedy="leave --serve out")

    @property
    def alive(self) -> bool:
        """Whether the server serves."""
        return self._thread.is_alive()

    def viewers(self) -> int:
        """Returns the number of connections that have a place."""
        return self._listener.admitted

    def close(self) -> None:
        """Closes all connections and ends the thread."""
        if self._loop and self.alive:
            self._loop.call_soon_threadsafe(self._hang_up)
        self._thread.join(_END_SECONDS)
        self._listener.close()

    def _hang_up(self) -> None:
        self._server.should_exit = True
        for connection in tuple(self._server.server_state.connections):
            if connection.transport:
                connection.transport.abort()

    def _serve(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_Loop) as runner:
                self._loop = runner.get_loop()
                runner.run(self._server.serve([self._listener]))
        except BaseException as error:  # reported by the thread that made the server
            self.error = error
        finally:
            self._pictures.close()
            self._listener.close()
            self._server.started_or_failed.set()


def _configuration(endpoint: Endpoint, listener: LimitedListener, guard: Guard) -> uvicorn.Config:
    return uvicorn.Config(
        guard,
        http=partial(BoundedProtocol, listener=listener, guard=guard),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # an address may hold the token
        proxy_headers=False,
        server_header=False,
        ssl_certfile=endpoint.certificate,
        ssl_keyfile=endpoint.key,
        h11_max_incomplete_event_size=_MAX_HEADERS,
        timeout_graceful_shutdown=1,
    )


class _Uvicorn(uvicorn.Server):
    """Uvicorn's server with an event that tells when it serves.

    Attributes:
        started_or_failed: set once connections are accepted, or once the start has failed.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.started_or_failed = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to accept connections."""
        await super().startup(sockets)
        self.started_or_failed.set()


class _LogLimit(logging.Filter):
    """Passes a limited number of records a minute; the first record after a gap states how many were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._minute = self._passed = self._dropped = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns whether a record passes."""
        minute = int(monotonic() // 60)
        if minute != self._minute:
            self._minute, self._passed = minute, 0
            if self._dropped:
                record.msg = f"{record.getMessage()} ({self._dropped:,} more such lines were left out before)"
                record.args, self._dropped = (), 0
        self._passed += 1
        self._dropped += self._passed > _RECORDS_A_MINUTE
        return self._passed <= _RECORDS_A_MINUTE


_LOG_LIMIT = _LogLimit()


def _limit_log() -> None:
    """Limits the server's log records, because strangers cause them: with malformed requests, for example."""
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    for name in ("uvicorn.error", "asyncio"):
        logging.getLogger(name).addFilter(_LOG_LIMIT)


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose TLS handshakes end after seconds instead of a minute."""

    async def create_server(self, *args, ssl=None, **options):  # type: ignore[no-untyped-def] # noqa: ANN001,ANN002,ANN003,ANN202
        if ssl is not None:
            options |= {"ssl_handshake_timeout": _HANDSHAKE_SECONDS, "ssl_shutdown_timeout": _HANDSHAKE_SECONDS}
        return await super().create_server(*args, ssl=ssl, **options)


def _is_loopback(listening: socket.socket) -> bool:
    address = str(listening.getsockname()[0])
    return address == "::1" or address.startswith("127.")
