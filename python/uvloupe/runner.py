"""Making loops, and running programs on them."""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from . import environment, services
from .loop import Loop

__all__ = ["install", "new_event_loop", "on_new_loop", "run"]

T = TypeVar("T")

on_new_loop: list[Callable[[Loop], object]] = []
"""Called with each loop that new_event_loop() has made."""


def new_event_loop(
    *, monitor: str | None = None, slow_threshold: float | None = None
) -> Loop:
    """Make a loop.

    ``monitor`` is "on" or "off"; ``slow_threshold`` the seconds over which a callback or
    step is reported.  What is None comes from the environment (see
    ``uvloupe.environment``), which may ask for a console, too.  Raises ValueError for
    other values.
    """
    settings = environment.settings()
    loop = Loop(
        monitor=settings.monitor if monitor is None else monitor,
        slow_threshold=settings.slow_threshold if slow_threshold is None else slow_threshold,
    )
    if settings.console is not None:
        services.serve(loop, settings.console, settings.token)
    for call in on_new_loop:
        call(loop)
    return loop


def run(
    main: Coroutine[Any, Any, T],
    *,
    debug: bool | None = None,
    monitor: str | None = None,
    slow_threshold: float | None = None,
    console: str | None = None,
    token: str | None = None,
) -> T:
    """Run a coroutine on a new loop, and close it: ``asyncio.run()`` on this loop.

    ``console`` is an address for a telnet console that lives as long as the loop, and
    ``token`` what it asks for; the rest is as for ``new_event_loop()``.  Raises
    what the coroutine raises; RuntimeError if a loop is running in this thread;
    ValueError or OSError if the console cannot be started.
    """
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("uvloupe.run() cannot be called from a running event loop")

    def factory() -> Loop:
        return new_event_loop(monitor=monitor, slow_threshold=slow_threshold)

    with asyncio.Runner(debug=debug, loop_factory=factory) as runner:
        if console is None:
            return runner.run(main)
        loop = runner.get_loop()
        assert isinstance(loop, Loop)
        try:
            started = loop.monitor.start_console(console, token)
        except BaseException:
            main.close()
            raise
        with started:
            return runner.run(main)


def install() -> None:
    """Make this loop the default, through asyncio's event-loop policy.

    For older code: policies are deprecated in Python 3.14, where this warns, and gone in
    3.16, where this raises RuntimeError.  ``uvloupe.run()`` and
    ``asyncio.run(..., loop_factory=uvloupe.new_event_loop)`` need none.
    """
    advice = (
        "use uvloupe.run(main()) or "
        "asyncio.run(main(), loop_factory=uvloupe.new_event_loop) instead"
    )
    if sys.version_info >= (3, 16):
        raise RuntimeError(f"this Python has no event-loop policies: {advice}")
    if sys.version_info >= (3, 14):
        warnings.warn(
            f"event-loop policies go away in Python 3.16: {advice}",
            DeprecationWarning,
            stacklevel=2,
        )
    set_policy()


def set_policy() -> None:
    """Install the policy, without a word about its deprecation."""
    from .policy import EventLoopPolicy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncio.set_event_loop_policy(EventLoopPolicy())
