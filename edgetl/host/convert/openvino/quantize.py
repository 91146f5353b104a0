"""OpenVINO's int8: quantization after training, by NNCF."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from edgetl.device.runtime import UnloadableRuntimeError
from edgetl.device.runtime.openvino import OpenVINORuntime, load_library, signal_stack_kept
from edgetl.host.convert.gate import Judge
from edgetl.host.networks.untyped import Library
from edgetl.install import install_command
from edgetl.quiet import quiet_output
from edgetl.target import Gate
from edgetl.vision.arrays import Image

MOST_STEPS = 12
"""So many layers go back to floats at most: an int8 file of which more do is none."""
RANKING_PHOTOS = 50

Floats = NDArray[np.float32]


def quantize(graph: Library, photos: Image) -> Library:
    """Quantizes weights, per channel, and activations to 8 bits.

    Args:
        graph: an `openvino.Model` from (1, H, W, 3) uint8.
        photos: (N, H, W, 3) uint8 model inputs to calibrate with.

    Returns:
        Another `openvino.Model`.

    Raises:
        UnloadableRuntimeError: NNCF isn't installed.
    """
    nncf = _load()
    with quiet_output(), signal_stack_kept():
        return nncf.quantize(graph, _dataset(nncf, photos), advanced_parameters=_ranges(nncf), **_options(nncf, photos))


def quantize_to_gate(graph: Library, photos: Image, judge: Judge, gate: Gate) -> Library:
    """Quantizes, then turns layers back to floats, those first that change the outputs most, until the gate is met.

    Args:
        graph: see `quantize`.
        photos: to calibrate with, and to rank the layers.
        judge: measures after each layer.
        gate: the aim.
    """
    nncf = _load()
    dataset = _dataset(nncf, photos)

    def nearness(compiled: Library, rows: Iterable[Image]) -> tuple[float, list[list[Floats]]]:
        """One, less what the gate is missed by: NNCF's metric, of which it will have no drop at all.

        It must not be 0, which NNCF divides by. What is said of each row goes with it: by how far that moves, NNCF
        ranks the layers.
        """
        runtime = OpenVINORuntime.of(compiled)
        said = [_said(runtime, photo) for photo in rows]
        return 1 + min(0.0, judge.margin(judge.measure(runtime), gate)), said

    with quiet_output(), signal_stack_kept():
        return nncf.quantize_with_accuracy_control(
            graph,
            dataset,
            dataset,
            nearness,
            max_drop=0.0,
            **_options(nncf, photos),
            advanced_quantization_parameters=_ranges(nncf),
            advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(
                max_num_iterations=MOST_STEPS, ranking_subset_size=min(RANKING_PHOTOS, len(photos))
            ),
        )


def _options(nncf: Library, photos: Image) -> dict[str, object]:
    return {
        "preset": nncf.QuantizationPreset.MIXED,
        "subset_size": len(photos),
        "target_device": nncf.TargetDevice.CPU,
        # The quick one lost twice as much on a classifier whose weights have 7 bits, see `_ranges`.
        "fast_bias_correction": False,
    }


def _ranges(nncf: Library) -> Library:
    """With the mixed preset: activations from the least to the largest that was seen of them, around whatever zero.

    NNCF's own way, symmetric and cut off where most photos end, cost a detector at 320 px 2.4 points of mAP, where the
    few cells that show something stand out; this cost 0.6.

    Weights use half of their range: x86 processors without VNNI add products up in 16 bits, and larger ones overflow.
    With the whole range such a processor moved a score by 0.11; with half of it by 5e-7 at most, or 5e-3 on SSE4.1.
    """
    seen = import_module("nncf.quantization.range_estimator").RangeEstimatorParametersSet.MINMAX
    half = import_module("nncf.quantization.advanced_parameters").OverflowFix.ENABLE
    return nncf.AdvancedQuantizationParameters(activations_range_estimator_params=seen, overflow_fix=half)


def _said(runtime: OpenVINORuntime, photo: Image) -> list[Floats]:
    runtime.input_view()[...] = photo
    runtime.invoke()
    return [runtime.output_view(index)[None].copy() for index in range(len(runtime.outputs))]


def _dataset(nncf: Library, photos: Image) -> Library:
    return nncf.Dataset(list(photos), lambda photo: np.asarray(photo)[None])


def _load() -> Library:
    load_library()
    try:
        nncf = import_module("nncf")
    except ImportError as error:
        what = f"OpenVINO's NNCF can't be loaded: {error}"
        raise UnloadableRuntimeError(what, remedy=install_command("train")) from error
    logging.getLogger("nncf").setLevel(logging.ERROR)  # its own function also changes handlers that others share
    return nncf
