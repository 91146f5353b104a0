"""A single OpenVINO IR, ours or not, to the card that says how to run it.

Of others' making only classifiers are opened: those whose `model_info` is what OpenVINO Model API reads, and those that
take bytes and come with a labels file. Source: the "Model configuration" page of open-edge-platform/model_api.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from edgetl.card import InputSpec, ModelCard
from edgetl.device.inference.channel_order import ir_channel_order
from edgetl.device.inference.describe_tflite import is_classifier, own_card
from edgetl.device.inference.description import Description
from edgetl.device.inference.labels import LABELS_REMEDY, label_columns, read_lines, split_lines
from edgetl.device.inference.output_scores import decoding
from edgetl.device.runtime import Runtime
from edgetl.device.runtime.openvino_rt_info import Info, read_info
from edgetl.errors import ModelError

_KINDS_REMEDY = "of OpenVINO IRs edgetl runs classifiers with one output (1, classes), and its own detectors"

RESIZES: dict[str, Literal["stretch", "crop", "letterbox"]] = {
    "standard": "stretch",
    "crop": "crop",
    "fit_to_window_letterbox": "letterbox",
}
"""Ours by Model API's names."""


def describe_ir(path: Path, runtime: Runtime, labels: Path | None) -> Description:
    """Finds out how to run an IR: from our card inside, else from its `model_info`, else from `labels`.

    Args:
        path: the `.xml` file.
        runtime: the same file, loaded; a foreign classifier is run twice, to see what its output is.
        labels: a text file with one label a line, UTF-8; stronger than what the file itself says.

    Raises:
        ModelError: it is no classifier and no detector of edgetl's; or it doesn't say what its classes are and no
            labels were given; or it wants frames resized in a way that edgetl doesn't.
        UsageError: there is no such labels file.
    """
    info = read_info(path)
    if info.card:
        return Description(own_card(info.card, f"{path}: the card in rt_info", labels))
    _require_classifier(info, runtime, path)
    carried = "\n".join(info.model.get("labels", "").split())
    lines = read_lines(labels) if labels else split_lines(carried.encode(errors="replace"), f"{path}: model_info")
    if not lines:
        raise ModelError("the file doesn't say what its classes are called", where=str(path), remedy=LABELS_REMEDY)
    names = label_columns(lines, runtime.outputs[0].shape[1])
    scores = decoding(runtime, None, len(names), info.ending, str(path))
    return Description(ModelCard(path.stem, "classification", names, _input(info, runtime, path), scores))


def _require_classifier(info: Info, runtime: Runtime, path: Path) -> None:
    kind = info.model.get("model_type", "Classification")
    several = [name for name in ("multilabel", "hierarchical") if info.flag(name)]
    if kind.lower() != "classification" or several:
        what = f"the model is of another kind: model_type {kind}{''.join(f', {name}' for name in several)}"
        raise ModelError(what, where=str(path), remedy=_KINDS_REMEDY)
    if not is_classifier(runtime):
        shapes = ", ".join(str(tensor.shape) for tensor in runtime.outputs)
        raise ModelError(f"the model's outputs {shapes} are not a classifier's", where=str(path), remedy=_KINDS_REMEDY)


def _input(info: Info, runtime: Runtime, path: Path) -> InputSpec:
    """What the `model_info` says of the frames: BGR, as OpenCV has them, unless their channels are to be reversed."""
    wanted = info.model.get("resize_type", "standard")
    if wanted not in RESIZES:
        what = f"the model wants frames resized as {wanted!r}, which edgetl doesn't do"
        raise ModelError(what, where=str(path), remedy=f"resize_type is one of {', '.join(RESIZES)}")
    height, width = runtime.input.shape[1:3]
    return InputSpec(height, width, color=ir_channel_order(info), resize=RESIZES[wanted])
