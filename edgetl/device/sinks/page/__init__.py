"""The live page: what the camera sees and the model says, in a browser."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.result_selection import ResultSelection
from edgetl.device.sinks.drawing import Drawing
from edgetl.device.sinks.page.endpoint import Endpoint
from edgetl.device.sinks.page.latest import Scene
from edgetl.device.status import Status
from edgetl.errors import EdgetlError
from edgetl.install import install_command
from edgetl.vision.draw import draw

if TYPE_CHECKING:
    from edgetl.device.sinks.page.server import Server

logger = logging.getLogger(__name__)

_REVIVE_SECONDS = 10.0
"""Between two attempts to start the page again."""


class Page:
    """Serves the run as a page, from threads of its own that a run never waits for.

    Args:
        endpoint: where, and to whom.
        selection: the results that the run reports; viewers may change them.
        status: the run's.
        stall: without a frame for so long the run isn't healthy, s.
        announce: takes a line that tells where the page is; None tells nobody.
        drawing: puts results onto pictures.

    Raises:
        EdgetlError: what it needs isn't installed, or it can't be served there.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        selection: ResultSelection,
        status: Status,
        *,
        stall: float = 5.0,
        announce: Callable[[str], None] | None = None,
        drawing: Drawing = draw,
    ) -> None:
        self.endpoint = endpoint
        self._selection = selection
        self._status = status
        self._stall = stall
        self._announce = announce
        self._scene = Scene(drawing)
        self._server: Server | None = None
        self._next = 0.0

    def __enter__(self) -> Self:
        self._server = self._serve()
        self.endpoint = replace(self.endpoint, port=self._server.port)  # where it comes back to if it ever dies
        if self._announce:
            shown = f"?token={self.endpoint.token}" if self.endpoint.made else ""
            self._announce(f"live page: {self.endpoint.url()}{shown}")
        return self

    def _serve(self) -> Server:
        try:
            from edgetl.device.sinks.page.server import Server
        except ModuleNotFoundError as error:
            what = f"the live page needs {error.name}, which is not installed"
            raise EdgetlError(what, where="--serve", remedy=install_command("page")) from error
        return Server(self.endpoint, self._scene, self._selection, self._status, self._stall)

    def write(self, observation: Observation) -> None:
        """Shows a frame to whoever looks; where nobody does, it costs nothing."""
        self._scene.put(observation)
        if self._server and not self._server.alive:
            self._revive(self._server)

    def notify(self, event: Event) -> None:
        """Shows an event."""
        self._scene.notify(event)

    def _revive(self, dead: Server) -> None:
        """Starts the page again, and says so: a run shall not lose it without a word."""
        if monotonic() < self._next:
            return
        self._next = monotonic() + _REVIVE_SECONDS
        logger.error("the live page ended, and is started again: %r", dead.error)
        try:
            self._server = self._serve()
        except EdgetlError as error:
            logger.error("the live page does not come back; the next attempt is in %.0f s: %s", _REVIVE_SECONDS, error)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.close()
