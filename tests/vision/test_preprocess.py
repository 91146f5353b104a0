from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgetl.card import InputSpec
from edgetl.vision.photo import decode_photo
from edgetl.vision.preprocess import Preprocessor


@pytest.fixture
def frame():
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def run(spec, frame):
    out = np.zeros((spec.height, spec.width, 3), np.uint8)
    Preprocessor(spec)(frame, out)
    return out


@pytest.mark.parametrize("color", ["rgb", "bgr"])
@pytest.mark.parametrize("interpolation", ["linear", "area"])
def test_the_input_equals_that_of_a_simple_implementation(frame, color, interpolation):
    flag = {"linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}[interpolation]
    naive = cv2.resize(frame, (24, 16), interpolation=flag)
    naive = cv2.cvtColor(naive, cv2.COLOR_BGR2RGB) if color == "rgb" else naive
    out = run(InputSpec(16, 24, color, "stretch", interpolation), frame)
    assert out.any()
    assert (out == naive).all()


def test_a_frame_of_the_inputs_size_is_not_changed(frame):
    assert (run(InputSpec(48, 64, "bgr"), frame) == frame).all()
    assert (run(InputSpec(48, 64, "rgb"), frame) == frame[..., ::-1]).all()


@pytest.mark.parametrize(
    ("size", "spec", "rows", "columns"),
    [
        ((48, 64), (32, 32), slice(0, 48), slice(8, 56)),
        ((64, 48), (32, 32), slice(8, 56), slice(0, 48)),
        ((48, 64), (16, 32), slice(8, 40), slice(0, 64)),
        ((48, 64), (24, 32), slice(0, 48), slice(0, 64)),
        ((47, 64), (32, 32), slice(0, 47), slice(8, 55)),
        ((1, 64), (32, 32), slice(0, 1), slice(31, 32)),
    ],
)
def test_crop_is_the_largest_centred_part_of_the_inputs_aspect(size, spec, rows, columns):
    frame = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    expected = cv2.resize(frame[rows, columns], (spec[1], spec[0]), interpolation=cv2.INTER_LINEAR)
    assert (run(InputSpec(*spec, "bgr", "crop"), frame) == expected).all()


def test_the_same_array_can_be_written_to_repeatedly(frame):
    tensor = np.zeros((1, 16, 16, 3), np.uint8)
    preprocess = Preprocessor(InputSpec(16, 16))
    preprocess(frame, tensor[0])
    first = tensor.copy()
    preprocess(255 - frame, tensor[0])
    preprocess(frame, tensor[0])
    assert first.any()
    assert (tensor == first).all()


def test_the_frame_is_not_changed_and_may_be_a_view(frame):
    before = frame.copy()
    spec = InputSpec(16, 16)
    view = frame[4:40, 10:50]
    assert (run(spec, view) == run(spec, view.copy())).all()
    assert (run(spec, frame[:, ::-1]) == run(spec, frame[:, ::-1].copy())).all()
    assert (frame == before).all()


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((16, 16, 3), np.int8),
        np.zeros((16, 16, 3), np.float32),
        np.zeros((16, 24, 3), np.uint8),
        np.zeros((1, 16, 16, 3), np.uint8),
        np.zeros((16, 16), np.uint8),
    ],
)
def test_wrong_input_tensor_is_refused(frame, out):
    with pytest.raises(ValueError, match=r"the input is \(16, 16, 3\) uint8, got"):
        Preprocessor(InputSpec(16, 16))(frame, out)


@pytest.mark.parametrize("out", [np.zeros((16, 16, 3), np.uint8)[..., ::-1], np.zeros((32, 32, 3), np.uint8)[::2, ::2]])
@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_an_input_tensor_of_another_layout_is_refused(frame, out, color):
    with pytest.raises((ValueError, cv2.error)):
        Preprocessor(InputSpec(16, 16, color))(frame, out)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((48, 64), np.uint8), np.zeros((48, 64, 4), np.uint8), np.zeros((48, 64, 3), np.float32)],
)
def test_an_array_that_is_no_frame_is_refused(wrong):
    with pytest.raises(ValueError, match="a frame is"):
        run(InputSpec(16, 16), wrong)


@pytest.mark.parametrize("size", [(1080, 1920), (2160, 3840), (3000, 4000), (901, 1203), (480, 640)])
@pytest.mark.parametrize("kind", [".jpg", ".png"])
def test_a_frame_and_its_photo_give_the_same_input(size, kind):
    """A live frame isn't decoded at a smaller scale, as its photo is: both must come to the same all the same."""
    few = np.random.default_rng(0).integers(0, 256, (size[0] // 40, size[1] // 40, 3), np.uint8)
    frame = cv2.resize(few, size[::-1], interpolation=cv2.INTER_CUBIC)
    spec = InputSpec(224, 224)
    live, saved = np.empty((2, 224, 224, 3), np.uint8)
    content = cv2.imencode(kind, frame, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    Preprocessor(spec)(decode_photo(content, None, "here"), live)
    Preprocessor(spec)(decode_photo(content, spec, "here"), saved)
    assert np.abs(live.astype(int) - saved).mean() < (0.5 if kind == ".jpg" else 1e-9)


def test_a_large_frame_is_averaged_not_sampled():
    stripes = np.zeros((1792, 1792, 3), np.uint8)
    stripes[:, ::2] = 255
    out = np.empty((224, 224, 3), np.uint8)
    Preprocessor(InputSpec(224, 224))(stripes, out)
    assert np.abs(out.astype(int) - 128).max() <= 1
