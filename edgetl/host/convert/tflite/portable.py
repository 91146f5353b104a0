"""Turns a raw `.tflite` detector into one with the outputs of TensorFlow Lite's `TFLite_Detection_PostProcess`.

The four outputs are computed with built-in operators only, `NON_MAX_SUPPRESSION_V4` among them, so that no custom
operator is needed.
"""

from __future__ import annotations

import numpy as np

from edgetl.card import ModelCard
from edgetl.device.inference.output_names import POSTPROCESSED
from edgetl.host.convert.converter import Files
from edgetl.host.convert.portable import CLASS_SHIFT, LOWEST_SCORE, SMALLEST_AREA, candidates, geometry, ranks
from edgetl.host.convert.tflite.edit_graph import name_outputs
from edgetl.host.convert.tflite.metadata import OUTPUTS, embed
from edgetl.host.convert.tflite.splice import splice
from edgetl.host.networks.backend import import_tensorflow
from edgetl.host.networks.untyped import Library, Tensor
from edgetl.quiet import quiet_output
from edgetl.vision.box_voting import LEAST_SHARE

_YXYX = [1, 0, 3, 2]
"""The order in which `TFLite_Detection_PostProcess` gives the edges x, y, x, y."""


def finish(files: Files, card: ModelCard) -> Files:
    """Appends decoding to a raw detector; see `edgetl.host.convert.portable.Finish`.

    Args:
        files: the raw detector's `.tflite` file.
        card: the card of the new file.
    """
    return {".tflite": embed(splice(files[".tflite"], decoding(card), OUTPUTS), card)}


def decoding(card: ModelCard) -> bytes:
    """Makes the second half of a portable file, which turns raw outputs into finished boxes.

    Its inputs are `logits`, (1, A, C) float32, and `distances`, (1, A, 4 * bins) float32.

    Args:
        card: the detector's card.

    Returns:
        The content of a `.tflite` file with four float32 outputs: boxes, (1, N, 4) ymin, xmin, ymax, xmax in shares of
        the input; classes, (1, N); scores, (1, N) 0..1, best first; and their count, (1,). N is the card's `max_det`;
        the rows after the count are 0.
    """
    tf = import_tensorflow()
    cells = len(geometry(card)[0])
    shapes = ((1, cells, len(card.labels)), (1, cells, 4 * card.detector.bins))
    signature = [tf.TensorSpec(shape, tf.float32, name) for shape, name in zip(shapes, OUTPUTS, strict=True)]
    holder = tf.Module()
    holder.decode = tf.function(lambda logits, raw: _decode(tf, logits[0], raw[0], card), input_signature=signature)
    with quiet_output():
        function = holder.decode.get_concrete_function()
        content = tf.lite.TFLiteConverter.from_concrete_functions([function], holder).convert()
    return name_outputs(bytes(content), POSTPROCESSED)


def _decode(tf: Library, logits: Tensor, raw: Tensor, card: ModelCard) -> tuple[Tensor, ...]:
    """Computes the four outputs of `decoding` from logits (A, C) and raw distances (A, 4 * bins), float32."""
    centres, reach = (part[:, _YXYX] for part in geometry(card))
    best, rows = tf.math.top_k(tf.reduce_max(logits, axis=1), candidates(card))
    label = tf.gather(tf.argmax(logits, axis=1, output_type=tf.int32), rows)
    score = tf.sigmoid(best)
    distance = _distances(tf, raw, card.detector.bins)
    boxes = tf.clip_by_value(centres + tf.gather(distance, _YXYX, axis=1) * reach, 0.0, 1.0)
    boxes = tf.gather(boxes, rows)
    most = card.detector.max_det
    chosen, count = tf.raw_ops.NonMaxSuppressionV4(
        boxes=boxes + CLASS_SHIFT * tf.cast(label, tf.float32)[:, None],
        scores=tf.where(score >= LOWEST_SCORE, ranks(card), tf.zeros_like(score)),
        max_output_size=most,
        iou_threshold=card.detector.iou,
        score_threshold=0.5,
        pad_to_max_output_size=True,
    )
    used = tf.cast(tf.range(most) < count, tf.float32)
    columns = (
        _voted(tf, boxes, score, label, chosen, card) * used[:, None],
        tf.cast(tf.gather(label, chosen), tf.float32) * used,
        tf.gather(score, chosen) * used,
    )
    return *(column[None] for column in columns), tf.cast(count, tf.float32)[None]


def _distances(tf: Library, raw: Tensor, bins: int) -> Tensor:
    """Computes distances, (A, 4) strides, from raw ones, (A, 4 * bins), as `edgetl.vision.distances` does."""
    if bins == 1:  # TensorFlow Lite has no softplus, and log(1 + exp(x)) alone overflows
        return tf.nn.relu(raw) + tf.math.log(1 + tf.exp(-tf.abs(raw)))
    shares = tf.nn.softmax(tf.reshape(raw, (-1, 4, bins)))
    return tf.reduce_sum(shares * np.arange(bins, dtype=np.float32), axis=2)


def _voted(tf: Library, boxes: Tensor, score: Tensor, label: Tensor, chosen: Tensor, card: ModelCard) -> Tensor:
    """Places the chosen boxes, at K positions of N, as `edgetl.vision.box_voting` does: (K, 4) yxyx."""
    found, found_score = tf.gather(boxes, chosen), tf.gather(score, chosen)
    if card.detector.vote_iou >= 1:
        return found
    corner, far_corner = tf.maximum(found[:, None, :2], boxes[:, :2]), tf.minimum(found[:, None, 2:], boxes[:, 2:])
    both = tf.reduce_prod(tf.nn.relu(far_corner - corner), axis=2)
    area = tf.reduce_prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    iou = both / tf.maximum(tf.gather(area, chosen)[:, None] + area - both, SMALLEST_AREA)
    same = tf.cast(tf.equal(tf.gather(label, chosen)[:, None], label), tf.float32)
    least = tf.maximum(LEAST_SHARE * found_score, LOWEST_SCORE)[:, None]
    takes_part = tf.cast((iou >= card.detector.vote_iou) & (score >= least), tf.float32) * same
    weight = takes_part * iou * score
    total = tf.reduce_sum(weight, axis=1, keepdims=True)
    return tf.where(total > 0, tf.matmul(weight, boxes) / tf.maximum(total, SMALLEST_AREA), found)
