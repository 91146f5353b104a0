"""The functions that the commands call, for use from Python.

They print nothing. Pass a `edgetl.Progress` to follow long work, for example `edgetl.PrintProgress()` in a notebook.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgetl.progress import Progress, receiver_of, reporting

if TYPE_CHECKING:
    from pathlib import Path

    from edgetl.bundle import Bundle
    from edgetl.device.verify.compare_golden import VariantReport
    from edgetl.host.convert.foreign.import_model import ImportOptions
    from edgetl.host.dataset.boxes.formats import Format
    from edgetl.host.dataset.report import DataReport
    from edgetl.host.deploy.pull_result import PullResult
    from edgetl.host.evaluate.detector import DetectorResult
    from edgetl.host.evaluate.paired_comparison import ModelComparison
    from edgetl.host.evaluate.top1 import Evaluation
    from edgetl.host.knowledge.comparison import Comparison
    from edgetl.host.knowledge.comparison_options import CompareOptions
    from edgetl.host.knowledge.ranking import Ranking
    from edgetl.host.probe.photo_review import PhotoReview
    from edgetl.host.train.options import TrainOptions
    from edgetl.store import StoredModel


def check_data(folder: Path | str, *, sheet: Path | str | None = None, progress: Progress | None = None) -> DataReport:
    """Reads every photo of a data set and reports what is in it and what is wrong with it; see `edgetl data check`.

    Example:
        >>> import edgetl
        >>> report = edgetl.check_data("photos")
        >>> report.usable
        True

    Args:
        folder: the folder of the data set: class folders, or photos with boxes.
        sheet: a JPEG file to draw some photos with their boxes into; None draws nothing.
        progress: the receiver of the state of the work; None prints nothing.

    Returns:
        A report, which a notebook shows as a table; its `usable` says whether the data set can be trained on.

    Raises:
        DatasetError: there is no such folder, or nothing in it is a data set.
        UsageError: a sheet was asked for, but the data set has no boxes.
    """
    from edgetl.host.dataset import check

    with reporting(receiver_of(progress)):
        return check.check_data(folder, sheet=sheet)


def train(options: TrainOptions, *, restart: bool = False, progress: Progress | None = None) -> StoredModel:
    """Fine-tunes a MobileNet on labelled photos and stores it; see `edgetl train`.

    Example:
        >>> import edgetl
        >>> quick = edgetl.TrainOptions("photos", "parts", weights="starter", size=96, epochs=0, head_epochs=2)
        >>> model = edgetl.train(quick)
        >>> model.name
        'parts'

    Args:
        options: the photos' folder, the model's name, and the options that differ from the defaults.
        restart: whether an unfinished training of that name may be discarded.
        progress: the receiver of messages and of the state of the work; None prints nothing.

    Returns:
        The stored model, which may be a new version of an earlier one.

    Raises:
        UnfinishedError: there is an unfinished training of that name, and `restart` is false.
        DatasetError: the photos can't be used.
        UsageError: an option is out of its range, or a name doesn't exist.
        EdgetlError: a download failed, or the disk is full.
    """
    from edgetl.argument_types import object_argument
    from edgetl.host.knowledge.race import train_from_best
    from edgetl.host.train import job
    from edgetl.host.train.options import TrainOptions

    stated = object_argument(options, TrainOptions, "options")
    with reporting(receiver_of(progress)):
        if stated.weights == "best":
            return train_from_best(stated, restart=restart)
        return job.train(stated, restart=restart)


def resume(name: str, data: Path | str | None = None, *, progress: Progress | None = None) -> StoredModel:
    """Continues an unfinished training with the options it began with; see `edgetl train --resume`.

    Example:
        >>> import edgetl
        >>> try:
        ...     edgetl.resume("parts")
        ... except edgetl.EdgetlError as error:
        ...     print(error.what)
        no unfinished training of 'parts' to resume

    Args:
        name: the model's name.
        data: the photos' folder, if it has moved.
        progress: the receiver of messages and of the state of the work; None prints nothing.

    Raises:
        UsageError: there is no unfinished training of that name.
        DatasetError: the photos are gone or have changed.
    """
    from edgetl.host.train import job

    with reporting(receiver_of(progress)):
        return job.resume(name, data)


def rank_starts(
    data: Path | str,
    *,
    weights: Sequence[str] = (),
    size: int | None = None,
    val_fraction: float = 0.2,
    split_seed: int = 0,
    costs: bool = True,
    progress: Progress | None = None,
) -> Ranking:
    """Ranks the weights that a training can begin with by what they are worth on some photos; see `edgetl models rank`.

    Example:
        >>> import edgetl
        >>> ranking = edgetl.rank_starts("photos", size=96, costs=False)
        >>> ranking.default.weights
        'starter'

    Args:
        data: the folder of labelled photos: class folders, or photos with boxes.
        weights: weights files, and versions of models as `NAME@N`, that compete as well.
        size: the height and width of the training's input, px; None takes the training's default.
        val_fraction: the share of the photos that a training holds back; the ranking does not use them.
        split_seed: the seed of the choice of these photos.
        costs: whether the time and size of each network as an int8 file are measured, which takes some seconds once.
        progress: the receiver of the state of the work; None prints nothing.

    Returns:
        The starts, the best one first, which a notebook shows as a table.

    Raises:
        DatasetError: the photos can't be trained on.
        UsageError: one of `weights` is neither a file nor a model.
        ModelError: one of the files doesn't exist.
    """
    from edgetl.host.knowledge import rank_starts as ranking

    with reporting(receiver_of(progress)):
        return ranking.rank_starts(
            data, weights=weights, size=size, val_fraction=val_fraction, split_seed=split_seed, costs=costs
        )


def compare_training(options: CompareOptions, *, restart: bool = False, progress: Progress | None = None) -> Comparison:
    """Measures whether transfer is worth it, and which start helps, by training in several ways; see `edgetl compare`.

    Example:
        >>> import edgetl
        >>> shortest = edgetl.CompareOptions("photos", minutes=0.01, default="starter", size=96)
        >>> comparison = edgetl.compare_training(shortest)
        >>> comparison.sentences[0]
        'Too few runs have finished to say what transfer is worth: that needs a run of `random weights` and one ...'

    Args:
        options: the photos' folder, the time, and the starts to compare.
        restart: whether the runs of an earlier comparison in the same folder are discarded; otherwise it goes on.
        progress: the receiver of messages and of the state of the work; None prints nothing.

    Returns:
        The data curves and the answer in sentences; a notebook shows them as a table.

    Raises:
        DatasetError: the photos can't be used, or have changed since the comparison began.
        UsageError: an option is out of its range, a name doesn't exist, or an earlier comparison had other options.
        ModelError: the weights of a start don't fit its network.
        EdgetlError: a download failed, or the disk is full.
    """
    from edgetl.host.knowledge import comparison_job

    with reporting(receiver_of(progress)):
        return comparison_job.compare(options, restart=restart)


def import_model(options: ImportOptions, *, progress: Progress | None = None) -> StoredModel:
    """Stores a classifier that was trained elsewhere, so that `convert` can convert it; see `edgetl convert --from`.

    Example:
        >>> import edgetl
        >>> from pathlib import Path
        >>> options = edgetl.ImportOptions("elsewhere.keras", "photos", Path("labels.txt"), name="imported")
        >>> edgetl.import_model(options).name
        'imported'

    Args:
        options: the file, its labels, and photos to check it on.
        progress: the receiver of messages and of the state of the work; None prints nothing.

    Raises:
        UsageError: there is no such file, or the name is taken.
        ModelError: the file can't be opened, or is no classifier of images.
        DatasetError: the photos can't be used.
    """
    from edgetl.host.convert.foreign import import_model as importing

    with reporting(receiver_of(progress)):
        return importing.import_model(options)


def convert(
    name: str | None = None,
    target: Path | str = "rpi",
    *,
    recipes: Sequence[str] = (),
    runtimes: Sequence[str] = (),
    data: Path | str | None = None,
    seed: int = 0,
    thorough: bool = False,
    progress: Progress | None = None,
) -> Bundle:
    """Quantizes and converts a stored model, checks every file, and bundles it for a device; see `edgetl convert`.

    Example:
        >>> import edgetl
        >>> bundle = edgetl.convert("parts", target="rpi", recipes=["float32"], runtimes=["tflite"])
        >>> [variant.name for variant in bundle.manifest.variants]
        ['float32']

    Args:
        name: `NAME` or `NAME@N` of the store; None takes the model that was trained last.
        target: a target's name, or the path of a .toml file.
        recipes: the recipes to make instead of the target's.
        runtimes: the runtimes to make variants for instead of the target's.
        data: the folder of the photos, if it has moved since the training.
        seed: the seed of the choice of representative and golden photos.
        thorough: whether to try everything for every variant, also for an int8 file when one that the target prefers is
            accepted already.
        progress: the receiver of messages and of the state of the work; None prints nothing.

    Raises:
        UsageError: there is no such model, target, recipe or runtime.
        DatasetError: the photos are gone or have changed since the training.
        GateError: no variant keeps enough accuracy.
    """
    from edgetl.host.convert import job

    with reporting(receiver_of(progress)):
        return job.convert(name, target, recipes=recipes, runtimes=runtimes, data=data, seed=seed, thorough=thorough)


def verify(bundle: Path | str, variant: str | None = None) -> list[VariantReport]:
    """Replays a bundle's golden photos and compares what this machine computes; see `edgetl verify`.

    Example:
        >>> import edgetl
        >>> all(report.ok for report in edgetl.verify("parts"))
        True

    Args:
        bundle: a bundle's folder, a stored model's name if it has one bundle, or `NAME/TARGET`.
        variant: the name of the variant to replay; None replays all that can run here.

    Returns:
        A report for each variant. A damaged file or a wrong score is in its report, not an exception.

    Raises:
        UsageError: there is no such bundle or variant.
        ModelError: the bundle's manifest can't be used.
        UnloadableRuntimeError: no runtime for any of the variants is installed.
    """
    from edgetl.device.verify import replay
    from edgetl.find_bundle import find_bundle

    return replay.verify(find_bundle(bundle), variant)


def evaluate(
    model: Path | str,
    data: Path | str | None = None,
    *,
    labels: Path | str | None = None,
    variant: str | None = None,
    progress: Progress | None = None,
) -> Evaluation | DetectorResult:
    """Measures a model's accuracy on labelled photos; see `edgetl eval`.

    Example:
        >>> import edgetl
        >>> result = edgetl.evaluate("parts")
        >>> 0 <= result.top1 <= 1
        True

    Args:
        model: a stored model's name, the folder of a bundle, or a model file.
        data: the folder of the labelled photos; None takes the validation photos that the model was trained with.
        labels: a text file with one label a line, for a file that has none inside.
        variant: the name of a variant of the bundle; None takes the chosen one.
        progress: the receiver of the state of the work; None prints nothing.

    Returns:
        The figures, which a notebook shows as a table: of a classifier with `top1`, of a detector with mAP.

    Raises:
        UsageError: there is no such model or variant.
        DatasetError: the photos can't be used, or have a class that the model does not know.
    """
    from edgetl.host.evaluate import job

    with reporting(receiver_of(progress)):
        return job.evaluate(model, data, labels=labels, variant=variant)


def compare_models(
    old: Path | str,
    new: Path | str,
    data: Path | str | None = None,
    *,
    labels: Path | str | None = None,
    variant: str | None = None,
    progress: Progress | None = None,
) -> ModelComparison:
    """Compares two models on the same photos, with the 95 % interval of each change; see `edgetl eval`.

    Photos that the old model was trained on are left out, as far as they are known.

    Example:
        >>> import edgetl
        >>> compared = edgetl.compare_models("parts", "models/parts/rpi", "photos")
        >>> compared.figures[0].low <= 0 <= compared.figures[0].high
        True

    Args:
        old: a stored model's name, the folder of a bundle, or a model file.
        new: the other model, of the same task.
        data: the folder of the labelled photos; None takes the validation photos that the new model was trained with.
        labels: a text file with one label a line, for a file that has none inside.
        variant: the name of a variant, of each model that is a bundle; None takes the chosen one.
        progress: the receiver of the state of the work; None prints nothing.

    Returns:
        The figures of both models and their changes, which a notebook shows as a table; its `verdict` is `better`,
        `worse` or `undecided`.

    Raises:
        UsageError: there is no such model, or the two have different tasks.
        DatasetError: the photos can't be used, or have a class that neither model knows.
    """
    from edgetl.host.evaluate import compare_models as comparing

    with reporting(receiver_of(progress)):
        return comparing.compare_models(old, new, data, labels=labels, variant=variant)


def photo_review(model: str) -> PhotoReview:
    """Returns what a training found out about its photos: what more would bring, and which labels are probably wrong.

    Example:
        >>> import edgetl
        >>> review = edgetl.photo_review("parts")
        >>> review.reviewed > 0
        True

    Args:
        model: a stored model's name.

    Raises:
        UsageError: there is no such model.
        ModelError: the model has no review, because it comes from elsewhere.
    """
    from edgetl.host.report.review_files import read_review
    from edgetl.store import open_model

    return read_review(open_model(model).folder)


def pull(
    folder: Path | str,
    host: str | None = None,
    *,
    source: Path | str | None = None,
    remote: str | None = None,
    delete: bool = False,
    boxes: Format = "coco",
    progress: Progress | None = None,
) -> PullResult:
    """Fetches the frames that a device collected, and lays them out for labelling; see `edgetl pull`.

    Example:
        >>> import edgetl
        >>> try:
        ...     edgetl.pull("pulled", source="sd-card")
        ... except edgetl.EdgetlError as error:
        ...     print(error.what)
        there is no such folder

    Args:
        folder: the folder to fetch into; the photos are laid out below its `proposed/`.
        host: the device as the ssh command takes it; None if `source` is given.
        source: a folder of this machine to copy from, such as an SD card.
        remote: the folder on the device, relative to the user's home there; None takes the one that the deployed run
            collects into.
        delete: whether frames are deleted there once they have been verified here.
        boxes: the format of a detector's proposed boxes: `coco`, `voc`, `yolo` or `csv`.
        progress: the receiver of the state of the work; None prints nothing.

    Returns:
        The numbers of new photos by class, of copies that were left out, and the like.

    Raises:
        UsageError: not exactly one of a device and a folder is named, or there is no such folder.
        EdgetlError: the device can't be reached, has collected nothing, or the disk is full.
    """
    from edgetl.host.deploy import pull as pulling

    with reporting(receiver_of(progress)):
        return pulling.pull(folder, host, source=source, remote=remote, delete=delete, boxes=boxes)
