"""`edgetl compare`."""

from __future__ import annotations

from pathlib import Path

import click

from edgetl.cli.echo import echo_json


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=20,
    show_default=True,
    help="Time for the runs; that of the first call also decides how long a run may be. A run that has begun is "
    "finished, and the first run is always made.",
)
@click.option(
    "--default",
    metavar="WEIGHTS",
    default="auto",
    show_default=True,
    help="The start that counts as the default; as --weights of `edgetl train`.",
)
@click.option(
    "--weights",
    multiple=True,
    help="A further start to compare with the default: a model of the store or a weights file; may be repeated.  "
    "[default: the model of the store that `edgetl models rank` puts first]",
)
@click.option("--backbone", help="Network of the default, as --backbone of `edgetl train`.  [default: mobilenet_v2]")
@click.option("--alpha", type=float, help="Width multiplier of that network.  [default: the smallest that it has]")
@click.option("--size", type=int, help="Height and width of the input, px.  [default: 224; for a detector 320]")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Folder of the runs and of the report.  [default: comparisons/NAME for photos in a folder NAME]",
)
@click.option("--restart", is_flag=True, help="Discard the runs of an earlier comparison in that folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
def compare(
    data: Path,
    minutes: float,
    default: str,
    weights: tuple[str, ...],
    backbone: str | None,
    alpha: float | None,
    size: int | None,
    folder: Path | None,
    restart: bool,
    as_json: bool,
) -> None:
    """Measure whether transfer is worth it on DATA, which start helps, and what more photos bring.

    Classifiers or detectors are trained in several ways: from random weights; the head alone; the whole network from
    the default start; and the whole network from the best stored model. Each way is trained with 5, 10, 20, 50, ... and
    all photos a class, with several seeds, and measured on the same validation photos. What takes least time comes
    first. The stored models stay as they are.

    The answer is printed in sentences with 90 % intervals, and FOLDER/report.html shows the data curves; it is up
    to date after each run. After Ctrl-C or a power failure, or if more time is given, the same command goes on with
    the runs that are missing.

    \b
      edgetl compare photos/
      edgetl compare photos/ --minutes 60 --weights parts
      edgetl compare photos/ --size 96       shorter runs, more of them
      edgetl compare photos/ --json | jq .sentences
    """
    from edgetl import api
    from edgetl.host.knowledge.comparison_options import CompareOptions

    options = CompareOptions(
        str(data),
        minutes,
        default,
        weights,
        backbone=backbone,
        alpha=alpha,
        size=size,
        folder=str(folder) if folder else None,
    )
    comparison = api.compare_training(options, restart=restart)
    if as_json:
        echo_json(comparison.to_dict())
