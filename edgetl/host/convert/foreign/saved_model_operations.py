"""Refuses SavedModels that do more than compute, by a list of allowed operations.

A SavedModel is a program, and TensorFlow runs it without limits. The operations on the list neither read nor write a
file, open no connection and call no other code. Keras's exports of its own networks need about 140 of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from edgetl.errors import ModelError
from edgetl.host.convert.foreign.keras_protocols import Node
from edgetl.host.networks.untyped import Library
from edgetl.text import first_line

Functions = dict[str, Sequence[Node]]
"""The nodes of each function of a graph, by the function's name."""

_REMEDY = (
    "write it again without those operations: model.export('FOLDER') of the network alone; "
    "if one of them only computes, report it"
)
_NAMES = """
    Abs Acos Acosh Add AddN AddV2 AdjustContrastv2 AdjustHue AdjustSaturation All Any ArgMax ArgMin Asin Asinh Atan
    Atan2 Atanh AvgPool AvgPoolGrad BatchMatMul BatchMatMulV2 BatchMatMulV3 BatchNormWithGlobalNormalization
    BatchToSpace BatchToSpaceND BiasAdd BiasAddGrad BiasAddV1 Bincount Bitcast BitwiseAnd BitwiseOr BitwiseXor
    BroadcastArgs BroadcastGradientArgs BroadcastTo Bucketize Cast Ceil CheckNumerics ClipByValue Concat
    ConcatOffset ConcatV2 Conv Conv2D Conv2DBackpropFilter Conv2DBackpropInput Conv3D Cos Cosh CropAndResize Cross
    CumulativeLogsumexp Cumprod Cumsum DenseBincount DepthToSpace DepthwiseConv2dNative
    DepthwiseConv2dNativeBackpropFilter DepthwiseConv2dNativeBackpropInput Dequantize Diag DiagPart Dilation2D Div
    DivNoNan DynamicPartition DynamicStitch Einsum Elu EluGrad EnsureShape Equal Erf Erfc Erfinv Exp ExpandDims
    Expm1 ExtractImagePatches FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel Fill
    Floor FloorDiv FloorMod FusedBatchNorm FusedBatchNormGrad FusedBatchNormGradV2 FusedBatchNormGradV3
    FusedBatchNormV2 FusedBatchNormV3 FusedPadConv2D FusedResizeAndPadConv2D Gather GatherNd GatherV2 Greater
    GreaterEqual HSVToRGB Identity IdentityN Igamma Igammac ImageProjectiveTransformV2 ImageProjectiveTransformV3
    InTopK InTopKV2 InplaceAdd InplaceUpdate Inv Invert InvertPermutation IsFinite IsInf IsNan L2Loss LRN LeakyRelu
    LeakyReluGrad LeftShift Less LessEqual Lgamma LinSpace Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr
    MatMul MatrixBandPart MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3
    MatrixSetDiag Max MaxPool MaxPoolGrad MaxPoolV2 MaxPoolWithArgmax Maximum Mean Min Minimum MirrorPad Mod Mul
    MulNoNan Neg NextAfter NoOp NotEqual OneHot OnesLike Pack Pad PadV2 ParallelDynamicStitch Placeholder
    PlaceholderV2 PlaceholderWithDefault Pow PreventGradient Prod Qr QuantizeAndDequantize QuantizeAndDequantizeV2
    QuantizeAndDequantizeV3 QuantizeAndDequantizeV4 QuantizeV2 QuantizedAdd QuantizedAvgPool QuantizedBiasAdd
    QuantizedConcat QuantizedConv2D QuantizedMatMul QuantizedMaxPool QuantizedMul QuantizedRelu QuantizedRelu6
    QuantizedReshape RGBToHSV Range Rank RealDiv Reciprocal Relu Relu6 Relu6Grad ReluGrad RequantizationRange
    Requantize Reshape ResizeArea ResizeBicubic ResizeBilinear ResizeBilinearGrad ResizeNearestNeighbor
    ResizeNearestNeighborGrad Reverse ReverseSequence ReverseV2 RightShift Rint Roll Round Rsqrt RsqrtGrad
    ScaleAndTranslate ScatterNd SegmentMean SegmentSum Select SelectV2 Selu SeluGrad Shape ShapeN Sigmoid
    SigmoidGrad Sign Sin Sinh Size Slice Softmax SoftmaxCrossEntropyWithLogits Softplus SoftplusGrad Softsign
    SoftsignGrad SpaceToBatch SpaceToBatchND SpaceToDepth SparseSoftmaxCrossEntropyWithLogits
    SparseTensorDenseMatMul SparseToDense Split SplitV Sqrt SqrtGrad Square SquaredDifference Squeeze StopGradient
    StridedSlice StridedSliceGrad Sub Sum Tan Tanh TanhGrad TensorScatterAdd TensorScatterUpdate
    TensorStridedSliceUpdate Tile TopK TopKV2 Transpose TruncateDiv TruncateMod Unique UniqueV2 UnravelIndex
    UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum Unpack Where Xdivy Xlog1py Xlogy
    ZerosLike

    Const ConjugateTranspose EmptyTensorList Empty

    Case Enter Exit If LoopCond Merge NextIteration PartitionedCall StatefulPartitionedCall StatelessCase
    StatelessIf StatelessWhile Switch While Assert

    TensorArrayConcatV3 TensorArrayGatherV3 TensorArrayReadV3 TensorArrayScatterV3 TensorArraySizeV3 TensorArrayV3
    TensorArrayWriteV3 TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather
    TensorListGetItem TensorListLength TensorListPushBack TensorListPopBack TensorListReserve TensorListResize
    TensorListSetItem TensorListSplit TensorListStack

    Assign AssignAdd AssignAddVariableOp AssignSub AssignSubVariableOp AssignVariableOp DestroyResourceOp
    DisableCopyOnRead IsVariableInitialized ReadVariableOp ResourceGather ResourceGatherNd ResourceScatterUpdate
    ResourceStridedSliceAssign VarHandleOp VarIsInitializedOp Variable VariableShape VariableV2 ResourceApplyAdam
    ResourceApplyGradientDescent ResourceApplyKerasMomentum ResourceApplyMomentum

    Multinomial ParameterizedTruncatedNormal RandomShuffle RandomStandardNormal RandomUniform RandomUniformInt
    RngReadAndSkip RngSkip StatefulRandomBinomial StatefulStandardNormalV2 StatefulTruncatedNormal StatefulUniform
    StatefulUniformFullInt StatefulUniformInt StatelessMultinomial StatelessRandomGetAlg
    StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg StatelessRandomNormal StatelessRandomNormalV2
    StatelessRandomUniform StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2 StatelessRandomUniformInt
    StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessTruncatedNormal StatelessTruncatedNormalV2
    TruncatedNormal

    CombinedNonMaxSuppression NonMaxSuppression NonMaxSuppressionV2 NonMaxSuppressionV3 NonMaxSuppressionV4
    NonMaxSuppressionV5

    CudnnRNN CudnnRNNBackprop CudnnRNNBackpropV2 CudnnRNNBackpropV3 CudnnRNNV2 CudnnRNNV3 IteratorGetNext
    ResourceApplyAdaMax ResourceApplyAdadelta ResourceApplyAdagrad ResourceApplyAdagradV2
    ResourceApplyCenteredRMSProp ResourceApplyFtrl ResourceApplyRMSProp

    StaticRegexFullMatch StringFormat StringJoin AsString
"""
_COMPUTING = frozenset(_NAMES.split())
"""The operations of TensorFlow that only compute, hold a model's own variables, or join texts. The groups above are
arithmetic, constants, control flow, lists, variables, random numbers, boxes, remains of a training, and texts. `Assert`
ends a run with an error; `IteratorGetNext` has no effect without the operations that make an iterator, which are not
listed."""

