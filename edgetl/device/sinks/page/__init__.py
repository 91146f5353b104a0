"""Serves a run as a live page in the browser: the picture, the results, and settings that can be changed."""

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
from edgetl.device.sinks.page.live_feed import LiveFeed
from edgetl.device.sinks.page.photo_button import PhotoButton
from edgetl.device.status import Status
from edgetl.errors import EdgetlError
from edgetl.install import install_command
from edgetl.vision.draw import draw

if TYPE_CHECKING:
    from edgetl.device.sinks.page.server import Server

logger = logging.getLogger(__name__)

_RESTART_SECONDS = 10.0
"""At least this time passes between two attempts to start the page again, s."""


class Page:
    """Serves a run as a page, in a thread of its own that the run never waits for.

    The object itself is used in the run's thread only. `LiveFeed` hands the observations to the page's thread.

    Args:
        endpoint: the address, the token and the certificate.
        selection: the results that the run reports; viewers may change them.
        status: the status of the run.
        stall: the camera counts as lost after this time without a frame, s.
        announce: takes the line with the page's address; None announces nothing.
        drawing: draws a result onto a picture.
        button: the button that takes a photo; None shows none.

    Attributes:
        endpoint: the address, the token and the certificate; its port is the real one once the page is served.

    Raises:
        EdgetlError: a package that the page needs is not installed, or the page can't be served at the address.
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
        button: PhotoButton | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._selection = selection
        self._status = status
        self._stall = stall
        self._announce = announce
        self._button = button
        self._feed = LiveFeed(drawing)
        self._server: Server | None = None
        self._next_restart = 0.0

    def __enter__(self) -> Self:
        self._server = self._serve()
        self.endpoint = replace(self.endpoint, port=self._server.port)  # a restarted page keeps its port
        if self._announce:
            token = f"?token={self.endpoint.token}" if self.endpoint.made else ""
            self._announce(f"live page: {self.endpoint.url()}{token}")
        return self

    def _serve(self) -> Server:
        try:
            from edgetl.device.sinks.page.server import Server
        except ModuleNotFoundError as error:
            what = f"the live page needs {error.name}, which is not installed"
            raise EdgetlError(what, where="--serve", remedy=install_command("page")) from error
        return Server(self.endpoint, self._feed, self._selection, self._status, self._stall, self._button)

    def write(self, observation: Observation) -> None:
        """Shows a frame with its result; nothing is encoded unless the page has a viewer."""
        self._feed.put(observation)
        if self._server and not self._server.alive:
            self._restart(self._server)

    def notify(self, event: Event) -> None:
        """Shows an event."""
        self._feed.notify(event)

    def _restart(self, dead: Server) -> None:
        """Starts a page that has ended again, and logs why it ended."""
        if monotonic() < self._next_restart:
            return
        self._next_restart = monotonic() + _RESTART_SECONDS
        logger.error("the live page ended, and is started again: %r", dead.error)
        try:
            self._server = self._serve()
        except EdgetlError as error:
            logger.error("the live page can't be started; the next attempt is in %.0f s: %s", _RESTART_SECONDS, error)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.close()
