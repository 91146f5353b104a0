"""`edgetl convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click


@click.command()
@click.argument("name", required=False)
@click.option("--target", default="rpi", show_default=True, help="A device; see `edgetl targets`. Or a .toml file.")
@click.option(
    "--recipe",
    multiple=True,
    help="Only this recipe; may be repeated. portable, of detectors, adds to the others.  [default: the target's]",
)
@click.option(
    "--runtime",
    multiple=True,
    help="Only this one, tflite or openvino; may be repeated.  [default: the target's]",
)
@click.option("--data", help="The photos, where they have moved since training; with --from, which to prove it on.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Of the choice of representative and golden photos.",
)
@click.option("--from", "source", help="Not NAME, but this .keras, .h5 or .tflite file or SavedModel folder.")
@click.option("--labels", type=click.Path(path_type=Path), help="With --from: one label a line, as its outputs go.")
@click.option("--name", "new_name", help="With --from: in the store.  [default: the file's]")
@click.option("--color", type=click.Choice(["rgb", "bgr"]), help="With --from: order of its channels.  [default: rgb]")
@click.option(
    "--resize",
    type=click.Choice(["stretch", "crop", "letterbox"]),
    help="With --from: how a photo becomes its input.  [default: stretch]",
)
@click.option(
    "--scale",
    type=click.Choice(["0..255", "-1..1", "0..1", "imagenet"]),
    help="With --from: what a pixel becomes before it goes in.  [default: as the file tells, else measured]",
)
def convert(
    name: str | None,
    target: str,
    recipe: tuple[str, ...],
    runtime: tuple[str, ...],
    data: str | None,
    seed: int,
    source: str | None,
    labels: Path | None,
    new_name: str | None,
    color: Literal["rgb", "bgr"] | None,
    resize: Literal["stretch", "crop", "letterbox"] | None,
    scale: str | None,
) -> None:
    """Quantize and convert a trained model (NAME, by default the last one), prove it, and bundle it for a device.

    Each recipe is made for each of the target's runtimes, TFLite and OpenVINO, and every file is evaluated on the
    validation photos through the device's own code. One that loses more accuracy than the target allows is refused;
    exit 5 where none is left. The bundle is models/NAME/TARGET.

    A detector is held to its mAP, its mAP at IoU 0.5, and the boxes that it shows as the trained model does. Its file
    gives raw outputs, for edgetl to make boxes of: other software finds no objects in them. The recipe portable makes,
    besides, one that ends with finished boxes, for MediaPipe Tasks (.tflite) or OpenVINO Model API (.xml).

    The recipe device_wi8_ai8 is static_wi8_ai8 with signed pixels in, their channels in the camera's order, which saves
    an operation and a pass over the pixels, and shuts out other software: for small models on edgetl alone.

    With --from, a classifier trained elsewhere becomes a model of the store first. Half of the photos of --data
    calibrate, the others judge; class folders are called as its labels. A .tflite file is bundled as it is.

    \b
      edgetl convert parts --target rpi
      edgetl convert parts --target rpi5 --recipe static_wi8_ai8
      edgetl convert parts --target nuc --runtime openvino
      edgetl convert cards --recipe portable
      edgetl convert --from model.h5 --labels labels.txt --data photos/ --name parts
    """
    from edgetl.host.convert.job import convert as convert_model

    own = {"--labels": labels, "--name": new_name, "--color": color, "--resize": resize, "--scale": scale}
    if source is None:
        _refuse([option for option, value in own.items() if value is not None], "is for --from alone")
    else:
        _refuse(["NAME"] if name else [], "can't be given with --from: call the model by --name")
        name = _imported(source, data, labels, new_name, color, resize, scale, seed)
        data = None
    convert_model(name, target, recipes=recipe, runtimes=runtime, data=data, seed=seed)


def _refuse(given: list[str], why: str) -> None:
    from edgetl.errors import UsageError

    if given:
        raise UsageError(f"{given[0]} {why}", remedy="see `edgetl convert --help`")


def _imported(
    source: str,
    data: str | None,
    labels: Path | None,
    name: str | None,
    color: Literal["rgb", "bgr"] | None,
    resize: Literal["stretch", "crop", "letterbox"] | None,
    scale: str | None,
    seed: int,
) -> str:
    """Puts a file into the store; returns the model's name there."""
    from edgetl.errors import UsageError
    from edgetl.host.convert.foreign.import_model import ImportOptions, import_model

    if data is None or labels is None:
        missing = "--labels" if data else "--data"
        remedy = "--labels: one label a line, in the order of its outputs; --data: photos in folders called so"
        raise UsageError(f"--from needs {missing}, too", where=source, remedy=remedy)
    return import_model(
        ImportOptions(source, data, labels, name or "", color or "rgb", resize or "stretch", scale, seed)
    ).name
