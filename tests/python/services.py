"""Programs in processes of their own, and a telnet client for their consoles."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from types import TracebackType


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Program:
    """``python ARGUMENTS`` as a context manager, killed at the end if it still runs."""

    def __init__(self, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._more:
                self.lines.append(line.rstrip("\n"))
                self._more.notify_all()
        with self._more:
            self.lines.append("<end>")
            self._more.notify_all()

    def wait_for(self, pattern: str, timeout: float = 30) -> re.Match[str]:
        """The first line of its output that has the pattern."""
        seen = 0
        with self._more:
            end = time.monotonic() + timeout
            while True:
                for line in self.lines[seen:]:
                    if found := re.search(pattern, line):
                        return found
                    assert line != "<end>", f"it ended without {pattern!r}: {self.text}"
                seen = len(self.lines)
                left = end - time.monotonic()
                assert left > 0, f"no {pattern!r} within {timeout} s: {self.text}"
                self._more.wait(left)

    @property
    def text(self) -> str:
        """All that it has said."""
        return "\n".join(self.lines)

    def stop(self, how: int = signal.SIGTERM, timeout: float = 20) -> int:
        """Send a signal and wait; the exit status."""
        self.process.send_signal(how)
        status = self.process.wait(timeout)
        self._reader.join(5)
        return status

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)


class Telnet:
    """A client as plain as nc: it answers no negotiation, and gets lines."""

    def __init__(self, address: str, token: str | None = None) -> None:
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), 5)
        self.greeting = self._until_quiet(0.6)
        if token is not None:
            self.socket.sendall(token.encode() + b"\n")
            self.greeting += self._until_quiet(0.3)

    def _until_quiet(self, seconds: float) -> str:
        got = b""
        while select.select([self.socket], [], [], seconds)[0]:
            data = self.socket.recv(65536)
            if not data:
                break
            got += data
        return got.decode(errors="replace")

    def ask(self, command: str, last: str) -> tuple[str, float]:
        """The answer up to the line that has the pattern `last`, and seconds until then."""
        began = time.monotonic()
        self.socket.sendall(command.encode() + b"\n")
        got = ""
        while not re.search(last, got):
            left = began + 5 - time.monotonic()
            assert left > 0 and select.select([self.socket], [], [], left)[0], got
            data = self.socket.recv(65536)
            assert data, f"the console closed the connection after {got!r}"
            got += data.decode(errors="replace").replace("\r", "")
        return got, time.monotonic() - began

    def __enter__(self) -> Telnet:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.socket.close()
