"""`edgetl run --serve`: the live page of a real run."""

from __future__ import annotations

import itertools
import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from live_page import wait_until

MAIN = [sys.executable, "-c", "from edgetl.cli import main; main()"]


def get(url, path="", **headers):
    request = urllib.request.Request(url.split("?")[0] + path, headers=headers)
    return urllib.request.urlopen(request, timeout=10).read()


@pytest.fixture
def running(bundle, mjpeg):
    """Yields a function that starts `edgetl run` on an endless camera and returns (process, the page's address)."""
    processes = []

    def start(*args):
        command = [*MAIN, "run", bundle, "--source", mjpeg(fps=50), *args]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        while not (found := re.match(r"live page: (\S+)", line := process.stderr.readline())):
            assert line, "the run has ended"
        return process, found[1]

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stderr.close()


def ended(process):
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    _, err = process.communicate(timeout=20)
    return process.returncode, err, time.monotonic() - start


def test_a_run_is_watched_changed_and_ended_through_its_page(running):
    process, url = running("--serve", "0", "--threshold", "0.2")
    assert url.startswith("http://127.0.0.1:")
    wait_until(lambda: b"edgetl_frames_total 0" not in get(url, "metrics"), 20)
    assert json.loads(get(url, "api/settings"))["threshold"] == 0.2
    assert get(url, "api/snapshot.jpg")[:2] == b"\xff\xd8"
    assert json.loads(get(url, "healthz"))["status"] == "ok"
    request = urllib.request.Request(url + "api/settings", b'{"threshold": 1.0}', {"Content-Type": "application/json"})
    assert json.loads(urllib.request.urlopen(request).read())["threshold"] == 1.0
    with urllib.request.urlopen(url + "api/results", timeout=10) as messages:
        results = (json.loads(line.removeprefix(b"data: ")) for line in messages if line.startswith(b'data: {"index"'))
        # The frames that were under way at the change have the earlier threshold. Fewer than ten can be.
        classes = [result["classes"] for result in itertools.islice(results, 20)]
    assert classes[10:] == [[]] * 10
    with urllib.request.urlopen(url + "api/stream.mjpg", timeout=10) as picture:
        picture.read(5000)
        code, err, seconds = ended(process)
    assert code == 0, err
    assert " a second" in err
    assert seconds < 8


def test_a_made_token_is_printed_once_even_with_quiet_and_is_required(running):
    process, url = running("--serve", "0.0.0.0:0", "--quiet")
    token = re.search(r"/\?token=(\S+)$", url)[1]
    local = f"http://127.0.0.1:{re.search(':([0-9]+)/', url)[1]}/"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(local, "healthz")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(local, "?token=guess")
    assert b"edgetl_page_connections" in get(local, "metrics", Authorization=f"Bearer {token}")
    code, err, _ = ended(process)
    assert code == 0
    assert token not in err


def run(*args):
    return subprocess.run([*MAIN, "run", *args], capture_output=True, text=True, timeout=60)


def test_a_port_in_use_is_an_error_before_the_run(running, bundle, film):
    _, url = running("--serve", "0")
    port = re.search(":([0-9]+)/", url)[1]
    done = run(bundle, "--source", film, "--serve", port)
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert "--serve" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--serve", "here"], "not an address to serve at"),
        (["--serve", "80.80.80.80.80:1"], "is not an address of this machine"),
        (["--token-file", "token"], "--token-file goes with --serve"),
        (["--serve", "0", "--token-file", "none"], "can't read the token"),
        (["--serve", "0", "--token-file", "/dev/zero"], "token"),
        (["--serve", "0", "--tls-cert", "none.pem"], "there is no such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_invalid_options_of_the_page_are_usage_errors(bundle, film, args, message):
    done = run(bundle, "--source", film, *args)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "remedy" in done.stderr
    assert "Traceback" not in done.stderr
