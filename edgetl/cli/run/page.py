"""The options of `edgetl run` for its live page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgetl.cli.echo import echo
from edgetl.cli.option_groups import option_group

if TYPE_CHECKING:
    from edgetl.device.result_selection import ResultSelection
    from edgetl.device.run.observer import SceneObserver
    from edgetl.device.sinks import Sink
    from edgetl.device.status import Status


@dataclass(frozen=True, slots=True)
class Served:
    """Where the live page is served, and to whom; an address of None serves none."""

    serve: str | None
    token_file: Path | None
    tls_cert: Path | None
    tls_key: Path | None

    def sinks(
        self,
        selection: ResultSelection,
        status: Status,
        *,
        stall: float,
        quiet: bool,
        scene: SceneObserver | None = None,
    ) -> list[Sink]:
        """Makes the page where one is wanted, to be entered with the other sinks.

        Args:
            selection: the results that the run reports.
            status: likewise.
            stall: without a frame for so long the run isn't healthy, s.
            quiet: tell only a token that nobody knows yet.
            scene: what watches it, and draws what it watches.

        Raises:
            UsageError: the address is none, or an option means nothing without the others.
        """
        from edgetl.errors import UsageError

        if self.serve is None:
            given = {"--token-file": self.token_file, "--tls-cert": self.tls_cert, "--tls-key": self.tls_key}
            for option in (name for name, path in given.items() if path):
                raise UsageError(f"{option} is for the live page", remedy="give --serve too, or leave it out")
            return []
        from edgetl.device.sinks.page import Page
        from edgetl.device.sinks.page.endpoint import Endpoint
        from edgetl.vision.draw import draw

        endpoint = Endpoint.parse(self.serve, self.token_file, self.tls_cert, self.tls_key)
        told = None if quiet and not endpoint.made else _tell
        drawing = scene.draw if scene else draw
        return [Page(endpoint, selection, status, stall=stall, announce=told, drawing=drawing)]


def _tell(line: str) -> None:
    echo(line, err=True)


_FILE = click.Path(path_type=Path)

page_options = option_group(
    "served",
    Served,
    click.option(
        "--serve",
        metavar="[HOST:]PORT",
        help="Serve a live page in the browser; to this machine alone, unless HOST is another address, say 0.0.0.0, "
        "when it wants a token, which is printed. Needs the extra `page`.",
    ),
    click.option("--token-file", type=_FILE, metavar="FILE", help="The page's token, instead of one made for the run."),
    click.option("--tls-cert", type=_FILE, metavar="FILE", help="Serve the page over TLS with this certificate (PEM)."),
    click.option(
        "--tls-key", type=_FILE, metavar="FILE", help="The certificate's key, where it has a file of its own."
    ),
)
