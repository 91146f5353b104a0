"""Memory stays limited if a camera announces or sends more than any picture has."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from contextlib import suppress

import cv2
import pytest
from fakes import solid

PICTURE = cv2.imencode(".jpg", solid(2))[1].tobytes()
MULTIPART = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=f\r\n\r\n"
PART = b"--f\r\nContent-Type: image/jpeg\r\n"
HUGE = b"Content-Length: 2000000000\r\n\r\n"
STARTS = {
    "part of 2 GB": MULTIPART + PART + HUGE + PICTURE[:50],
    "part without end": MULTIPART + PART + b"\r\n" + PICTURE[:50],
    "picture of 2 GB": b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 2000000000\r\n\r\n"
    + PICTURE[:50],
}

PROGRAM = """
import sys
from edgetl.device.camera import CameraRequest, open_camera
from edgetl.errors import CameraError
def peak():  # kB; not getrusage's, which begins with what the process had that this one was started from
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
before = peak()
try:
    with open_camera(sys.argv[1], None, CameraRequest(timeout=3)) as camera:
        for frame in camera:
            pass
except CameraError as error:
    print(error.what)
print((peak() - before) // 1024)
"""


def marks(name):
    return () if name == "part of 2 GB" else pytest.mark.slow


@pytest.fixture(params=[pytest.param(start, id=name, marks=marks(name)) for name, start in STARTS.items()])
def flood(request):
    """The address of a camera that sends one picture without end."""

    def serve(client):
        with suppress(OSError), client:
            client.recv(4096)
            client.sendall(request.param)
            while True:
                client.sendall(b"\x11" * 65536)

    def accept():
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        listener.shutdown(socket.SHUT_RDWR)


def test_an_endless_picture_takes_limited_memory(flood):
    done = subprocess.run([sys.executable, "-c", PROGRAM, flood], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) < 400, "MB"
