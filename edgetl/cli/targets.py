"""`edgetl targets`."""

from __future__ import annotations

import click

from edgetl.cli.echo import echo
from edgetl.cli.full_help import FullHelpGroup


@click.group(cls=FullHelpGroup, invoke_without_command=True)
@click.pass_context
def targets(ctx: click.Context) -> None:
    """List or show the targets, which are the devices that models are converted for.

    To make a target of your own, save what `show` prints as a .toml file and change it.

    \b
      edgetl targets list
      edgetl targets show rpi5 > mine.toml
      edgetl convert parts --target mine.toml
    """
    if ctx.invoked_subcommand is None:
        _list()


@targets.command("list")
def list_() -> None:
    """List the targets with their runtimes and recipes."""
    _list()


@targets.command()
@click.argument("name")
def show(name: str) -> None:
    """Print a target as TOML, which can be saved and used with `edgetl convert --target`."""
    from edgetl.target import Target

    echo(Target.load(name).to_toml(), nl=False)


def _list() -> None:
    from edgetl.target import Target, target_names

    for name in target_names():
        target = Target.load(name)
        echo(f"{name:<13} {target.title}: {' and '.join(target.runtimes)}, {', '.join(target.recipes)}")
