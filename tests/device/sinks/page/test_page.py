"""The live page's server: what it serves, to how many viewers, and that it does not slow the run."""

from __future__ import annotations

import http.client
import json
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import uvicorn
from fakes import observed
from live_page import LABELS, FakeModel, moving, post, request, served_page, wait_until

from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.device.measure.thermal import Thermal
from edgetl.device.sinks.page import Page, connection_limit, http_protocol
from edgetl.device.sinks.page.endpoint import Endpoint
from edgetl.device.status import Status
from edgetl.errors import EdgetlError, UsageError
from edgetl.install import install_command


@contextmanager
def streaming(page, path="/api/stream.mjpg"):
    """Yields an answer that has no end."""
    connection = http.client.HTTPConnection("127.0.0.1", page.endpoint.port, timeout=10)
    connection.request("GET", path)
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def next_picture(answer):
    """Reads the next part of a multipart stream; returns (index of the frame, picture)."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += answer.read(1)
    length = int(re.search(rb"Content-Length: (\d+)", head)[1])
    jpeg = answer.read(length)
    answer.read(2)
    index = int(re.search(rb"X-Frame-Index: (\d+)", head)[1])
    return index, cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def next_message(answer, kind):
    """Returns the data of the next server-sent event of a kind."""
    while True:
        line = answer.readline().decode()
        assert line, "the stream has ended"
        if line.strip() == f"event: {kind}":
            return json.loads(answer.readline().decode().removeprefix("data: "))


def descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_the_page_loads_files_only_from_its_own_server():
    with served_page() as (page, *_):
        status, headers, body = request(page, "/")
        assert status == 200
        assert headers["content-type"].startswith("text/html")
        assert "default-src 'self'" in headers["content-security-policy"]
        html = body.decode()
        references = re.findall(r'(?:src|href)="([^"]+)"', html)
        assert all(reference.startswith("/") for reference in references)
        assert "style=" not in html
        assert not re.search(r"\son\w+=", html)
        for reference in {reference for reference in references if reference.startswith("/static/")}:
            status, headers, _ = request(page, reference)
            assert status == 200, reference
            assert headers["x-content-type-options"] == "nosniff"
        scripts = {"app", "controls", "dom", "photo_button", "picture", "view"}
        for name in scripts:
            status, headers, body = request(page, f"/static/{name}.js")
            assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
            assert set(re.findall(r'from "\./(\w+)\.js"', body.decode())) <= scripts


def test_the_picture_moves_and_shows_the_boxes():
    with served_page() as (page, *_), streaming(page) as answer:
        assert answer.getheader("content-type").startswith("multipart/x-mixed-replace")
        seen = [next_picture(answer) for _ in range(5)]
    indices = [index for index, _ in seen]
    assert indices == sorted(set(indices))
    index, picture = seen[-1]
    plain, rows = moving(index)
    assert picture.shape == plain.shape
    left, top, right, bottom = rows[0][2]
    inside = np.abs(picture[top + 10 : bottom - 10, left + 10 : right - 10].astype(int) - plain[150, left + 50]).mean()
    edge = np.abs(picture[top : top + 2, left + 8 : right - 8].astype(int) - plain[top, left + 50]).mean()
    assert inside < 5 < 60 < edge  # the square where this very frame has it, and a box around it


def test_stream_is_scaled_down_and_snapshot_has_full_size():
    with served_page(scene=lambda index: moving(index, (1920, 1080)), fps=10) as (page, *_):
        with streaming(page) as answer:
            assert next_picture(answer)[1].shape == (720, 1280, 3)
        status, headers, jpeg = request(page, "/api/snapshot.jpg")
        assert (status, headers["content-type"]) == (200, "image/jpeg")
        assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape == (1080, 1920, 3)


def test_a_frame_decoded_at_a_smaller_scale_is_shown_in_the_sources_size():
    plain, rows = moving(3)
    jpeg = cv2.imencode(".jpg", plain)[1].tobytes()
    model = FakeModel()
    with Page(Endpoint(port=0), model, Status()) as page:
        small = Frame(plain[::4, ::4].copy(), time.monotonic(), 0, size_wh=(640, 480), jpeg=jpeg)
        page.write(observed(small, model.choose(rows, (640, 480))))
        assert cv2.imdecode(np.frombuffer(request(page, "/api/snapshot.jpg")[2], np.uint8), 1).shape == plain.shape


def test_a_damaged_jpeg_of_the_camera_is_skipped():
    plain, rows = moving(3)
    whole = cv2.imencode(".jpg", plain)[1].tobytes()
    model = FakeModel()
    with Page(Endpoint(port=0), model, Status()) as page:
        result = model.choose(rows, (640, 480))
        page.write(observed(Frame(plain[::4, ::4].copy(), 0.0, 0, size_wh=(640, 480), jpeg=b"no picture"), result))
        assert request(page, "/api/snapshot.jpg")[0] == 503
        with streaming(page) as answer:
            time.sleep(0.3)
            page.write(observed(Frame(plain[::4, ::4].copy(), 0.0, 1, size_wh=(640, 480), jpeg=whole), result))
            assert next_picture(answer)[0] == 1


def test_a_picture_is_encoded_once_for_all_viewers_and_only_while_there_is_one():
    with served_page() as (page, *_):
        pictures = page._server._pictures
        time.sleep(0.5)
        assert pictures.encoded == 0
        with streaming(page) as one, streaming(page) as two:
            first = [[next_picture(answer)[0] for _ in range(8)] for answer in (one, two)]
            assert len(set(first[0]) & set(first[1])) >= 6  # the same pictures, or nearly
            assert pictures.encoded <= 12
        wait_until(lambda: page._server.viewers() == 0)
        time.sleep(0.3)
        rested = pictures.encoded
        time.sleep(0.5)
        assert pictures.encoded == rested


def test_results_events_and_figures_are_sent_as_server_sent_events():
    with served_page() as (page, _, _, run), streaming(page, "/api/results") as answer:
        assert answer.getheader("content-type").startswith("text/event-stream")
        status = next_message(answer, "status")
        assert {"fps", "dropped", "stages", "connected", "seconds_since_frame", "stalled", "celsius"} <= set(status)
        assert status["settings"] == {"threshold": None, "classes": None}
        result = next_message(answer, "result")
        assert [found["label"] for found in result["objects"]] == ["bolt", "nut"]
        assert 0 < result["age_ms"] < 1000
        later = next_message(answer, "result")
        assert later["index"] > result["index"]
        page.notify(Event("camera_back", time.monotonic(), "the camera is back\nor so", facts={"seconds": 3.5}))
        event = next_message(answer, "event")
        assert (event["event"], event["text"], event["seconds"]) == ("camera_back", "the camera is back\nor so", 3.5)
        assert event["time"] == pytest.approx(time.time(), abs=5)
    assert run.results


def test_settings_apply_from_the_next_frame_on():
    with served_page() as (page, model, _, run):
        wait_until(lambda: len(run.results) > 3)
        assert run.results[-1].labels == ("bolt", "nut")
        status, answer = post(page, {"threshold": 0.7})
        assert (status, answer["threshold"], answer["labels"]) == (200, 0.7, list(LABELS))
        count = len(run.results)
        wait_until(lambda: len(run.results) > count + 1)
        assert run.results[-1].labels == ("bolt",)
        assert post(page, {"threshold": None, "classes": ["nut"]})[0] == 200
        count = len(run.results)
        wait_until(lambda: len(run.results) > count + 1)
        assert run.results[-1].labels == ("nut",)
        assert (model.filter.threshold, model.filter.classes) == (None, ("nut",))
        described = json.loads(request(page, "/api/settings")[2])
        assert (described["name"], described["task"], described["own_threshold"]) == ("parts", "detection", 0.25)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "not valid JSON"),
        (b"[" * 60_000, "not valid JSON"),
        (b"[]", "not a JSON object"),
        ({"threshold": 2}, "threshold is 2"),
        ({"threshold": "0.5"}, "not a number"),
        ({"threshold": True}, "not a number"),
        (b'{"threshold": NaN}', "threshold is nan"),
        ({"classes": "nut"}, "not a list"),
        ({"classes": [1]}, "not a list"),
        ({"classes": ["cat"]}, "no class 'cat'"),
        ({"iou": 0.5}, "no setting 'iou'"),
    ],
    ids=str,
)
def test_invalid_settings_are_refused_with_the_reason(body, reason):
    with served_page(running=False) as (page, model, *_):
        before = model.filter
        status, answer = post(page, body)
        assert (status, set(answer)) == (400, {"error"})
        assert reason in answer["error"]
        assert model.filter is before


def test_health_is_503_while_the_camera_gives_no_frames():
    with served_page(stall=0.6) as (page, _, _, run):
        wait_until(lambda: request(page, "/healthz")[0] == 200)
        run.flowing.clear()
        time.sleep(0.9)
        status, _, body = request(page, "/healthz")
        assert (status, json.loads(body)["status"]) == (503, "stalled")
        run.flowing.set()
        wait_until(lambda: request(page, "/healthz")[0] == 200, seconds=2)


def test_health_and_snapshot_are_503_before_the_first_frame():
    with served_page(stall=0.3, running=False) as (page, *_):
        assert request(page, "/healthz")[0] == 200
        time.sleep(0.4)
        assert request(page, "/healthz")[0] == 503
        status, _, body = request(page, "/api/snapshot.jpg")
        assert (status, body) == (503, b"no frame has come yet\n")


SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="(?:[^"\\]|\\.)*"(,[a-z]+="(?:[^"\\]|\\.)*")*\})? -?[0-9.e+-]+')


def test_metrics_are_in_prometheus_text_format(monkeypatch):
    monkeypatch.setattr(Thermal, "here", lambda: Thermal(61.5, 1500.0, 0x50005))
    with served_page() as (page, _, status, run):
        status.frame_dropped()
        status.sink_dropped('a "sink"\n')
        status.frame_collected()
        status.drift_measured({"scores": 0.125})
        status.drift_reported("light_off", lasts=True)
        wait_until(lambda: len(run.results) > 20)
        code, headers, body = request(page, "/metrics")
    assert (code, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    lines = body.decode().splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    assert all(SAMPLE.fullmatch(line) for line in samples), samples
    declared = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert {re.split("[{ ]", line)[0] for line in samples} <= declared
    assert "edgetl_frames_dropped_total 1" in samples
    assert "edgetl_camera_connected 1" in samples
    assert "edgetl_collected_frames_total 1" in samples
    assert 'edgetl_drift_index{of="scores"} 0.125' in samples
    assert 'edgetl_drifting{reason="light_off"} 1' in samples
    assert "edgetl_temperature_celsius 61.5" in samples
    assert "edgetl_throttled 1" in samples
    assert 'edgetl_stage_seconds{stage="invoke",quantile="0.5"} 0.0031' in samples
    assert r'edgetl_sink_dropped_total{sink="a \"sink\"\n"} 1' in samples
    assert int(float(next(line for line in samples if "edgetl_frames_total" in line).split()[1])) > 20


def test_a_viewer_that_stops_reading_is_disconnected_and_delays_nobody(monkeypatch):
    monkeypatch.setattr(http_protocol, "_STUCK_SECONDS", 1.0)
    with served_page(scene=lambda index: moving(index, (1280, 720))) as (page, _, _, run):
        stuck = socket.create_connection(("127.0.0.1", page.endpoint.port))
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(b"GET /api/stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with streaming(page) as answer:
            start, count, pictures = time.monotonic(), len(run.results), 0
            while time.monotonic() < start + 3:
                next_picture(answer)
                pictures += 1
            assert pictures > 15
            assert (len(run.results) - count) / 3 > 15
            wait_until(lambda: page._server.viewers() == 1, seconds=5)
        stuck.close()


VIEWERS = """
import selectors, socket, sys, time
port, end = int(sys.argv[1]), time.monotonic() + 4
chosen, count = selectors.DefaultSelector(), 0
for _ in range(20):
    viewer = socket.create_connection(("127.0.0.1", port))
    viewer.sendall(b"GET /api/stream.mjpg HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
    chosen.register(viewer, selectors.EVENT_READ, viewer)
while time.monotonic() < end:
    for key, _ in chosen.select(0.2):
        count += key.data.recv(1 << 20).count(b"X-Frame-Index")
print(count)
"""


@pytest.mark.slow
def test_twenty_viewers_cost_the_run_under_half_a_millisecond_a_frame():
    with served_page(scene=lambda index: moving(index, (1280, 720))) as (page, _, _, run):
        command = [sys.executable, "-c", VIEWERS, str(page.endpoint.port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as viewers:
            wait_until(lambda: page._server.viewers() == 20)
            start, first, encoded = time.monotonic(), len(run.results), page._server._pictures.encoded
            seen = int(viewers.communicate()[0])
        seconds = time.monotonic() - start
        assert seen > 20 * 10  # they do receive pictures
        assert page._server._pictures.encoded - encoded <= 13 * seconds
        assert statistics.median(run.costs[first:]) < 0.0005


def test_one_viewer_too_many_is_refused_with_503(monkeypatch):
    monkeypatch.setattr(connection_limit, "MAX_CONNECTIONS", 3)
    with served_page() as (page, *_):
        with streaming(page) as one, streaming(page) as two, streaming(page) as three:
            assert (one.status, two.status, three.status) == (200, 200, 200)
            status, _, body = request(page, "/healthz")
            assert (status, body) == (503, b"this page has too many viewers already\n")
            assert next_picture(one)[1] is not None
        wait_until(lambda: page._server.viewers() == 0)
        assert request(page, "/healthz")[0] == 200


def test_a_port_in_use_is_an_error_with_a_remedy():
    with served_page(running=False) as (page, *_), pytest.raises(EdgetlError, match="Address already in use") as caught:
        Page(Endpoint(port=page.endpoint.port), FakeModel(), Status()).__enter__()
    assert f"127.0.0.1:{page.endpoint.port}" in str(caught.value)
    assert "--serve" in caught.value.remedy


@pytest.mark.parametrize("error", [OSError("no more sockets"), None])
def test_a_page_that_does_not_start_is_an_error_and_is_not_announced(monkeypatch, error):
    async def startup(server, sockets=None):
        if error:
            raise error
        server.should_exit = True

    monkeypatch.setattr(uvicorn.Server, "startup", startup)
    announced = []
    with pytest.raises(EdgetlError, match="did not start") as caught:
        Page(Endpoint(port=0), FakeModel(), Status(), announce=announced.append).__enter__()
    assert str(error or "") in str(caught.value)
    assert announced == []


@pytest.mark.parametrize(
    ("address", "host", "port", "token"),
    [
        ("8080", "127.0.0.1", 8080, False),
        ("localhost:0", "localhost", 0, False),
        ("[::1]:9000", "::1", 9000, False),
        ("0.0.0.0:8080", "0.0.0.0", 8080, True),
        ("[::]:8080", "::", 8080, True),
        ("203.0.113.5:80", "203.0.113.5", 80, True),
    ],
)
def test_a_token_is_made_for_every_address_but_the_loopback(address, host, port, token):
    endpoint = Endpoint.parse(address)
    assert (endpoint.host, endpoint.port, endpoint.token is not None, endpoint.made) == (host, port, token, token)
    if token:
        assert len(endpoint.token) >= 20
        assert endpoint.token != Endpoint.parse(address).token


@pytest.mark.parametrize("address", ["", ":80", "x", "localhost", "1:2:3", "::1:80", "70000", "localhost:-1", "٣"])
def test_an_invalid_address_is_a_usage_error_with_a_remedy(address):
    with pytest.raises(UsageError) as caught:
        Endpoint.parse(address)
    assert caught.value.remedy


def test_an_address_of_another_machine_is_an_error():
    with pytest.raises(EdgetlError, match="can't serve the page") as caught:
        Page(Endpoint("203.0.113.5", 8080, "x" * 16), FakeModel(), Status()).__enter__()
    assert "203.0.113.5:8080" in str(caught.value)


@pytest.mark.parametrize("token", ["", "short", "ünübertrefflich-geheim", "two words of a token"])
def test_a_token_that_is_short_or_not_plain_ascii_is_refused(tmp_path, token):
    (tmp_path / "token").write_text(token)
    with pytest.raises(UsageError, match="16 or more"):
        Endpoint.parse("8080", tmp_path / "token")


def test_a_page_that_dies_is_logged_and_restarted_on_its_port(caplog):
    with served_page() as (page, *_):
        port = page.endpoint.port
        server = page._server
        server._loop.call_soon_threadsafe(server._loop.stop)
        wait_until(lambda: not server.alive)
        wait_until(lambda: page._server is not server)
        assert request(page, "/healthz")[0] == 200
        assert page.endpoint.port == port
    assert "the live page ended, and is started again" in caplog.text


def test_a_closed_page_leaves_no_thread_and_no_descriptor():
    with served_page():
        pass
    threads, files = threading.active_count(), descriptors()
    for _ in range(3):
        with served_page() as (page, *_), streaming(page) as answer, streaming(page, "/api/results") as results:
            next_picture(answer)
            next_message(results, "result")
    wait_until(lambda: threading.active_count() <= threads)
    assert descriptors() <= files


def test_the_end_of_a_run_does_not_wait_for_viewers():
    with served_page() as (page, *_), streaming(page) as answer:
        next_picture(answer)
        start = time.monotonic()
        page.__exit__(None, None, None)
        assert time.monotonic() - start < 2


def test_malformed_requests_are_not_logged(caplog):
    with served_page() as (page, *_):
        for wrong in (b"\0\r\n\r\n", b"GET /?token=secret-of-mine HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", page.endpoint.port)) as stranger:
                stranger.sendall(wrong)
                stranger.recv(1000)
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]
    assert "secret-of-mine" not in caplog.text


def test_a_missing_package_is_an_error_with_the_install_command():
    script = """
import sys
sys.modules["uvicorn"] = None
from edgetl.device.sinks.page import Page
from edgetl.device.sinks.page.endpoint import Endpoint
from edgetl.device.status import Status
from edgetl.errors import EdgetlError
try:
    Page(Endpoint(port=0), None, Status()).__enter__()
except EdgetlError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert install_command("page") in done.stdout, done.stderr


def test_a_run_without_a_page_does_not_import_the_server():
    script = "import sys, edgetl.device.run.loop, edgetl.cli.run; print('uvicorn' in sys.modules, 'ssl' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split()[0] == "False", done.stderr
