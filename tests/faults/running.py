"""`edgetl run` as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import cv2

MAIN = [sys.executable, "-m", "edgetl"]


def wait_until(condition, seconds=60.0):
    """Waits until a condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def lines_of(path):
    """The JSON objects of a file, each of which must be a whole line; none of a file that isn't there."""
    text = path.read_text() if path.exists() else ""
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def frames_of(film):
    """How many frames of a film can be read."""
    capture, count = cv2.VideoCapture(str(film)), 0
    while capture.read()[0]:
        count += 1
    capture.release()
    return count


def closed(*args, streams):
    """Runs `edgetl` with streams closed, such as `>&- 2>&-`; returns the finished process."""
    command = ["sh", "-c", f'exec "$@" {streams}', "sh", *MAIN, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def read_until(process, mark):
    """Returns a process's stderr up to the line that contains a mark; fails if the process has ended."""
    text = ""
    for line in process.stderr:
        text += line
        if mark in line:
            break
    assert process.poll() is None, text
    return text
