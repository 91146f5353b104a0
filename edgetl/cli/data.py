"""`edgetl data`."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def data() -> None:
    """Look after data sets."""


@data.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout.")
def check(folder: Path, as_json: bool) -> None:
    """Report what is in a data set and what is wrong with it; exit 3 where it can't be trained on.

    \b
      edgetl data check photos/
      edgetl data check photos/ --json | jq .warnings
    """
    import json

    from edgetl.host.dataset.check import check as check_data
    from edgetl.host.dataset.check import describe

    report = check_data(folder)
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else describe(report), err=not as_json)
    report.require_usable()
