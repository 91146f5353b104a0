"""A camera that sends H.264 over HTTP, as many in the network do, with a number in each picture."""

from __future__ import annotations

import time

import av
from cameras import NetworkCamera, read_request
from paced import FPS, NUMBERED_SIZE, drawn


class H264Camera(NetworkCamera):
    """Takes a picture every thirtieth of a second and sends every one at once, in an MPEG transport stream."""

    scheme, path = "http", "stream.ts"

    def __init__(self):
        super().__init__(NUMBERED_SIZE, FPS)

    def serve(self, client):
        read_request(client)
        client.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
        out = _Out(client)
        with av.open(out, "w", format="mpegts", options={"flush_packets": "1"}) as stream:
            self._send(stream, out)

    def _send(self, stream, out):
        fast = {"preset": "ultrafast", "tune": "zerolatency", "g": str(FPS)}
        track = stream.add_stream("libx264", rate=FPS, options=fast)
        track.width, track.height = NUMBERED_SIZE
        track.pix_fmt = "yuv420p"
        begun = number = int(time.monotonic() * FPS) + 1
        while not out.closed:
            time.sleep(max(0.0, number / FPS - time.monotonic()))
            picture = av.VideoFrame.from_ndarray(drawn(number), format="bgr24")
            picture.pts = number - begun
            for packet in track.encode(picture):
                stream.mux(packet)
            number += 1


class _Out:
    """What PyAV writes to; nobody could catch an error of its thread."""

    def __init__(self, client):
        self.closed = False
        self._client = client

    def write(self, data):
        try:
            self._client.sendall(data)
        except OSError:
            self.closed = True
        return len(data)
