"""The connection to an MQTT broker: login, TLS, loss and return."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import threading
import time
import tracemalloc
from contextlib import suppress

import pytest
from mqtt_brokers import Listener, connect, crossed, description, needs_broker, wait_until

from edgetl.device.sinks.mqtt.address import Address
from edgetl.device.sinks.mqtt.sink import MqttSink
from edgetl.device.status import Status


@needs_broker
def test_a_broker_that_starts_after_the_run_is_connected(brokers):
    broker = brokers()
    broker.kill()
    with connect(broker) as sink:
        sink.notify(crossed())
        time.sleep(0.5)
        assert not sink.connection.connected
        broker.start()
        with Listener(broker.port) as listener:
            listener.wait("hall/cam/event")


@needs_broker
def test_a_closed_connection_leaves_no_thread_and_no_descriptor(broker):
    def alive():
        gc.collect()  # paho's client and its callbacks hold each other
        return threading.active_count(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    with connect(broker) as sink:
        wait_until(lambda: sink.connection.connected)
    before = alive()
    for _ in range(5):
        with connect(broker) as sink:
            wait_until(lambda: sink.connection.connected)
    assert alive() == before


@needs_broker
def test_the_password_is_used_and_not_shown(brokers, tmp_path, monkeypatch, caplog):
    passwords = tmp_path / "passwords"
    command = ["mosquitto_passwd", "-b", "-c", str(passwords), "cam", "secret word"]
    subprocess.run(command, check=True, capture_output=True)
    passwords.chmod(0o644)
    broker = brokers("allow_anonymous false", f"password_file {passwords}")
    monkeypatch.setenv("EDGETL_MQTT_PASSWORD", "secret word")
    url = f"mqtt://cam@127.0.0.1:{broker.port}/hall/cam"
    address = Address.parse(url)
    with MqttSink(address, description(), Status()) as sink:
        wait_until(lambda: sink.connection.connected)
        assert "secret" not in repr(address) + str(address)
    monkeypatch.setenv("EDGETL_MQTT_PASSWORD", "wrong secret")
    with MqttSink(Address.parse(url), description(), Status()):
        wait_until(lambda: "refuses the connection" in caplog.text)
    assert "secret" not in caplog.text
    assert "Not authorized" in caplog.text


@needs_broker
def test_tls_checks_the_certificate_of_the_broker(brokers, tmp_path, caplog):
    ca, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(ca)]
    subprocess.run(command, check=True, capture_output=True)
    key.chmod(0o644)
    broker = brokers(f"certfile {ca}", f"keyfile {key}")
    url = broker.url.replace("mqtt://", "mqtts://")
    with MqttSink(Address.parse(url, ca=ca), description(), Status()) as sink:
        wait_until(lambda: sink.connection.connected)
    with MqttSink(Address.parse(url), description(), Status()) as sink:
        wait_until(lambda: "is not connected" in caplog.text)
        assert not sink.connection.connected
    assert "certificate is refused" in caplog.text
    assert "--mqtt-ca" in caplog.text


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts"])
def test_a_broker_that_cant_be_reached_is_logged_with_the_reason(caplog, scheme):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"{scheme}://127.0.0.1:{free.getsockname()[1]}/hall"
        with MqttSink(Address.parse(url), description(), Status()):
            wait_until(lambda: "is not connected" in caplog.text)
    assert "no program listens" in caplog.text


def test_a_broker_without_tls_is_logged_with_the_reason(caplog):
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(
            target=lambda: server.accept()[0].sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), daemon=True
        ).start()
        url = f"mqtts://127.0.0.1:{server.getsockname()[1]}/hall"
        with MqttSink(Address.parse(url), description(), Status()):
            wait_until(lambda: "is not connected" in caplog.text)
    assert "TLS can't be spoken" in caplog.text


@pytest.mark.slow
def test_unconfirmed_messages_and_a_broker_that_hangs_up_are_logged(caplog):
    def hang_up():
        with suppress(OSError):
            while True:
                server.accept()[0].close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        address = Address.parse(f"mqtt://127.0.0.1:{server.getsockname()[1]}/hall")
        with MqttSink(address, description(), Status()) as sink:  # the server does not accept connections yet
            sink.notify(crossed())
        assert "has not confirmed 1 message:" in caplog.text
        caplog.clear()
        threading.Thread(target=hang_up, daemon=True).start()
        with MqttSink(address, description(), Status()):
            wait_until(lambda: "is not connected" in caplog.text)


def test_the_same_reason_is_logged_once_a_minute(caplog):
    sink = MqttSink(Address.parse("mqtt://127.0.0.1:9/hall"), description(), Status())
    for _ in range(5):
        sink.connection._log_failure("the connection is lost")
        sink.connection._failure = ""  # the broker was back
    sink.connection._log_failure("no program listens at that port")
    assert len(caplog.records) == 2


def test_a_packet_of_256_mb_is_not_read(caplog):
    def serve():
        connection = server.accept()[0]
        connection.recv(1000)
        with suppress(OSError):
            connection.sendall(b"\x20\x02\0\0" + b"\x30\xff\xff\xff\x7f" + b"\0" * 100_000)
            while connection.recv(1 << 16):
                pass
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        tracemalloc.start()
        try:
            with MqttSink(Address.parse(f"mqtt://127.0.0.1:{server.getsockname()[1]}/hall"), description(), Status()):
                wait_until(lambda: "too long" in caplog.text)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 10 << 20
