"""A SavedModel may only compute; operations are checked wherever TensorFlow could run them."""

from __future__ import annotations

import pytest

from edgetl.errors import ModelError

pytest.importorskip("tensorflow")

from tensorflow.core.protobuf import saved_model_pb2

from edgetl.host.convert.foreign.open_saved_model import open_saved_model
from edgetl.host.convert.foreign.saved_model_operations import require_only_computing

NAMES = """
WriteFile ReadFile MatchingFiles Save SaveV2 SaveSlices Restore RestoreV2 RestoreSlice MergeV2Checkpoints
ShardedFilename DatasetToTFRecord DatasetToTFRecordV2 CacheDataset CacheDatasetV2 SaveDatasetV2 SnapshotDatasetV2
SqlDataset TFRecordDataset TextLineDataset FixedLengthRecordDatasetV2 ImmutableConst InitializeTableFromTextFile
InitializeTableFromTextFileV2 HashTableV2 PyFunc PyFuncStateless EagerPyFunc PrintV2 Print DebugIdentityV3
WriteSummary WriteGraphSummary CreateSummaryFileWriter WholeFileReaderV2 ReaderReadV2 XlaCallModule RemoteCall
RpcClient DataServiceDatasetV4 LoadAndRemapMatrix GenerateVocabRemapping Recv Send CollectiveReduceV2
NoSuchOperation
"""
REFUSED = NAMES.split()


def write(folder, fill):
    content = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    graph = content.meta_graphs.add()
    graph.meta_info_def.tags.append("serve")
    fill(graph)
    folder.mkdir(exist_ok=True)
    (folder / "saved_model.pb").write_bytes(content.SerializeToString())
    return folder


def function(graph, name, operation):
    made = graph.graph_def.library.function.add()
    made.signature.name = name
    made.node_def.add(name="inner", op=operation)


def calling(graph, node, name):
    call = graph.graph_def.node.add(name=node, op="StatefulPartitionedCall")
    call.attr["f"].func.name = name


@pytest.mark.parametrize("operation", REFUSED)
def test_an_operation_that_isnt_known_to_compute_is_refused_by_its_name(tmp_path, operation):
    places = (
        lambda graph: graph.graph_def.node.add(name="outer", op=operation),
        lambda graph: function(graph, "unused", operation),
    )
    for place in places:
        with pytest.raises(ModelError) as caught:
            require_only_computing(write(tmp_path / "saved", place))
        assert operation in caught.value.what
        assert caught.value.remedy


def test_a_graph_that_only_computes_passes(tmp_path):
    def fill(graph):
        for operation in ("Conv2D", "FusedBatchNormV3", "Relu6", "VarHandleOp", "Const", "NoOp"):
            graph.graph_def.node.add(name=operation, op=operation)
        function(graph, "old_call", "AddV2")
        graph.graph_def.node.add(name="called", op="old_call")

    require_only_computing(write(tmp_path / "saved", fill))


def test_the_saver_may_save_but_nothing_else_may_reach_it(tmp_path):
    def saver(graph):
        function(graph, "traced_save", "SaveV2")
        calling(graph, "saving", "traced_save")
        graph.saver_def.save_tensor_name = "saving:0"

    def reached_by_a_signature(graph):
        saver(graph)
        graph.signature_def["serve"].outputs["y"].name = "saving:0"

    def reached_by_an_object(graph):
        saver(graph)
        graph.object_graph_def.concrete_functions["traced_save"].SetInParent()

    def reached_by_a_start(graph):
        saver(graph)
        graph.collection_def["saved_model_main_op"].node_list.value.append("saving")

    require_only_computing(write(tmp_path / "saved", saver))
    for fill in (reached_by_a_signature, reached_by_an_object, reached_by_a_start):
        with pytest.raises(ModelError, match="SaveV2"):
            require_only_computing(write(tmp_path / "saved", fill))


def test_a_function_cant_hide_an_operation_by_its_name(tmp_path):
    def fill(graph):
        function(graph, "WriteFile", "AddV2")
        graph.graph_def.node.add(name="outer", op="WriteFile")

    with pytest.raises(ModelError, match="WriteFile"):
        require_only_computing(write(tmp_path / "saved", fill))


@pytest.mark.parametrize("name", ["/etc/passwd", "../../secret"])
def test_an_asset_of_another_folder_is_refused(tmp_path, name):
    with pytest.raises(ModelError, match="asset"):
        require_only_computing(write(tmp_path / "saved", lambda graph: graph.asset_file_def.add(filename=name)))


def test_a_saved_model_that_fails_when_it_runs_is_refused(tmp_path):
    import numpy as np
    import tensorflow as tf

    class Failing(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3))])
        def serve(self, pixels):
            with tf.control_dependencies([tf.debugging.assert_less(pixels, -1.0)]):
                return {"y": tf.nn.softmax(tf.reduce_mean(pixels, (1, 2)))}

    module = Failing()
    tf.saved_model.save(module, str(tmp_path / "failing"), signatures=module.serve)
    model = open_saved_model(tmp_path / "failing")
    with pytest.raises(ModelError, match="fails when it runs"):
        model.predict(np.zeros((1, 8, 8, 3), np.uint8), model.inside)


@pytest.mark.slow
def test_exports_of_keras_own_networks_pass(tmp_path):
    import keras

    applications = keras.applications
    for make in (applications.MobileNet, applications.MobileNetV2, applications.MobileNetV3Small):
        network = make(input_shape=(32, 32, 3), weights=None, classes=3)
        network.export(tmp_path / make.__name__, verbose=False)
        require_only_computing(tmp_path / make.__name__)
        assert open_saved_model(tmp_path / make.__name__).classes == 3
