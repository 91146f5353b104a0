"""The source of frames is parsed from its name."""

from __future__ import annotations

import doctest

import pytest

from edgetl.device.camera import source as source_module
from edgetl.device.camera.source import parse_source


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0", "number"),
        ("/dev/video0", "device"),
        ("picamera://0", "csi"),
        ("csi://1", "csi"),
        ("rtsp://me:secret@10.0.0.7/1", "address"),
        ("http://10.0.0.7/photo.jpg", "address"),
        ("film.mp4", "film"),
        ("./0", "film"),
        ("photo.jpg", "photos"),
        (".", "photos"),
        ("photos/*.jpg", "photos"),
    ],
)
def test_a_source_is_known_by_its_name(text, kind):
    source = parse_source(text)
    assert source.kind == kind
    assert "secret" not in source.shown + repr(source)


@pytest.mark.parametrize(
    ("text", "parallel"),
    [("film.mp4", True), ("photos", True), ("photos/*.jpg", True), ("0", False), ("/dev/video0", False)]
    + [(f"{scheme}://host/a.mp4", False) for scheme in ("rtsp", "http", "picamera")],
)
def test_several_frames_of_a_film_or_of_photos_are_processed_at_once(text, parallel):
    assert parse_source(text).parallel == parallel


def test_a_single_photo_needs_one_model(tmp_path):
    (tmp_path / "photo.jpg").touch()
    assert not parse_source(str(tmp_path / "photo.jpg")).parallel
    assert parse_source(str(tmp_path / "*.jpg")).parallel
    assert parse_source(str(tmp_path)).parallel


def test_the_example_of_a_source_is_right():
    assert doctest.testmod(source_module) == (0, 1)
