"""`edgetl eval`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgetl.cli.echo import echo, echo_json

if TYPE_CHECKING:
    from edgetl.host.evaluate.detector import DetectorResult
    from edgetl.host.evaluate.paired_comparison import ModelComparison
    from edgetl.host.evaluate.top1 import Evaluation


@click.command("eval")
@click.argument("model")
@click.argument("second", metavar="[DATA|NEW]", required=False)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="The photos; with it, MODEL is compared with NEW if that is given.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="Labels, one a line, for a model file without them.",
)
@click.option("--variant", help="The variant of the bundle to evaluate.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON on stdout.")
def evaluate(
    model: str, second: str | None, data: Path | None, labels: Path | None, variant: str | None, as_json: bool
) -> None:
    """Measure a model's accuracy on labelled photos, or compare two models: a classifier's top-1, a detector's mAP.

    MODEL is the name of a stored model, a bundle, or a .tflite or OpenVINO .xml file. DATA holds class folders with
    the names of the model's labels, or, for a detector, photos with boxes of its classes in Pascal VOC, COCO, YOLO or
    CSV. The test photos are used if there are any, else the validation photos, else all photos. Without DATA, the
    validation split of the training is used. It is also used if DATA holds exactly the photos of the training.

    With two models and --data, both run on the same photos, and the change from the first model to the second is
    printed with its 95 % interval. Photos that the first model was trained on are left out, as far as they are known.

    \b
      edgetl eval parts
      edgetl eval models/parts/rpi
      edgetl eval cards boxes/ --json
      edgetl eval mobilenet_quant.tflite photos/ --labels labels.txt
      edgetl eval parts@1 parts --data photos/
    """
    from edgetl import api

    result: Evaluation | DetectorResult | ModelComparison
    if data is not None and second is not None:
        result = api.compare_models(model, second, data, labels=labels, variant=variant)
    else:
        result = api.evaluate(model, data or second, labels=labels, variant=variant)
    if as_json:
        echo_json(result.to_dict())
    else:
        echo(result.to_text(), err=True)
