"""`edgetl train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from edgetl.cli.echo import echo
from edgetl.cli.full_help import SectionedCommand

_WEIGHTS = (
    "Weights to start from: imagenet, starter (mobilenet_v2 0.35, which comes with edgetl), none, a weights file, a "
    "model of the store, or best, which ranks them all, lets the first one and the default train a little, and "
    "continues with the better.  [default: auto, which is imagenet if Keras has it or can download it, else starter]"
)

_SECTIONS = {
    "Common options": ("name", "weights", "size", "epochs", "seed", "resume", "restart", "config"),
    "Network": ("backbone", "alpha", "head", "dropout", "strides", "input_range", "resize"),
    "Photos": ("val_fraction", "split_seed", "augment", "flip", "class_weights", "strict"),
    "Optimization": (
        *("head_epochs", "head_rate", "rate", "optimizer", "weight_decay", "warmup", "layer_decay", "freeze"),
        *("batch_norm", "label_smoothing", "ema", "patience", "batch", "precision"),
    ),
}


def _numbers(context: click.Context, option: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    try:
        return tuple(int(part) for part in value.split(",")) if value else None
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not numbers with commas between them, as 8,16,32") from error


@click.command(cls=SectionedCommand, sections=_SECTIONS)
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option("--name", help="Name of the model in the store.  [default: the data folder's name]")
@click.option("--weights", help=_WEIGHTS)
@click.option(
    "--backbone", help="mobilenet_v1, mobilenet_v2, mobilenet_v3_small or mobilenet_v3_large.  [default: mobilenet_v2]"
)
@click.option(
    "--alpha", type=float, help="Width multiplier of the backbone.  [default: the smallest that the backbone has]"
)
@click.option(
    "--size", type=int, help="Height and width of the input, px, at least 96.  [default: 224; for a detector 320]"
)
@click.option(
    "--resize",
    type=click.Choice(["stretch", "crop", "letterbox"]),
    help="How a photo is made square.  [default: stretch; for a detector letterbox]",
)
@click.option(
    "--strides",
    callback=_numbers,
    metavar="8,16,32",
    help="Detector: strides of the levels, px. Small objects need 8, tiny ones 4.  [default: 8,16,32]",
)
@click.option(
    "--input-range",
    type=click.Choice(["-1..1", "0..1", "0..255"]),
    help="Range of the pixel values that the weights expect.  [default: the stored model's, else -1..1]",
)
@click.option(
    "--head", type=int, help="Classifier: units of a hidden ReLU layer in the head; 0 leaves it out.  [default: 0]"
)
@click.option("--dropout", type=float, help="Classifier: dropout rate in front of the softmax layer.  [default: 0.2]")
@click.option(
    "--head-epochs",
    type=int,
    help="Classifier: epochs of the first stage, which trains the head alone.  [default: 40; with --weights none 0]",
)
@click.option(
    "--head-rate",
    type=float,
    help="Classifier: peak learning rate of the first stage.  [default: 0.002]",
)
@click.option(
    "--epochs",
    type=int,
    help="Epochs of the stage that trains the backbone and the head; 0 trains a classifier's head only.  [default: "
    "80,000 divided by the number of photos, at least 10, at most 60; for a detector 1500 steps, at least 12 epochs]",
)
@click.option(
    "--rate",
    type=float,
    help="Peak learning rate of the backbone's stage.  [default: 0.0005; from the starter and for a detector 0.002; "
    "with --weights none 0.005]",
)
@click.option(
    "--optimizer",
    type=click.Choice(["adamw", "adam", "sgd", "rmsprop"]),
    help="Optimizer of both stages.  [default: adamw]",
)
@click.option("--weight-decay", type=float, help="Weight decay of adamw.  [default: 0.01]")
@click.option(
    "--warmup",
    type=float,
    help="Share of the steps in which the learning rate rises to its peak, 0 to 1.  [default: 0.1]",
)
@click.option(
    "--layer-decay",
    type=float,
    help="Share of the learning rate that the backbone's first layer gets; later layers get more.  [default: 0.5; for "
    "a detector, from the starter and with --weights none 1]",
)
@click.option(
    "--freeze",
    type=int,
    help="Number of the backbone's first layers that are not trained.  [default: 0; for a detector those "
    "before stride 8]",
)
@click.option(
    "--batch-norm",
    type=click.Choice(["frozen", "train"]),
    help="Whether batch normalization is trained.  [default: frozen; from the starter and with --weights none train]",
)
@click.option(
    "--label-smoothing",
    type=float,
    help="Classifier: share of each label that is spread over all classes, 0 to 0.9.  [default: 0.1]",
)
@click.option(
    "--class-weights/--no-class-weights",
    default=None,
    help="Classifier: give rare classes more weight.  [default: if one class has twice the photos of another]",
)
@click.option("--augment", type=float, help="Strength of the augmentation; 0 switches it off.  [default: 1]")
@click.option(
    "--flip/--no-flip", default=None, help="Whether a mirrored photo still shows the same class.  [default: flip]"
)
@click.option(
    "--ema",
    type=float,
    help="Decay of the averaged weights; 0 switches averaging off.  [default: 0.99; "
    "for a classifier with --weights none 0]",
)
@click.option(
    "--patience",
    type=int,
    help="Epochs without a better validation after which the training stops; 0 never stops it.  "
    "[default: a third of the epochs, at least 10]",
)
@click.option("--batch", type=int, help="Photos in one step.  [default: 32; for a detector 16]")
@click.option(
    "--seed",
    type=int,
    help="Seed of everything random except the split. Equal seeds give equal models on one machine.  [default: 0]",
)
@click.option("--split-seed", type=int, help="Seed of the choice of the validation photos.  [default: 0]")
@click.option(
    "--precision",
    type=click.Choice(["float32", "mixed"]),
    help="mixed computes in 16 bits on a GPU.  [default: float32]",
)
@click.option(
    "--val-fraction",
    type=float,
    help="Share of the photos used for validation if the folder has no val/.  [default: 0.2]",
)
@click.option(
    "--strict/--no-strict", default=None, help="Whether a photo that can't be opened is an error.  [default: no-strict]"
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="A train.toml whose training is repeated; other options override it.",
)
@click.option("--resume", is_flag=True, help="Continue an unfinished training of that name, with its options.")
@click.option("--restart", is_flag=True, help="Discard an unfinished training of that name and start over.")
def train(
    data: Path | None,
    name: str | None,
    config: Path | None,
    resume: bool,
    restart: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Fine-tune a MobileNet on labelled photos (DATA, by default ./data).

    The files in DATA decide what is trained. A folder of photos for each class, or train/ and val/ with such folders,
    gives a classifier. Photos with boxes in Pascal VOC, COCO, YOLO or CSV give a detector; their own train, val and
    test parts are kept, and the test part is never used. The model is stored in models/NAME with its card, its history,
    an HTML report, and train.toml, which repeats the training.

    If the store has a model of that name, the new one becomes a version of it and nothing is deleted; see `edgetl
    models`. --resume continues a training that was interrupted.

    \b
      edgetl train photos/ --name parts
      edgetl train boxes/ --name finder                 a detector
      edgetl train photos/ --name parts --weights none --size 96
      edgetl train more/ --name better --weights parts  start from parts
      edgetl train more/ --name better --weights best   start from what helps most
    """
    from edgetl import api
    from edgetl.errors import UsageError
    from edgetl.host.train.job import UnfinishedError
    from edgetl.host.train.options import TrainOptions

    chosen = {key: value for key, value in options.items() if value is not None}
    collected = TrainOptions.collect(str(data) if data else None, name, chosen, config)
    if not (name or config) and collected.name != Path(collected.data).resolve().name:
        echo(f"the model is called {collected.name}; --name gives it another name", err=True)
    if resume and restart:
        raise UsageError("--resume and --restart exclude each other", remedy="give one of them")
    if resume and (chosen or config):
        names = ", ".join(f"--{key.replace('_', '-')}" for key in [*chosen, *(["config"] if config else [])])
        what = f"{names} can't be given with --resume: the training continues with the options it began with"
        raise UsageError(what, remedy="leave them out, or train without --resume")
    try:
        if not resume:
            api.train(collected, restart=restart)
            return
    except UnfinishedError as error:
        if not _asked_to_resume(error):
            api.train(collected, restart=True)
            return
    api.resume(collected.name, str(data) if data else None)


def _asked_to_resume(error: Exception) -> bool:
    """Asks on a terminal whether to resume or discard an unfinished training; raises the error elsewhere."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise error
    question = f"{error.args[0]}.\nContinue it with its options (resume), or discard it (restart)?"
    answer: str = click.prompt(question, type=click.Choice(["resume", "restart"]), default="resume", err=True)
    return answer == "resume"
