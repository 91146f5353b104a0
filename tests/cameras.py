"""Network cameras on this machine that can be made to fail: MJPEG over HTTP, and RTSP with RTP/JPEG (RFC 2435)."""

from __future__ import annotations

import itertools
import random
import socket
import struct
import threading
import time
from contextlib import suppress

import cv2
import numpy as np


def pictures(size=(640, 480), count=8):
    """JPEGs of which no two are the same, with some detail in them."""
    noise = np.random.default_rng(size[0]).integers(0, 80, (size[1], size[0], 3), np.uint8)
    encoded = []
    for index in range(count):
        image = cv2.GaussianBlur(np.roll(noise, 16 * index, axis=1), (0, 0), 3)
        image[:, :, 2] += 100
        encoded.append(cv2.imencode(".jpg", image)[1].tobytes())
    return encoded


class NetworkCamera:
    """Sends pictures to whoever connects, until it is killed; it may be started again at the same address.

    Attributes:
        mode: `run`; `stall` sends nothing but stays connected, `freeze` one picture for ever, `half` half a JPEG now
            and then, `cut` nothing but half ones, `garbage` what only begins and ends like a JPEG,
            `empty` pictures without a byte.
        sent: pictures sent whole.
    """

    def __init__(self, size=(640, 480), fps=30):
        self.mode = "run"
        self.fps = fps
        self.sent = 0
        self.resize(size)
        self._port = 0
        self._sockets = set()
        self._lock = threading.Lock()
        self.start()

    def resize(self, size):
        """Changes the pictures' size in mid-stream."""
        self.size, self._pictures = size, pictures(size)

    def start(self):
        """Listens, at the same port as before."""
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        self._listener.listen()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    @property
    def address(self):
        return f"{self.scheme}://127.0.0.1:{self._port}/{self.path}"

    def kill(self):
        """Closes its port and every connection at once, as losing its power does."""
        with self._lock:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            for client in self._sockets:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.shutdown(socket.SHUT_RDWR)
                client.close()
            self._sockets.clear()

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._sockets.add(client)
            threading.Thread(target=self._serve_one, args=(client,), daemon=True).start()

    def _serve_one(self, client):
        with suppress(OSError):
            self.serve(client)
        with self._lock:
            self._sockets.discard(client)
        client.close()

    def stream(self, send):
        """Calls `send` with each JPEG, keeping the pace."""
        begun, frozen = time.monotonic(), None
        for index in itertools.count():
            time.sleep(max(0.0, begun + index / self.fps - time.monotonic()))
            if self.mode == "stall":
                continue
            jpeg = self._pictures[index % len(self._pictures)]
            frozen = (frozen or jpeg) if self.mode == "freeze" else None
            if self.mode == "cut" or (self.mode == "half" and index % 3 == 0):
                send(jpeg[: len(jpeg) // 2])
                continue
            if self.mode == "empty":
                send(b"")
                continue
            if self.mode == "garbage":
                send(b"\xff\xd8" + random.Random(index).randbytes(2000) + b"\xff\xd9")
                continue
            send(frozen or jpeg)
            self.sent += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with suppress(OSError):  # killed already
            self.kill()


class MjpegCamera(NetworkCamera):
    """MJPEG over HTTP, as multipart/x-mixed-replace."""

    scheme, path = "http", "stream.mjpg"

    def serve(self, client):
        read_request(client)
        client.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=edge\r\n\r\n")

        def send(jpeg):
            head = f"--edge\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
            client.sendall(head + jpeg + b"\r\n")

        self.stream(send)


class RtspCamera(NetworkCamera):
    """RTSP with RTP over the same connection."""

    scheme, path = "rtsp", "stream"

    def serve(self, client):
        while True:
            request = read_request(client)
            if not request:
                return
            method = request.split()[0]
            number = next(line.split(":")[1].strip() for line in request.splitlines() if line.startswith("CSeq"))
            client.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\nSession: 1\r\n{self._answer(method)}".encode())
            if method == "PLAY":
                threading.Thread(target=drain, args=(client,), daemon=True).start()
                self.stream(Packets(client).send)

    def _answer(self, method):
        if method == "DESCRIBE":
            sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=edge\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
            sdp += "m=video 0 RTP/AVP 26\r\na=control:track\r\n"
            return f"Content-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n\r\n{sdp}"
        if method == "SETUP":
            return "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
        return "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n"


class Packets:
    """Cuts JPEGs into RTP packets."""

    def __init__(self, client):
        self.client = client
        self.number = random.randrange(1 << 15)

    def send(self, jpeg):
        scan, tables, (height, width) = taken_apart(jpeg)
        stamp = int(time.monotonic() * 90_000) & 0xFFFFFFFF
        for at in range(0, max(len(scan), 1), 1300):
            part = scan[at : at + 1300]
            head = struct.pack(">I", at) + bytes((1, 255, width // 8, height // 8))  # type 1: 4:2:0; 255: own tables
            if at == 0:
                head += struct.pack(">BBH", 0, 0, len(tables)) + tables
            marker = 0x80 if at + 1300 >= len(scan) else 0
            rtp = struct.pack(">BBHII", 0x80, 26 | marker, self.number & 0xFFFF, stamp, 7)
            packet = rtp + head + part
            self.client.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)
            self.number += 1


def taken_apart(jpeg):
    """A JPEG's scan, its quantization tables one after the other, and its (height, width)."""
    at, tables, size = 2, b"", None
    while True:
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        content = jpeg[at + 4 : at + 2 + length]
        if marker == 0xDB:
            tables += b"".join(content[start + 1 : start + 65] for start in range(0, len(content), 65))
        elif marker == 0xC0:
            size = struct.unpack(">HH", content[1:5])
        at += 2 + length
        if marker == 0xDA:
            return jpeg[at:], tables, size


def read_request(client):
    """Reads up to an empty line; what RTCP comes between goes by. Empty at the end."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        piece = client.recv(1)
        if not piece:
            return ""
        data += piece
    return data.decode(errors="replace").lstrip()


def drain(client):
    """Reads and forgets what a client says while it is sent pictures."""
    with suppress(OSError):
        while client.recv(4096):
            pass
