from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgetl.card import InputSpec
from edgetl.vision.letterbox import layout, place, reduction
from edgetl.vision.photo import decode_sized
from edgetl.vision.preprocess import GREY, Preprocessor

MODES = ("stretch", "crop", "letterbox")


def run(spec, frame, out=None):
    out = np.zeros((spec.height, spec.width, 3), np.uint8) if out is None else out
    Preprocessor(spec)(frame, out)
    return out


def some(count, seed):
    """(frame size, input size) of many aspects."""
    rng = np.random.default_rng(seed)
    return [(rng.integers(1, 5000, 2).tolist(), rng.integers(1, 700, 2).tolist()) for _ in range(count)]


@pytest.mark.parametrize("mode", MODES)
def test_boxes_mapped_to_the_input_and_back_are_unchanged(mode):
    rng = np.random.default_rng(0)
    for (height, width), size in some(500, 1):
        boxes = (rng.uniform(-0.2, 1.2, (20, 4)) * (width, height, width, height)).astype(np.float32)
        placement = place(height, width, InputSpec(*size, resize=mode))
        there = placement.to_input(boxes)
        back = placement.to_frame(there)
        assert there.dtype == back.dtype == np.float32
        assert there.shape == boxes.shape
        assert np.abs(back - boxes).max() < 0.5


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_an_object_lies_in_the_input_where_its_mapped_box_is(mode, color):
    rng = np.random.default_rng(2)
    for _ in range(30):
        height, width = rng.integers(50, 1200, 2).tolist()
        spec = InputSpec(*rng.integers(60, 330, 2).tolist(), color, mode)
        placement = place(height, width, spec)
        x1, y1 = rng.uniform(0, 0.4, 2) * (width, height)
        x2, y2 = rng.uniform(0.6, 1, 2) * (width, height)
        box = np.array([[x1, y1, x2, y2]]).round().astype(np.float32)
        frame = np.zeros((height, width, 3), np.uint8)
        x1, y1, x2, y2 = box[0].astype(int)
        frame[y1:y2, x1:x2] = 255
        seen = np.argwhere(run(spec, frame)[..., 0] > 127)
        found = np.concatenate((seen.min(axis=0)[::-1], seen.max(axis=0)[::-1] + 1))
        limit = (spec.width, spec.height) * 2
        assert np.abs(found - np.clip(placement.to_input(box)[0], 0, limit)).max() <= 1


@pytest.mark.parametrize(
    ("frame", "spec", "rows", "columns"),
    [
        ((480, 640), (320, 320), slice(40, 280), slice(0, 320)),
        ((640, 480), (320, 320), slice(0, 320), slice(40, 280)),
        ((1080, 1920), (320, 320), slice(70, 250), slice(0, 320)),
        ((100, 100), (64, 96), slice(0, 64), slice(16, 80)),
        ((30, 40), (320, 320), slice(40, 280), slice(0, 320)),
        ((320, 320), (320, 320), slice(0, 320), slice(0, 320)),
        ((101, 200), (64, 64), slice(16, 48), slice(0, 64)),
        ((1, 4000), (64, 64), slice(31, 32), slice(0, 64)),
    ],
)
@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_a_letterbox_has_the_whole_frame_between_grey_bars(frame, spec, rows, columns, color):
    out = run(InputSpec(*spec, color, "letterbox"), np.full((*frame, 3), (10, 20, 30), np.uint8))
    assert (out[rows, columns] == ((30, 20, 10) if color == "rgb" else (10, 20, 30))).all()
    out[rows, columns] = GREY
    assert (out == GREY).all()


def test_the_letterbox_equals_a_simple_implementation():
    frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    out = run(InputSpec(40, 40, "bgr", "letterbox"), frame)
    assert (out[5:35] == cv2.resize(frame, (40, 30), interpolation=cv2.INTER_LINEAR)).all()


def test_the_bars_are_grey_again_after_the_array_was_changed():
    preprocess = Preprocessor(InputSpec(32, 32, resize="letterbox"))
    wide, high = (np.full(size, 200, np.uint8) for size in ((24, 32, 3), (32, 24, 3)))
    tensor = np.zeros((1, 32, 32, 3), np.uint8)
    preprocess(wide, tensor[0])
    first = tensor.copy()
    np.bitwise_xor(tensor, 128, out=tensor)  # as a model with an int8 input does
    preprocess(wide, tensor[0])
    assert (tensor == first).all()
    preprocess(high, tensor[0])
    assert (tensor[0] == first[0].transpose(1, 0, 2)).all()
    other = np.zeros((32, 32, 3), np.uint8)
    preprocess(wide, other)
    assert (other == first[0]).all()


@pytest.mark.parametrize("out", [np.zeros((16, 16, 3), np.uint8)[..., ::-1], np.zeros((32, 32, 3), np.uint8)[::2, ::2]])
@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_input_tensor_of_another_layout_is_never_left_without_the_frame(out, color):
    with pytest.raises((ValueError, cv2.error)):
        Preprocessor(InputSpec(16, 16, color, "letterbox"))(np.full((20, 30, 3), 255, np.uint8), out)


def test_a_frame_of_any_size_fits_an_input_of_any_size():
    rng = np.random.default_rng(5)
    for (height, width), size in some(60, 6):
        frame = rng.integers(115, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
        for mode in MODES:
            out = run(InputSpec(*size, resize=mode), frame)
            assert (out > GREY).any()
            assert mode == "letterbox" or (out > GREY).all()


@pytest.mark.parametrize(
    ("frame", "factor"), [((480, 640), 1), ((720, 1280), 2), ((1080, 1920), 2), ((1080, 2560), 4), ((9, 5000), 4)]
)
def test_a_letterboxed_frame_is_averaged_as_far_as_twice_what_it_becomes(frame, factor):
    spec = InputSpec(320, 320, resize="letterbox")
    assert reduction(*frame, spec) == reduction(*frame[::-1], spec) == factor


@pytest.mark.parametrize("mode", MODES)
def test_a_photo_decoded_at_a_smaller_scale_lands_in_the_same_place(mode):
    for (height, width), size in some(2000, 3):
        spec = InputSpec(*(20 + side for side in size), resize=mode)  # so that 64 is the largest factor there is
        whole = layout(height, width, spec)
        assert reduction(width, height, spec) == whole.factor, "it is not known yet which way up a photo is"
        factor = min(8, whole.factor)
        small = layout(height // factor, width // factor, spec)
        assert (small.factor * factor, small.part, small.place) == (whole.factor, whole.part, whole.place)


@pytest.mark.parametrize("size", [(1080, 1920), (3000, 4000), (901, 1203)])
def test_a_frame_and_its_photo_give_the_same_input(size):
    few = np.random.default_rng(0).integers(0, 256, (size[0] // 40, size[1] // 40, 3), np.uint8)
    content = cv2.imencode(".jpg", cv2.resize(few, size[::-1], interpolation=cv2.INTER_CUBIC))[1].tobytes()
    spec = InputSpec(224, 160, resize="letterbox")
    saved, full_size = decode_sized(content, spec, "here")
    live, _ = decode_sized(content, None, "here")
    assert full_size == size
    assert saved.shape < live.shape
    assert np.abs(run(spec, live).astype(int) - run(spec, saved)).mean() < 0.5
