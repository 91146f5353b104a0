"""Cameras: films, photos, devices and addresses are opened by their names, and errors name the remedy."""

from __future__ import annotations

import logging
import os
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import solid, write_film

from edgetl.card import InputSpec
from edgetl.device.camera import film as film_module
from edgetl.device.camera import open_camera
from edgetl.device.camera import v4l2 as device_module
from edgetl.device.camera.protocol import CameraRequest
from edgetl.errors import CameraError, EdgetlError, UsageError


def test_film_gives_every_frame_in_order(film):
    before = time.monotonic()
    with open_camera(str(film)) as camera:
        frames = list(camera)
    assert (camera.live, camera.fps, camera.size) == (False, 25.0, (64, 48))
    assert [frame.index for frame in frames] == list(range(30))
    assert frames[0].image.shape == (48, 64, 3)
    assert frames[0].image.dtype == np.uint8
    assert frames[0].image.mean(axis=(0, 1)).argmax() == 2
    assert frames[-1].image.mean(axis=(0, 1)).argmax() == 0
    times = [frame.captured_at for frame in frames]
    assert times == sorted(times)
    assert before < times[0] < times[-1] < time.monotonic()


def test_a_film_that_was_read_to_its_end_has_no_more_frames(film):
    with open_camera(film) as camera:
        assert list(camera)
        assert list(camera) == []


def test_film_cut_short_ends_or_is_refused(film, tmp_path):
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    with pytest.raises(CameraError, match="can't be decoded") as caught:
        open_camera(str(cut))
    assert str(cut) in str(caught.value)
    assert "remedy" in str(caught.value)


def test_a_film_that_ends_early_is_reported(tmp_path, caplog):
    whole, cut = tmp_path / "whole.avi", tmp_path / "cut.avi"
    writer = cv2.VideoWriter(str(whole), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (64, 48))
    for index in range(40):
        writer.write(solid(index % 3))
    writer.release()
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with caplog.at_level(logging.WARNING), open_camera(str(whole)) as camera:
        assert len(list(camera)) == 40
        assert not caplog.records
    with caplog.at_level(logging.WARNING), open_camera(str(cut)) as camera:
        assert next(iter(camera)).index == 0  # a reader that stops early gets no warning
        assert not caplog.records
    with caplog.at_level(logging.WARNING), open_camera(str(cut)) as camera:
        count = len(list(camera))
    assert 0 < count < 36
    (record,) = caplog.records
    assert record.getMessage() == f"{cut} ends after {count} of 40 frames: the rest can't be read"


@pytest.mark.parametrize("content", [b"", b"not a film at all" * 100])
def test_a_file_that_is_no_film_is_refused_without_output_of_ffmpeg(tmp_path, capfd, content):
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    with pytest.raises(CameraError, match="can't be decoded"):
        open_camera(str(path))
    assert capfd.readouterr().err == ""


def test_missing_film_is_named(tmp_path):
    with pytest.raises(CameraError, match="no such film") as caught:
        open_camera(str(tmp_path / "gone.mp4"))
    assert "gone.mp4" in str(caught.value)


def test_a_missing_device_names_the_existing_ones(monkeypatch, capfd):
    monkeypatch.setattr(device_module, "devices", lambda: [Path("/dev/video2"), Path("/dev/video10")])
    with pytest.raises(CameraError, match="no such camera") as caught:
        open_camera("97")
    assert "/dev/video97" in str(caught.value)
    assert "choose one of /dev/video2, /dev/video10" in str(caught.value)
    assert caught.value.exit_code == 6
    assert capfd.readouterr().err == ""


def test_a_missing_device_suggests_a_usb_camera_if_there_is_none(monkeypatch):
    monkeypatch.setattr(device_module, "devices", lambda: [])
    with pytest.raises(CameraError, match="attach a USB camera"):
        open_camera("/dev/video97")


def test_a_device_without_pictures_is_refused(capfd):
    with pytest.raises(CameraError, match="in use, or no camera"):
        open_camera("/dev/null")
    assert capfd.readouterr().err == ""


def test_unreadable_files_of_a_folder_are_counted_and_named(tmp_path, caplog):
    for name in ("a.jfif", "b.tif"):
        cv2.imwrite(str(tmp_path / "x.jpg" if name == "a.jfif" else tmp_path / name), solid(1))
    (tmp_path / "x.jpg").rename(tmp_path / "a.jfif")
    (tmp_path / "c.heic").write_bytes(b"\0\0\0\x18ftypheic")
    os.mkfifo(tmp_path / "d.png")
    (tmp_path / "e.png").symlink_to("/dev/zero")
    with open_camera(str(tmp_path)) as camera:
        assert [frame.name for frame in camera] == ["a.jfif", "b.tif"]
    assert camera.skipped == 2
    log = "\n".join(record.getMessage() for record in caplog.records)
    assert all(name in log for name in ("c.heic", "d.png", "e.png"))


