"""Model.open(path) and model(frame) -> result: the hot path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edgetl.bundle import MANIFEST, Bundle
from edgetl.card import ModelCard
from edgetl.device.foreign import Scaling, describe
from edgetl.device.runtime import Runtime, open_runtime
from edgetl.errors import ModelError, UsageError
from edgetl.vision.classify import best, softmax
from edgetl.vision.preprocess import Image, Preprocessor
from edgetl.vision.results import Classification


@dataclass(slots=True)
class Timings:
    """What the last frame took, each stage in ms."""

    preprocess: float = 0.0
    invoke: float = 0.0
    decode: float = 0.0

    @property
    def total(self) -> float:
        """Frame to result, ms."""
        return self.preprocess + self.invoke + self.decode


class Model:
    """A model ready to look at frames; use it from one thread.

    Args:
        runtime: the loaded model file.
        card: what it takes and what its output means.
        scaling: of pixels, for a foreign float model that doesn't scale them itself.

    Raises:
        ModelError: the file is not what the card says.
    """

    def __init__(self, runtime: Runtime, card: ModelCard, scaling: Scaling | None = None) -> None:
        self.card = card
        self.timings = Timings()
        self._runtime = runtime
        self._preprocess = Preprocessor(card.input)
        self._scaling = scaling.rows(card.input.width) if scaling else None
        _check(runtime, card)
        output = runtime.outputs[0]
        self._scale, self._zero_point = (output.scale, output.zero_point) if output.scale else (1.0, 0)
        self._decoding = card.classifier
        self._logits = self._decoding.scores == "logits"
        self._scores = np.empty(len(card.labels), np.float32)
        self._pixels = np.empty((card.input.height, card.input.width, 3), np.uint8)
        self._fill = {"uint8": self._fill_uint8, "int8": self._fill_int8, "float32": self._fill_float32}[
            runtime.input.dtype
        ]
        self.scores(self._pixels * 0)  # the first call allocates; no user's frame should wait for it

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        variant: str | None = None,
        threads: int | None = None,
        labels: Path | None = None,
    ) -> Self:
        """Opens a bundle, or a single model file.

        Args:
            path: a bundle's folder; or a `.tflite` file with metadata inside, or with `labels`.
            variant: a recipe of the bundle; None takes the chosen one.
            threads: for inference; None takes the target's, or one for a single file.
            labels: a text file with one label a line, for a file that doesn't carry its own.

        Raises:
            ModelError: the file is missing, altered, or not a model edgetl can run.
            UsageError: the path isn't there, the bundle has no such variant, labels were given for a bundle or a
                variant for a file.
        """
        path = Path(path)
        if (path / MANIFEST).is_file():
            if labels:
                what = "a bundle has labels of its own: --labels can't be given with it"
                raise UsageError(what, where=str(path), remedy="leave --labels out, or name a .tflite file")
            bundle = Bundle.open(path)
            chosen = bundle.variant(variant)
            file = bundle.model_file(chosen)
            return cls(open_runtime(chosen.runtime, file, threads or bundle.manifest.threads), bundle.manifest.card)
        if not path.exists():
            raise UsageError("there is no such bundle or model file", where=str(path), remedy=_REMEDY)
        if path.suffix.lower() != ".tflite":
            raise ModelError("neither a bundle nor a .tflite file", where=str(path), remedy=_REMEDY)
        if variant:
            what = "a single file has no variants: --variant can't be given with it"
            raise UsageError(what, where=str(path), remedy="leave --variant out, or name a bundle")
        runtime = open_runtime("tflite", path, threads or 1)
        card, scaling = describe(path, runtime, labels)
        return cls(runtime, card, scaling)

    def __call__(self, frame: Image, *, top_k: int = 1, threshold: float | None = None) -> Classification:
        """Classifies a frame.

        Args:
            frame: (H, W, 3) uint8 BGR.
            top_k: at most so many classes.
            threshold: smallest score, 0..1; None takes the card's.
        """
        scores = self.scores(frame)
        start = perf_counter_ns()
        cut = self._decoding.threshold if threshold is None else threshold
        result = best(scores, self.card.labels, top_k, cut)
        self.timings.decode += (perf_counter_ns() - start) / 1e6
        return result

    def scores(self, frame: Image) -> NDArray[np.float32]:
        """Returns every class's score, (C,) float32, 0..1; the array is reused by the next call."""
        runtime, timings = self._runtime, self.timings
        start = perf_counter_ns()
        self._fill(frame)
        filled = perf_counter_ns()
        runtime.invoke()
        invoked = perf_counter_ns()
        np.subtract(runtime.output_view(0), self._zero_point, out=self._scores, dtype=np.float32)
        self._scores *= self._scale
        if self._logits:
            self._scores[:] = softmax(self._scores)
        timings.preprocess = (filled - start) / 1e6
        timings.invoke = (invoked - filled) / 1e6
        timings.decode = (perf_counter_ns() - invoked) / 1e6
        return self._scores

    def _fill_uint8(self, frame: Image) -> None:
        self._preprocess(frame, self._runtime.input_view())

    def _fill_int8(self, frame: Image) -> None:
        # OpenCV ignores an int8 destination without a word: write pixels, then shift them by 128 in place.
        view = self._runtime.input_view().view(np.uint8)
        self._preprocess(frame, view)
        np.bitwise_xor(view, 128, out=view)

    def _fill_float32(self, frame: Image) -> None:
        self._preprocess(frame, self._pixels)
        view = self._runtime.input_view()
        if self._scaling is None:
            np.copyto(view, self._pixels)
            return
        mean, std = self._scaling
        np.subtract(self._pixels, mean, out=view)
        np.divide(view, std, out=view)

    def close(self) -> None:
        """Frees the model."""
        self._runtime.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_REMEDY = "name a folder made by `edgetl convert`, or a .tflite file"


def _check(runtime: Runtime, card: ModelCard) -> None:
    where = runtime.input.name
    if runtime.input.dtype not in ("uint8", "int8", "float32"):
        raise ModelError(f"the model's input is {runtime.input.dtype}", where=where, remedy="give it a uint8 input")
    if runtime.input.shape[1:3] != (card.input.height, card.input.width):
        raise ModelError(
            f"the model takes {runtime.input.shape}, its card says {card.input.height} x {card.input.width}",
            where=where,
        )
    shapes = [tensor.shape for tensor in runtime.outputs]
    if len(shapes) != 1 or len(shapes[0]) != 2:
        raise ModelError(
            f"classes were expected, but the model has {len(shapes)} outputs of the shapes {shapes}: "
            "it looks like a detection model",
            where=where,
            remedy="edgetl runs classifiers: one output of shape (1, classes)",
        )
    if shapes[0][1] != len(card.labels):
        raise ModelError(
            f"the model has {shapes[0][1]} classes, but there are {len(card.labels)} labels",
            where=where,
            remedy="give the labels file that belongs to the model, one label a line",
        )
