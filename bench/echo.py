"""One run of an echo server against the C client: who starts where, and when clocks are read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench import native
from bench.timing import Timing
from bench.variants import CONTROL

WARM_UP_MS = 60
GRACE = 5.0  # seconds for a program to end by itself


@dataclass(frozen=True, slots=True)
class Echo:
    """`kind` is protocol or streams, `size` the bytes of a message; `spin`: beside a busy task."""

    kind: str
    size: int
    connections: int = 10
    spin: bool = False


ECHOES = {
    "echo_1k_protocol": Echo("protocol", 1024),
    "echo_1k_streams": Echo("streams", 1024),
    "echo_100k_protocol": Echo("protocol", 100 * 1024),
    "echo_100k_streams": Echo("streams", 100 * 1024),
    "fairness": Echo("protocol", 1024, connections=1, spin=True),
}


class EchoFailed(Exception):
    """A server or client died or answered nonsense."""


class Program:
    """A child that answers each line on its stdin with a line of JSON."""

    def __init__(self, command: list[str], cpu: int | None) -> None:
        self.name = " ".join(command)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if cpu is not None:
            os.sched_setaffinity(self.process.pid, {cpu})

    def read(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise EchoFailed(f"{self.name}: ended with status {self.process.wait(GRACE)}")
        return line

    def ask(self) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return dict(json.loads(self.read()))

    def end(self) -> None:
        """Close its stdin and see it end well. Raises EchoFailed if it does not."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        status = self.process.wait(GRACE)
        if status:
            raise EchoFailed(f"{self.name}: ended with status {status}")


@contextmanager
def started(command: list[str], cpu: int | None) -> Iterator[Program]:
    """A running program, which does not outlive the body."""
    program = Program(command, cpu)
    try:
        yield program
        program.end()
    finally:
        if program.process.poll() is None:
            program.process.kill()
            program.process.wait()


def cpus() -> tuple[int | None, int | None]:
    """The CPU of the server and that of the client; None: not pinned, as there is one only."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else (None, None)


def _server_command(echo: Echo, variant: str) -> list[str]:
    if variant == CONTROL:
        return [str(native.build_server())]
    spin = ["--spin"] if echo.spin else []
    server = [sys.executable, "-m", "bench.echo_server"]
    return [*server, echo.kind, variant, str(echo.size), *spin]


def _quantile(ordered: list[int], q: float) -> float:
    return float(ordered[int(q * (len(ordered) - 1))])


def _lateness(late_ns: list[int]) -> dict[str, float]:
    ordered = sorted(late_ns)
    if not ordered:
        raise EchoFailed("the timer beside the spinning task never fired")
    quantiles = {"late_p50_ns": 0.5, "late_p99_ns": 0.99, "late_max_ns": 1.0}
    return {name: _quantile(ordered, q) for name, q in quantiles.items()}


def measure(name: str, variant: str, target: float) -> tuple[Timing, dict[str, float]]:
    """Run the echo workload `name` for a window of `target` seconds, after a warm-up.

    The CPU time is the server's loop thread's; extra has the latencies in ns.
    """
    echo = ECHOES[name]
    server_cpu, client_cpu = cpus()
    with started(_server_command(echo, variant), server_cpu) as server:
        port = json.loads(server.read())["port"]
        window = [str(WARM_UP_MS), str(int(target * 1000))]
        shape = [str(port), str(echo.size), str(echo.connections)]
        with started([str(native.build_client()), *shape, *window], client_cpu) as client:
            client.read()
            before = server.ask()
            result = client.ask()
            after = server.ask()
    timing = Timing(result["trips"], result["wall_ns"], after["cpu_ns"] - before["cpu_ns"])
    extra = {key: float(result[key]) for key in ("p50_ns", "p99_ns", "max_ns")}
    return timing, extra | (_lateness(after["late_ns"]) if echo.spin else {})
