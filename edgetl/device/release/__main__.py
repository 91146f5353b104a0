"""Runs the commands of `python -m edgetl.device.release`, which the workstation calls.

Each writes lines of JSON to stdout: `{"step", "text", …}` for each step, and last `{"done": true, …}` or `{"error",
"where", "remedy", "code"}`, whose code is the exit code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgetl.device.release.deploy_log import DeployLog
from edgetl.device.release.device_lock import device_lock
from edgetl.device.release.digests import DIGEST
from edgetl.device.release.own_session import in_own_session
from edgetl.errors import EdgetlError
from edgetl.files import friendly_os_errors

if TYPE_CHECKING:
    from edgetl.device.service.systemd import Systemd

Work = Callable[[Path, DeployLog], dict[str, object]]


def _digest(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not DIGEST.fullmatch(value):
        raise click.BadParameter("a digest has 16 hexadecimal digits")
    return value


digest_argument = click.argument("digest", callback=_digest)
holder_option = click.option("--holder", default="unknown", metavar="USER@HOST", help="Who deploys; the lock names it.")
wait_option = click.option("--wait", default=0.0, metavar="S", help="Longest wait for another deployment, s.")
start_option = click.option("--start", default=60.0, show_default=True, help="Longest time to the first result, s.")


@click.group()
def main() -> None:
    """Prove releases on this device, switch between them, and list and remove them."""


@main.command()
@digest_argument
def verify(digest: str) -> None:
    """Check a release's files, and replay its golden photos with every variant that runs here."""

    def work(root: Path, log: DeployLog) -> dict[str, object]:
        from edgetl.device.release.prove import prove

        prove(root, digest, log)
        return {"release": digest}

    sys.exit(_answer(work))


@main.command()
@digest_argument
@click.option("--watch", default=60.0, show_default=True, help="Time for which results must come, s.")
@start_option
@click.option("--install", type=click.Choice(["user", "system"]), help="Install the service if there is none.")
@holder_option
@wait_option
def switch(digest: str, watch: float, start: float, install: str | None, holder: str, wait: float) -> None:
    """Make a release the current one, watch it, and return to the earlier one if it fails.

    This goes on when the connection dies.
    """

    def work(root: Path, log: DeployLog) -> dict[str, object]:
        from edgetl.device.release.switch import ReleaseSwitch
        from edgetl.device.release.watch_service import Watch

        return ReleaseSwitch(root, log, Watch(watch, start), _installer(install)).switch(digest)

    sys.exit(in_own_session(lambda: _answer(work, holder, wait)))


@main.command()
@start_option
@holder_option
@wait_option
def rollback(start: float, holder: str, wait: float) -> None:
    """Return to the release that ran before the current one, and wait for its first result."""

    def work(root: Path, log: DeployLog) -> dict[str, object]:
        from edgetl.device.release.switch import ReleaseSwitch
        from edgetl.device.release.watch_service import Watch

        return ReleaseSwitch(root, log, Watch(0.0, start)).rollback()

    sys.exit(in_own_session(lambda: _answer(work, holder, wait)))


@main.command("list")
def list_command() -> None:
    """List the releases on this device, the newest first."""

    def work(root: Path, log: DeployLog) -> dict[str, object]:
        from edgetl.device.release.list_releases import list_releases

        return {"releases": list_releases(root)}

    sys.exit(_answer(work))


@main.command()
@click.argument("keep", type=int)
@holder_option
@wait_option
def prune(keep: int, holder: str, wait: float) -> None:
    """Remove all but the newest KEEP releases, and the environments and wheels that only they needed."""

    def work(root: Path, log: DeployLog) -> dict[str, object]:
        from edgetl.device.release.prune import prune as remove_old

        removed = remove_old(root, keep)
        log.note("prune", f"{removed['removed']}")
        return removed

    sys.exit(_answer(work, holder, wait))


@main.command()
def status() -> None:
    """Say which release is current, whether it has proved itself, and how the service is doing."""

    def work(root: Path, log: DeployLog) -> dict[str, object]:
        from edgetl.device.release.list_releases import device_status

        return device_status(root)

    sys.exit(_answer(work))


def _installer(kind: str | None) -> Callable[[], Systemd] | None:
    """Returns the function that installs a service of the user's own or of the system."""

    def install() -> Systemd:
        from edgetl.device.release.service_installer import install_for_system, install_own

        return install_own() if kind == "user" else install_for_system()

    return install if kind else None


def _answer(work: Work, holder: str | None = None, wait: float = 0.0) -> int:
    """Does a command's work, under the lock if there is a holder, and returns the exit code."""
    root = Path("~/edgetl").expanduser()
    log = DeployLog(root)
    try:
        with friendly_os_errors(root), device_lock(root, holder, wait) if holder else nullcontext():
            answer = work(root, log)
    except EdgetlError as error:
        log.note("error", error.what)
        rows = {"error": error.what, "where": error.where, "remedy": error.remedy, "code": error.exit_code}
        log.answer(rows)
        return error.exit_code
    log.answer({"done": True, **answer})
    return 0


if __name__ == "__main__":
    main(prog_name="python -m edgetl.device.release")
