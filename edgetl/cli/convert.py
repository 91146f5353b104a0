"""`edgetl convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from edgetl.cli.full_help import SectionedCommand

_SECTIONS = {
    "Common options": ("target", "recipe", "runtime", "data", "seed", "thorough"),
    "A model that was trained elsewhere": ("source", "labels", "new_name", "color", "resize", "scale"),
}


@click.command(cls=SectionedCommand, sections=_SECTIONS)
@click.argument("name", required=False)
@click.option("--target", default="rpi", show_default=True, help="The device, see `edgetl targets`, or a .toml file.")
@click.option(
    "--recipe",
    multiple=True,
    help="Make only this recipe; may be repeated. portable, for detectors, is made besides the others.  "
    "[default: the target's]",
)
@click.option(
    "--runtime",
    multiple=True,
    help="Make variants only for this runtime, tflite or openvino; may be repeated.  [default: the target's]",
)
@click.option(
    "--data", help="The photos' folder, if it has moved since training; with --from, the photos to check the model on."
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed of the choice of representative and golden photos.",
)
@click.option(
    "--thorough",
    is_flag=True,
    help="Try everything for every variant, also for an int8 file when a preferred one is accepted already.",
)
@click.option(
    "--from", "source", help="A .keras, .h5 or .tflite file or a SavedModel folder to convert instead of NAME."
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="A text file with one label a line, in the order of the model's outputs.",
)
@click.option("--name", "new_name", help="Name of the model in the store.  [default: the file's name]")
@click.option(
    "--color",
    type=click.Choice(["rgb", "bgr"]),
    help="Order of the colour channels that the model takes.  [default: rgb]",
)
@click.option(
    "--resize",
    type=click.Choice(["stretch", "crop", "letterbox"]),
    help="How a photo is made to fit the model's input.  [default: stretch]",
)
@click.option(
    "--scale",
    type=click.Choice(["0..255", "-1..1", "0..1", "imagenet"]),
    help="Range of values that the model expects of a pixel.  [default: as the file states, else measured]",
)
def convert(
    name: str | None,
    target: str,
    recipe: tuple[str, ...],
    runtime: tuple[str, ...],
    data: str | None,
    seed: int,
    thorough: bool,
    source: str | None,
    labels: Path | None,
    new_name: str | None,
    color: Literal["rgb", "bgr"] | None,
    resize: Literal["stretch", "crop", "letterbox"] | None,
    scale: str | None,
) -> None:
    """Quantize and convert a trained model (NAME, by default the last one), check it, and bundle it for a device.

    Each recipe is made for each of the target's runtimes, TFLite and OpenVINO. Every file is evaluated on the
    validation photos through the code that runs on the device. A file that loses more accuracy than the target allows
    is refused; if none is left, the exit code is 5. The bundle is models/NAME/TARGET.

    If an int8 file is refused, others are tried: calibrated with more photos, or with some layers in float. That search
    takes minutes, so it is left out once another runtime's int8 file, which the target prefers, is accepted. With
    --thorough it is made for every variant.

    A detector must keep its mAP, its mAP at IoU 0.5, and the boxes that the trained model shows. Its files have raw
    outputs, from which edgetl makes boxes, so other software finds no objects in them. The recipe portable adds a file
    that ends with finished boxes, for MediaPipe Tasks (.tflite) or OpenVINO Model API (.xml).

    The recipe device_wi8_ai8 is static_wi8_ai8 with signed pixels as input and their channels in the camera's order.
    It saves one operation and one pass over the pixels, which helps small models, but only edgetl can use the file.

    With --from, a classifier that was trained elsewhere is stored first. Half of the photos of --data calibrate, the
    other half check; the class folders must have the labels' names. A .tflite file is bundled unchanged.

    \b
      edgetl convert parts --target rpi
      edgetl convert parts --target rpi5 --recipe static_wi8_ai8
      edgetl convert parts --target nuc --runtime openvino
      edgetl convert cards --recipe portable
      edgetl convert --from model.h5 --labels labels.txt --data photos/
    """
    from edgetl import api

    own = {"--labels": labels, "--name": new_name, "--color": color, "--resize": resize, "--scale": scale}
    if source is None:
        _refuse([option for option, value in own.items() if value is not None], "can be used only with --from")
    else:
        _refuse(["NAME"] if name else [], "can't be used with --from; --name names the model")
        name = _imported(source, data, labels, new_name, color, resize, scale, seed)
        data = None
    api.convert(name, target, recipes=recipe, runtimes=runtime, data=data, seed=seed, thorough=thorough)


def _refuse(options: list[str], why: str) -> None:
    from edgetl.errors import UsageError

    if options:
        raise UsageError(f"{options[0]} {why}", remedy="see `edgetl convert --help`")


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
    """Stores the model of a file and returns its name in the store."""
    from edgetl import api
    from edgetl.errors import UsageError
    from edgetl.host.convert.foreign.import_model import ImportOptions

    if data is None or labels is None:
        missing = "--labels" if data else "--data"
        remedy = "--labels: a file with one label a line, in output order; --data: photos in folders of those names"
        raise UsageError(f"--from also needs {missing}", where=source, remedy=remedy)
    return api.import_model(
        ImportOptions(source, data, labels, name or "", color or "rgb", resize or "stretch", scale, seed)
    ).name
