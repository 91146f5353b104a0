"""Writes the runtime info of an OpenVINO IR, which tells other software, and edgetl, what the file takes and gives.

`edgetl.device.runtime.openvino_rt_info` reads what this module writes. OpenVINO Model API reads `model_info`, which
classifiers and portable detectors have. A raw detector has none, because Model API has no type for its outputs.
"""

from __future__ import annotations

import json

from edgetl.card import ClassifierDecoding, ModelCard
from edgetl.device.inference.describe_openvino import RESIZES
from edgetl.device.runtime.openvino_rt_info import CARD, MODEL_INFO
from edgetl.host.convert.openvino.graph_protocols import Graph
from edgetl.vision.preprocess import GREY


def write_runtime_info(model: Graph, card: ModelCard) -> None:
    """Writes a card and Model API's description into a graph, replacing those that it has.

    Args:
        model: the graph, which is changed.
        card: the model's card, written whole as JSON.
    """
    model.set_rt_info(json.dumps(card.to_dict()), list(CARD))
    if isinstance(card.decoding, ClassifierDecoding):
        info = {"model_type": "Classification", "output_raw_scores": "False"}
    elif card.decoding.kind == "postprocessed":
        # Model API has one threshold for all classes; the lowest hides nothing that edgetl shows.
        info = {"model_type": "SSD", "confidence_threshold": str(min(card.decoding.thresholds))}
    else:
        return
    for name, value in (info | _image(card)).items():
        model.set_rt_info(value, [MODEL_INFO, name])


def _image(card: ModelCard) -> dict[str, str]:
    resize = next(name for name, ours in RESIZES.items() if ours == card.input.resize)
    return {
        "labels": " ".join("_".join(label.split()) or "_" for label in card.labels),  # Model API splits them at spaces
        "resize_type": resize,
        "pad_value": str(GREY),
        # The graph scales pixels itself, so mean_values and scale_values are left out.
        "reverse_input_channels": "True" if card.input.color == "rgb" else "False",
    }
