"""`edgetl convert`."""

from __future__ import annotations

import click


@click.command()
@click.argument("name", required=False)
@click.option("--target", default="rpi", show_default=True, help="A device; see `edgetl targets`. Or a .toml file.")
@click.option("--recipe", multiple=True, help="Only this recipe; may be repeated.  [default: the target's]")
@click.option(
    "--runtime",
    multiple=True,
    help="Only this one, tflite or openvino; may be repeated.  [default: the target's]",
)
@click.option("--data", help="The photos, where they have moved since training.")
@click.option("--seed", default=0, show_default=True, help="Of the choice of representative and golden photos.")
def convert(
    name: str | None, target: str, recipe: tuple[str, ...], runtime: tuple[str, ...], data: str | None, seed: int
) -> None:
    """Quantize and convert a trained model (NAME, by default the last one), prove it, and bundle it for a device.

    Each recipe is made for each of the target's runtimes, TFLite and OpenVINO, and every file is evaluated on the
    validation photos through the device's own code. One that loses more accuracy than the target allows is refused;
    exit 5 where none is left. The bundle is models/NAME/TARGET.

    A detector is held to its mAP, its mAP at IoU 0.5, and the boxes that it shows as the trained model does. Its file
    gives raw outputs, for edgetl to make boxes of: other software reads its labels, but finds no objects in them.

    \b
      edgetl convert parts --target rpi
      edgetl convert parts --target rpi5 --recipe static_wi8_ai8
      edgetl convert parts --target nuc --runtime openvino
    """
    from edgetl.host.convert.job import convert as convert_model

    convert_model(name, target, recipes=recipe, runtimes=runtime, data=data, seed=seed)
