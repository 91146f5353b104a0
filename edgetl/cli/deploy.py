"""`edgetl deploy`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from edgetl.cli.echo import echo, echo_json
from edgetl.cli.option_types import Duration
from edgetl.cli.run_options import TakesRunOptions, run_options


@click.command(cls=TakesRunOptions)
@click.argument("words", metavar="[HOST] [BUNDLE]", nargs=-1)
@click.option(
    "--watch",
    type=Duration(zero=True),
    default="60s",
    show_default=True,
    help="Go back to the earlier release if results don't come for so long after the switch; 0 does not watch.",
)
@click.option("--tune", is_flag=True, help="Measure on the device which variant is fastest, for --variant auto.")
@click.option("--online", is_flag=True, help="Let the device download its packages itself.")
@click.option("--renew", is_flag=True, help="Download the newest packages, even if earlier ones are kept here.")
@click.option(
    "--service",
    type=click.Choice(["user", "system"]),
    help="Install the first release's service for the user, or for the system, which needs root or a sudo without "
    "password.  [default: user, if it can be]",
)
@click.option("--dry-run", is_flag=True, help="Check the device, and say what would be copied.")
@click.option("--hosts", type=click.Path(path_type=Path), help="A file with a device on each line, the canary first.")
@click.option(
    "--parallel",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Number of devices at once, after the canary.",
)
@click.option("--rollback", is_flag=True, help="Go back to the release that ran before.")
@click.option("--list", "list_", is_flag=True, help="List the releases on the device.")
@click.option("--prune", type=click.IntRange(min=1), metavar="N", help="Remove all but the newest N releases.")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON to stdout.")
def deploy(
    words: tuple[str, ...],
    watch: float,
    tune: bool,
    online: bool,
    renew: bool,
    service: Literal["user", "system"] | None,
    dry_run: bool,
    hosts: Path | None,
    parallel: int,
    rollback: bool,
    list_: bool,
    prune: int | None,
    as_json: bool,
) -> None:
    """Bring BUNDLE onto a device, prove it there, and keep it running.

    HOST is what the ssh command takes: user@host, or a name of ~/.ssh/config. Your own ssh client connects, so your
    keys, agent and jump hosts work; no password is ever asked for. Options of `edgetl run` stand after a --.

    The steps: check the device; copy what is missing there; install, without internet on the device; verify, a replay
    of the golden photos; switch; watch. If the new release gives no results, ends, or is late, the earlier one comes
    back by itself, and the exit code is 5. Files with passwords that the options name are copied, readable by that user
    alone.

    With --hosts, BUNDLE goes to every device of the file. The first one is the canary: if it fails, the others are
    left alone. --rollback, --list and --prune take no BUNDLE.

    \b
      edgetl deploy pi@hall parts -- --source 0 --serve 8080
      edgetl deploy pi@hall parts --dry-run
      edgetl deploy --hosts hosts.txt parts -- --source 0
      edgetl deploy --list pi@hall
      edgetl deploy --rollback pi@hall
      edgetl deploy --prune 3 pi@hall
    """
    if rollback + list_ + (prune is not None) > 1:
        raise click.UsageError("--rollback, --list and --prune can't be combined")
    if rollback or list_ or prune:
        if dry_run or run_options():
            raise click.UsageError("--rollback, --list and --prune take neither --dry-run nor options of a run")
        names, _ = _targets(words, hosts, 0)
        _manage(names, rollback, prune, as_json)
        return
    names, bundle = _targets(words, hosts, 1)

    from edgetl.host.deploy import job
    from edgetl.host.deploy.deploy_options import DeployOptions

    options = DeployOptions(watch=watch, tune=tune, online=online, renew=renew, service=service, dry_run=dry_run)
    result = (
        job.deploy_all(names, bundle[0], run_options(), options=options, parallel=parallel)
        if hosts
        else job.deploy(names[0], bundle[0], run_options(), options=options)
    )
    if as_json:
        echo_json(result.to_dict())
    else:
        echo(result, err=True)
    result.require_all()


def _targets(words: tuple[str, ...], hosts: Path | None, others: int) -> tuple[list[str], tuple[str, ...]]:
    """Returns the devices, and the words after them.

    Raises:
        click.UsageError: the number of words is wrong.
        UsageError: the file of devices can't be read.
    """
    from edgetl.host.deploy.hosts_file import read_hosts

    wanted = [*([] if hosts else ["HOST"]), *(["BUNDLE"] if others else [])]
    if len(words) != len(wanted):
        raise click.UsageError(f"these arguments are needed: {' '.join(wanted) or 'none besides --hosts'}")
    return (read_hosts(hosts), words) if hosts else ([words[0]], words[1:])


def _digests(digests: object) -> str:
    return ", ".join(map(str, digests)) if isinstance(digests, list) and digests else "nothing"


def _manage(names: list[str], rollback: bool, prune: int | None, as_json: bool) -> None:
    """Goes back, prunes or lists on each device, also after one that fails.

    Raises:
        EdgetlError: a device failed.
    """
    from edgetl.errors import EdgetlError
    from edgetl.text import counted, listed

    failed = []
    for name in names:
        try:
            _manage_one(name, rollback, prune, as_json)
        except EdgetlError as error:
            if len(names) == 1:
                raise
            echo(f"{name}: {error.what}", err=True)
            failed.append(name)
    if failed:
        what = f"{counted(len(failed), 'device')} of {len(names)} failed: {listed(failed)}"
        raise EdgetlError(what, remedy="follow the reasons above, and try again")


def _manage_one(name: str, rollback: bool, prune: int | None, as_json: bool) -> None:
    """Goes back, prunes or lists on a device."""
    from edgetl.host.deploy import job
    from edgetl.host.deploy.releases_table import releases_table

    if rollback:
        changed = job.rollback(name)
        echo_json(changed) if as_json else echo(f"{name} runs release {changed['release']}", err=True)
    elif prune:
        removed = job.prune(name, prune)
        echo_json(removed) if as_json else echo(f"{name}: removed {_digests(removed['removed'])}", err=True)
    else:
        rows = job.releases(name)
        echo_json(rows) if as_json else echo(f"{name}:\n{releases_table(rows)}")
