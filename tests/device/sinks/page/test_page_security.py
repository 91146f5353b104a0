"""Requests of strangers to the live page, each with its answer; `pytest -s` prints them as a table."""

from __future__ import annotations

import ast
import dataclasses
import http.client
import random
import re
import socket
import ssl
import subprocess
import sys
import time
from itertools import pairwise

import pytest
from live_page import FakeModel, Run, request, served_page, wait_until

from edgetl.device.sinks.page import Page, connection_limit, http_protocol
from edgetl.device.sinks.page.endpoint import Endpoint
from edgetl.device.status import Status
from edgetl.errors import UsageError

TOKEN = "a-token-of-twenty-two-"
FPS = 50
GET = "GET {} HTTP/1.1\r\nHost: localhost\r\n"
POST = "POST /api/settings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
SETTING = 'Content-Length: 18\r\n\r\n{"threshold": 0.9}'


def get(path="/", *headers):
    return GET.format(path) + "".join(f"{header}\r\n" for header in headers) + "\r\n"


def post(*headers, end=SETTING):
    return POST + "".join(f"{header}\r\n" for header in headers) + end


TRIES = {
    # Files that are not the page's.
    "traversal": (get("/static/../__init__.py"), 404),
    "traversal, encoded": (get("/static/%2e%2e%2f__init__.py"), 404),
    "traversal, from the root": (get("/..%2f..%2f..%2fetc/passwd"), 404),
    "traversal, backslashes": (get("/static/..\\..\\app.py"), 404),
    "a file with a NUL": (get("/static/app.js%00.css"), 404),
    "the package's code": (get("/static/app.py"), 404),
    "a folder": (get("/static/"), 404),
    "an absolute address": (get("http://10.0.0.1/latest/meta-data"), 404),
    # Malformed requests.
    "another method": ("DELETE /api/settings HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    "an unknown method": ("BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    "noise": ("\x00\x01\x02\x03\r\n\r\n", 400),
    "TLS on a plain port": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "an upgrade": (get("/api/results", "Connection: Upgrade", "Upgrade: websocket", "Range: bytes=0-"), 200),
    "two lengths": (post("Content-Length: 1"), 400),
    "a negative length": (post(end="Content-Length: -1\r\n\r\n"), 400),
    "HEAD of the picture stream": (get("/api/stream.mjpg").replace("GET", "HEAD"), 200),
    "HEAD of the result stream": (get("/api/results").replace("GET", "HEAD"), 200),
    # Sizes.
    "an address of 100 kB": (get("/" + "a" * 100_000), 400),
    "a header of 100 kB": (get("/", "X: " + "a" * 100_000), 400),
    "10,000 headers": (get("/", *(f"X-{number}: y" for number in range(10_000))), 400),
    "a body of 1 GB, announced": (post(end="Content-Length: 1000000000\r\n\r\n{"), 413),
    "a body of 100 kB in chunks": (
        post(end="Transfer-Encoding: chunked\r\n\r\n" + "1000\r\n" + "1000\r\n".join(["a" * 4096 + "\r\n"] * 25)),
        413,
    ),
    # Slowness.
    "silence": ("", 408),
    "half a header": ("GET / HTTP/1.1\r\nHost: loc", 408),
    "half a body": (post(end='Content-Length: 18\r\n\r\n{"thre'), 408),
    "a header a byte at a time": (("GET / HTTP/1.1\r\nX: " + "a" * 60, 0.05), 408),
    # Other sites.
    "a rebound name": ("GET /api/settings HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
    "a name that begins well": ("GET / HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", 421),
    "an address in a name": ("GET / HTTP/1.1\r\nHost: 127.0.0.1.nip.example\r\n\r\n", 421),
    "a user in a name": ("GET / HTTP/1.1\r\nHost: localhost@evil.example\r\n\r\n", 421),
    "no name": ("GET / HTTP/1.1\r\n\r\n", 400),
    "another site's setting": (post("Origin: https://evil.example"), 403),
    "a sandbox's setting": (post("Origin: null"), 403),
    "another port's setting": (post("Origin: http://localhost:1"), 403),
    "another site's fetch": (post("Sec-Fetch-Site: cross-site"), 403),
    "a sibling site's fetch": (post("Sec-Fetch-Site: same-site"), 403),
    "another site's form": (post(end=SETTING).replace("application/json", "text/plain"), 415),
    "another site's <img>": (get("/api/stream.mjpg", "Sec-Fetch-Site: cross-site"), 403),
    "another site's snapshot": (get("/api/snapshot.jpg", "Origin: https://evil.example"), 403),
}
"""The bytes of each request, or (bytes, pause after each byte in s), and the status of its answer."""

TOKEN_TRIES = {
    "no token": (get("/api/settings"), 401),
    "no token, the page": (get("/"), 401),
    "no token, the picture": (get("/api/stream.mjpg"), 401),
    "no token, the health": (get("/healthz"), 401),
    "no token, the metrics": (get("/metrics"), 401),
    "no token, a setting": (post(), 401),
    "a wrong token": (get("/api/settings", "Authorization: Bearer guess"), 401),
    "an empty token": (get("/api/settings", "Authorization: Bearer "), 401),
    "the token's beginning": (get("/api/settings", f"Authorization: Bearer {TOKEN[:-1]}"), 401),
    "the token and more": (get("/api/settings", f"Authorization: Bearer {TOKEN}x"), 401),
    "the token as a password": (get("/api/settings", f"Authorization: Basic {TOKEN}"), 401),
    "a token that is no ASCII": (get("/api/settings", "Authorization: Bearer \xff\xfe"), 401),
    "a wrong token in the address": (get("/?token=guess"), 401),
    "the token in an API's address": (get(f"/api/settings?token={TOKEN}"), 401),
    "a wrong cookie": (get("/api/settings", "Cookie: edgetl-PORT=guess"), 401),
    "the token as the cookie": (get("/api/settings", f"Cookie: edgetl-PORT={TOKEN}"), 401),
    "a broken cookie": (get("/api/settings", 'Cookie: a"b;;=;[]'), 401),
    "another site with the token": (post(f"Authorization: Bearer {TOKEN}", "Origin: https://evil.example"), 403),
    "no host at all": ("GET /api/settings HTTP/1.0\r\n\r\n", 401),
    "an invalid host": (post("Origin: http://[").replace("localhost", "["), 401),
    "an invalid host, a folder": (get("/static/").replace("localhost", "["), 401),
    "the token": (get("/api/settings", f"Authorization: Bearer {TOKEN}"), 200),
}


@pytest.fixture(scope="module")
def table():
    rows = []
    yield rows
    print("\n" + f"{'try':<32}{'answer':>7}{'ms':>8}{'results/s':>11}{'beside':>8}{'longest gap, ms':>17}")
    for name, status, watch in rows:
        rates = f"{watch.rate:>11.1f}{watch.rate_beside:>8.1f}"
        print(f"{name:<32}{status:>7}{watch.seconds * 1e3:>8.0f}{rates}{watch.gap * 1e3:>17.0f}")


@pytest.fixture(scope="module")
def short_deadline():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http_protocol, "_REQUEST_SECONDS", 1.0)
        yield


@pytest.fixture(scope="module")
def open_page(short_deadline):
    """Yields (page, model, run) of a page on the loopback without a token."""
    with served_page(Endpoint(port=0), fps=FPS) as (page, model, _, run):
        wait_until(lambda: run.results)
        yield page, model, run


@pytest.fixture(scope="module")
def token_page(short_deadline):
    """Yields (page, model, run) of a page for other machines, with a token."""
    with served_page(Endpoint("0.0.0.0", 0, TOKEN), fps=FPS) as (page, model, _, run):
        wait_until(lambda: run.results)
        yield page, model, run


class NoPage:
    """Takes a run's results as a page does, and does nothing with them."""

    def write(self, observation):
        pass


class Watch:
    """Measures how regularly a run's results come during a block, and those of an equal run without a page beside it.

    The run beside shows what the machine allows: both have the same share of a busy processor.
    """

    def __init__(self, run):
        self._run = run

    def __enter__(self):
        self._beside = Run(NoPage(), FakeModel(), Status(), fps=FPS)
        wait_until(lambda: self._beside.results)
        self.start = time.monotonic()
        self._first, self._first_beside = len(self._run.times), len(self._beside.times)
        return self

    def __exit__(self, *_):
        end = time.monotonic()
        self._beside.end()
        self.seconds = end - self.start
        self.rate, self.gap = self._regularity(self._run.times[self._first :], end)
        beside = [at for at in self._beside.times[self._first_beside :] if at < end]
        self.rate_beside, self.gap_beside = self._regularity(beside, end)

    def _regularity(self, times, end):
        """Returns the results a second, and the longest time without one, s."""
        gaps = [later - earlier for earlier, later in pairwise([self.start, *times, end])]
        return len(times) / self.seconds, max(gaps)


def send(page, request, seconds=10.0):
    """Sends the bytes of a request, well-formed or not; returns the status of the answer, 0 for none."""
    text, pause = request if isinstance(request, tuple) else (request, 0.0)
    data = text.replace("PORT", str(page.endpoint.port)).encode("latin-1")
    with socket.create_connection(("127.0.0.1", page.endpoint.port), timeout=seconds) as stranger:
        try:
            if pause:
                for byte in data:
                    stranger.sendall(bytes([byte]))
                    time.sleep(pause)
            else:
                stranger.sendall(data)
        except OSError:
            pass  # refused before all of it was sent; the answer can be read nevertheless
        answer = b""
        while b"\r\n" not in answer and (part := stranger.recv(4096)):
            answer += part
    found = re.match(rb"HTTP/1.1 (\d{3}) ", answer)
    return int(found[1]) if found else 0


def serves(page):
    try:
        return request(page, "/healthz")[0] == 200
    except OSError:  # the server is still refusing the others
        return False


def attempt(served, table, name, request, expected):
    page, model, run = served
    only = model.filter
    with Watch(run) as watch:
        status = send(page, request)
        time.sleep(max(0.0, 0.3 - (time.monotonic() - watch.start)))
    table.append((name, status, watch))
    assert status == expected
    assert model.filter is only
    assert watch.gap < 1 + watch.gap_beside


@pytest.mark.parametrize("name", TRIES)
def test_request_gets_its_answer_and_does_not_disturb_the_run(open_page, table, name):
    attempt(open_page, table, name, *TRIES[name])


@pytest.mark.parametrize("name", TOKEN_TRIES)
def test_request_to_a_page_with_a_token_gets_its_answer(token_page, table, name):
    attempt(token_page, table, name, *TOKEN_TRIES[name])


def test_the_token_in_the_address_is_exchanged_for_a_cookie(token_page):
    page, *_ = token_page
    status, headers, _ = request(page, f"/?token={TOKEN}")
    assert (status, headers["location"]) == (303, "/")
    cookie, *marks = headers["set-cookie"].split("; ")
    assert cookie.startswith(f"edgetl-{page.endpoint.port}=")
    assert TOKEN not in headers["set-cookie"]
    assert {"httponly", "samesite=lax"} <= {mark.lower() for mark in marks}
    assert request(page, "/", Cookie=cookie)[0] == 200
    assert request(page, "/healthz", Cookie=f"other=1; {cookie}")[0] == 200


def test_the_cookie_is_found_beside_other_programs_cookies(token_page):
    page, *_ = token_page
    cookie = request(page, f"/?token={TOKEN}")[1]["set-cookie"].partition(";")[0]
    for other in ('prefs={"a": 1}', "a[b]=1", "x y", "theme=a b", "a=\xe9"):
        for both in (f"{other}; {cookie}", f"{cookie}; {other}"):
            assert request(page, "/", Cookie=both)[0] == 200, both
        assert request(page, "/", Cookie=other)[0] == 401


def test_the_token_form_gets_its_style_sheet_and_no_other_file(token_page):
    page, *_ = token_page
    status, headers, body = request(page, "/")
    assert status == 401
    assert b'name="token"' in body
    assert "default-src 'self'" in headers["content-security-policy"]
    assert request(page, "/static/style.css")[0] == 200
    assert request(page, "/static/app.js")[0] == 401


@pytest.mark.parametrize("host", ["localhost", "localhost:1234", "127.0.0.1", "[::1]:80", "LOCALHOST"])
def test_the_names_of_the_loopback_are_served(open_page, host):
    assert request(open_page[0], "/", Host=host)[0] == 200


def test_a_setting_from_the_page_itself_is_accepted(open_page):
    page, *_ = open_page
    own = f"127.0.0.1:{page.endpoint.port}"
    for headers in ({"Origin": f"http://{own}", "Sec_Fetch_Site": "same-origin"}, {}):
        status, _, _ = request(page, "/api/settings", "POST", b"{}", Content_Type="application/json", **headers)
        assert status == 200


def test_200_requests_at_once_on_one_connection_are_answered_in_turn(open_page):
    page, *_ = open_page
    with socket.create_connection(("127.0.0.1", page.endpoint.port), timeout=10) as stranger:
        stranger.sendall((get("/healthz") * 199 + get("/healthz", "Connection: close")).encode())
        answers = b""
        while part := stranger.recv(1 << 16):
            answers += part
    assert answers.count(b"HTTP/1.1 200 ") == 200


MANY = """
import socket, sys, time
port, count = map(int, sys.argv[1:])
held, counts = [], {}
for _ in range(count):
    one = socket.create_connection(("127.0.0.1", port), timeout=10)
    one.sendall(b"GET /api/results HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
    held.append(one)
for one in held:
    try:
        status = one.recv(12)[9:12].decode() or "closed"
    except OSError as error:
        status = "closed" if isinstance(error, ConnectionError) else "none"
    counts[status] = counts.get(status, 0) + 1
print(counts)
"""


def test_500_connections_are_answered_or_refused(open_page, table):
    page, _, run = open_page
    with Watch(run) as watch:
        command = [sys.executable, "-c", MANY, str(page.endpoint.port), "500"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    counts = ast.literal_eval(done.stdout)
    table.append(("500 connections", "/".join(f"{count} {status}" for status, count in counts.items()), watch))
    assert sum(counts.values()) == 500
    assert "none" not in counts  # each was answered or refused
    assert 1 <= counts["200"] <= connection_limit.MAX_CONNECTIONS
    assert counts.get("503", 0) >= 100
    assert watch.gap < 1 + watch.gap_beside
    assert watch.rate > 0.6 * watch.rate_beside
    wait_until(lambda: serves(page))


def test_silent_connections_leave_descriptors_for_the_run(open_page, monkeypatch):
    """No more silent connections are open than the limit."""
    monkeypatch.setattr(connection_limit, "_MAX_SOCKETS", 100)
    monkeypatch.setattr(http_protocol, "_LINGER_SECONDS", 30.0)
    page, *_ = open_page
    held = [socket.create_connection(("127.0.0.1", page.endpoint.port)) for _ in range(150)]
    time.sleep(0.5)
    assert sum(each.fileno() >= 0 for each in page._server._listener._open) <= 100
    for each in held:
        each.close()
    wait_until(lambda: serves(page))


def test_random_bytes_are_answered_and_not_logged(open_page, token_page, caplog):
    chance = random.Random(4)
    requests = [text for text, _ in (TRIES | TOKEN_TRIES).values() if isinstance(text, str) and 0 < len(text) < 2000]
    signs = "\0\r\n :;,=%/?&[]{}'\"\\@\xff\xc39a"
    answered = set()
    for page, *_ in (open_page, token_page):
        for _ in range(400):
            text = list(chance.choice(requests))
            for _ in range(chance.randint(1, 6)):
                at = chance.randrange(len(text))
                text[at : at + chance.randint(0, 3)] = [chance.choice(signs) for _ in range(chance.randint(0, 3))]
            data = "".join(text).encode("latin-1").replace(b"PORT", str(page.endpoint.port).encode())
            with socket.create_connection(("127.0.0.1", page.endpoint.port), timeout=10) as stranger:
                stranger.sendall(data)
                stranger.shutdown(socket.SHUT_WR)
                answered.add(stranger.recv(12)[9:12])
    assert {b"200", b"400", b"401", b"403", b"404", b"421"} <= answered
    assert not [status for status in answered if status.startswith(b"5")]
    assert caplog.text == ""


HAMMER = """
import http.client, sys, threading, time
port, end = int(sys.argv[1]), time.monotonic() + 3
def hammer():
    one = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    while time.monotonic() < end:
        one.request("GET", "/api/settings")
        one.getresponse().read()
threads = [threading.Thread(target=hammer) for _ in range(20)]
[each.start() for each in threads]
[each.join() for each in threads]
"""


def test_20_clients_that_send_without_a_pause_do_not_slow_the_run(open_page, table):
    page, _, run = open_page
    with Watch(run) as watch:
        subprocess.run([sys.executable, "-c", HAMMER, str(page.endpoint.port)], timeout=60, check=True)
    table.append(("20 clients without a pause, 3 s", "", watch))
    assert watch.gap < 1 + watch.gap_beside
    assert watch.rate > 0.7 * watch.rate_beside


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem"
    subprocess.run(command.split(), cwd=folder, capture_output=True, check=True)
    return folder / "cert.pem", folder / "key.pem"


def test_an_encrypted_key_is_refused_without_a_prompt(certificate, tmp_path):
    cert, key = certificate
    encrypted = tmp_path / "encrypted.pem"
    command = ["openssl", "rsa", "-aes256", "-passout", "pass:secret", "-in", key, "-out", encrypted]
    subprocess.run(command, capture_output=True, check=True)
    with pytest.raises(UsageError, match="not a certificate and its key") as caught:
        Endpoint.parse("0", certificate=cert, key=encrypted).check_certificate()
    assert "PEM files" in caught.value.remedy


def test_page_over_tls_sets_a_secure_cookie_and_ends_unfinished_handshakes(certificate):
    cert, key = certificate
    endpoint = Endpoint.parse("0", certificate=cert, key=key)
    assert endpoint.url().startswith("https://")
    with served_page(dataclasses.replace(endpoint, token=TOKEN)) as (page, *_):
        context = ssl.create_default_context(cafile=str(cert))
        context.check_hostname = False
        connection = http.client.HTTPSConnection("localhost", page.endpoint.port, context=context, timeout=10)
        connection.request("GET", f"/?token={TOKEN}")
        answer = connection.getresponse()
        assert (answer.status, "Secure" in answer.getheader("set-cookie")) == (303, True)
        connection.close()
        # A client that never finishes the handshake is disconnected.
        with socket.create_connection(("127.0.0.1", page.endpoint.port), timeout=8) as silent:
            assert silent.recv(1) == b""


def test_files_that_are_not_a_certificate_are_usage_errors(tmp_path, certificate):
    (tmp_path / "cert.pem").write_text("nothing")
    for cert, key in ((tmp_path / "cert.pem", None), (certificate[0], None), (certificate[0], certificate[0])):
        with (
            pytest.raises(UsageError, match="not a certificate and its key"),
            served_page(Endpoint(port=0, certificate=cert, key=key)),
        ):
            pass
    with pytest.raises(UsageError, match="no such file"):
        Endpoint.parse("0", certificate=tmp_path / "none.pem")
    with pytest.raises(UsageError, match="without its certificate"):
        Endpoint.parse("0", key=certificate[1])


def test_a_page_for_other_machines_needs_the_token_and_accepts_any_host_name():
    with served_page(Endpoint("0.0.0.0", 0, TOKEN)) as (page, *_):
        assert request(page, "/api/settings", Host="raspberrypi.local")[0] == 401
        assert request(page, "/api/settings", Host="raspberrypi.local", Authorization=f"Bearer {TOKEN}")[0] == 200


def test_a_made_token_is_announced_once_and_a_token_from_a_file_never(tmp_path):
    announced = []
    with Page(Endpoint.parse("0.0.0.0:0"), FakeModel(), Status(), announce=announced.append) as page:
        assert request(page, "/", Authorization=f"Bearer {page.endpoint.token}")[0] == 200
    assert len(announced) == 1
    assert announced[0].endswith(f":{page.endpoint.port}/?token={page.endpoint.token}")
    (tmp_path / "token").write_text(TOKEN + "\n")
    with Page(
        Endpoint.parse("0.0.0.0:0", tmp_path / "token"), FakeModel(), Status(), announce=announced.append
    ) as page:
        assert request(page, "/", Authorization=f"Bearer {TOKEN}")[0] == 200
    assert TOKEN not in announced[1]
