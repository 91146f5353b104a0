"""`Model`: opens a bundle or a model file, warms it up, and turns a frame into a result."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from time import perf_counter_ns
from typing import Self

import cv2

from edgetl.argument_types import object_argument, path_argument
from edgetl.bundle import Bundle, Variant, is_bundle
from edgetl.card import ModelCard
from edgetl.device.closing import Closing
from edgetl.device.inference.channel_order import in_file_order
from edgetl.device.inference.classifier_head import ClassifierHead
from edgetl.device.inference.describe_openvino import describe_ir
from edgetl.device.inference.describe_tflite import describe
from edgetl.device.inference.heads import open_head
from edgetl.device.inference.input_scaling import Scaling
from edgetl.device.inference.input_writer import frame_error, input_writer
from edgetl.device.inference.output_names import STANDARD_ORDER, OutputOrder
from edgetl.device.inference.warm_up import warm_up
from edgetl.device.runtime import Runtime, Tensor, UnloadableRuntimeError, open_runtime
from edgetl.device.runtime.threads import thread_count
from edgetl.device.stages import Timings
from edgetl.errors import ModelError, UsageError
from edgetl.vision.arrays import Image, Scores
from edgetl.vision.filter import ResultFilter
from edgetl.vision.results import Result

EVERYTHING = ResultFilter()
"""The filter that leaves all decisions to the model's card."""

logger = logging.getLogger(__name__)

_FILES = {".tflite": ("tflite", describe), ".xml": ("openvino", describe_ir)}
"""The runtime of a single model file and the function that describes the file, by the file's suffix."""


class Model(Closing):
    """A loaded model, which turns frames into results; one thread at a time may use it.

    Args:
        runtime: the loaded model file.
        card: the card, which says what the model takes and what its outputs mean.
        scaling: the scaling of pixels, for a foreign model that takes scaled pixels; None if it takes them as bytes.
        only: the filter of the results.
        order: the order of the outputs of a ready-made SSD.

    Attributes:
        card: the card, which says what the model takes and what its outputs mean.
        timings: the times that the stages of the last frame took.
        variant: the name of the bundle's variant; None for a single file.

    Raises:
        ModelError: the file doesn't fit the card.
        UsageError: the model has no class of that name.

    Examples:
        >>> import cv2
        >>> import edgetl
        >>> with edgetl.Model.open("models/parts/rpi") as model:
        ...     result = model(cv2.imread("bolt.jpg"))
        >>> set(result.labels) <= set(model.card.labels)
        True
    """

    def __init__(
        self,
        runtime: Runtime,
        card: ModelCard,
        scaling: Scaling | None = None,
        only: ResultFilter = EVERYTHING,
        *,
        order: OutputOrder = STANDARD_ORDER,
    ) -> None:
        _check_input(runtime.input, card)
        self.card = card
        self.timings = Timings()
        self.variant: str | None = None
        self._runtime = runtime
        self._fill = input_writer(runtime, in_file_order(card.input, runtime.input), scaling)
        self._head = open_head(runtime, card, only, order)
        self._only = only
        warm_up(self, card.input)

    @property
    def only(self) -> ResultFilter:
        """The filter of the results. Any thread may set it at any time; it holds from the next frame on.

        Raises:
            UsageError: the model has no class of that name; the previous filter stays.
        """
        return self._only

    @only.setter
    def only(self, only: ResultFilter) -> None:
        self._head.choose(object_argument(only, ResultFilter, "only"))
        self._only = only

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        variant: str | None = None,
        threads: int | None = None,
        labels: Path | str | None = None,
        only: ResultFilter = EVERYTHING,
    ) -> Self:
        """Opens a bundle or a single model file.

        Args:
            path: the folder of a bundle; or a `.tflite` file or the `.xml` of an OpenVINO IR, which carries its labels
                or comes with `labels`.
            variant: the name of a variant of the bundle. None takes the chosen one; if the runtime of that is not
                installed, the first variant whose runtime is, with a warning in the log.
            threads: the number of threads for inference; None takes that of the bundle's target, or one for a single
                file.
            labels: a text file with one label a line, for a model file that carries none.
            only: the filter of the results.

        Raises:
            UnloadableRuntimeError: the runtime is not installed.
            ModelError: the file is missing or altered, or edgetl can't run it.
            UsageError: the path does not exist, the bundle has no such variant, the model has no class of that name,
                labels are given for a bundle, or a variant is given for a file.
        """
        path = path_argument(path, "path")
        object_argument(only, ResultFilter, "only")
        if is_bundle(path):
            if labels:
                what = "a bundle has labels of its own: --labels can't be given with it"
                raise UsageError(what, where=str(path), remedy="leave --labels out, or name a model file")
            bundle = Bundle.open(path)
            name, runtime = _open_variant(bundle, variant, threads)
            model = cls(runtime, bundle.manifest.card, only=only)
            model.variant = name
            return model
        if not path.exists():
            raise UsageError("there is no such bundle or model file", where=str(path), remedy=_REMEDY)
        if path.suffix.lower() not in _FILES:
            what = f"neither a bundle nor a {' or '.join(_FILES)} file"
            raise ModelError(what, where=str(path), remedy=_remedy(path))
        if variant:
            what = "a single file has no variants: --variant can't be given with it"
            raise UsageError(what, where=str(path), remedy="leave --variant out, or name a bundle")
        name, describe_file = _FILES[path.suffix.lower()]
        runtime = open_runtime(name, path, thread_count(threads, None))
        description = describe_file(path, runtime, path_argument(labels, "labels") if labels else None)
        return cls(runtime, description.card, description.scaling, only, order=description.order)

    def __call__(self, frame: Image, size_wh: tuple[int, int] | None = None) -> Result:
        """Returns the result for a frame.

        Args:
            frame: the frame, (H, W, 3) uint8 BGR.
            size_wh: the width and height of the source's picture, px, if the frame is that picture at a smaller scale
                (see `edgetl.vision.photo.read_sized`); boxes are in its px. None stands for the frame's own size.

        Raises:
            UsageError: the frame is no such array, or the model is closed.
        """
        invoked = self._invoke(frame)
        result = self._head(size_wh or (frame.shape[1], frame.shape[0]))
        self.timings.decode = (perf_counter_ns() - invoked) / 1e6
        return result

    def scores(self, frame: Image) -> Scores:
        """Returns the score of each class, (C,) float32, 0..1; the array is reused by the next call.

        Args:
            frame: the frame, (H, W, 3) uint8 BGR.

        Raises:
            ModelError: the model is no classifier.
            UsageError: the frame is no such array, or the model is closed.
        """
        _ = self.card.classifier  # raises ModelError for a detector
        assert isinstance(self._head, ClassifierHead)  # follows from the card
        invoked = self._invoke(frame)
        scores = self._head.scores()
        self.timings.decode = (perf_counter_ns() - invoked) / 1e6
        return scores

    def last_scores(self) -> Scores | None:
        """Returns the score of each class for the last frame, (C,) float32, 0..1, in an array of its own.

        A detector has none: the result is None.
        """
        return self._head.scores().copy() if isinstance(self._head, ClassifierHead) else None

    def _invoke(self, frame: Image) -> int:
        """Runs the network on an (H, W, 3) uint8 BGR frame; returns the time at its end, ns of `perf_counter_ns`."""
        start = perf_counter_ns()
        try:
            self._fill(frame)
        except (AttributeError, ValueError, cv2.error) as error:
            raise frame_error(frame) from error
        filled = perf_counter_ns()
        self._runtime.invoke()
        invoked = perf_counter_ns()
        self.timings.preprocess = (filled - start) / 1e6
        self.timings.invoke = (invoked - filled) / 1e6
        return invoked

    def close(self) -> None:
        """Frees the model."""
        self._runtime.close()


