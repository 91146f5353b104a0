"""`edgetl pull`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from edgetl.cli.echo import echo, echo_json


@click.command()
@click.argument("place", metavar="[USER@HOST]")
@click.argument("folder", metavar="DIR", required=False)
@click.option("--from", "source", type=click.Path(path_type=Path), help="Copy from this folder, such as an SD card.")
@click.option("--remote", metavar="FOLDER", help="The folder on the device.  [default: the deployed run's]")
@click.option("--delete", is_flag=True, help="Delete frames there once they have been verified here.")
@click.option(
    "--boxes",
    type=click.Choice(["coco", "voc", "yolo", "csv"]),
    default="coco",
    show_default=True,
    help="The format of a detector's proposed boxes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
def pull(
    place: str,
    folder: str | None,
    source: Path | None,
    remote: str | None,
    delete: bool,
    boxes: Literal["coco", "voc", "yolo", "csv"],
    as_json: bool,
) -> None:
    """Fetch the frames that a device collected, and lay them out for labelling.

    Photos of a classifier go to DIR/proposed/CLASS/, as the model proposes: move each into the folder of its class with
    any file manager. Photos of a detector go to DIR/proposed/TIME/ with the boxes that the model proposes, as COCO,
    which CVAT and Label Studio open; LabelImg opens --boxes voc and yolo.

    Only new frames are fetched, and each is verified. Copies and near duplicates of photos in DIR are left out, and a
    frame that was fetched once never comes back. After an interruption the next pull goes on where this one ended.

    \b
      edgetl pull pi@camera pulled/
      edgetl pull pi@camera pulled/ --delete
      edgetl pull --from /media/card/collected pulled/
    """
    from edgetl import api

    host = None if folder is None else place
    result = api.pull(folder or place, host, source=source, remote=remote, delete=delete, boxes=boxes)
    if as_json:
        echo_json(result.to_dict())
    else:
        echo(result.to_text(), err=True)
