"""`edgetl run` as a process: its streams, its signals, and a camera that is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import cv2
import pytest
from cameras import MjpegCamera
from fakes import write_film

RUN = [sys.executable, "-c", "import sys; from edgetl.cli.run import run; run.main(sys.argv[1:])"]
MAIN = [sys.executable, "-c", "from edgetl.cli import main; main()"]


def wait_until(condition, seconds=60.0, tell=str):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, tell()
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["film", "stream"])
def test_signal_leaves_a_playable_film_and_exit_code_0(bundle, tmp_path, mjpeg, number, kind):
    source = mjpeg() if kind == "stream" else write_film(tmp_path / "long.mp4", 4000, (320, 240))
    saved = tmp_path / "saved.mp4"
    command = [*RUN, str(bundle), "--source", str(source), "--save", str(saved), "--jsonl", "-"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    seen = 60 if kind == "stream" else 5  # a live film keeps to the clock: give it some time
    for _ in range(seen):
        assert json.loads(process.stdout.readline())["classes"]
    process.send_signal(number)
    # Not communicate(): it reads past what readline() has in store, and loses it.
    out, err = process.stdout.read(), process.stderr.read()
    assert process.wait(30) == 0, err.decode()
    lines = out.decode().splitlines()
    assert all(json.loads(line) for line in lines)
    assert f"{len(lines) + seen:,} frames in" in err.decode()
    assert len(lines) + seen < 4000
    assert b"Traceback" not in err
    capture = cv2.VideoCapture(str(saved))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) >= 5
    assert capture.read()[0]
    assert not list(tmp_path.glob(".*"))


def test_the_command_prints_results_for_people_on_stderr_only(bundle, film):
    done = subprocess.run([*RUN, str(bundle), "--source", str(film)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "frame 0: " in done.stderr
    assert "30 frames in" in done.stderr


def test_command_survives_a_reader_that_leaves(bundle, tmp_path):
    film = write_film(tmp_path / "long.mp4", 3000)
    command = [*RUN, str(bundle), "--source", str(film), "--jsonl", "-", "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read().decode()
    assert process.wait(30) == 0, err
    assert "Traceback" not in err
    assert "BrokenPipe" not in err
    assert "frames in" in err


def test_command_whose_camera_stays_away_keeps_the_film_and_the_lines(bundle, tmp_path):
    saved, lines = tmp_path / "saved.mp4", tmp_path / "lines.jsonl"
    with MjpegCamera() as server:
        command = [*MAIN, "run", str(bundle), "--source", server.address, "--save", str(saved), "--jsonl", str(lines)]
        process = subprocess.Popen([*command, "--give-up", "2s"], stderr=subprocess.PIPE, text=True)
        wait_until(lambda: lines.exists() and lines.read_text().count("\n") > 40)
        server.kill()
        err = process.stderr.read()
        assert process.wait(30) == 6, err
    assert "camera lost: " in err
    assert "the camera is lost and hasn't come back for 2 s" in err
    assert "Traceback" not in err
    assert cv2.VideoCapture(str(saved)).read()[0]
    last = json.loads(lines.read_text().splitlines()[-1])
    assert last["event"] == "camera_lost"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_while_the_camera_is_lost_ends_the_run_well(bundle, tmp_path, number):
    lines, err = tmp_path / "lines.jsonl", tmp_path / "err.txt"
    with MjpegCamera() as server, err.open("w") as output:
        command = [*RUN, str(bundle), "--source", server.address, "--jsonl", str(lines)]
        process = subprocess.Popen(command, stderr=output)
        wait_until(lambda: lines.exists() and lines.read_text().count("\n") > 10, tell=err.read_text)
        server.kill()
        wait_until(lambda: "camera_lost" in lines.read_text(), tell=err.read_text)
        time.sleep(0.7)  # in the middle of the second try
        signalled_at = time.monotonic()
        process.send_signal(number)
        assert process.wait(30) == 0, err.read_text()
    assert time.monotonic() - signalled_at < 6
    assert "frames in" in err.read_text()
    assert "Traceback" not in err.read_text()


@pytest.mark.slow
def test_a_reader_that_stops_reading_does_not_delay_the_run(bundle, tmp_path):
    """Its pipe fills; the lines of a live camera are then dropped, and counted, while the film goes on."""
    saved = tmp_path / "saved.mp4"
    with MjpegCamera(fps=200) as server:
        command = [*RUN, str(bundle), "--source", server.address, "--jsonl", "-", "--save", str(saved), "--quiet"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(5)
        process.send_signal(signal.SIGTERM)
        # Nobody reads: the end waits for a while, then leaves the lines behind.
        assert process.wait(30) == 1
        err = process.stderr.read().decode()
    assert "jsonl no longer answers" in err
    assert cv2.VideoCapture(str(saved)).get(cv2.CAP_PROP_FRAME_COUNT) > 100


def test_a_missing_camera_is_reported_at_once(bundle):
    done = subprocess.run([*MAIN, "run", str(bundle), "--source", "97"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 6
    assert "there is no such camera" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--stall", "soon"], "is not a duration"),
        (["--stall", "0"], "is not a duration"),
        (["--size", "large"], "is not the size of a picture"),
        (["--size", "0x480"], "is not the size of a picture"),
        (["--size", "640x480"], "only of a camera that is attached to this machine"),
        (["--fps", "30"], "only of a camera that is attached to this machine"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(bundle, film, options, message):
    command = [*MAIN, "run", str(bundle), "--source", str(film), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert message in done.stderr


def test_command_without_a_bundle_takes_the_last_one_converted(bundle, film, tmp_path):
    models = tmp_path / "models"
    environment = os.environ | {"EDGETL_MODELS": str(models)}
    command = [*MAIN, "run", "--source", str(film)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 2
    assert "edgetl train" in done.stderr
    (models / "tiny").mkdir(parents=True)
    card = json.loads((bundle / "bundle.json").read_text())["card"]
    (models / "tiny" / "card.json").write_text(json.dumps(card))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 2
    assert "edgetl convert tiny" in done.stderr
    bundle.rename(models / "tiny" / "rpi")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    assert "30 frames in" in done.stderr
