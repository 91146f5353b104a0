"""Small detectors as files: what they find is drawn into a picture cell by cell."""

from __future__ import annotations

import io
import zipfile

import numpy as np

from edgetl.card import DetectorDecoding, InputSpec, ModelCard

LABELS = ("red", "green", "blue")
CARD = ModelCard("cells", "detection", LABELS, InputSpec(64, 64), DetectorDecoding((16,), (0.5,)))
"""Of a detector whose cells, four by four, each say their colour; a cell's box is the cell."""


def paint(cells, size_wh=(64, 64)):
    """A black picture of size_wh px in which cells of the input, (column, row): label's number, are painted."""
    image = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    w, h = size_wh[0] / 4, size_wh[1] / 4
    for (column, row), channel in cells.items():
        part = image[round(row * h) : round((row + 1) * h), round(column * w) : round((column + 1) * w)]
        part[..., 2 - channel] = 255
    return image


def with_card(model: bytes, card: ModelCard) -> bytes:
    """A model that carries a card."""
    stream = io.BytesIO(model)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("card.json", card.to_json())
    return stream.getvalue()


def edited(model: bytes, edit) -> bytes:
    """A model whose parsed flatbuffer was changed by a function."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    parsed = schema.ModelT.InitFromPackedBuf(model)
    edit(parsed)
    builder = flatbuffers.Builder(2 * len(model))
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def build_cells(integer: bool) -> bytes:
    """The detector of `CARD`, its outputs named; int8, or float32."""
    import tensorflow as tf

    layers = tf.keras.layers
    image = tf.keras.Input((64, 64, 3), batch_size=1)
    x = layers.AveragePooling2D(16)(layers.Rescaling(1 / 255)(image))
    logits, distances = layers.Conv2D(3, 1), layers.Conv2D(4, 1)
    outputs = [layers.Reshape((16, 3))(logits(x)), layers.Reshape((16, 4))(distances(x))]
    logits.set_weights([(20 * np.eye(3) - 8).reshape(1, 1, 3, 3), np.full(3, -4.0)])
    distances.set_weights([np.zeros((1, 1, 3, 4)), np.full(4, np.log(np.expm1(0.5)))])
    converter = tf.lite.TFLiteConverter.from_keras_model(tf.keras.Model(image, outputs))
    if integer:
        corners = [np.full((1, 64, 64, 3), colour, np.float32) for colour in ((0, 0, 0), *(255 * np.eye(3)))]
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([corner] for corner in corners)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return edited(bytes(converter.convert()), _name_outputs)


def _name_outputs(model) -> None:
    graph = model.subgraphs[0]
    for index in graph.outputs:
        tensor = graph.tensors[index]
        tensor.name = b"distances" if tensor.shape[-1] == 4 else b"logits"


def build_ssd(order=(0, 1, 2, 3)) -> bytes:
    """A float32 SSD that ends with TFLite_Detection_PostProcess; its outputs are the operator's in another order.

    It sees one object in the picture's middle, and scores it by how much red, green and blue there is.
    """
    import tensorflow as tf

    options = {"max_detections": "i: 4", "max_classes_per_detection": "i: 1", "num_classes": "i: 3"}
    options |= {"use_regular_nms": "b: false", "nms_score_threshold": "f: 0.01", "nms_iou_threshold": "f: 0.6"}
    options |= {"y_scale": "f: 10", "x_scale": "f: 10", "h_scale": "f: 5", "w_scale": "f: 5"}
    attributes = [f'attr {{ key: "{key}" value {{ {value} }} }}' for key, value in options.items()]

    @tf.function(experimental_implements=" ".join(['name: "TFLite_Detection_PostProcess"', *attributes]))
    def end(boxes, scores, anchors):
        return (tf.constant(0.0),) * 4

    class Network(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 32, 32, 3), tf.float32)])
        def __call__(self, image):
            light = tf.reduce_mean(image, axis=(1, 2)) / 255
            scores = tf.tile(tf.concat([tf.zeros((1, 1)), light], 1), (6, 1))
            anchors = tf.constant([[0.5, 0.5, 0.5, 0.25]] * 6)
            return end(tf.zeros((1, 6, 4)) * light[0, 0], tf.reshape(scores, (1, 6, 4)), anchors)

    network = Network()
    function = network.__call__.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], network)
    converter.allow_custom_ops = True

    def reorder(model):
        graph = model.subgraphs[0]
        made = graph.operators[-1].outputs
        graph.outputs = [made[i] for i in order]
        model.signatureDefs = None

    return edited(bytes(converter.convert()), reorder)
