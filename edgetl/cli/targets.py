"""`edgetl targets`."""

from __future__ import annotations

import click

from edgetl.cli.echo import echo


@click.group(invoke_without_command=True)
@click.pass_context
def targets(ctx: click.Context) -> None:
    """List the devices that models are converted for; `show NAME` prints one."""
    if ctx.invoked_subcommand is None:
        from edgetl.target import Target, target_names

        for name in target_names():
            target = Target.load(name)
            echo(f"{name:<13} {target.title}: {' and '.join(target.runtimes)}, {', '.join(target.recipes)}")


@targets.command()
@click.argument("name")
def show(name: str) -> None:
    """Print a target: its runtimes, recipes, threads, gate and budget."""
    import json
    from dataclasses import asdict

    from edgetl.target import Target

    echo(json.dumps(asdict(Target.load(name)), indent=2))
