"""A service manager as far as a service sees it: it reads NOTIFY_SOCKET, and keeps the watchdog's time."""

from __future__ import annotations

import socket
import threading
import time


class ServiceManager:
    """Reads the messages of a service, and does what systemd does with them.

    Args:
        address: the path of the socket, or its abstract name after an `@`.
        watchdog: the watchdog's time, s.
    """

    def __init__(self, address: str, watchdog: float = 60.0):
        self.environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": str(round(watchdog * 1e6))}
        self.messages: list[list[str]] = []
        self.ready_at = self.fed_at = 0.0
        self.watchdog = watchdog
        self.start_timeout = 0.0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(0.05)
        self._ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended = True
        self._thread.join()
        self._socket.close()

    @property
    def lines(self) -> list[str]:
        return [line for message in list(self.messages) for line in message]

    @property
    def status(self) -> str:
        """The last STATUS."""
        return next((line[7:] for line in reversed(self.lines) if line.startswith("STATUS=")), "")

    @property
    def watchdog_fired(self) -> bool:
        """Whether the watchdog's time is over, as it is now."""
        return bool(self.ready_at) and time.monotonic() > self.fed_at + self.watchdog

    def wait_for(self, condition, seconds: float = 60.0) -> None:
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, self.messages[-5:]
            time.sleep(0.01)

    def _read(self):
        while not self._ended:
            try:
                lines = self._socket.recv(65536).decode().splitlines()
            except TimeoutError:
                continue
            self.messages.append(lines)
            for line in lines:
                self._obey(*line.split("=", 1))

    def _obey(self, key, value):
        if key == "READY":
            self.ready_at = self.fed_at = time.monotonic()
        elif key == "WATCHDOG":
            self.fed_at = time.monotonic()
        elif key == "WATCHDOG_USEC":
            self.watchdog, self.fed_at = int(value) / 1e6, time.monotonic()
        elif key == "EXTEND_TIMEOUT_USEC":
            self.start_timeout = int(value) / 1e6
