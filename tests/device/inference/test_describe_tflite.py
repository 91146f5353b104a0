"""Single `.tflite` files: cards, labels and scaling of foreign files, and refusals."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from edgetl.card import InputSpec, ModelCard
from edgetl.device.inference.describe_tflite import describe
from edgetl.device.inference.description import Description
from edgetl.device.inference.input_scaling import Scaling
from edgetl.device.inference.model import Model
from edgetl.device.runtime import Tensor
from edgetl.errors import ModelError, UsageError
from edgetl.host.convert.tflite.metadata import embed
from edgetl.host.evaluate.classifier import evaluate_model
from edgetl.vision.photo import read_photo

CARD = ModelCard("fruit", "classification", ("apple", "pear", "plum"), InputSpec(32, 32))


class Stub:
    """A loaded classifier of three classes whose output is always `scores`."""

    def __init__(self, dtype="float32", scores=(0.2, 0.3, 0.5), outputs=None):
        self.input = Tensor("image", (1, 32, 32, 3), dtype)
        self.outputs = outputs or (Tensor("scores", (1, len(scores)), "float32"),)
        self._pixels = np.zeros((32, 32, 3), dtype)
        self._scores = np.array(scores, np.float32)
        self.seen = []

    def input_view(self):
        return self._pixels

    def invoke(self):
        self.seen.append(self._pixels.copy())

    def output_view(self, index):
        return self._scores

    def close(self):
        pass


def without_files(model: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        return model[: archive.infolist()[0].header_offset]


def with_files(model: bytes, **texts: str) -> bytes:
    stream = io.BytesIO(model)
    with zipfile.ZipFile(stream, "a") as archive:
        for name, text in texts.items():
            archive.writestr(f"{name}.txt", text)
    return stream.getvalue()


@pytest.fixture(scope="session")
def foreign(tiny_models) -> bytes:
    """The content of a float file with metadata and labels, without our card."""
    return with_files(without_files(embed(tiny_models["float32"], CARD)), labels="apple\npear\nplum\n")


@pytest.fixture
def write(tmp_path):
    def to_file(content: bytes | str, name: str = "model.tflite"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return to_file


def test_our_card_is_used_unchanged(tiny_models, write):
    assert describe(write(embed(tiny_models["float32"], CARD)), Stub(), None) == Description(CARD)


def test_a_labels_file_has_priority_over_our_card(tiny_models, write):
    path, labels = write(embed(tiny_models["float32"], CARD)), write("Apfel\nBirne\nPflaume\n\n \n", "labels.txt")
    assert describe(path, Stub(), labels).card.labels == ("Apfel", "Birne", "Pflaume")


def test_a_damaged_card_is_refused(tiny_models, write):
    damaged = embed(tiny_models["float32"], CARD)
    assert damaged.count(b'"task"') == 1
    with zipfile.ZipFile(io.BytesIO(damaged)) as archive:
        card = archive.read("card.json").decode().replace('"task"', '"tusk"')
    stream = io.BytesIO(without_files(damaged))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("card.json", card)
    with pytest.raises(ModelError, match="tusk"):
        describe(write(stream.getvalue()), Stub(), None)


def test_a_foreign_file_names_its_classes_and_its_scaling(foreign, write):
    found = describe(write(foreign, "fruit.tflite"), Stub(), None)
    assert found == Description(CARD, Scaling((0.0,), (1.0,)))


def test_the_metadata_say_which_of_two_texts_holds_the_labels(foreign, write):
    path = write(with_files(without_files(foreign), licence="free\n", labels="apple\npear\nplum\n"))
    assert describe(path, Stub(), None).card.labels == ("apple", "pear", "plum")


def test_any_text_file_inside_holds_the_labels_if_the_metadata_name_none(tiny_models, write):
    path = write(with_files(tiny_models["uint8"], names="apple\npear\nplum\n"))
    assert describe(path, Stub("uint8"), None).card.labels == ("apple", "pear", "plum")


def test_without_labels_the_remedy_names_the_option(tiny_models, write):
    with pytest.raises(ModelError, match="called") as caught:
        describe(write(tiny_models["uint8"]), Stub("uint8"), None)
    assert "--labels FILE" in caught.value.remedy


def test_repeated_labels_are_numbered(tiny_models, write):
    labels = write("\ufeffcrane\r\ncrane\r\ncrane (2)\r\ncrane\r\n", "labels.txt")
    found = describe(write(tiny_models["uint8"]), Stub("uint8", [0.25] * 4), labels)
    assert found.card.labels == ("crane", "crane (2)", "crane (2) (2)", "crane (3)")


def test_a_missing_labels_file_and_one_that_is_no_text_are_refused(tiny_models, write, tmp_path):
    path = write(tiny_models["uint8"])
    with pytest.raises(ModelError, match="UTF-8"):
        describe(path, Stub("uint8"), write(b"\xff\xfe\x00a", "labels.txt"))
    with pytest.raises(UsageError, match="can't be read"):
        describe(path, Stub("uint8"), tmp_path / "missing.txt")


@pytest.mark.parametrize(
    ("scores", "meaning"),
    [
        ([0.2, 0.3, 0.5], "probabilities"),
        ([0.2, 0.3, 0.45], "probabilities"),
        ([0.9, 0.9, 0.9], "logits"),
        ([2.0, -1.5, 0.5], "logits"),
    ],
)
def test_a_trial_decides_between_scores_and_logits_if_the_graph_does_not(tiny_models, write, scores, meaning):
    path = write(with_files(without_files(embed(tiny_models["logits"], CARD)), labels="apple\npear\nplum\n"))
    assert describe(path, Stub(scores=scores), None).card.decoding.scores == meaning


def test_rounded_probabilities_of_many_classes_are_still_probabilities(tiny_models, write):
    tensor = Tensor("scores", (1, 1000), "uint8", scale=1 / 256)
    stub = Stub("uint8", np.zeros(1000), (tensor,))
    labels = write("\n".join(map(str, range(1000))), "labels.txt")
    assert describe(write(tiny_models["uint8"]), stub, labels).card.decoding.scores == "probabilities"


@pytest.mark.parametrize(("kind", "meaning"), [("float32", "probabilities"), ("logits", "logits")])
def test_a_real_file_with_or_without_a_softmax_gives_probabilities(tiny_models, write, kind, meaning):
    path = write(with_files(without_files(embed(tiny_models[kind], CARD)), labels="apple\npear\nplum\n"))
    with Model.open(path) as model:
        assert model.card.decoding.scores == meaning
        assert model.scores(np.zeros((40, 50, 3), np.uint8)).sum() == pytest.approx(1, abs=1e-4)


def test_the_trial_scales_pixels_as_the_file_states(tiny_models, write, monkeypatch):
    scaling = Scaling((100.0, 110.0, 120.0), (2.0,))
    monkeypatch.setattr("edgetl.device.inference.describe_tflite.input_scaling", lambda *_: scaling)
    stub = Stub()
    path = write(with_files(without_files(embed(tiny_models["logits"], CARD)), labels="apple\npear\nplum\n"))
    describe(path, stub, None)
    np.testing.assert_allclose(stub.seen[0][5, 7], [14, 9, 4])


def test_a_float_model_that_does_not_say_its_scaling_is_refused(tiny_models, write):
    path = write(with_files(tiny_models["float32"], labels="apple\npear\nplum\n"))
    with pytest.raises(ModelError, match="doesn't say how they are scaled") as caught:
        describe(path, Stub(), None)
    assert "NormalizationOptions" in caught.value.remedy


def test_an_impossible_scaling_is_refused(foreign, write):
    one = np.float32([1]).tobytes()
    unit = b"\1\0\0\0" + one  # a list of one value; the only one with this value is std
    assert foreign.count(unit) >= 1
    with pytest.raises(ModelError, match="can't be used"):
        describe(write(foreign.replace(unit, b"\1\0\0\0" + np.float32([0]).tobytes())), Stub(), None)


def test_a_float_model_gets_pixels_scaled_as_in_its_training(tiny_models, write, monkeypatch):
    frame = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
    labels = write("apple\npear\nplum\n", "labels.txt")
    with Model.open(write(embed(tiny_models["float32"], CARD))) as model:
        expected = model.scores(frame).copy()
    for mean, std in (((127.5,), (127.5,)), ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))):
        monkeypatch.setattr(
            "edgetl.device.inference.describe_tflite.input_scaling", lambda *_, m=mean, s=std: Scaling(m, s)
        )
        with Model.open(write(tiny_models["unscaled"]), labels=labels) as model:
            np.testing.assert_allclose(model.scores(frame), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_integer_inputs_need_no_scaling(tiny_models, write, kind):
    labels = write("apple\npear\nplum\n", "labels.txt")
    with Model.open(write(tiny_models[kind]), labels=labels) as model:
        assert model.card.decoding.scores == "probabilities"


@pytest.mark.parametrize("count", [2, 4])
def test_a_model_that_is_neither_a_classifier_nor_a_known_detector_is_refused(tiny_models, write, count):
    boxes = (Tensor("boxes", (1, 10, 4), "float32"), *[Tensor("more", (1, 10), "float32")] * (count - 1))
    with pytest.raises(ModelError, match=r"\(1, 10, 4\), \(1, 10\).* are neither a classifier's nor") as caught:
        describe(write(tiny_models["uint8"]), Stub("uint8", outputs=boxes), None)
    assert "TFLite_Detection_PostProcess" in caught.value.remedy


@pytest.mark.parametrize("ours", [True, False])
def test_damaged_files_end_in_model_errors(tiny_models, foreign, write, ours):
    whole = embed(tiny_models["float32"], CARD) if ours else foreign
    random = np.random.default_rng(11)
    cuts = [whole[: int(n)] for n in random.integers(0, len(whole), 100)]
    flips = []
    for _ in range(800):
        damaged = bytearray(whole)
        for at in random.integers(0, len(whole), random.integers(1, 4)):
            damaged[at] = random.choice([0, 1, 0x7F, 0x80, 0xFF, random.integers(256)])
        flips.append(bytes(damaged))
    refused = 0
    for content in cuts + flips:
        try:
            describe(write(content), Stub(), None)
        except ModelError:
            refused += 1
    assert refused > len(cuts) // 2


@pytest.mark.real_data
@pytest.mark.slow
def test_a_published_model_reaches_its_published_accuracy(data_folder):
    models, photos = data_folder / "models", sorted((data_folder / "photos/imagenet_sample").glob("n*.jpg"))
    path = models / "mobilenet_v2_1.0_224_quant.tflite"
    with Model.open(path, labels=models / "imagenet_labels_1001.txt", threads=2) as model:
        # One photo a class, in the order of the classes' ids; the model's first class is "background".
        evaluation = evaluate_model(model, photos, np.arange(1, len(photos) + 1))
    assert len(photos) == 1000
    assert evaluation.top1 >= 0.82


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("photo", "label"),
    [("cat.bmp", "cat"), ("cat_720p.jpg", "cat"), ("parrot.jpg", "macaw"), ("hot_dog.jpg", "hotdog")],
)
def test_a_published_model_reads_its_own_metadata(data_folder, photo, label):
    with Model.open(data_folder / "models/mobilenet_v2_1.0_224_quant.tflite") as model:
        best = model(read_photo(data_folder / "photos" / photo, model.card.input))
    assert label in best.labels[0]
    assert best.score[0] > 0.7
