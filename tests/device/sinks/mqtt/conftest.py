"""Fixtures that start MQTT brokers."""

from __future__ import annotations

import signal

import pytest
from mqtt_brokers import Broker


@pytest.fixture
def brokers(tmp_path):
    """Yields a function that starts a broker with lines of configuration."""
    started = []

    def start(*lines):
        folder = tmp_path / f"broker{len(started)}"
        folder.mkdir()
        started.append(Broker(folder, *lines))
        return started[-1]

    yield start
    for broker in started:
        broker.process.send_signal(signal.SIGCONT)
        broker.kill()


@pytest.fixture
def broker(brokers):
    return brokers()
