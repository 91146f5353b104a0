"""Describes a single OpenVINO IR, edgetl's own or a foreign one: finds its card, or what the card would say.

Of foreign IRs only classifiers run: those with the `model_info` of OpenVINO Model API, and those that take bytes and
come with a labels file. Source: the "Model configuration" page of open-edge-platform/model_api.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from edgetl.card import InputSpec, ModelCard
from edgetl.device.inference.channel_order import ir_channel_order
from edgetl.device.inference.description import Description, is_classifier, own_card
from edgetl.device.inference.labels import LABELS_REMEDY, label_columns, read_lines, split_lines
from edgetl.device.inference.output_scores import foreign_decoding
from edgetl.device.runtime import Runtime
from edgetl.device.runtime.openvino_rt_info import Info, read_info
from edgetl.errors import ModelError

_KINDS_REMEDY = "of OpenVINO IRs edgetl runs classifiers with one output (1, classes), and its own detectors"

RESIZES: dict[str, Literal["stretch", "crop", "letterbox"]] = {
    "standard": "stretch",
    "crop": "crop",
    "fit_to_window_letterbox": "letterbox",
}
"""edgetl's names of the ways to resize a frame, by the names of OpenVINO Model API."""


def describe_ir(path: Path, runtime: Runtime, labels: Path | None) -> Description:
    """Describes an IR by the card inside, else by its `model_info` and its graph.

    Args:
        path: the `.xml` file.
        runtime: the file, loaded; a foreign classifier may be run twice, to see whether its outputs are scores.
        labels: a text file with one label a line, UTF-8, which has priority over the labels in the model file.

    Raises:
        ModelError: the model is no classifier and no detector of edgetl's; or its labels are missing; or it needs
            frames resized in a way that edgetl hasn't.
        UsageError: the labels file can't be read.
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
    decoding = foreign_decoding(runtime, None, len(names), info.ending, str(path))
    return Description(ModelCard(path.stem, "classification", names, _input_spec(info, runtime, path), decoding))


def _require_classifier(info: Info, runtime: Runtime, path: Path) -> None:
    kind = info.model.get("model_type", "Classification")
    variations = [name for name in ("multilabel", "hierarchical") if info.flag(name)]
    if kind.lower() != "classification" or variations:
        what = f"the model is of another kind: model_type {kind}{''.join(f', {name}' for name in variations)}"
        raise ModelError(what, where=str(path), remedy=_KINDS_REMEDY)
    if not is_classifier(runtime):
        shapes = ", ".join(str(tensor.shape) for tensor in runtime.outputs)
        raise ModelError(f"the model's outputs {shapes} are not a classifier's", where=str(path), remedy=_KINDS_REMEDY)


def _input_spec(info: Info, runtime: Runtime, path: Path) -> InputSpec:
    """Returns the input as the `model_info` describes it; raises ModelError for an unknown way to resize."""
    resize = info.model.get("resize_type", "standard")
    if resize not in RESIZES:
        what = f"the model needs frames resized as {resize!r}, which edgetl doesn't do"
        raise ModelError(what, where=str(path), remedy=f"resize_type is one of {', '.join(RESIZES)}")
    height, width = runtime.input.shape[1:3]
    return InputSpec(height, width, color=ir_channel_order(info), resize=RESIZES[resize])
