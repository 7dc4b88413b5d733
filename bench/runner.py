"""Rounds of fresh processes: a worker each, and what it printed or why it failed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.catalogue import Workload
from bench.samples import Sample, abba
from bench.variants import ORDER

ROOT = Path(__file__).resolve().parent.parent
TIME_LIMIT = 60.0  # seconds for one worker
# What would change the measurement behind the user's back.
UNWANTED = ("PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONMALLOC", "PYTHONTRACEMALLOC")


@dataclass(frozen=True, slots=True)
class Failure:
    """A worker that did not deliver."""

    workload: str
    variant: str
    why: str


@dataclass(slots=True)
class Outcome:
    """Everything that a run of the benchmark measured."""

    samples: list[Sample] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def of(self, workload: str) -> list[Sample]:
        return [sample for sample in self.samples if sample.workload == workload]


class WorkerFailed(Exception):
    """A worker crashed, hung, or printed something else than its result."""


def environment() -> dict[str, str]:
    """The workers' environment: the user's, without what distorts, and one hash seed for all."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in UNWANTED and not name.startswith("UVLOUPE_")
    }
    return kept | {"PYTHONHASHSEED": "0"}


_running: set[subprocess.Popen[str]] = set()


@contextmanager
def own_group(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A child in a process group of its own, of which nothing outlives the body."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    _running.add(process)
    try:
        yield process
    finally:
        _running.discard(process)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def kill_running() -> None:
    """Kill the children that other threads wait for, so that these threads end."""
    for process in list(_running):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def run_json(command: list[str], limit: float = TIME_LIMIT) -> dict[str, Any]:
    """The JSON on the last line that `command` prints. Raises WorkerFailed; `limit` is seconds."""
    with own_group(command) as process:
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            raise WorkerFailed(f"no result within {limit:g} s") from None
    if process.returncode:
        raise WorkerFailed(f"status {process.returncode}\n{err.strip()}")
    try:
        return dict(json.loads(out.splitlines()[-1]))
    except (IndexError, ValueError):
        raise WorkerFailed(f"printed no result: {out[-500:]!r}\n{err.strip()}") from None


@dataclass(frozen=True, slots=True)
class Runner:
    """How workers are run: the interpreter, the seconds to measure for, and the rounds."""

    python: str
    target: float
    rounds: int
    variants: tuple[str, ...]

    def order(self, workload: Workload) -> list[str]:
        """The variants of one round."""
        wanted = [v for v in ORDER if v in self.variants and v in workload.variants]
        return abba(wanted)

    def measure(self, workload: Workload, variant: str, number: int) -> Sample:
        """One worker, one sample. Raises WorkerFailed."""
        target = f"{self.target * workload.stretch:g}"
        result = run_json(
            [self.python, "-m", "bench.worker", workload.name, variant, "--target", target]
        )
        return Sample(workload.name, variant, round=number, **result)

    def run(self, workload: Workload, outcome: Outcome) -> None:
        """All rounds of one workload. A variant that fails is not tried again."""
        failed: set[str] = set()
        for number in range(1, self.rounds + 1):
            for variant in self.order(workload):
                if variant in failed:
                    continue
                progress(f"{workload.name}  round {number}/{self.rounds}  {variant}")
                try:
                    outcome.samples.append(self.measure(workload, variant, number))
                except WorkerFailed as error:
                    failed.add(variant)
                    outcome.failures.append(Failure(workload.name, variant, str(error)))
        progress("")


def progress(text: str) -> None:
    """Say on a terminal what is being measured; nothing in a log."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