_CHECKPOINT = frozenset(("MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"))
"""The operations of the saver, which every SavedModel has and edgetl never runs."""


def require_only_computing(folder: Path) -> None:
    """Checks that a SavedModel's graphs and functions only compute.

    Args:
        folder: the folder of the SavedModel.

    Raises:
        ModelError: an operation isn't known to only compute, or an asset is in another folder.
        OSError: there is no file `saved_model.pb`. If it is damaged, protobuf raises an error of its own.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    content = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    found = sorted({first_line(name, 60) for graph in content.meta_graphs for name in _others(graph)})
    if found:
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        what = f"the SavedModel does more than compute: {', '.join(found[:5])}{more}"
        raise ModelError(what, where=str(folder), remedy=_REMEDY)


def _others(graph: Library) -> Iterator[str]:
    """Yields the operations of a graph that do more than compute, and the assets that are in another folder."""
    functions = {function.signature.name: function.node_def for function in graph.graph_def.library.function}
    saving, saver_functions = _saver(graph, functions)
    for node in graph.graph_def.node:
        if not _is_allowed(node, functions, saving=node.name in saving):
            yield str(node.op)
    for name, nodes in functions.items():
        for node in nodes:
            if not _is_allowed(node, functions, saving=name in saver_functions):
                yield str(node.op)
    for asset in graph.asset_file_def:
        place = PurePosixPath(asset.filename)
        if place.is_absolute() or ".." in place.parts:
            yield f"the asset {asset.filename}"


def _is_allowed(node: Node, functions: Functions, *, saving: bool) -> bool:
    """Returns whether an operation only computes, or calls a function of the library, which is checked on its own."""
    from tensorflow import raw_ops

    calls = node.op in functions and not hasattr(raw_ops, node.op)  # a function may not hide an operation by its name
    return node.op in _COMPUTING or calls or (saving and node.op in _CHECKPOINT)


def _saver(graph: Library, functions: Functions) -> tuple[set[str], set[str]]:
    """Returns the names of the nodes and of the functions that only save and restore.

    Nodes and functions that a signature, an object of the model or an initializer reaches as well are not among them.
    """
    nodes = {node.name: node for node in graph.graph_def.node}
    saver = graph.saver_def
    own = _reached(nodes, functions, [saver.save_tensor_name, saver.restore_op_name], ())
    tensors = [info.name for signature in graph.signature_def.values() for info in signature.outputs.values()]
    tensors += [info.name for signature in graph.signature_def.values() for info in signature.inputs.values()]
    for collection in graph.collection_def.values():
        tensors += collection.node_list.value
    others = _reached(nodes, functions, tensors, graph.object_graph_def.concrete_functions)
    return own[0] - others[0], own[1] - others[1]


def _reached(
    nodes: dict[str, Node], functions: Functions, tensors: Iterable[str], called: Iterable[str]
) -> tuple[set[str], set[str]]:
    """Returns the names of the nodes that compute tensors, and of the functions that are called.

    Args:
        nodes: the graph's nodes by their names.
        functions: the nodes of each function, by the function's name.
        tensors: the names of the tensors to compute.
        called: the names of functions that are called from elsewhere.
    """
    seen_nodes, seen_functions = set[str](), set[str]()
    waiting = [_node_of(tensor) for tensor in tensors]
    calls = list(called)
    while waiting or calls:
        if waiting:
            name = waiting.pop()
            if name in nodes and name not in seen_nodes:
                seen_nodes.add(name)
                waiting += map(_node_of, nodes[name].input)
                calls += _called(nodes[name])
            continue
        function = calls.pop()
        if function in functions and function not in seen_functions:
            seen_functions.add(function)
            for node in functions[function]:
                calls += _called(node)
    return seen_nodes, seen_functions


def _node_of(tensor: str) -> str:
    return tensor.lstrip("^").partition(":")[0]


def _called(node: Node) -> Iterator[str]:
    """Yields the functions that an operation names; in old graphs the operation's own name is a function's."""
    yield node.op
    for attribute in node.attr.values():
        if attribute.HasField("func"):
            yield attribute.func.name
        for function in attribute.list.func:
            yield function.name
