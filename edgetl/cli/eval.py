"""`edgetl eval`."""

from __future__ import annotations

from pathlib import Path

import click

from edgetl.cli.echo import echo, echo_json


@click.command("eval")
@click.argument("model")
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="Labels, one a line, for a model file without them.",
)
@click.option("--variant", help="The variant of the bundle to evaluate.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON on stdout.")
def evaluate(model: str, data: Path | None, labels: Path | None, variant: str | None, as_json: bool) -> None:
    """Measure a model's accuracy on labelled photos: a classifier's top-1, a detector's mAP.

    MODEL is the name of a stored model, a bundle, or a .tflite or OpenVINO .xml file. DATA holds class folders with
    the names of the model's labels, or, for a detector, photos with boxes of its classes in Pascal VOC, COCO, YOLO or
    CSV. The test photos are used if there are any, else the validation photos, else all photos. Without DATA, the
    validation split of the training is used. It is also used if DATA holds exactly the photos of the training.

    \b
      edgetl eval parts
      edgetl eval models/parts/rpi
      edgetl eval cards boxes/ --json
      edgetl eval mobilenet_quant.tflite photos/ --labels labels.txt
    """
    from edgetl import api

    result = api.evaluate(model, data, labels=labels, variant=variant)
    if as_json:
        echo_json(result.to_dict())
    else:
        echo(result.to_text(), err=True)
