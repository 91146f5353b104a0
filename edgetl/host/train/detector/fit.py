"""Trains a detector in one stage: backbone and head together, from the first step on."""

from __future__ import annotations

import math
from contextlib import closing

from edgetl.card import ModelCard
from edgetl.host.dataset.boxes.load import BoxedDataset
from edgetl.host.evaluate.predict_boxes import measure
from edgetl.host.networks.untyped import Network
from edgetl.host.train.checkpoint import Checkpoint
from edgetl.host.train.detector.augment import BoxAugment
from edgetl.host.train.detector.batches import AugmentedPhotos, BoxBatches
from edgetl.host.train.detector.loss import DetectionLoss
from edgetl.host.train.detector.network import Detector
from edgetl.host.train.resolve import DetectorOptions, detector_steps
from edgetl.host.train.schedule import freeze, layer_factors
from edgetl.host.train.stage import Judgement, Stage
from edgetl.vision.detect import grid

_BACKBONE_SHARE = 0.5
"""A pretrained backbone learns at this share of the rate, since only the head knows nothing; 0.2 confuses classes."""
_STEM_STRIDE = 8
"""The layers before the first map at this stride, px, see edges and colours, which need no new training."""
_CLIP = 10.0
"""The norm of all gradients together is clipped to this; the loss sums over many cells, so its gradients are large."""
_CALM_SHARE = 0.2
"""The last share of the epochs shows no mosaics, so that the last steps learn from whole photos."""
_CALM_STRENGTH = 0.4
"""Sizes vary this much less in the last epochs, so that the head's batch normalization sees what the device sees."""


def train_detector(
    parts: Detector,
    data: BoxedDataset,
    options: DetectorOptions,
    checkpoint: Checkpoint,
    card: ModelCard,
    *,
    only_last: bool = False,
) -> None:
    """Trains a detector with task-aligned assignment, boxes that move with the pixels, and averaged weights.

    Args:
        parts: the detector.
        data: the photos with boxes; the epoch with the highest mAP on the validation photos is the best.
        options: the resolved options.
        checkpoint: the checkpoint, attached to `parts.model`.
        card: the card that decodes the model's outputs.
        only_last: whether only the last epoch is validated, and no checkpoint is written before the end.
    """
    epochs, batch = options.epochs, options.batch
    if checkpoint.finished("finetune") or not epochs:
        return
    steps = detector_steps(len(data.train), batch)
    stage = Stage(
        "finetune",
        parts.learner,
        options,
        checkpoint,
        epochs=epochs,
        steps=steps,
        patience=options.patience,
        brief=only_last,
        from_average=False,
        only_last=only_last,
    )
    loss = DetectionLoss(*grid(card.input.height, card.input.width, card.detector.strides), card.detector.bins)
    stage.compile(loss, options.rate, _freeze_and_factors(parts.backbone, options), clip=_CLIP)
    lively = AugmentedPhotos(data.train, _augment(options.augment, options.flip), options.seed)
    calm = AugmentedPhotos(
        data.train, _augment(_CALM_STRENGTH * options.augment, options.flip, mosaic=0.0), options.seed
    )
    calm_from = epochs - round(_CALM_SHARE * epochs)

    def batches(epoch: int) -> BoxBatches:
        return BoxBatches(lively if epoch < calm_from else calm, batch, epoch, steps)

    def judge() -> Judgement:
        found = measure(parts.model, data.val, card)
        return Judgement((found.map, found.map50), {"map": found.map, "map50": found.map50})

    with closing(lively), closing(calm):
        stage.run(batches, judge)


def _freeze_and_factors(backbone: Network, options: DetectorOptions) -> dict[str, float]:
    """Freezes the layers that don't learn; returns the factor of the learning rate by variable path."""
    first = _layers_before(backbone, _STEM_STRIDE) if options.freeze == "stem" else options.freeze
    freeze(backbone, first, options.batch_norm)
    share = _BACKBONE_SHARE if options.batch_norm == "frozen" else 1.0
    return {path: share * factor for path, factor in layer_factors(backbone, options.layer_decay).items()}


def _layers_before(backbone: Network, stride: int) -> int:
    """Returns the number of layers before the first map at a stride, px."""
    height = math.ceil(backbone.input_shape[1] / stride)
    depths = (depth for depth, layer in enumerate(backbone.layers) if layer.output.shape[1] == height)
    return next(depths, 0)


def _augment(strength: float, flip: bool, mosaic: float = 0.5) -> BoxAugment | None:
    """Returns the augmentation of a strength; 1 shows photos at half to 1.6 times their size, 0 is None."""
    return BoxAugment(flip, 0.5**strength, 1.6**strength, min(1.0, mosaic * strength)) if strength else None
