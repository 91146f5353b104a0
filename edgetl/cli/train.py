"""`edgetl train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from edgetl.cli.echo import echo

_WEIGHTS = (
    "imagenet, starter (mobilenet_v2 0.35 that comes with edgetl), none, a weights file, or a model of the store.  "
    "[default: auto: imagenet where it is cached or can be downloaded, else starter]"
)


def _numbers(context: click.Context, option: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    try:
        return tuple(int(part) for part in value.split(",")) if value else None
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not numbers with commas between them, as 8,16,32") from error


@click.command()
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option("--name", help="What to call the model in the store.  [default: the data folder's name]")
@click.option("--weights", help=_WEIGHTS)
@click.option("--backbone", help="mobilenet_v1, mobilenet_v2, mobilenet_v3_small or _large.  [default: mobilenet_v2]")
@click.option("--alpha", type=float, help="Width multiplier.  [default: the backbone's smallest]")
@click.option("--size", type=int, help="Input height and width, px, from 96.  [default: 224, a detector's 320]")
@click.option(
    "--resize",
    type=click.Choice(["stretch", "crop", "letterbox"]),
    help="How a photo becomes square.  [default: stretch, a detector's letterbox]",
)
@click.option(
    "--strides",
    callback=_numbers,
    metavar="8,16,32",
    help="Detector: its levels, px; small objects want 8, specks 4.  [default: 8,16,32]",
)
@click.option(
    "--input-range",
    type=click.Choice(["-1..1", "0..1", "0..255"]),
    help="Pixels the weights expect.  [default: the stored model's, else -1..1]",
)
@click.option("--head", type=int, help="Classifier: units of a hidden ReLU layer; 0 for none.  [default: 0]")
@click.option("--dropout", type=float, help="Classifier: before the softmax layer.  [default: 0.2]")
@click.option(
    "--head-epochs",
    type=int,
    help="Classifier: epochs of the head alone, first.  [default: 40, or 0 from --weights none]",
)
@click.option(
    "--head-rate",
    type=float,
    help="Classifier: peak learning rate of the head's own stage.  [default: 0.002]",
)
@click.option(
    "--epochs",
    type=int,
    help="Epochs of the backbone with the head; 0 trains a classifier's head only.  [default: 80,000 by the number of "
    "photos, from 10 to 60; of a detector 760 steps, from 12 epochs]",
)
@click.option(
    "--rate",
    type=float,
    help="Peak learning rate of the backbone's stage.  [default: 0.0005; from the starter and for a detector 0.002; "
    "from --weights none 0.005]",
)
@click.option(
    "--optimizer",
    type=click.Choice(["adamw", "adam", "sgd", "rmsprop"]),
    help="Of both stages.  [default: adamw]",
)
@click.option("--weight-decay", type=float, help="For adamw.  [default: 0.01]")
@click.option("--warmup", type=float, help="Share of the steps over which the rate rises.  [default: 0.1]")
@click.option(
    "--layer-decay",
    type=float,
    help="The backbone's first layer learns at this share of the rate.  [default: 0.5; for a detector, from the "
    "starter and from --weights none 1]",
)
@click.option(
    "--freeze",
    type=int,
    help="How many of the backbone's first layers don't learn.  [default: 0; of a detector those before stride 8]",
)
@click.option(
    "--batch-norm",
    type=click.Choice(["frozen", "train"]),
    help="What batch normalization does.  [default: frozen; from the starter and from --weights none train]",
)
@click.option(
    "--label-smoothing",
    type=float,
    help="Classifier: share of each label spread over all classes.  [default: 0.1]",
)
@click.option(
    "--class-weights/--no-class-weights",
    default=None,
    help="Classifier: weigh rare classes up.  [default: if a class has twice another's photos]",
)
@click.option("--augment", type=float, help="Strength of augmentation; 0 for none.  [default: 1]")
@click.option("--flip/--no-flip", default=None, help="Whether a mirrored photo shows the same class.  [default: flip]")
@click.option(
    "--ema",
    type=float,
    help="Decay of the averaged weights; 0 for none.  [default: 0.99, a detector's 0.98; from --weights none 0]",
)
@click.option(
    "--patience",
    type=int,
    help="Stop after so many epochs without a better validation; 0 never.  [default: a third of the epochs, from 10]",
)
@click.option("--batch", type=int, help="Photos a step.  [default: 32, a detector's 16]")
@click.option(
    "--seed", type=int, help="Two runs with the same seeds and weights are equal on one machine.  [default: 0]"
)
@click.option("--split-seed", type=int, help="Of the choice of the photos held back.  [default: 0]")
@click.option(
    "--precision",
    type=click.Choice(["float32", "mixed"]),
    help="mixed: 16 bits where a GPU does.  [default: float32]",
)
@click.option("--val-fraction", type=float, help="Share held back where the folder has no val/.  [default: 0.2]")
@click.option(
    "--strict/--no-strict", default=None, help="Whether a photo that doesn't open is an error.  [default: no-strict]"
)
@click.option("--config", type=click.Path(path_type=Path), help="A train.toml to repeat; other options override it.")
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

    DATA's files tell what is trained. A classifier: one folder of photos for each class, or train/ and val/ with such
    folders. A detector: photos with boxes in Pascal VOC, COCO, YOLO or CSV, whose own train, val and test parts are
    kept; test is never looked at. The model goes into models/NAME with its card, its history, a report to look at, and
    train.toml, which repeats the run.

    If the store has a model of that name, the new one becomes a version of it, and nothing is deleted; see `edgetl
    models`. A training that was interrupted goes on with --resume.

    \b
      edgetl train photos/ --name parts
      edgetl train boxes/ --name finder                       a detector
      edgetl train photos/ --name parts --weights none --size 96
      edgetl train more/ --name better --weights parts        start from an earlier model
      edgetl train photos/ --name textbook --freeze 20 --head 1024 --epochs 5 --optimizer adam
    """
    from edgetl.errors import UsageError
    from edgetl.host.train import job
    from edgetl.host.train.options import TrainOptions

    given = {key: value for key, value in options.items() if value is not None}
    collected = TrainOptions.collect(str(data) if data else None, name, given, config)
    if not (name or config) and collected.name != Path(collected.data).resolve().name:
        echo(f"the model is called {collected.name}; --name gives it another name", err=True)
    if resume and restart:
        raise UsageError("--resume and --restart exclude each other", remedy="give one of them")
    if resume and (given or config):
        names = ", ".join(f"--{key.replace('_', '-')}" for key in [*given, *(["config"] if config else [])])
        what = f"{names} can't be given with --resume: the training goes on with the options it began with"
        raise UsageError(what, remedy="leave them out, or train without --resume")
    try:
        if not resume:
            job.train(collected, restart=restart)
            return
    except job.UnfinishedError as error:
        if not _asked_to_resume(error):
            job.train(collected, restart=True)
            return
    job.resume(collected.name, str(data) if data else None)


def _asked_to_resume(error: Exception) -> bool:
    """Asks on a terminal whether an unfinished training goes on or is discarded; elsewhere the error is raised."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise error
    question = f"{error.args[0]}.\nGo on with it, with its options (resume), or discard it (restart)?"
    answer: str = click.prompt(question, type=click.Choice(["resume", "restart"]), default="resume", err=True)
    return answer == "resume"
