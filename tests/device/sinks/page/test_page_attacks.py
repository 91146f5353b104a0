"""The live page under attack: its owner is still answered, and the run keeps its rate.

pytest -m slow tests/device/sinks/page/test_page_attacks.py -s
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time

import cv2
import pytest
from live_page import moving, request, served_page, wait_until

from edgetl.device.sinks.page.endpoint import Endpoint

TOKEN = "a-token-of-twenty-two-"
OWNER = {"Authorization": f"Bearer {TOKEN}"}
ATTACK = """
import socket, struct, sys, time
port, kind, end = int(sys.argv[1]), sys.argv[2], time.monotonic() + float(sys.argv[3])
request = b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"
chunk = b"POST /api/settings HTTP/1.1\\r\\nHost: x\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\nno chunk\\r\\n\\r\\n"
guess = b"GET /healthz HTTP/1.1\\r\\nHost: x\\r\\nAuthorization: Bearer a-guess-of-twenty-two\\r\\n\\r\\n"
data = {"abandoned": request, "guesses": guess, "chunks": chunk, "pipelined": request * 200, "silent": b""}[kind]
held, count = [], 0
while time.monotonic() < end:
    one = socket.socket()
    try:
        one.settimeout(1)
        one.connect(("127.0.0.1", port))
        one.sendall(data)
        if kind in ("guesses", "chunks"):
            one.recv(100)
    except OSError:
        pass
    count += 1
    if kind == "silent":
        held.append(one)
        if len(held) > 500:
            held.pop(0).close()
        time.sleep(0.001)
        continue
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()
    time.sleep(0.0005)
print(count)
"""
DUMMY = """
import socket
with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
    print(server.getsockname()[1], flush=True)
    while True:
        server.accept()[0].close()
"""
"""A server without a page: an attack on it costs the processor time of the attacker, and nothing else."""
KINDS = ("abandoned", "guesses", "chunks", "pipelined", "silent")


def picture_after_work(index):
    """Returns a frame and its objects, after as much work as an inference takes."""
    picture, rows = moving(index)
    cv2.GaussianBlur(picture, (0, 0), 3)
    return picture, rows


def memory():
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * 4096


@pytest.fixture
def dummy():
    """Yields the port of a server that closes every connection at once."""
    with subprocess.Popen([sys.executable, "-c", DUMMY], stdout=subprocess.PIPE, text=True) as process:
        yield int(process.stdout.readline())
        process.kill()


def attack(port, kind, seconds):
    command = [sys.executable, "-c", ATTACK, str(port), kind, str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def slowest_answer(page, process):
    """Returns the longest time until an answer to the owner on a new connection during the attack, s."""
    slowest = 0.0
    while process.poll() is None:
        start = time.monotonic()
        assert request(page, "/healthz", timeout=30, **OWNER)[0] == 200
        slowest = max(slowest, time.monotonic() - start)
        time.sleep(0.05)
    return slowest


@pytest.mark.parametrize("kind", ["abandoned", "chunks", "silent"])
def test_owner_is_answered_during_an_attack(kind, caplog):
    with served_page(Endpoint("0.0.0.0", 0, TOKEN)) as (page, *_):
        assert request(page, "/healthz", **OWNER)[0] == 200
        with attack(page.endpoint.port, kind, 1.0) as process:
            slowest = slowest_answer(page, process)
        assert slowest < 2
        assert len(caplog.records) < 20


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_run_keeps_its_rate_during_an_attack(kind, dummy, caplog):
    seconds, fps, pairs = 4.0, 25.0, 3
    caplog.set_level(logging.WARNING)
    with served_page(Endpoint("0.0.0.0", 0, TOKEN), scene=picture_after_work, fps=fps) as (page, _, _, run):
        wait_until(lambda: len(run.times) > 10)
        held, slowest = memory(), 0.0
        rates = []
        for attacked in (False, True) * pairs:
            first, start = len(run.times), time.monotonic()
            with attack(page.endpoint.port if attacked else dummy, kind, seconds) as process:
                waited = slowest_answer(page, process)
                count = int(process.stdout.read())
            rates.append((len(run.times) - first) / (time.monotonic() - start))
            slowest = max(slowest, waited) if attacked else slowest
        share = sum(rates[1::2]) / sum(rates[::2])
        print(f"{kind:<10} {count:>6} connections: rate {share:.1%} of that without, owner {slowest * 1e3:.0f} ms")
        assert share > 0.95
        assert slowest < 2
        assert memory() - held < 40 << 20
        assert len(caplog.records) < 20
