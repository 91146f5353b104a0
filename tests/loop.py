"""One turn of the loop, for a test and a benchmark: train, run, collect, pull, label and train again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

import edgetl
from edgetl.host.demo.draw import PARTS, draw_scene

SIZE_WH = 320, 240
FIRST, SECOND = (0, 1), (2, 3)
"""The kinds of light of the first photos, and of the camera that collects."""
FPS = 4
SCENE_FRAMES = 4
"""Each part is in the film for a second, as parts on a slow belt are."""
OPTIONS = {"size": 96, "batch": 16, "augment": 0.4, "batch_norm": "frozen", "layer_decay": 0.5}
"""The demo's options."""


def under(kind: int, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A picture, (H, W, 3) uint8 BGR, under one of four kinds of light: day, tubes, a warm lamp, and night."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / max(height, width)
    gain = [(1, 1, 1), (1.12, 1.02, 0.92), (0.35, 0.7, 1.2), (0.9, 0.65, 0.45)][kind]
    level = [1.0, 0.9, 0.75, 0.35][kind] * rng.uniform(0.9, 1.1)
    light = np.full((height, width), level, np.float32)
    if kind in SECOND:
        turn = rng.uniform(0, 2 * np.pi)
        light *= np.exp(-1.6 * np.hypot(x - 0.5 - 0.4 * np.cos(turn), y - 0.4 - 0.4 * np.sin(turn)))
        light *= 1.8
    noise = rng.normal(0, (2, 2, 4, 7)[kind], picture.shape)
    return np.clip(picture * light[..., None] * np.float32(gain) + noise, 0, 255).astype(np.uint8)


def draw(kinds: Sequence[int], label: str, seed: Sequence[int]) -> np.ndarray:
    """A picture of one part under one of some kinds of light."""
    rng = np.random.default_rng(seed)
    return under(int(rng.choice(kinds)), draw_scene(rng, SIZE_WH, [label])[0], rng)


def draw_set(root: Path, kinds: Sequence[int], per_class: int, seed: int) -> Path:
    """Writes class folders of parts under some kinds of light."""

    def put(job: tuple[str, int]) -> None:
        label, number = job
        picture = draw(kinds, label, (seed, PARTS.index(label), number))
        cv2.imwrite(str(root / label / f"{seed}-{number:03}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])

    for label in PARTS:
        (root / label).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(put, [(label, n) for label in PARTS for n in range(per_class)]))
    return root


def draw_film(path: Path, kinds: Sequence[int], scenes: int, seed: int) -> list[str]:
    """Writes a film of parts that pass one after another under some kinds of light; returns the label of each."""
    rng = np.random.default_rng((seed, 99))
    labels = [str(label) for label in rng.choice(PARTS, scenes)]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, SIZE_WH)
    for number, label in enumerate(labels):
        picture = draw(kinds, label, (seed, 98, number))
        for _ in range(SCENE_FRAMES):
            writer.write(picture)
    writer.release()
    return labels


def label_by_truth(photos: Sequence[tuple[Path, int]], labels: Sequence[str], root: Path) -> Path:
    """Copies photos, each with the index of its frame, into the class folders of what the film shows there."""
    for photo, index in photos:
        folder = root / labels[index // SCENE_FRAMES]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, folder / photo.name)
    return root


def random_frames(film: Path, count: int, root: Path, seed: int) -> list[tuple[Path, int]]:
    """Saves frames of a film that were drawn by lot, at most one of each part; returns them with their index."""
    root.mkdir(parents=True)
    capture = cv2.VideoCapture(str(film))
    scenes = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) // SCENE_FRAMES
    wanted = np.random.default_rng((seed, 97)).choice(scenes, count, replace=False) * SCENE_FRAMES
    saved, index = [], 0
    while capture.grab():
        if index in wanted:
            path = root / f"random-{index:05}.jpg"
            cv2.imwrite(str(path), capture.retrieve()[1], [cv2.IMWRITE_JPEG_QUALITY, 95])
            saved.append((path, index))
        index += 1
    return saved


@dataclass(frozen=True)
class Turn:
    """What one turn of the loop came to: top-1 under both kinds of light, before and after, 0..1.

    Attributes:
        photos: the number of collected photos.
        before: the accuracy under the second light before the turn.
        collected: the accuracy after training with the collected photos.
        drawn: the accuracy after training with as many photos as `random_photos` of the same film, drawn by lot.
        random_photos: the number of these.
        first: the accuracy under the first light, before and after training with the collected photos.
    """

    photos: int
    before: float
    collected: float
    drawn: float
    random_photos: int
    first: tuple[float, float]


def collect(model: str, film: Path, folder: Path) -> None:
    """Runs a bundle on a film and keeps the frames that are worth labelling."""
    edgetl.run(edgetl.RunSettings(model=model, source=str(film), collect=folder))


def pulled_photos(device: Path, folder: Path) -> list[tuple[Path, int]]:
    """Pulls what was collected; returns the photos with the index of their frame in the film."""
    index = {file.stem: json.loads(file.read_text())["result"]["index"] for file in device.glob("*.json")}
    edgetl.pull(folder, source=device)
    return [(path, index[path.stem]) for path in sorted((folder / "proposed").rglob("*.jpg"))]


def turn(folder: Path, seed: int, *, per_class: int = 50, scenes: int = 600, random_photos: int = 60) -> Turn:
    """Makes one turn of the loop in an empty folder; the store of models is the environment's."""
    base, first, second = f"base{seed}", folder / "first", folder / "second"
    photos = draw_set(folder / "photos", FIRST, per_class, 10 * seed + 1)
    draw_set(first, FIRST, 30, 10 * seed + 2)
    draw_set(second, SECOND, 60, 10 * seed + 3)
    edgetl.train(edgetl.TrainOptions(photos, base, weights="starter", epochs=20, seed=seed, **OPTIONS))
    bundle = edgetl.convert(base, "x86", recipes=["float32"], runtimes=["tflite"])
    film = folder / "film.mp4"
    labels = draw_film(film, SECOND, scenes, 10 * seed + 4)
    collect(str(bundle.folder), film, folder / "device")
    found = pulled_photos(folder / "device", folder / "pulled")
    drawn = random_frames(film, random_photos, folder / "drawn", seed)
    accuracy = {}
    for name, chosen in (("collected", found), ("random", drawn)):
        both = shutil.copytree(photos, folder / f"photos-{name}")
        label_by_truth(chosen, labels, both)
        model = f"{name}{seed}"
        edgetl.train(edgetl.TrainOptions(both, model, weights=base, epochs=12, seed=seed, **OPTIONS))
        accuracy[name] = edgetl.evaluate(model, second).top1
    return Turn(
        len(found),
        edgetl.evaluate(base, second).top1,
        accuracy["collected"],
        accuracy["random"],
        len(drawn),
        (edgetl.evaluate(base, first).top1, edgetl.evaluate(f"collected{seed}", first).top1),
    )
