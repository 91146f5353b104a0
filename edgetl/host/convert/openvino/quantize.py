"""Quantizes OpenVINO graphs to int8 after training, with NNCF."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import cast

import numpy as np

from edgetl.device.runtime import Runtime, UnloadableRuntimeError
from edgetl.device.runtime.openvino import OpenVINORuntime, load_library, restored_signal_stack
from edgetl.device.runtime.openvino_protocols import CompiledModel
from edgetl.host.convert.openvino.graph_protocols import Graph
from edgetl.host.convert.openvino.nncf_protocols import NNCF, Rows
from edgetl.install import install_command
from edgetl.quiet import quiet_output
from edgetl.vision.arrays import Floats, Image

MOST_STEPS = 12
"""At most this many layers are turned back to float; a file with more of them has no advantage over a float file."""

RANKING_PHOTOS = 50
"""Layers are ranked with at most this many photos, because each layer needs a run over all of them."""


def quantize(graph: Graph, photos: Image) -> Graph:
    """Quantizes weights, per channel, and activations to 8 bits.

    Args:
        graph: an `openvino.Model` from (1, H, W, 3) uint8.
        photos: the representative dataset, (N, H, W, 3) uint8 model inputs.

    Returns:
        A new, quantized `openvino.Model`.

    Raises:
        UnloadableRuntimeError: NNCF isn't installed.
    """
    nncf = _load()
    with quiet_output(), restored_signal_stack():
        return nncf.quantize(graph, _dataset(nncf, photos), advanced_parameters=_ranges(nncf), **_options(nncf, photos))


def quantize_to_gate(graph: Graph, photos: Image, margin: Callable[[Runtime], float]) -> Graph:
    """Quantizes, then turns layers back to float until the gate is met, those first that change the outputs most.

    Args:
        graph: an `openvino.Model` from (1, H, W, 3) uint8.
        photos: the representative dataset, (N, H, W, 3) uint8 model inputs, which also ranks the layers.
        margin: the function that returns how far a variant is from the gate's closest limit; negative if it misses one.

    Returns:
        A new `openvino.Model`, quantized except for the layers that were turned back.
    """
    nncf = _load()
    dataset = _dataset(nncf, photos)

    def nearness(compiled: CompiledModel, rows: Iterable[Image]) -> tuple[float, list[list[Floats]]]:
        """Returns NNCF's metric, 1 minus the distance to the gate, and the outputs for each row.

        NNCF accepts no drop of the metric at all, and divides by it, so it must not be 0. It ranks the layers by how
        far the outputs move.
        """
        runtime = OpenVINORuntime.of(compiled)
        outputs = [_outputs(runtime, photo) for photo in rows]
        return 1 + min(0.0, margin(runtime)), outputs

    with quiet_output(), restored_signal_stack():
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


def _options(nncf: NNCF, photos: Image) -> dict[str, object]:
    return {
        "preset": nncf.QuantizationPreset.MIXED,
        "subset_size": len(photos),
        "target_device": nncf.TargetDevice.CPU,
        # Fast correction lost twice as much accuracy on a classifier whose weights have 7 bits, see `_ranges`.
        "fast_bias_correction": False,
    }


def _ranges(nncf: NNCF) -> object:
    """Returns how NNCF chooses the ranges of activations and weights.

    With the mixed preset, activations range from the smallest to the largest value that calibration saw, and zero may
    be anywhere in between. NNCF's default, a symmetric range that cuts off rare values, cost a detector at 320 px
    2.4 points of mAP, because the few cells that show an object have rare values; this choice cost 0.6.

    Weights use half of their range: x86 processors without VNNI add products up in 16 bits, which overflow with larger
    weights. With the whole range such a processor moved a score by 0.11; with half of it by 5e-7 at most, or 5e-3 on
    SSE4.1.
    """
    minmax = import_module("nncf.quantization.range_estimator").RangeEstimatorParametersSet.MINMAX
    half = import_module("nncf.quantization.advanced_parameters").OverflowFix.ENABLE
    return nncf.AdvancedQuantizationParameters(activations_range_estimator_params=minmax, overflow_fix=half)


def _outputs(runtime: OpenVINORuntime, photo: Image) -> list[Floats]:
    """Runs a photo, (H, W, 3) uint8, and returns copies of the outputs with a batch axis."""
    runtime.input_view()[...] = photo
    runtime.invoke()
    return [runtime.output_view(index)[None].copy() for index in range(len(runtime.outputs))]


def _dataset(nncf: NNCF, photos: Image) -> Rows:
    return nncf.Dataset(list(photos), lambda photo: np.asarray(photo)[None])


def _load() -> NNCF:
    load_library()
    try:
        nncf = import_module("nncf")
    except ImportError as error:
        what = f"OpenVINO's NNCF can't be loaded: {error}"
        raise UnloadableRuntimeError(what, remedy=install_command("train")) from error
    logging.getLogger("nncf").setLevel(logging.ERROR)  # NNCF's own function also changes handlers that others share
    return cast(NNCF, nncf)