_REMEDY = "name a folder made by `edgetl convert`, or a .tflite or OpenVINO .xml file"


def _remedy(path: Path) -> str:
    """Returns the remedy for a path that is neither a bundle nor a model file that edgetl runs."""
    if path.suffix.lower() in (".keras", ".h5", ".hdf5") or (path / "saved_model.pb").is_file():
        return "convert it first: edgetl convert --from MODEL --labels FILE --data PHOTOS"
    if path.suffix.lower() in (".onnx", ".pt", ".pth"):
        return "export it as .tflite or OpenVINO IR with the software that made it, and name that file"
    return _REMEDY


def _open_variant(bundle: Bundle, name: str | None, threads: int | None) -> tuple[str, Runtime]:
    """Opens a variant of a bundle.

    Args:
        bundle: the bundle.
        name: the name of the variant; None takes the chosen one, else the first whose runtime is installed.
        threads: the number of threads for inference; None takes that of the bundle's target.
    """

    def open_one(variant: Variant) -> tuple[str, Runtime]:
        file, count = bundle.model_file(variant), thread_count(threads, bundle)
        return variant.name, open_runtime(variant.runtime, file, count)

    chosen = bundle.variant(name)
    try:
        return open_one(chosen)
    except UnloadableRuntimeError as error:
        others = [] if name else [variant for variant in bundle.runnable if variant.runtime != chosen.runtime]
        for other in others:
            with suppress(UnloadableRuntimeError):
                opened = open_one(other)
                reason = error.what, other.name, chosen.name, error.remedy
                logger.warning("%s: %s runs in place of %s; for that one %s", *reason)
                return opened
        raise


def _check_input(tensor: Tensor, card: ModelCard) -> None:
    """Refuses an input of another type than uint8, int8 and float32, or of another size than the card's."""
    if tensor.dtype not in ("uint8", "int8", "float32"):
        raise ModelError(f"the model's input is {tensor.dtype}", where=tensor.name, remedy="give it a uint8 input")
    if tensor.shape[1:3] != (card.input.height, card.input.width):
        what = f"the model takes {tensor.shape}, its card says {card.input.height} x {card.input.width}"
        raise ModelError(what, where=tensor.name, remedy="give it the card it was made with, or convert it again")
