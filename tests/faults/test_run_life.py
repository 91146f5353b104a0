"""The life of `edgetl run`: it ends at every signal, and runs without streams and without a terminal."""

from __future__ import annotations

import os
import pty
import random
import signal
import subprocess
import time

import pytest
from cameras import MjpegCamera
from running import MAIN, closed, frames_of, lines_of, wait_until
from test_signals import interrupted


@pytest.fixture
def photo(home):
    return home.photos / "disc" / "00.jpg"


HANGS = {
    "a model": "edgetl.device.run.model_pool:ModelPool.open",
    "a camera": "edgetl.device.camera:open_camera",
}


@pytest.mark.parametrize("slow", HANGS.values(), ids=HANGS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_run_ends_while_opening_something_takes_for_ever(home, photo, number, slow):
    args = ["run", home.bundle, "--source", photo]
    code, output = interrupted(number, args, "MARK", slow=slow, seconds=600)
    assert (code, "Traceback" in output) == (0, False), output


def test_a_run_ends_while_it_waits_for_a_camera(home):
    args = ["run", home.bundle, "--source", "http://127.0.0.1:1/x", "--wait"]
    code, output = interrupted(signal.SIGHUP, args, "MARK", slow="edgetl.device.camera:open_camera", seconds=600)
    assert (code, "Traceback" in output) == (0, False), output


def test_a_run_ends_while_a_fifo_has_no_reader(home, photo):
    os.mkfifo("results")
    args = ["run", home.bundle, "--source", photo, "--jsonl", "results"]
    code, output = interrupted(
        signal.SIGINT, args, "MARK", slow="edgetl.device.sinks.jsonl:JsonLines.__enter__", delay=1
    )
    assert (code, "Traceback" in output) == (0, False), output


@pytest.mark.parametrize("streams", ["2>&-", ">&-", "<&- >&- 2>&-"])
def test_run_without_streams_writes_its_results(home, photo, streams):
    done = closed("run", home.bundle, "--source", photo, "--jsonl", "results.jsonl", streams=streams)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = lines_of(home.folder / "results.jsonl")
    assert line["name"] == "00.jpg"


def test_results_for_a_closed_stdout_are_refused_before_the_run(home, photo):
    done = closed("run", home.bundle, "--source", photo, "--jsonl", "-", streams=">&-")
    assert done.returncode == 2
    assert "stdout is closed" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("args", "code"), [(["targets"], 0), (["models"], 0), (["verify", "none"], 2)])
def test_commands_without_streams_keep_their_exit_code(home, args, code):
    assert closed(*args, streams="<&- >&- 2>&-").returncode == code


def test_run_whose_terminal_is_closed_saves_its_film(home):
    with MjpegCamera() as camera:
        args = ["run", home.bundle, "--source", camera.address, "--save", "film.mp4", "--jsonl", "results.jsonl"]
        process, terminal = pty.fork()
        if process == 0:
            os.execv(MAIN[0], [*MAIN, *map(str, args)])
        wait_until(lambda: len(lines_of(home.folder / "results.jsonl")) >= 50)  # a slow film drops most of them
        os.close(terminal)
        status = os.waitpid(process, 0)[1]
    assert os.waitstatus_to_exitcode(status) == 0
    assert frames_of(home.folder / "film.mp4") >= 5


@pytest.mark.slow
def test_forty_signals_at_random_moments_leave_whole_files(home):
    """After each of them: whole JSON lines, a film that plays or none, and no other file."""
    choose = random.Random(1)
    before = set(home.folder.iterdir())
    results, film = home.folder / "results.jsonl", home.folder / "film.mp4"
    with MjpegCamera() as camera:
        args = ["run", home.bundle, "--source", camera.address, "--save", film, "--jsonl", results, "--quiet"]
        for _ in range(40):
            process = subprocess.Popen(
                [*MAIN, *map(str, args)],
                stderr=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                # As in a shell's foreground: a job in the background ignores SIGINT until its run begins.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
            number = choose.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
            delay = choose.uniform(0, 1.5)
            wait_until(lambda process=process: maps_numpy(process))
            time.sleep(delay)
            process.send_signal(number)
            output = process.communicate(timeout=60)[1]
            # Python ends as if by SIGINT where the interruption met the `exec` that makes a dataclass.
            assert process.returncode in (0, 1, -signal.SIGINT), (number, delay, output)
            assert "Traceback" not in output
            written = len(lines_of(results))
            if written > 1:
                assert frames_of(film) > 0, (number, delay, written)
            assert set(home.folder.iterdir()) - before <= {results, film}, (number, delay)
            for made in (results, film):
                made.unlink(missing_ok=True)


def maps_numpy(process):
    """Says whether a process has got as far as loading NumPy, when its own handlers are in place."""
    with open(f"/proc/{process.pid}/maps") as maps:  # noqa: PTH123 - a file of /proc
        return "_multiarray_umath" in maps.read()
