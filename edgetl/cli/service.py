"""`edgetl service`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from edgetl.cli.echo import echo, echo_json
from edgetl.cli.full_help import FullHelpGroup
from edgetl.cli.option_types import Duration

if TYPE_CHECKING:
    from edgetl.device.service.plan import ServicePlan


@click.group(cls=FullHelpGroup)
def service() -> None:
    """Keep a run alive with systemd: start it at boot, restart it when it fails or gives no results.

    \b
      edgetl service install parts --user -- --source 0 --wait --quiet
      edgetl service status
      edgetl service logs --follow
      edgetl service uninstall
    """


@service.command()
@click.argument("words", metavar="[BUNDLE] [-- RUN OPTIONS]", nargs=-1, type=click.UNPROCESSED)
@click.option("--user", is_flag=True, help="Install it for your own user, without root's rights.")
@click.option(
    "--account", metavar="NAME", help="User that a service of the system runs as.  [default: the user who called sudo]"
)
@click.option(
    "--watchdog",
    type=Duration(),
    default="1m",
    show_default=True,
    help="Restart the run if it has given no result for so long. While a lost camera is waited for, --give-up counts.",
)
@click.option(
    "--memory-max", metavar="AMOUNT", default="75%", show_default=True, help="Memory that the run may take: 75%, 500M."
)
@click.option("--yes", is_flag=True, help="Write and start it without asking.")
@click.option("--dry-run", is_flag=True, help="Print what would be written on stdout, and write nothing.")
def install(
    words: tuple[str, ...],
    user: bool,
    account: str | None,
    watchdog: float,
    memory_max: str,
    yes: bool,
    dry_run: bool,
) -> None:
    """Install the service that runs BUNDLE, and start it now and at boot.

    The unit is shown before it is written. Everything after -- are options of `edgetl run`, which are written to
    ~/edgetl/service/run.toml. Without BUNDLE, the release that was deployed to ~/edgetl/current runs. Without --user,
    the command needs root's rights, and the service runs as the user who called sudo.

    \b
      sudo .venv/bin/edgetl service install parts -- --source 0 --wait --quiet
      .venv/bin/edgetl service install parts --user -- --source 0 --serve 8080
      edgetl service install parts --user --dry-run
    """
    from edgetl.cli.run.config_option import given_options
    from edgetl.device.service.install import install_service
    from edgetl.device.service.plan import ServiceOptions, plan_service

    bundle = words[0] if words and not words[0].startswith("-") else None
    options = ServiceOptions(
        bundle=bundle,
        user=user,
        account=account,
        run_options=given_options(words[1:] if bundle else words),
        watchdog=watchdog,
        memory_max=memory_max,
    )
    if dry_run:
        echo(plan_service(options))
        return
    status = install_service(options, confirm=_show if yes else _ask)
    echo("nothing was written" if status is None else status, err=True)


def _show(plan: ServicePlan) -> bool:
    echo(plan, err=True)
    return True


def _ask(plan: ServicePlan) -> bool:
    """Shows the plan, and asks on the terminal whether it is to be carried out."""
    from edgetl.errors import UsageError

    _show(plan)
    if not sys.stdin.isatty():
        raise UsageError(
            "nobody can be asked here whether to write this", remedy="give --yes to write it, or --dry-run"
        )
    return click.confirm("Write this and start the service?", err=True)


@service.command()
@click.option("--json", "as_json", is_flag=True, help="Print the status as JSON on stdout.")
def status(as_json: bool) -> None:
    """Print whether the service runs, its results and their age, and its restarts.

    Exits with 1 if it doesn't run.
    """
    from edgetl.device.service.status import service_status

    found = service_status()
    if as_json:
        echo_json(found.to_dict())
    else:
        echo(found)
    if found.active not in ("active", "activating"):
        click.get_current_context().exit(1)


@service.command()
@click.option("--lines", type=click.IntRange(min=1), default=50, show_default=True, help="Number of lines to go back.")
@click.option("--follow", is_flag=True, help="Wait for further lines until Ctrl-C.")
def logs(lines: int, follow: bool) -> None:
    """Print what the service has logged."""
    from edgetl.device.service.status import service_logs

    for line in service_logs(lines, follow=follow):
        echo(line)


@service.command()
@click.option("--yes", is_flag=True, help="Remove it without asking.")
def uninstall(yes: bool) -> None:
    """Stop the service and remove its unit; everything in ~/edgetl stays."""
    from edgetl.device.service.install import uninstall_service

    if not yes:
        click.confirm("Stop the service and remove its unit?", abort=True, err=True)
    echo(f"{uninstall_service()} is removed; ~/edgetl is as it was", err=True)
