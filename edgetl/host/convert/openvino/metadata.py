"""The runtime info of an OpenVINO IR: it tells other software, and edgetl, what the file takes and what it answers.

`edgetl.device.runtime.openvino_rt_info` reads what this module writes. OpenVINO Model API reads `model_info`, which
classifiers and portable detectors have. A detector with raw outputs has none, since Model API has no name for its kind.
"""

from __future__ import annotations

import json

from edgetl.card import ClassifierDecoding, ModelCard
from edgetl.device.inference.describe_openvino import RESIZES
from edgetl.device.runtime.openvino_rt_info import CARD, MODEL_INFO
from edgetl.host.networks.untyped import Library
from edgetl.vision.preprocess import GREY


def describe_in(model: Library, card: ModelCard) -> None:
    """Writes a card into an `openvino.Model`, in place of one that it carries.

    Args:
        model: is changed.
        card: goes in whole, as JSON.
    """
    model.set_rt_info(json.dumps(card.to_dict()), list(CARD))
    if isinstance(card.decoding, ClassifierDecoding):
        told = {"model_type": "Classification", "output_raw_scores": "False"}
    elif card.decoding.kind == "postprocessed":
        # One threshold is all that Model API has: the lowest hides nothing that edgetl shows.
        told = {"model_type": "SSD", "confidence_threshold": str(min(card.decoding.thresholds))}
    else:
        return
    for name, value in (told | _image(card)).items():
        model.set_rt_info(value, [MODEL_INFO, name])


def _image(card: ModelCard) -> dict[str, str]:
    resize = next(name for name, ours in RESIZES.items() if ours == card.input.resize)
    return {
        "labels": " ".join("_".join(label.split()) or "_" for label in card.labels),  # Model API splits them at spaces
        "resize_type": resize,
        "pad_value": str(GREY),
        # The graph scales pixels itself, so neither mean_values nor scale_values are told.
        "reverse_input_channels": "True" if card.input.color == "rgb" else "False",
    }
