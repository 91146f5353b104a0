"""What viewers of the live page cost a run: results a second without them and with them, in turn, in one run.

    python bench/page_viewers.py models/parts/rpi
    python bench/page_viewers.py models/parts/rpi --fps 30

The frames are a film that edgetl draws, 1280 x 720, from memory, as fast as the model takes them, or as a camera gives
them with --fps. The viewers are sockets that read the page's picture as fast as it comes, in a process of their own on
the same cores. Exits with 1 where the results' rate with viewers is below 0.9 of that without.
"""

from __future__ import annotations

import argparse
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from edgetl import Model
from edgetl.device.camera.frame import Frame
from edgetl.device.observation import Observation
from edgetl.device.result_selection import ResultSelection
from edgetl.device.run import loop
from edgetl.device.sinks.page import Page
from edgetl.device.sinks.page.endpoint import Endpoint
from edgetl.device.status import Status
from edgetl.device.stop import Stop
from edgetl.host.demo.film import draw_boxed_film

LEAST = 0.9


class Drawn:
    """A camera, or a film, that shows the same drawn frames again and again until it is told to stop."""

    size = (1280, 720)

    def __init__(self, fps: float | None, stop: Stop) -> None:
        self.live = fps is not None
        self.fps = fps
        self._stop = stop
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "film.mp4"
            draw_boxed_film(path, 3, 20, 0, self.size)
            film = cv2.VideoCapture(str(path))
            self._frames = [film.read()[1] for _ in range(60)]
            film.release()

    def __iter__(self) -> Iterator[Frame]:
        start, index = time.monotonic(), 0
        while not self._stop.is_set():
            if self.fps:
                time.sleep(max(0.0, start + index / self.fps - time.monotonic()))
            yield Frame(self._frames[index % len(self._frames)], time.monotonic(), index)
            index += 1

    def shots(self) -> Iterator[Frame]:
        return iter(self)

    def close(self) -> None:
        pass

    def __enter__(self) -> Drawn:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Measured:
    """Counts results by whether viewers look."""

    def __init__(self) -> None:
        self.count = 0
        self.rows: dict[int, list[tuple[float, float, float, float]]] = {}

    def __call__(self, observation: Observation) -> None:
        self.count += 1

    def segment(self, viewers: int, seconds: float, status: Status) -> None:
        before, start, worked = self.count, time.monotonic(), time.process_time()
        time.sleep(seconds)
        taken = time.monotonic() - start
        rate, cores = (self.count - before) / taken, (time.process_time() - worked) / taken
        stages = status.figures().stages
        self.rows.setdefault(viewers, []).append((rate, stages["invoke"].p50, stages["age"].p95, cores))


def look(port: int, count: int, seconds: float) -> None:
    """Reads the picture as so many viewers for a while; prints the pictures a viewer got a second."""
    chosen, pictures, end = selectors.DefaultSelector(), 0, time.monotonic() + seconds
    for _ in range(count):
        viewer = socket.create_connection(("127.0.0.1", port))
        viewer.sendall(b"GET /api/stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        chosen.register(viewer, selectors.EVENT_READ, viewer)
    buffer = bytearray(1 << 20)
    while time.monotonic() < end:
        for key, _ in chosen.select(0.2):
            read = key.data.recv_into(buffer)
            pictures += buffer.count(b"X-Frame-Index", 0, read)
    print(pictures / count / seconds)


def measure(page: Page, status: Status, measured: Measured, given: argparse.Namespace, stop: Stop) -> None:
    """Measures in turn, then ends the run."""
    pictures = []
    try:
        time.sleep(2)
        for _ in range(given.rounds):
            measured.segment(0, given.seconds, status)
            port, lasting = str(page.endpoint.port), str(given.seconds + 3)
            command = [sys.executable, __file__, "--look", port, str(given.viewers), lasting]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as viewers:
                time.sleep(2)
                measured.segment(given.viewers, given.seconds, status)
                pictures.append(float(viewers.communicate()[0]))
            time.sleep(0.5)
    finally:
        stop.set()
    print(
        f"{'viewers':>8}{'results/s':>11}{'invoke p50, ms':>16}{'age p95, ms':>13}{'cores':>7}{'pictures/s each':>17}"
    )
    for viewers, rows in measured.rows.items():
        rate, invoke, age, cores = (statistics.median(column) for column in zip(*rows, strict=True))
        seen = f"{statistics.median(pictures):>17.1f}" if viewers else ""
        print(f"{viewers:>8}{rate:>11.1f}{invoke:>16.2f}{age:>13.1f}{cores:>7.2f}{seen}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--fps", type=float, help="as a camera; else as fast as it goes")
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each kind")
    given = parser.parse_args()
    stop, status, measured = Stop(), Status(), Measured()
    camera = Drawn(given.fps, stop)
    with Model.open(given.model) as model, Page(Endpoint(port=0), ResultSelection(model.card), status) as page:
        thread = threading.Thread(target=measure, args=(page, status, measured, given, stop))
        thread.start()
        loop.run(model, camera, [page], on_observation=measured, stop=stop, status=status)
        thread.join()
    without, with_viewers = (statistics.median(row[0] for row in rows) for rows in measured.rows.values())
    print(f"with {given.viewers} viewers {with_viewers / without:.1%} of the results a second without")
    return int(with_viewers / without < LEAST)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--look"]:
        look(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    else:
        sys.exit(main())
