"""`edgetl models`."""

from __future__ import annotations

import click

from edgetl.cli.echo import echo


@click.group(invoke_without_command=True)
@click.pass_context
def models(ctx: click.Context) -> None:
    """List the trained models; `show NAME` tells all of one, `remove NAME` deletes it."""
    if ctx.invoked_subcommand is None:
        from edgetl import store

        echo(store.table(store.models()))


@models.command()
@click.argument("name")
def show(name: str) -> None:
    """Print a model's card and where its files are."""
    from edgetl import store

    model = store.open_model(name)
    echo(model.card.to_json())
    for path in model.files():
        echo(str(path))


@models.command()
@click.argument("name")
@click.confirmation_option(prompt="Delete the model and its bundles?")
def remove(name: str) -> None:
    """Delete a model and its bundles."""
    from edgetl import store

    store.remove(name)