def test_photos_come_in_natural_order_with_suffixes_in_any_case(tmp_path):
    for name in ("photo10.png", "photo2.PNG", "photo1.JPG", ".hidden.png", "._photo1.JPG"):
        cv2.imwrite(str(tmp_path / "x.png"), solid(1))
        (tmp_path / "x.png").rename(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a photo")
    (tmp_path / "folder.jpg").mkdir()
    with open_camera(str(tmp_path)) as camera:
        frames = list(camera)
    assert [(frame.index, frame.name) for frame in frames] == [(0, "photo1.JPG"), (1, "photo2.PNG"), (2, "photo10.png")]
    assert (camera.live, camera.fps, camera.size) == (False, None, None)


def test_a_source_may_be_one_photo_or_a_pattern(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/1.png", "a/b/2.png", "a/b/3.bmp"):
        cv2.imwrite(str(tmp_path / name), solid(0))

    def names(source):
        return [frame.name for frame in open_camera(str(tmp_path / source))]

    assert names("a/1.png") == ["1.png"]
    assert names("a") == ["1.png"]
    assert names("a/b/*.png") == ["2.png"]
    assert names("a/**/*") == ["1.png", "2.png", "3.bmp"]


def test_a_photo_whose_name_looks_like_a_pattern_is_opened(tmp_path):
    cv2.imwrite(str(tmp_path / "shot [1].png"), solid(0))
    assert [frame.name for frame in open_camera(str(tmp_path / "shot [1].png"))] == ["shot [1].png"]


NAMES = (
    "12:30:00",
    "C:\\films\\x",
    "0",
    "a%03d",
    "a?b",
    "a#b",
    "a b",
    "[1]",
    "q'uo\"te",
    "{a,b}",
    "~x",
    "-x",
    "http:x",
    "ü\udcff",
)
"""File names that FFmpeg, glob or the command line could take for something else."""


@pytest.mark.parametrize("name", NAMES)
def test_films_and_photos_may_have_any_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write_film(tmp_path / "film.mp4", 3).rename(f"{name}.mp4")
    Path(name).mkdir()
    for number in (1, 2):
        cv2.imwrite("x.png", solid(0))
        Path("x.png").rename(f"{name}/{number}{name.replace('/', '')}.png")
    photo = f"1{name}.png"
    folder = f"./{name}"  # a number by itself is a camera
    assert len(list(open_camera(f"{name}.mp4"))) == 3
    assert len(list(open_camera(str(tmp_path / f"{name}.mp4")))) == 3
    assert [frame.name for frame in open_camera(f"{folder}/{photo}")] == [photo]
    assert len(list(open_camera(folder))) == 2
    assert [frame.name for frame in open_camera(f"{folder}/1*.png")] == [photo]


def test_a_film_whose_name_is_a_number_is_opened_by_its_path(film, monkeypatch):
    monkeypatch.chdir(film.parent)
    film.rename("97")
    assert len(list(open_camera("./97"))) == 30
    with pytest.raises(CameraError, match="no such camera") as caught:
        open_camera("97")
    assert "./97" in caught.value.remedy


@pytest.mark.parametrize("name", ["film.mp4", "photo.jpg"])
def test_a_fifo_in_place_of_a_file_is_refused_at_once(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(CameraError) as caught:
        list(open_camera(str(tmp_path / name)))
    assert caught.value.remedy


@pytest.mark.parametrize("source", ["", "*.png"])
def test_a_fifo_among_photos_is_skipped_with_a_warning(tmp_path, caplog, source):
    cv2.imwrite(str(tmp_path / "1.png"), solid(0))
    os.mkfifo(tmp_path / "2.png")
    camera = open_camera(str(tmp_path / source))
    assert [frame.name for frame in camera] == ["1.png"]
    assert camera.skipped == 1
    assert "2.png is skipped" in caplog.text


def test_unreadable_photos_are_skipped_and_counted(tmp_path, caplog):
    cv2.imwrite(str(tmp_path / "1.png"), solid(0))
    (tmp_path / "2.jpg").write_bytes(b"")
    (tmp_path / "3.jpg").write_text("a text")
    cv2.imwrite(str(tmp_path / "4.png"), solid(0))
    with caplog.at_level(logging.WARNING), open_camera(str(tmp_path)) as camera:
        frames = list(camera)
    assert [(frame.index, frame.name) for frame in frames] == [(0, "1.png"), (3, "4.png")]
    assert camera.skipped == 2
    assert "2.jpg is skipped: it is empty" in caplog.text
    assert "2 of 4 photos were skipped" in caplog.text


def test_only_unreadable_photos_are_an_error(tmp_path):
    (tmp_path / "1.jpg").write_bytes(b"")
    with pytest.raises(CameraError, match="the photo can't be read"):
        list(open_camera(str(tmp_path)))


@pytest.mark.parametrize("source", ["", "*.jpg", "gone.jpg", "gone/*"])
def test_no_photos_are_an_error(tmp_path, source):
    with pytest.raises(CameraError, match="no photos") as caught:
        open_camera(f"{tmp_path}/{source}")
    assert str(tmp_path) in caught.value.where
    assert caught.value.remedy


@pytest.mark.parametrize("source", ["", " "])
def test_empty_source_is_refused_and_never_means_this_folder(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("photo.png", solid(0))
    with pytest.raises(UsageError):
        open_camera(source)
    assert len(list(open_camera("."))) == 1


def test_photos_are_averaged_down_towards_the_models_input(tmp_path):
    cv2.imwrite(str(tmp_path / "large.jpg"), solid(0, (800, 400)))
    (frame,) = open_camera(str(tmp_path / "large.jpg"), InputSpec(48, 48))
    assert frame.image.shape == (100, 200, 3)
    assert frame.size_wh == (800, 400)


def test_photos_in_full_size_have_no_separate_source_size(tmp_path):
    for name in ("small.jpg", "large.png"):
        cv2.imwrite(str(tmp_path / name), solid(0, (100, 80) if name == "small.jpg" else (800, 400)))
    with open_camera(str(tmp_path), InputSpec(48, 48)) as camera:
        assert [(frame.name, frame.size_wh) for frame in camera] == [("large.png", None), ("small.jpg", None)]
    cv2.imwrite(str(tmp_path / "large.jpg"), solid(0, (800, 400)))
    with open_camera(str(tmp_path / "large.jpg")) as camera:
        assert [frame.size_wh for frame in camera] == [None]


def test_network_camera_is_live(mjpeg):
    with open_camera(mjpeg()) as camera:
        frames = list(islice(camera, 5))
    assert camera.live
    assert camera.size == (320, 240)
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]


def test_network_camera_that_goes_away_is_lost(mjpeg):
    with open_camera(mjpeg(frames=40)) as camera, pytest.raises(CameraError, match="lost after"):
        list(camera)


def test_an_address_without_an_answer_is_reported_without_its_password(capfd):
    with pytest.raises(CameraError, match="no pictures") as caught:
        open_camera("rtsp://me:secret@127.0.0.1:1/stream")
    assert "secret" not in str(caught.value)
    assert "rtsp://127.0.0.1:1/stream" in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://me:se/cret@10.0.0.7/stream", "rtsp://10.0.0.7/stream"),
        ("rtsp://me:sec@ret@10.0.0.7:554/a?channel=1", "rtsp://10.0.0.7:554/a?channel=1"),
        ("http://10.0.0.7/video.cgi?user=me&pwd=secret&size=1", "http://10.0.0.7/video.cgi?user=me&pwd=…&size=1"),
        ("http://10.0.0.7/video.cgi?loginuse=me&loginpas=secret", "http://10.0.0.7/video.cgi?loginuse=me&loginpas=…"),
        ("rtsp://10.0.0.7/user=me_password=secret_channel=1.sdp", "rtsp://10.0.0.7/user=me_password=…"),
        ("http://10.0.0.7/live?Auth_Token=secret", "http://10.0.0.7/live?Auth_Token=…"),
        ("http://10.0.0.7/live?api_key=secret", "http://10.0.0.7/live?api_key=…"),
    ],
)
def test_a_password_anywhere_in_an_address_is_hidden(monkeypatch, address, shown):
    monkeypatch.setattr(film_module, "open_capture", lambda *_: None)
    with pytest.raises(CameraError) as caught:
        open_camera(address)
    assert caught.value.where == shown


@pytest.mark.real_data
def test_real_film_is_read_to_its_end(data_folder):
    with open_camera(str(data_folder / "videos" / "bottle-detection.mp4")) as camera:
        assert sum(1 for _ in camera) == 1189


@pytest.mark.real_data
def test_real_photos_are_read_in_natural_order(data_folder):
    frames = list(open_camera(str(data_folder / "photos")))
    assert [frame.name for frame in frames][:3] == ["bird.bmp", "cat.bmp", "cat_720p.jpg"]
    assert len(frames) == 9


@pytest.mark.parametrize("source", ["rtsp://me:secret@10.0.0.7/1", "rtsp:/me:secret@10.0.0.7/1"])
def test_messages_about_misused_addresses_hide_the_password(source):
    with pytest.raises(EdgetlError) as caught:
        open_camera(source, None, CameraRequest(size=(640, 480)) if "://" in source else CameraRequest())
    assert "secret" not in str(caught.value)
    assert "10.0.0.7" in str(caught.value)
