"""Addresses of cameras: no message shows a password, and a password can come from a file or the environment."""

from __future__ import annotations

import base64
import http.server
import os
import threading
from urllib.parse import quote

import cv2
import pytest
from fakes import solid
from homes import edgetl

from edgetl.device.camera import open_camera
from edgetl.device.camera.address import PASSWORD, names_user, read_password, with_password, without_password
from edgetl.device.camera.protocol import CameraRequest
from edgetl.device.camera.source import parse_source
from edgetl.errors import CameraError, EdgetlError, UsageError

ODD = "p@s/s:w#o?r%d é"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://me:secret@10.0.0.7/1", "rtsp://10.0.0.7/1"),
        ("rtsp://do/main:secret@10.0.0.7/1", "rtsp://10.0.0.7/1"),
        ("rtsp:/me:secret@10.0.0.7:1/snap.jpg", "rtsp:/10.0.0.7:1/snap.jpg"),
        ("http//me:secret@10.0.0.7/[x].png", "http//10.0.0.7/[x].png"),
        (r"rtsp:\\me:secret@10.0.0.7/1", r"rtsp:\\10.0.0.7/1"),
        ("rtsp;//me:secret@10.0.0.7/1", "10.0.0.7/1"),
        ("me:secret@10.0.0.7:1/x.mp4", "10.0.0.7:1/x.mp4"),
        ("rtsp://admin:secret", "rtsp://admin:…"),
        ("rtsp://admin:secret%4010.0.0.7/1", "rtsp://admin:…/1"),
        ("http//10.0.0.7/v.cgi?user=me&pwd=secret", "http//10.0.0.7/v.cgi?user=me&pwd=…"),
        ("rtsp://[::1]:554/1", "rtsp://[::1]:554/1"),
        ("rtsp://10.0.0.7:554/1", "rtsp://10.0.0.7:554/1"),
        ("films/12:30:00.mp4", "films/12:30:00.mp4"),
        ("me@home/*.jpg", "me@home/*.jpg"),
    ],
)
def test_messages_show_a_source_without_its_password(tmp_path, monkeypatch, source, shown):
    monkeypatch.chdir(tmp_path)
    assert without_password(source) == shown
    if "secret" in source:
        for request in (CameraRequest(timeout=0.1), CameraRequest(size=(640, 480))):
            if "://" not in source or request.size:  # else it would be tried
                with pytest.raises(EdgetlError) as caught:
                    open_camera(source, None, request)
                assert "secret" not in str(caught.value)


def test_path_that_exists_is_shown_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "12:30@home.mp4").write_bytes(b"no film")
    with pytest.raises(CameraError, match="can't be decoded") as caught:
        open_camera("12:30@home.mp4")
    assert caught.value.where == "12:30@home.mp4"


@pytest.mark.parametrize(
    "args",
    [
        ["run", "rtsp:/me:secret@10.0.0.7/1"],
        ["run", "rtsp://me:secret@10.0.0.7/1"],
        ["run", "model", "rtsp://me:secret@10.0.0.7/1"],
        ["rtsp://me:secret@10.0.0.7/1"],
    ],
)
def test_an_address_given_as_the_model_is_refused_without_its_password(empty_home, args):
    done = edgetl(*args)
    assert done.code == 2
    assert "secret" not in done.err + done.out
    assert "10.0.0.7" in done.err


@pytest.mark.parametrize(
    ("address", "password", "made"),
    [
        ("rtsp://me@10.0.0.7/1", "new", "rtsp://me:new@10.0.0.7/1"),
        ("rtsp://me:old@10.0.0.7/1", "new", "rtsp://me:new@10.0.0.7/1"),
        ("rtsp://me:old@10.0.0.7/1", None, "rtsp://me:old@10.0.0.7/1"),
        ("rtsp://me@10.0.0.7/1", "", "rtsp://me:@10.0.0.7/1"),
        ("rtsp://me@10.0.0.7/live@main", ODD, f"rtsp://me:{quote(ODD, safe='')}@10.0.0.7/live@main"),
        ("rtsp://do/ma@in:old@10.0.0.7/1", None, "rtsp://do%2Fma%40in:old@10.0.0.7/1"),
        ("rtsp://me:se/cr#et@10.0.0.7/1", None, "rtsp://me:se%2Fcr%23et@10.0.0.7/1"),
        ("rtsp://me:a%40b@10.0.0.7/1", None, "rtsp://me:a%40b@10.0.0.7/1"),
        ("rtsp://10.0.0.7:554/live@main", "new", "rtsp://10.0.0.7:554/live@main"),
        ("rtsp://10.0.0.7/1", "new", "rtsp://10.0.0.7/1"),
    ],
)
def test_a_password_is_put_into_an_address_that_names_a_user(address, password, made):
    assert with_password(address, password) == made
    assert names_user(address) == ("me" in address or "ma@in" in address) or "main" in address


def test_the_password_file_has_priority_over_the_variable_and_that_over_the_address(tmp_path, monkeypatch):
    file = tmp_path / "password"
    file.write_text(f"{ODD}\nmore\n")
    assert read_password(None, parse_source("rtsp://me@10.0.0.7/1")) is None
    monkeypatch.setenv(PASSWORD, "from outside")
    assert read_password(None, parse_source("0")) == "from outside"
    assert read_password(file, parse_source("rtsp://me@10.0.0.7/1")) == ODD
    assert ODD not in repr(CameraRequest(password=ODD))


@pytest.mark.parametrize("source", ["0", "film.mp4", "rtsp://10.0.0.7/1", "picamera://0"])
def test_password_without_a_user_is_refused(tmp_path, source):
    (tmp_path / "password").write_text("secret")
    with pytest.raises(UsageError, match="names a user"):
        read_password(tmp_path / "password", parse_source(source))


def test_an_unusable_password_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "large").write_bytes(bytes(10_000))
    (tmp_path / "latin").write_bytes(b"\xff")
    for name in ("fifo", "large", "latin", "missing"):
        with pytest.raises(UsageError, match="can't be read"):
            read_password(tmp_path / name, parse_source("rtsp://me@10.0.0.7/1"))


def test_a_camera_receives_user_and_password_with_special_characters(tmp_path):
    jpeg = cv2.imencode(".jpg", solid(2, (320, 240)))[1].tobytes()
    logins = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            login = self.headers.get("Authorization", "")
            if not login:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.end_headers()
                return
            logins.append(base64.b64decode(login.removeprefix("Basic ")).decode())
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=edge")
            self.end_headers()
            for _ in range(50):
                head = f"--edge\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
                self.wfile.write(head + jpeg + b"\r\n")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://do/ma@in:x@127.0.0.1:{server.server_address[1]}/stream"
        with open_camera(address, None, CameraRequest(password=ODD)) as camera:
            assert next(iter(camera)).image.shape == (240, 320, 3)
        server.shutdown()
    assert logins[0] == f"do/ma@in:{ODD}"
