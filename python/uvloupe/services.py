"""The console that the environment asked for: one in a process.

It serves the first loop, and moves on to the next one that is made once its loop is
closed.  A loop that comes while another is served gets none, as there is one address.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref

from .console import Console
from .loop import Loop

__all__ = ["serve"]

logger = logging.getLogger("uvloupe")


class _Served:
    """Which console serves which loop.  The lock is for loops made in several threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.console: Console | None = None
        self.loop: weakref.ref[Loop] | None = None
        self.pid = 0

    def is_busy(self) -> bool:
        """Whether the console serves an open loop of this process (not of a parent that
        has forked)."""
        if self.console is None or self.console.closed or self.pid != os.getpid():
            return False
        loop = self.loop() if self.loop is not None else None
        return loop is not None and not loop.is_closed()


_served = _Served()


def serve(loop: Loop, address: str, token: str | None) -> None:
    """Start the process's console for ``loop`` unless it serves another.

    What goes wrong is a warning on the logger ``uvloupe``: the program goes on.
    """
    with _served.lock:
        if _served.is_busy():
            return
        if _served.console is not None:
            _served.console.close()
            _served.console = None
        try:
            _served.console = loop.monitor.start_console(address, token)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            logger.warning("no console: %s; the program goes on without it", reason)
            return
        _served.loop = weakref.ref(loop)
        _served.pid = os.getpid()
    logger.info("console at %s", _served.console.address)
