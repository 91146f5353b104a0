"""The live page's server: Uvicorn in a thread and an event loop of its own."""

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
from edgetl.device.sinks.page.app import Pages
from edgetl.device.sinks.page.door import Door
from edgetl.device.sinks.page.endpoint import Endpoint
from edgetl.device.sinks.page.latest import Scene
from edgetl.device.sinks.page.metrics import Board
from edgetl.device.sinks.page.mjpeg import Pictures
from edgetl.device.sinks.page.protocol import BoundedProtocol
from edgetl.device.status import Status
from edgetl.errors import EdgetlError

logger = logging.getLogger(__name__)

_START_SECONDS = 10.0
_END_SECONDS = 5.0
_HEADERS_BYTES = 16 << 10
_HANDSHAKE_SECONDS = 5.0
_RECORDS = 5
"""Log records of the server that are printed a minute."""


class Server:
    """Serves a scene from when it is made until it is closed.

    Args:
        endpoint: where, and to whom.
        scene: that is looked at.
        selection: the results that the run reports; viewers may change them.
        status: the run's.
        stall: without a frame for so long the run isn't healthy, s.

    Attributes:
        port: it is served at.
        error: what ended it, where it wasn't closed.

    Raises:
        EdgetlError: it can't be served there.
    """

    def __init__(
        self, endpoint: Endpoint, scene: Scene, selection: ResultSelection, status: Status, stall: float
    ) -> None:
        endpoint.check_certificate()
        self._door = endpoint.listen(Door)
        self.port: int = self._door.getsockname()[1]
        self.error: BaseException | None = None
        self._pictures = Pictures(scene)
        board = Board(status, stall, self.viewers)
        access = Access(endpoint.token, _is_loopback(self._door), self.port, endpoint.certificate is not None)
        guard = Guard(Pages(scene, self._pictures, selection, board).application(), access)
        if endpoint.certificate is None:
            self._door.floods = guard.floods
        self._server = _Uvicorn(
            uvicorn.Config(
                guard,
                http=partial(BoundedProtocol, door=self._door, guard=guard),  # type: ignore[arg-type]
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,  # an address may hold the token
                proxy_headers=False,
                server_header=False,
                ssl_certfile=endpoint.certificate,
                ssl_keyfile=endpoint.key,
                h11_max_incomplete_event_size=_HEADERS_BYTES,
                timeout_graceful_shutdown=1,
            )
        )
        # What strangers send wrong is their matter, and must not fill this machine's log.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        for name in ("uvicorn.error", "asyncio"):
            logging.getLogger(name).addFilter(_SPARSE)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._serve, name="page", daemon=True)
        self._thread.start()
        if not self._server.serves.wait(_START_SECONDS) or not self._server.started:
            self.close()
            reason = f": {self.error}" if self.error else f" within {_START_SECONDS:.0f} s"
            where = f"{endpoint.host}:{self.port}"
            raise EdgetlError(f"the live page did not start{reason}", where=where, remedy="leave --serve out")

    @property
    def alive(self) -> bool:
        """Whether it serves."""
        return self._thread.is_alive()

    def viewers(self) -> int:
        """Returns how many connections of people who may look there are."""
        return self._door.admitted

    def close(self) -> None:
        """Hangs up on everyone and ends the thread."""
        if self._loop and self.alive:
            self._loop.call_soon_threadsafe(self._hang_up)
        self._thread.join(_END_SECONDS)
        self._door.close()

    def _hang_up(self) -> None:
        self._server.should_exit = True
        for connection in tuple(self._server.server_state.connections):
            if connection.transport:
                connection.transport.abort()

    def _serve(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_Loop) as runner:
                self._loop = runner.get_loop()
                runner.run(self._server.serve([self._door]))
        except BaseException as error:  # told by whoever looks after it
            self.error = error
        finally:
            self._pictures.close()
            self._door.close()
            self._server.serves.set()


class _Uvicorn(uvicorn.Server):
    """Uvicorn, which says when it serves.

    Attributes:
        serves: set once connections are accepted, or once it is known that they never are.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serves = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to accept connections."""
        await super().startup(sockets)
        self.serves.set()


class _Sparse(logging.Filter):
    """Lets so many records pass a minute, so that nobody can fill the log from outside; the next one says so."""

    def __init__(self) -> None:
        super().__init__()
        self._minute = self._passed = self._dropped = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Says whether a record passes."""
        minute = int(monotonic() // 60)
        if minute != self._minute:
            self._minute, self._passed = minute, 0
            if self._dropped:
                record.msg = f"{record.getMessage()} ({self._dropped:,} more such lines were left out before)"
                record.args, self._dropped = (), 0
        self._passed += 1
        self._dropped += self._passed > _RECORDS
        return self._passed <= _RECORDS


_SPARSE = _Sparse()


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose servers don't wait a minute for a TLS handshake."""

    async def create_server(self, *args, ssl=None, **options):  # type: ignore[no-untyped-def] # noqa: ANN001,ANN002,ANN003,ANN202
        if ssl is not None:
            options |= {"ssl_handshake_timeout": _HANDSHAKE_SECONDS, "ssl_shutdown_timeout": _HANDSHAKE_SECONDS}
        return await super().create_server(*args, ssl=ssl, **options)


def _is_loopback(listening: socket.socket) -> bool:
    address = str(listening.getsockname()[0])
    return address == "::1" or address.startswith("127.")
