"""The one stage of a detector's training: backbone and head together, from the first step on."""

from __future__ import annotations

import math
from contextlib import closing

from edgetl.card import ModelCard
from edgetl.host.dataset.boxes.load import BoxedDataset
from edgetl.host.evaluate.predict_boxes import measure
from edgetl.host.networks.untyped import Network
from edgetl.host.train.checkpoint import Checkpoint
from edgetl.host.train.detector.augment import BoxAugment
from edgetl.host.train.detector.batches import BoxBatches, Pictures
from edgetl.host.train.detector.loss import DetectionLoss
from edgetl.host.train.detector.network import Detector
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.schedule import freeze, layer_factors
from edgetl.host.train.stage import Judgement, Stage
from edgetl.vision.detect import grid

_BACKBONE_SHARE = 0.5
"""Of the rate: what the backbone knows is worth keeping, the head knows nothing yet. At 0.2 classes were confused."""
_STEM_STRIDE = 8
"""The layers before the first map at that stride see edges and colours, which no data set needs to be taught anew."""
_CLIP = 10.0
_CALM = 0.2
"""The last share of the epochs shows no mosaics: what is learnt last is to be of whole photos."""
_CALMER = 0.4
"""By so much the sizes vary less then: the head's batch normalization is to see what the device will see."""
_LEAST_STEPS = 20
"""Of an epoch: a few photos come again rather than being averaged and judged after every other step."""


def steps_per_epoch(photos: int, batch: int) -> int:
    """Returns how many steps an epoch has: a round of the photos, or several where they are few."""
    return max(_LEAST_STEPS, photos // batch)


def train_detector(
    parts: Detector, data: BoxedDataset, options: TrainOptions, checkpoint: Checkpoint, card: ModelCard
) -> None:
    """Trains a detector: task-aligned assignment, augmentation with boxes, averaged weights, judged by mAP.

    Args:
        parts: of the detector.
        data: photos with boxes.
        options: resolved.
        checkpoint: attached to `parts.model`.
        card: that reads the model's outputs.
    """
    epochs, batch = options.epochs or 0, options.batch or 16
    if checkpoint.finished("finetune") or not epochs:
        return
    steps, patience = steps_per_epoch(len(data.train), batch), options.patience or 0
    stage = Stage(
        "finetune",
        parts.learner,
        options,
        checkpoint,
        epochs=epochs,
        steps=steps,
        patience=patience,
        from_average=False,
    )
    loss = DetectionLoss(*grid(card.input.height, card.input.width, card.detector.strides))
    stage.compile(loss, options.rate or 2e-3, _prepare(parts.backbone, options), clip=_CLIP)
    lively = Pictures(data.train, _augment(options.augment, options.flip), options.seed)
    calm = Pictures(data.train, _augment(_CALMER * options.augment, options.flip, mosaic=0.0), options.seed)
    calm_from = epochs - round(_CALM * epochs)

    def batches(epoch: int) -> BoxBatches:
        return BoxBatches(lively if epoch < calm_from else calm, batch, epoch, steps)

    def judge() -> Judgement:
        found = measure(parts.model, data.val, card)
        return Judgement((found.map, found.map50), {"map": found.map, "map50": found.map50})

    with closing(lively), closing(calm):
        stage.run(batches, judge)


def _prepare(backbone: Network, options: TrainOptions) -> dict[str, float]:
    """Freezes what isn't to learn; returns the factors of the rate of what is."""
    pretrained = options.batch_norm == "frozen"
    first = options.freeze
    if first is None:
        first = _depth_of(backbone, _STEM_STRIDE) if pretrained else 0
    freeze(backbone, first, options.batch_norm or "frozen")
    share = _BACKBONE_SHARE if pretrained else 1.0
    return {path: share * factor for path, factor in layer_factors(backbone, options.layer_decay or 1.0).items()}


def _depth_of(backbone: Network, stride: int) -> int:
    """How many layers come before the first map at a stride."""
    height = math.ceil(backbone.input_shape[1] / stride)
    depths = (depth for depth, layer in enumerate(backbone.layers) if layer.output.shape[1] == height)
    return next(depths, 0)


def _augment(strength: float, flip: bool, mosaic: float = 0.5) -> BoxAugment | None:
    """The augmentation at the strength asked for; 1 shows photos at half to 1.6 times their size."""
    return BoxAugment(flip, 0.5**strength, 1.6**strength, min(1.0, mosaic * strength)) if strength else None
