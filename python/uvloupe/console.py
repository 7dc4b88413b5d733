"""The telnet console as an object, and who stops it.

A console runs on a native thread until it is closed, its object is collected, or the
interpreter exits, whichever comes first.
"""

from __future__ import annotations

import atexit
import weakref
from types import TracebackType

from . import _loop

__all__ = ["Console"]

_open: weakref.WeakSet[Console] = weakref.WeakSet()


class Console:
    """A running telnet console; ``Monitor.start_console()`` makes them.

    As a context manager it is closed at the end of the block.
    """

    __slots__ = ("__weakref__", "_raw")

    def __init__(self, raw: _loop.Console) -> None:
        self._raw = raw
        _open.add(self)

    @property
    def address(self) -> str:
        """Where it listens: HOST:PORT with the real port, or a Unix socket's path."""
        return self._raw.address

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return self._raw.closed

    def close(self) -> None:
        """Stop it and close its clients.  Closing again does nothing."""
        self._raw.close()
        _open.discard(self)

    def __enter__(self) -> Console:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Console {'closed' if self.closed else self.address}>"


@atexit.register
def _close_all() -> None:
    for console in list(_open):
        console.close()
