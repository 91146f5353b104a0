"""Small `.tflite` classifiers made without a converter: scores are sums of a picture's mean colours."""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgetl.device.runtime.flatbuffer_table import SLOTS

SIDE = 8
_TYPES = {name: getattr(schema.TensorType, name.upper()) for name in ("float32", "uint8", "int8", "int32")}


def build(
    weights,
    bias=(),
    ending: str = "",
    *,
    dtype: str = "float32",
    quantization: tuple[float, int] | None = None,
    metadata: bytes = b"",
) -> bytes:
    """A model whose input is (1, 8, 8, 3) and whose output is (1, columns).

    Args:
        weights: (columns, 3), for the mean of each channel, in the input's real numbers.
        bias: (columns,), added to the sums.
        ending: the last operation: LOGISTIC, SOFTMAX or none.
        dtype: of the input.
        quantization: its scale and zero point.
        metadata: a flatbuffer for the buffer `TFLITE_METADATA`.
    """
    weights = np.array(weights, np.float32).reshape(-1, 3)
    columns, graph = len(weights), _Graph()
    image = last = graph.tensor("image", (1, SIDE, SIDE, 3), kind=dtype)
    if quantization:
        told = schema.QuantizationParametersT()
        told.scale, told.zeroPoint = [quantization[0]], [quantization[1]]
        graph.parts.tensors[image].quantization = told
    if dtype != "float32":
        last = graph.operator("DEQUANTIZE" if quantization else "CAST", [last], (1, SIDE, SIDE, 3))
    axes = graph.tensor("axes", (2,), np.array([1, 2], np.int32), "int32")
    last = graph.operator("MEAN", [last, axes], (1, 3), "Reducer")
    rows = graph.tensor("weights", weights.shape, weights)
    added = graph.tensor("bias", (columns,), np.array(bias if len(bias) else [0] * columns, np.float32))
    last = graph.operator("FULLY_CONNECTED", [last, rows, added], (1, columns), "FullyConnected")
    if ending:
        last = graph.operator(ending, [last], (1, columns), "Softmax" if ending == "SOFTMAX" else "", beta=1.0)
    graph.parts.inputs, graph.parts.outputs = [image], [last]
    return graph.packed(metadata)


class _Graph:
    """A model's one graph as it is built."""

    def __init__(self) -> None:
        self.model, self.parts = schema.ModelT(), schema.SubGraphT()
        self.model.version, self.model.buffers, self.model.operatorCodes = 3, [schema.BufferT()], []
        self.model.subgraphs, self.parts.tensors, self.parts.operators = [self.parts], [], []

    def tensor(self, name, shape, content=None, kind="float32"):
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name.encode(), list(shape), _TYPES[kind], 0
        if content is not None:
            made.buffer = self.buffer(np.ascontiguousarray(content).tobytes())
        self.parts.tensors.append(made)
        return len(self.parts.tensors) - 1

    def buffer(self, content: bytes) -> int:
        made = schema.BufferT()
        made.data = np.frombuffer(content, np.uint8)
        self.model.buffers.append(made)
        return len(self.model.buffers) - 1

    def operator(self, name, inputs, shape, options="", **values):
        code, made = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
        code.version = 1
        self.model.operatorCodes.append(code)
        made.opcodeIndex, made.inputs = len(self.model.operatorCodes) - 1, inputs
        made.outputs = [self.tensor(f"out{len(self.parts.operators)}", shape)]
        if options:
            made.builtinOptions = getattr(schema, f"{options}OptionsT")()
            made.builtinOptionsType = getattr(schema.BuiltinOptions, f"{options}Options")
            vars(made.builtinOptions).update(values)
        self.parts.operators.append(made)
        return made.outputs[0]

    def packed(self, metadata: bytes) -> bytes:
        if metadata:
            entry = schema.MetadataT()
            entry.name, entry.buffer = b"TFLITE_METADATA", self.buffer(metadata)
            self.model.metadata = [entry]
        builder = flatbuffers.Builder(4096)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def metadata(mean=(), std=(), *, calibrated: bool = False, threshold: float | None = None, repeat: int = 1) -> bytes:
    """TFLite Metadata: how pixels are scaled, and what is to be done to scores.

    Args:
        mean: of the scaling; none where it is empty.
        std: of the scaling.
        calibrated: ask for a calibration of scores.
        threshold: ask for a smallest score.
        repeat: list the one output so many times, each with as many labels files: the same tables.
    """
    write = _Metadata()
    units, asked = [], []
    if len(mean):
        options = write.table("NormalizationOptions", mean=write.floats(mean), std=write.floats(std))
        units.append(write.table("ProcessUnit", options_type=1, options=options))
    image = write.table("TensorMetadata", process_units=write.tables(units))
    if calibrated:
        options = write.table("ScoreCalibrationOptions")
        asked.append(write.table("ProcessUnit", options_type=2, options=options))
    if threshold is not None:
        options = write.table("ScoreThresholdingOptions", global_score_threshold=threshold)
        asked.append(write.table("ProcessUnit", options_type=3, options=options))
    file = write.table("AssociatedFile", name=write.builder.CreateString("labels.txt"), type=1)
    score = write.table("TensorMetadata", process_units=write.tables(asked), files=write.tables([file] * repeat))
    graph = write.table("SubGraphMetadata", inputs=write.tables([image]), outputs=write.tables([score] * repeat))
    write.builder.Finish(write.table("ModelMetadata", subgraphs=write.tables([graph])), b"M001")
    return bytes(write.builder.Output())


class _Metadata:
    """Writes tables by the names in `SLOTS`; parts come before what holds them."""

    def __init__(self) -> None:
        self.builder = flatbuffers.Builder(1024)

    def table(self, kind, **fields):
        slots = SLOTS[kind]
        self.builder.StartObject(len(slots))
        for field, value in fields.items():
            if field.endswith("type"):
                self.builder.PrependUint8Slot(slots.index(field), value, 0)
            elif isinstance(value, float):
                self.builder.PrependFloat32Slot(slots.index(field), value, 0.0)
            else:
                self.builder.PrependUOffsetTRelativeSlot(slots.index(field), value, 0)
        return self.builder.EndObject()

    def tables(self, offsets):
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return self.builder.EndVector()

    def floats(self, values):
        return self.builder.CreateNumpyVector(np.array(values, np.float32))
