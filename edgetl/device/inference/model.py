"""Model.open(path) and model(frame) -> result: the hot path."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from time import perf_counter_ns
from typing import Self

import numpy as np

from edgetl.bundle import Bundle, Variant, is_bundle
from edgetl.card import ModelCard
from edgetl.device.closing import Closing
from edgetl.device.inference.channel_order import in_file_order
from edgetl.device.inference.describe_openvino import describe_ir
from edgetl.device.inference.describe_tflite import describe
from edgetl.device.inference.heads import ClassifierHead, Order, open_head
from edgetl.device.inference.input_scaling import Scaling
from edgetl.device.inference.input_writer import input_writer, no_frame
from edgetl.device.runtime import Runtime, Tensor, UnloadableRuntimeError, open_runtime
from edgetl.device.runtime.threads import thread_count
from edgetl.device.stages import Timings
from edgetl.errors import ModelError, UsageError
from edgetl.vision.arrays import Image, Scores
from edgetl.vision.filter import ResultFilter
from edgetl.vision.results import Result

EVERYTHING = ResultFilter()
"""Leaves it all to the card."""

logger = logging.getLogger(__name__)

_FILES = {".tflite": ("tflite", describe), ".xml": ("openvino", describe_ir)}
"""By the suffix of a single file: what runs it, and what says how."""


class Model(Closing):
    """A model ready to look at frames; let one thread at a time use it.

    Attributes:
        card: what it takes and what its outputs mean.
        timings: what the last frame took.
        variant: the bundle's that was opened; None of a single file.

    Args:
        runtime: the loaded model file.
        card: what it takes and what its outputs mean.
        scaling: of pixels, for a foreign model that doesn't scale them itself, or whose bytes are no pixels.
        only: the results wanted.
        order: where a ready-made SSD has its outputs.

    Raises:
        ModelError: the file is not what the card says.
        UsageError: the model has no class that is wanted.
    """

    def __init__(
        self,
        runtime: Runtime,
        card: ModelCard,
        scaling: Scaling | None = None,
        only: ResultFilter = EVERYTHING,
        *,
        order: Order = (0, 1, 2, 3),
    ) -> None:
        _check_input(runtime.input, card)
        self.card = card
        self.timings = Timings()
        self.variant: str | None = None
        self._runtime = runtime
        self._fill = input_writer(runtime, in_file_order(card.input, runtime.input), scaling)
        self._head = open_head(runtime, card, only, order)
        self._only = only
        self(
            np.zeros((card.input.height, card.input.width, 3), np.uint8)
        )  # the first call allocates; no user's frame should wait for it

    @property
    def only(self) -> ResultFilter:
        """The results wanted. May be set at any time and from any thread; it holds from the next frame on.

        Raises:
            UsageError: the model has no class that is wanted; the earlier ones stay.
        """
        return self._only

    @only.setter
    def only(self, only: ResultFilter) -> None:
        self._head.choose(only)
        self._only = only

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        variant: str | None = None,
        threads: int | None = None,
        labels: Path | None = None,
        only: ResultFilter = EVERYTHING,
    ) -> Self:
        """Opens a bundle, or a single model file.

        Args:
            path: a bundle's folder; or a `.tflite` file, or an OpenVINO IR's `.xml`, with metadata inside or with
                `labels`.
            variant: the name of one of the bundle's; None takes the chosen one, or, where what runs that isn't
                installed, the first whose runtime is, with a warning in the log.
            threads: for inference; None takes the target's, or one for a single file.
            labels: a text file with one label a line, for a file that doesn't carry its own.
            only: the results wanted.

        Raises:
            UnloadableRuntimeError: what runs it isn't installed.
            ModelError: the file is missing, altered, or not a model edgetl can run.
            UsageError: the path isn't there, the bundle has no such variant, the model has no class that is wanted,
                labels were given for a bundle or a variant for a file.
        """
        path = Path(path)
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
        found = describe_file(path, runtime, labels)
        return cls(runtime, found.card, found.scaling, only, order=found.order)

    def __call__(self, frame: Image, size_wh: tuple[int, int] | None = None) -> Result:
        """Says what is in a frame.

        Args:
            frame: (H, W, 3) uint8 BGR.
            size_wh: width and height of the source, px, where the frame is that at a smaller scale (see
                `edgetl.vision.photo.read_sized`): boxes are in its px. None: the frame's own.
        """
        invoked = self._invoke(frame)
        result = self._head(size_wh or (frame.shape[1], frame.shape[0]))
        self.timings.decode = (perf_counter_ns() - invoked) / 1e6
        return result

    def scores(self, frame: Image) -> Scores:
        """Returns every class's score, (C,) float32, 0..1; the array is reused by the next call.

        Raises:
            ModelError: the model is no classifier.
        """
        _ = self.card.classifier  # a detector's card refuses
        assert isinstance(self._head, ClassifierHead)  # as the card says
        invoked = self._invoke(frame)
        scores = self._head.scores()
        self.timings.decode = (perf_counter_ns() - invoked) / 1e6
        return scores

    def _invoke(self, frame: Image) -> int:
        """Runs the network on a frame; returns the time at its end, ns."""
        start = perf_counter_ns()
        try:
            self._fill(frame)
        except AttributeError as error:  # None has no dtype
            raise no_frame(frame) from error
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
    """Says what to do about a path that is no bundle and no model file that can be run."""
    if path.suffix.lower() in (".keras", ".h5", ".hdf5") or (path / "saved_model.pb").is_file():
        return "convert it first: edgetl convert --from MODEL --labels FILE --data PHOTOS"
    if path.suffix.lower() in (".onnx", ".pt", ".pth"):
        return "write it as .tflite or OpenVINO IR with the software that made it, and name that file"
    return _REMEDY


def _open_variant(bundle: Bundle, name: str | None, threads: int | None) -> tuple[str, Runtime]:
    """Opens the variant that is named; for None, the first of those that run here, the chosen one before the others."""

    def opened(variant: Variant) -> tuple[str, Runtime]:
        file, count = bundle.model_file(variant), thread_count(threads, bundle)
        return variant.name, open_runtime(variant.runtime, file, count)

    chosen = bundle.variant(name)
    try:
        return opened(chosen)
    except UnloadableRuntimeError as error:
        others = [] if name else [variant for variant in bundle.runnable if variant.runtime != chosen.runtime]
        for other in others:
            with suppress(UnloadableRuntimeError):
                found = opened(other)
                told = error.what, other.name, chosen.name, error.remedy
                logger.warning("%s: %s runs in place of %s; for that one %s", *told)
                return found
        raise


def _check_input(tensor: Tensor, card: ModelCard) -> None:
    if tensor.dtype not in ("uint8", "int8", "float32"):
        raise ModelError(f"the model's input is {tensor.dtype}", where=tensor.name, remedy="give it a uint8 input")
    if tensor.shape[1:3] != (card.input.height, card.input.width):
        raise ModelError(
            f"the model takes {tensor.shape}, its card says {card.input.height} x {card.input.width}",
            where=tensor.name,
        )
