"""Takes the pictures of the live page for the documentation, from a film that edgetl draws.

The boxes are where the parts were drawn.

python tests/device/sinks/page/page_screenshots.py
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import cv2
from chromium import Browser
from live_page import FakeModel, served_page

from edgetl.device.events import Event
from edgetl.device.measure.thermal import Thermal
from edgetl.device.sinks.page import metrics
from edgetl.host.demo.film import draw_boxed_film

FOLDER = Path(__file__).parents[4] / "docs" / "images"
FPS, SEED = 20, 3
VIEWS = {"desktop": (1280, 860, False), "phone": (390, 844, True)}
"""The width and height of each screenshot, px, and whether it shows a phone with a dark page."""


def drawn_scene():
    """Returns the labels, and a function from a frame's number to (picture, rows of label, score and box)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        placed = draw_boxed_film(path, 6, FPS, SEED, (960, 540))
        film = cv2.VideoCapture(str(path))
        frames = [film.read()[1] for _ in placed]
        film.release()
    labels = sorted({part.label for parts in placed for part in parts})

    def scene(index):
        parts = placed[index % len(placed)]
        scores = [0.83 + 0.15 * (labels.index(part.label) * 0.37 % 1) for part in parts]
        found = [(part.label, score, part.xyxy) for part, score in zip(parts, scores, strict=True)]
        return frames[index % len(frames)], found

    return labels, scene


def take(name: str, url: str) -> Path:
    width, height, phone = VIEWS[name]
    with Browser(width, height, dark=phone) as browser:
        browser.resize(width, height, phone=phone)
        browser.open(url)
        browser.until("document.querySelector('canvas').dataset.shown > 30")
        browser.until("document.querySelector('#state').textContent === 'Live'")
        with tempfile.TemporaryDirectory() as folder:
            browser.screenshot(Path(folder) / "shot.png")
            picture = cv2.imread(str(Path(folder) / "shot.png"))
    path = FOLDER / f"live-page-{name}.jpg"
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])
    return path


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    labels, scene = drawn_scene()
    metrics.Thermal = type("Warm", (), {"here": staticmethod(lambda: Thermal(58.4, 1500.0, 0))})
    with served_page(scene=scene, fps=FPS, model=FakeModel(labels)) as (page, *_):
        page.notify(Event("camera_back", time.monotonic() - 95, "the camera is back after 3.1 s"))
        time.sleep(12)  # so that the figures are those of a run's steady state
        for name in VIEWS:
            path = take(name, page.endpoint.url())
            print(f"{path} {path.stat().st_size >> 10} kB")


if __name__ == "__main__":
    main()
