"""The commands and the examples of the documentation run, as far as they need no camera, network or long time."""

from __future__ import annotations

import io
import runpy
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from boxed import put_voc
from doc_pages import EXAMPLES, PAGES, ROOT, Line, shell_lines
from homes import Home, draw_shape, edgetl

LONG = {"train", "compare", "convert", "demo", "tune", "bench", "capture", "pull", "deploy", "release"}
"""Commands that take too long, change the photos or need a device; other tests run them."""
ELSEWHERE = {
    "--mqtt": "a broker",
    "--serve": "a browser",
    "--show": "a screen",
    "--size": "a camera",
    "--camera-password-file": "a camera",
}
HAS = {"parts", "parts@1", "finder", "models/parts/rpi", "photos", "boxes", "rpi5"}
"""What the words behind a command may name here."""
SUBCOMMANDS = {"check", "convert", "show", "use", "remove", "list"}
FILES = {"photos", "photos/", "photos/*.jpg", "film.mp4"}
"""The sources of frames that the home of these tests has."""


def reason_not_run(words: tuple[str, ...]) -> str:
    """Why a line can't run here; empty if it can."""
    command, *rest = words
    if command in LONG:
        return "it takes long"
    if needs := [ELSEWHERE[word] for word in rest if word in ELSEWHERE]:
        return f"it needs {needs[0]}"
    if "finder" in rest and (command != "run" or "--classes" in rest):
        return "it needs a trained detector"
    named = next((word for word in rest if word not in SUBCOMMANDS), "--none")
    return "" if named.startswith("-") or named in HAS else f"it needs {named}"


def with_stand_ins(words: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the words of a line with a film in the place of a camera, and a model file in that of the detector."""
    if words[0] != "run":
        return words
    film = "belt.mp4" if "finder" in words else "film.mp4"
    words = tuple("finder.tflite" if word == "finder" else word for word in words)
    if "--source" not in words:
        return (*words, "--source", film)
    at = words.index("--source") + 1
    return (*words[:at], words[at] if words[at] in FILES else film, *words[at + 1 :])


def lines_that_run() -> Iterator[Line]:
    """Each different line of shell that begins with an edgetl command and can run here."""
    seen = set()
    for line in (line for page in PAGES for line in shell_lines(page)):
        words = line.commands[0]
        if words[0] == "edgetl" and len(words) > 1 and words not in seen and not reason_not_run(words[1:]):
            seen.add(words)
            yield line


@pytest.fixture(scope="module")
def place(trained_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home as the pages describe it: class folders, boxes, a film, and the model `parts` with its bundle `rpi`."""
    home = Home(tmp_path_factory.mktemp("documented"))
    shutil.copytree(trained_home.photos, home.photos)
    shutil.copy(trained_home.target, home.target)
    shutil.copytree(trained_home.models / "tiny", home.models / "parts")
    (home.models / "parts" / "loose").rename(home.models / "parts" / "rpi")
    changes = {
        str(trained_home.folder): str(home.folder),
        '"name": "tiny"': '"name": "parts"',
        'name = "tiny"': 'name = "parts"',
        '"target": "loose"': '"target": "rpi"',
    }
    for name in ("card.json", "train.toml", "bundle.json"):
        for file in home.models.rglob(name):
            text = file.read_text()
            for old, new in changes.items():
                text = text.replace(old, new)
            file.write_text(text)
    for number in range(4):
        put_voc(home.folder / "boxes" / f"{number}.jpg", [("ace", 10, 10, 50, 60)], seed=number)
    write_film(home.folder / "film.mp4")
    write_belt(home.folder / "belt.mp4")
    detectors = runpy.run_path(str(ROOT / "tests" / "device" / "detectors.py"))
    cells = detectors["with_card"](detectors["build_cells"](False), detectors["CARD"])
    (home.folder / "finder.tflite").write_bytes(cells)
    for photo in (home.photos / "disc").glob("0*.jpg"):
        shutil.copy(photo, home.photos / photo.name)  # for patterns such as photos/*.jpg
    with pytest.MonkeyPatch.context() as patch:
        for key, value in home.environment.items():
            patch.setenv(key, value)
        patch.chdir(home.folder)
        yield home


def write_film(path: Path) -> None:
    """A film of a disc, a square and a cross, eight frames each."""
    rng = np.random.default_rng(0)
    shapes = [draw_shape(label, rng) for label in ("disc", "square", "cross")]
    write_frames(path, [shape for shape in shapes for _ in range(8)])


def write_belt(path: Path) -> None:
    """A film in which a red square goes from the left to the right."""
    frames = []
    for column in (0, 1, 2, 3):
        picture = np.zeros((120, 160, 3), np.uint8)
        picture[30:60, 40 * column : 40 * column + 40, 2] = 255
        frames += [picture] * 6
    write_frames(path, frames)


def write_frames(path: Path, frames: list[np.ndarray]) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (160, 120))
    for frame in frames:
        writer.write(frame)
    writer.release()


