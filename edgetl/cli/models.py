"""`edgetl models`."""

from __future__ import annotations

from pathlib import Path

import click

from edgetl.cli.echo import echo, echo_json
from edgetl.cli.full_help import FullHelpGroup

_json = click.option("--json", "as_json", is_flag=True, help="Print the list as JSON on stdout, with all known facts.")


@click.group(cls=FullHelpGroup, invoke_without_command=True)
@_json
@click.pass_context
def models(ctx: click.Context, as_json: bool) -> None:
    """List, show, choose or delete the trained models and their versions.

    A training under the name of a stored model makes a new version of it. NAME means the current version: the better
    one if both were measured on the same photos, else the newer one. NAME@N means version N. `train --weights`,
    `convert` and `eval` take either.

    \b
      edgetl models list             list all models and versions
      edgetl models show parts@1     print the card and the files of version 1
      edgetl models use parts@1      make version 1 the current one
      edgetl models remove parts@2   delete version 2 and its bundles
      edgetl models rank photos/     find the start that helps most
    """
    if ctx.invoked_subcommand is None:
        _print_list(as_json)


@models.command("list")
@_json
def list_models(as_json: bool) -> None:
    """List the trained models and their versions.

    The column "time" is the training time of all epochs; "ms" is the time of one inference of the bundle on the machine
    that converted it.
    """
    _print_list(as_json)


def _print_list(as_json: bool) -> None:
    from edgetl import store
    from edgetl.store.listing import rows, table

    good, damaged = store.survey(every_version=True)
    if as_json:
        echo_json(rows(good, damaged))
        return
    if not good and not damaged:
        echo("no model has been trained yet: run `edgetl train DATA`", err=True)
        return
    echo(table(good))
    for bad in damaged:
        echo(f"warning: {bad.name} can't be opened: {bad.reason}", err=True)


@models.command()
@click.argument("name")
def show(name: str) -> None:
    """Print the card of NAME or NAME@N and the paths of its files."""
    from edgetl import store

    model = store.open_model(name)
    echo(model.card.to_json())
    for path in model.files():
        echo(path)


@models.command()
@click.argument("name")
def use(name: str) -> None:
    """Make version NAME@N the current one; the other versions keep their numbers and bundles."""
    from edgetl import store

    model = store.use(name)
    echo(f"{model.exact_name} is current; it lies in {model.folder}", err=True)


@models.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Delete without asking.")
def remove(name: str, yes: bool) -> None:
    """Delete NAME with all its versions and bundles, or NAME@N alone."""
    from edgetl import store

    plan = store.removal(name)
    if not yes:
        click.confirm(f"Delete {plan.describe()}?", abort=True)
    store.remove(name)
    if plan.next_number:
        echo(f"{plan.name}@{plan.next_number} is current now", err=True)


@models.command()
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option("--weights", multiple=True, help="Weights file, or NAME@N, that competes as well; may be repeated.")
@click.option(
    "--size",
    type=int,
    help="Height and width of the training's input, px, at least 96.  [default: 224; for a detector 320]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the ranking as JSON on stdout, with all known facts.")
@click.option(
    "--history", is_flag=True, help="Print how good the rankings of earlier trainings were; this needs no DATA."
)
def rank(data: Path | None, weights: tuple[str, ...], size: int | None, as_json: bool, history: bool) -> None:
    """Rank the weights that a training on the photos in DATA can begin with.

    The store's models (of a detector its backbone), the starter, ImageNet's weights that Keras has downloaded, files
    given with --weights, and random weights compete. Each computes features of at most 2,000 training photos once. Two
    simple heads, which learn in seconds, are judged on photos that they did not learn from. Of photos with boxes, crops
    of the boxes and of the background are judged. "helps" and "hurts" mean that the 90 % interval of the difference to
    the default lies above or below zero. Time and size are those of an int8 file of the network on this machine.

    \b
      edgetl models rank photos
      edgetl models rank photos --weights weights.h5 --json
      edgetl models rank --history
    """
    from edgetl import api
    from edgetl.errors import UsageError
    from edgetl.host.knowledge.history import ranking_history

    if (data is None) != history:
        raise UsageError("either photos are ranked for, or the history is printed", remedy="give DATA or --history")
    result = ranking_history() if data is None else api.rank_starts(data, weights=weights, size=size)
    if as_json:
        echo_json(result.to_dict())
    else:
        echo(result)
