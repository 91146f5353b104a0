"""`edgetl data`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgetl.cli.echo import echo, echo_json
from edgetl.cli.full_help import FullHelpGroup
from edgetl.text import counted

if TYPE_CHECKING:
    from edgetl.host.dataset.boxes.formats import Format


@click.group(cls=FullHelpGroup)
def data() -> None:
    """Check data sets and convert their annotations."""


@data.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout.")
@click.option("--sheet", type=click.Path(path_type=Path), help="Draw some photos with their boxes into this JPEG file.")
def check(folder: Path, as_json: bool, sheet: Path | None) -> None:
    """Report what is in a data set and what is wrong with it; exit 3 if it can't be trained on.

    FOLDER holds class folders, or photos with boxes in Pascal VOC, COCO, YOLO or CSV. The kind and the format are
    detected from the files.

    \b
      edgetl data check photos/
      edgetl data check photos/ --json | jq .warnings
      edgetl data check boxes/ --sheet sheet.jpg
    """
    from edgetl import api

    report = api.check_data(folder, sheet=sheet)
    if as_json:
        echo_json(report.to_dict())
    else:
        echo(report.to_text(), err=True)
    report.require_usable()


@data.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--format", "format_", type=click.Choice(["voc", "coco", "yolo", "csv"]), required=True, help="Format to write."
)
def convert(source: Path, target: Path, format_: Format) -> None:
    """Copy a data set of boxes into another annotation format.

    The photos are copied. The boxes are cleaned as by `data check`. TARGET must not exist yet.

    \b
      edgetl data convert boxes/ boxes-coco/ --format coco
    """
    from edgetl.host.dataset.boxes.reformat import reformat

    done = reformat(source, target, format_)
    for text in done.lost:
        echo(f"warning: {text}", err=True)
    echo(f"{target}: {counted(done.photos, 'photo')}, {counted(done.boxes, 'box', 'boxes')}", err=True)