@pytest.mark.parametrize("line", lines_that_run(), ids=str)
def test_a_documented_command_runs(place, line):
    done = edgetl(*with_stand_ins(line.commands[0][1:]))
    assert done.code == 0, done.err


def test_most_commands_are_among_those_that_run():
    commands = {line.commands[0][1] for line in lines_that_run()}
    assert commands >= {"data", "eval", "verify", "run", "models", "targets", "doctor", "cameras"}


def run_example(name: str, *arguments: str | Path) -> None:
    """Runs an example in this process with arguments."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(ROOT / "docs" / "examples" / f"{name}.py"), run_name="__main__")


def test_the_example_classifies_a_photo(place, capsys):
    run_example("classify_a_photo", "models/parts/rpi", "photos/disc/00.jpg")
    rows = capsys.readouterr().out.splitlines()
    assert sorted(row.split()[1] for row in rows[:3]) == ["cross", "disc", "square"]
    assert rows[3].endswith("with the variant float32")


def test_the_example_reads_json_lines(place, capsys, monkeypatch):
    lines = edgetl("run", "parts", "--source", "film.mp4", "--jsonl", "-", "--quiet").out
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    run_example("read_json_lines")
    rows = capsys.readouterr().out.splitlines()
    assert sum(int(row.split()[0]) for row in rows[:-1] if row.split()[0].isdigit()) == 24
    assert rows[-1].startswith("the oldest result was")


def test_the_example_calls_own_code_for_each_result(place, capsys):
    run_example("live_camera_with_own_code", "models/parts/rpi", "film.mp4", "--label", "disc")
    assert "24 frames in" in capsys.readouterr().out


def test_the_example_writes_into_a_database(place):
    run_example("own_sink", "models/parts/rpi", "film.mp4", "results.db")
    with closing(sqlite3.connect("results.db")) as database:
        assert database.execute("SELECT COUNT(*) FROM results").fetchone() == (24,)
        assert database.execute("SELECT COUNT(*) FROM events WHERE kind = 'recognised'").fetchone()[0] >= 1


def test_the_example_counts_across_a_line(place, capsys):
    run_example("count_across_a_line", "finder.tflite", "belt.mp4")
    assert "middle: 1 in, 0 out" in capsys.readouterr().out
    assert (place.folder / "counted.mp4").stat().st_size > 1000


@pytest.mark.slow
def test_the_example_goes_from_photos_to_a_bundle(place, capsys):
    pytest.importorskip("tensorflow")
    run_example("train_and_convert", "photos", "other", "--target", str(place.target), "--epochs", "0")
    assert "copy " in capsys.readouterr().out
    assert (place.models / "other" / "loose" / "bundle.json").is_file()


@pytest.mark.slow
def test_the_example_imports_a_keras_model(place, capsys):
    pytest.importorskip("tensorflow")
    shutil.copy("models/parts/model.keras", "given.keras")
    Path("labels.txt").write_text("cross\ndisc\nsquare\n")
    run_example("import_a_keras_model", "given.keras", "labels.txt", "photos", "given", "--target", str(place.target))
    assert "top-1" in capsys.readouterr().out
    assert (place.models / "given" / "loose" / "bundle.json").is_file()


def test_every_example_has_a_test():
    text = Path(__file__).read_text()
    assert all(f'run_example("{path.stem}"' in text for path in EXAMPLES)
