"""Turns a raw OpenVINO detector into one that OpenVINO Model API opens as an SSD."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from edgetl.card import ModelCard
from edgetl.device.inference.output_names import DISTANCES, LOGITS, MODEL_API
from edgetl.device.runtime.openvino import load_library, restored_signal_stack
from edgetl.host.convert.converter import Files
from edgetl.host.convert.openvino.export import save
from edgetl.host.convert.openvino.graph_protocols import Graph, Node, Port
from edgetl.host.convert.portable import CLASS_SHIFT, LOWEST_SCORE, SMALLEST_AREA, candidates, geometry, ranks
from edgetl.host.networks.untyped import Library, Tensor
from edgetl.quiet import quiet_output
from edgetl.vision.box_voting import LEAST_SHARE


def finish(files: Files, card: ModelCard) -> Files:
    """Appends decoding to a raw detector; see `edgetl.host.convert.portable.Finish`.

    Args:
        files: the raw detector's `.xml` and `.bin` files.
        card: the card of the new file.
    """
    openvino = load_library()
    with quiet_output(), restored_signal_stack():
        raw: Graph = openvino.Core().read_model(files[".xml"], files[".bin"])
    # The graph is extended at the inputs of its result nodes; result nodes themselves have no outputs.
    logits, distances = (raw.output(name).get_node().input_value(0) for name in (LOGITS, DISTANCES))
    outputs = decoding(logits, distances, card)
    return save(openvino.Model(outputs, raw.get_parameters(), "portable"), card)


def decoding(logits: Port, raw: Port, card: ModelCard) -> list[Node]:
    """Extends a graph from raw outputs to finished boxes.

    Args:
        logits: the logits, (1, A, C) float32.
        raw: the raw distances, (1, A, 4 * bins) float32.
        card: the detector's card.

    Returns:
        The outputs bboxes, (1, N, 4) float32 xmin, ymin, xmax, ymax in shares of the input; labels, (1, N) int32; and
        scores, (1, N) float32 0..1, best first. N is the card's `max_det`; the rows after the last box are 0.
    """
    ops: Library = import_module("openvino.opset13")
    centres, reach = geometry(card)
    of_cell = ops.topk(ops.squeeze(logits, [0]), 1, 1, "max", "none")
    # A stable sort takes OpenVINO 9 ms more, and its outputs, which aren't quantized, are hardly ever equal.
    best = ops.topk(ops.squeeze(of_cell.output(0), [1]), candidates(card), 0, "max", "value")
    score, rows = ops.sigmoid(best.output(0)), best.output(1)
    label = ops.gather(ops.squeeze(of_cell.output(1), [1]), rows, 0)
    moved = ops.multiply(_distances(ops, ops.squeeze(raw, [0]), card.detector.bins), reach)
    boxes = ops.gather(ops.clamp(ops.add(moved, centres), 0.0, 1.0), rows, 0)
    chosen = _suppressed(ops, boxes, score, label, card)
    outputs = []
    for name, column in zip(MODEL_API, (boxes, label, score), strict=True):
        rows_of_boxes = ops.gather(_with_zero_row(ops, column), chosen, 0)
        if name == MODEL_API[0] and card.detector.vote_iou < 1:
            rows_of_boxes = _voted(ops, rows_of_boxes, (boxes, label, score), chosen, card)
        shape = [1, card.detector.max_det, *column.shape[1:]]
        output: Node = ops.reshape(rows_of_boxes, shape, False)
        output.output(0).get_tensor().set_names({name})
        outputs.append(output)
    return outputs


def _distances(ops: Library, raw: Tensor, bins: int) -> Tensor:
    """Computes distances, (A, 4) strides, from raw ones, (A, 4 * bins), as `edgetl.vision.distances` does."""
    if bins == 1:
        return ops.softplus(raw)
    shares = ops.softmax(ops.reshape(raw, [-1, 4, bins], False), 2)
    return ops.reduce_sum(ops.multiply(shares, np.arange(bins, dtype=np.float32)), [2], False)


def _suppressed(ops: Library, boxes: Tensor, score: Tensor, label: Tensor, card: ModelCard) -> Tensor:
    """Returns the rows of the boxes that remain, best first, filled up to `max_det` with the row after the last."""
    most = card.detector.max_det
    apart = ops.unsqueeze(ops.multiply(ops.convert(label, "f32"), _number(CLASS_SHIFT)), [1])
    ranked = ops.select(ops.greater_equal(score, _number(LOWEST_SCORE)), ranks(card), _number(0))
    suppression = ops.non_max_suppression(
        ops.unsqueeze(ops.add(boxes, apart), [0]),
        ops.unsqueeze(ranked, [0, 1]),
        np.int64(most),
        _number(card.detector.iou),
        _number(0.5),
        box_encoding="corner",
        sort_result_descending=True,
        output_type="i32",
    )
    remaining = ops.gather(suppression.output(0), 2, 1)
    after_last = np.full(most, boxes.shape[0], np.int32)
    filled = ops.concat([remaining, after_last], 0)
    return ops.slice(filled, [0], [most], [1], [0])


_Columns = tuple[Tensor, Tensor, Tensor]
"""Boxes, (N, 4) float32 xyxy; labels, (N,) int32; and scores, (N,) float32."""


def _voted(ops: Library, found: Tensor, columns: _Columns, chosen: Tensor, card: ModelCard) -> Tensor:
    """Places the found boxes, (K, 4) float32 xyxy, as `edgetl.vision.box_voting` does.

    Args:
        ops: OpenVINO's operations.
        found: the found boxes, (K, 4) float32; unused rows are 0.
        columns: the boxes, labels and scores of all N candidates.
        chosen: the rows of the found boxes, (K,) int32; N for unused ones.
        card: the detector's card.
    """
    boxes, label, score = columns
    own_label, own_score = (ops.unsqueeze(ops.gather(_with_zero_row(ops, c), chosen, 0), [1]) for c in (label, score))
    left, top, right, bottom = ops.split(boxes, 1, 4).outputs()
    others = [ops.transpose(edge, [1, 0]) for edge in (left, top, right, bottom)]
    own = ops.split(found, 1, 4).outputs()
    sides = [
        ops.relu(ops.subtract(ops.minimum(own[k + 2], others[k + 2]), ops.maximum(own[k], others[k]))) for k in (0, 1)
    ]
    both = ops.multiply(*sides)
    areas = [ops.multiply(ops.subtract(e[2], e[0]), ops.subtract(e[3], e[1])) for e in (own, others)]
    either = ops.maximum(ops.subtract(ops.add(*areas), both), _number(SMALLEST_AREA))
    iou = ops.divide(both, either)
    least = ops.maximum(ops.multiply(own_score, LEAST_SHARE), _number(LOWEST_SCORE))
    takes_part = ops.logical_and(
        ops.logical_and(ops.greater_equal(iou, _number(card.detector.vote_iou)), ops.greater_equal(score, least)),
        ops.equal(own_label, label),
    )
    weight = ops.select(takes_part, ops.multiply(iou, score), _number(0))
    total = ops.reduce_sum(weight, [1], True)
    mean = ops.divide(ops.matmul(weight, boxes, False, False), ops.maximum(total, _number(SMALLEST_AREA)))
    return ops.select(ops.greater(total, _number(0)), mean, found)


def _with_zero_row(ops: Library, column: Tensor) -> Tensor:
    """Returns a column with a row of zeros appended."""
    return ops.concat([column, np.zeros((1, *column.shape[1:]), column.get_element_type().to_dtype())], 0)


def _number(value: float) -> np.float32:
    return np.float32(value)
