"""`edgetl eval`."""

from __future__ import annotations

from pathlib import Path

import click

from edgetl.cli.echo import echo


@click.command("eval")
@click.argument("model")
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option("--labels", type=click.Path(path_type=Path), help="One label a line, for a file without its own.")
@click.option("--variant", help="A variant of the bundle.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON on stdout.")
def evaluate(model: str, data: Path | None, labels: Path | None, variant: str | None, as_json: bool) -> None:
    """Measure a model's accuracy on labelled photos: a classifier's top-1, a detector's mAP.

    MODEL is a model of the store, a bundle, or a .tflite or OpenVINO .xml file. DATA holds class folders named as the
    model's labels, or, for a detector, photos with boxes of its classes in Pascal VOC, COCO, YOLO or CSV. Its test
    photos are taken where it has some, else those to validate, else all of it. By default it is the validation split
    that the model was trained with; that split is taken, too, of a folder with the very photos that the model was
    trained on.

    \b
      edgetl eval parts
      edgetl eval models/parts/rpi
      edgetl eval cards boxes/ --json
      edgetl eval mobilenet_quant.tflite photos/ --labels labels.txt
    """
    from edgetl.host.evaluate.job import describe, evaluate

    result = evaluate(model, data, labels=labels, variant=variant)
    echo(describe(result, as_json=as_json), err=not as_json)
