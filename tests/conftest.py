"""What all tests share.

``loop`` is an open loop, closed at the end.  Whatever reaches its exception handler fails
the test, unless the test asks for ``exceptions``: then the contexts are collected there.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

import uvloupe
from uvloupe import environment

Contexts = list[dict[str, Any]]

SANITIZED = "UVLOUPE_SANITIZED" in os.environ
"""The extension was built with sanitizers: things take longer."""


@pytest.fixture
def exceptions() -> Contexts:
    """The contexts that call_exception_handler() was called with."""
    return []


@pytest.fixture
def loop(request: pytest.FixtureRequest) -> Iterator[uvloupe.Loop]:
    """An open loop of this thread, closed at the end."""
    contexts: Contexts = (
        request.getfixturevalue("exceptions") if "exceptions" in request.fixturenames else []
    )
    made = uvloupe.Loop()
    made.set_exception_handler(lambda _, context: contexts.append(context))
    asyncio.set_event_loop(made)
    try:
        yield made
        if not made.is_closed():
            _finish(made)
    finally:
        asyncio.set_event_loop(None)
        made.close()
        gc.collect()  # tasks and transports that complain when they are forgotten
    if "exceptions" not in request.fixturenames and contexts:
        pytest.fail(f"call_exception_handler was called: {contexts}")


def _finish(loop: uvloupe.Loop) -> None:
    """What asyncio.run() does at its end."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees what the developer's shell asks uvloupe for, nor what another test did."""
    for name in list(os.environ):
        if name.startswith("UVLOUPE_") and name != "UVLOUPE_SANITIZED":
            monkeypatch.delenv(name)
    yield
    environment.choose(None)


@pytest.fixture
def warnings_logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The warnings of the logger ``uvloupe`` so far."""
    caplog.set_level(logging.INFO, logger="uvloupe")
    return lambda: [
        record.getMessage()
        for record in caplog.records
        if record.name == "uvloupe" and record.levelno == logging.WARNING
    ]


RunPython = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run_python() -> RunPython:
    """``run_python(*arguments, env={}, input=None, cwd=None)``: this Python in a process of
    its own, with its output as text."""

    def run(
        *arguments: str,
        env: Mapping[str, str] | None = None,
        input: str | None = None,
        cwd: os.PathLike[str] | None = None,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            env={**os.environ, **(env or {})},
            input=input,
            cwd=cwd,
            timeout=timeout,
            capture_output=True,
            text=True,
        )

    return run
