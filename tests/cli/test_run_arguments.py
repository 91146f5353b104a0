"""Wrong arguments of `edgetl run` are refused without showing a camera's password."""

from __future__ import annotations

import pytest
from homes import edgetl


@pytest.mark.parametrize(
    "arguments",
    [
        ["any.tflite", "cam:secret@10.0.0.7"],
        ["any.tflite", "rtsp://cam:secret@10.0.0.7/stream"],
        ["any.tflite", "0", "rtsp:/cam:secret@10.0.0.7/stream"],
        ["cam:secret@10.0.0.7"],
    ],
    ids=" ".join,
)
def test_an_address_without_its_option_is_refused_and_shows_no_password(arguments):
    done = edgetl("run", *arguments)
    assert done.code == 2
    assert "secret" not in done.err
    assert "10.0.0.7" in done.err
    assert "--source" in done.err


def test_a_mistyped_option_is_answered_with_the_one_that_was_meant():
    done = edgetl("run", "--thresold", "0.5")
    assert done.code == 2
    assert "--threshold" in done.err
