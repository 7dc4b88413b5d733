"""uvloupe.Loop: CPython's own policy over the C loop.

What runs for each callback, timer, packet or step is in ``_loop.Loop``.  What is left
here is policy that asyncio has already: create_connection's happy eyeballs, executors,
exception handlers and the rest of BaseEventLoop, and the sock_* helpers of its selector
loop, which need no more than add_reader() and add_writer().
"""

from __future__ import annotations

import asyncio
import weakref
from asyncio import selector_events, unix_events
from collections.abc import Callable
from typing import Any

from . import _loop
from .monitor import Monitor
from .signals import SignalsMixin
from .transports import TransportsMixin

__all__ = ["Loop"]

_Selector = selector_events.BaseSelectorEventLoop


class Loop(SignalsMixin, TransportsMixin, _loop.Loop, asyncio.BaseEventLoop):
    """An asyncio event loop on libuv that can be looked inside.

    ``monitor`` is "on" (the default) or "off"; ``slow_threshold`` is the time in seconds
    over which a callback or step is reported (0.1).  Raises ValueError for other values.
    """

    def __init__(self, monitor: str | None = None, slow_threshold: float | None = None) -> None:
        super().__init__()
        asyncio.BaseEventLoop.__init__(self)
        # asyncio's own transports, by descriptor, as its selector loop keeps them.
        self._transports: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        if hasattr(unix_events, "_PidfdChildWatcher"):  # 3.14: a watcher for each loop
            self._watcher = (
                unix_events._PidfdChildWatcher()
                if unix_events.can_use_pidfd()
                else unix_events._ThreadedChildWatcher()
            )
        self._monitor = Monitor(self._new_monitor())
        if slow_threshold is not None:
            self._monitor.slow_threshold = slow_threshold
        if monitor is not None:
            self._monitor.level = monitor

    @property
    def monitor(self) -> Monitor:
        """What this loop measures: tasks, totals, histograms, slow steps."""
        return self._monitor

    # -- life -----------------------------------------------------------------------

    def close(self) -> None:
        """Close the loop and everything that is open on it.

        Raises RuntimeError while the loop runs; does nothing if it is closed.
        """
        if self.is_running():
            raise RuntimeError("Cannot close a running event loop")
        if self.is_closed():
            return
        self._close_signals()
        asyncio.BaseEventLoop.close(self)
        self._close_native()
        self._monitor.detach()

    def run_forever(self) -> None:
        """Run until stop() is called."""
        # Before anything is set up: some versions of asyncio, refusing a loop that runs,
        # clean up after it as if it had ended.
        self._check_closed()
        self._check_running()
        with self._receiving_signals():
            asyncio.BaseEventLoop.run_forever(self)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report an exception to the exception handler, as asyncio does."""
        if context.get("message") == "Task was destroyed but it is pending!":
            self._task_destroyed(context.get("task"))
        asyncio.BaseEventLoop.call_exception_handler(self, context)

    def __repr__(self) -> str:
        return (
            f"<{self.__class__.__name__} running={self.is_running()} "
            f"closed={self.is_closed()} debug={self.get_debug()}>"
        )

    # -- descriptors ----------------------------------------------------------------

    def add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
        """Call callback(*args) whenever fd can be read.

        Raises RuntimeError if a transport reads from fd, OSError if it cannot be watched.
        """
        self._add_reader(fd, callback, *args)

    def remove_reader(self, fd: Any) -> bool:
        """Stop watching fd for reading; True if it was watched."""
        return self._remove_reader(fd)

    def add_writer(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
        """Call callback(*args) whenever fd can be written.

        Raises RuntimeError if a transport writes to fd, OSError if it cannot be watched.
        """
        self._add_writer(fd, callback, *args)

    def remove_writer(self, fd: Any) -> bool:
        """Stop watching fd for writing; True if it was watched."""
        return self._remove_writer(fd)

    # -- datagrams, pipes, subprocesses ---------------------------------------------
    # asyncio's own transports, on _add_reader() and _add_writer().

    def _make_datagram_transport(
        self,
        sock: Any,
        protocol: Any,
        address: Any = None,
        waiter: Any = None,
        extra: Any = None,
    ) -> Any:
        return selector_events._SelectorDatagramTransport(
            self, sock, protocol, address, waiter, extra
        )

    def _make_read_pipe_transport(
        self, pipe: Any, protocol: Any, waiter: Any = None, extra: Any = None
    ) -> Any:
        return unix_events._UnixReadPipeTransport(self, pipe, protocol, waiter, extra)

    def _make_write_pipe_transport(
        self, pipe: Any, protocol: Any, waiter: Any = None, extra: Any = None
    ) -> Any:
        return unix_events._UnixWritePipeTransport(self, pipe, protocol, waiter, extra)

    _make_subprocess_transport = unix_events._UnixSelectorEventLoop._make_subprocess_transport
    _child_watcher_callback = unix_events._UnixSelectorEventLoop._child_watcher_callback

    # -- sockets --------------------------------------------------------------------
    # asyncio's own coroutines; they use _add_reader() and _add_writer().

    def _ensure_fd_no_transport(self, fd: Any) -> None:
        """asyncio's check; here the poller itself refuses a transport's descriptor."""

    sock_recv = _Selector.sock_recv
    sock_recv_into = _Selector.sock_recv_into
    sock_recvfrom = _Selector.sock_recvfrom
    sock_recvfrom_into = _Selector.sock_recvfrom_into
    sock_sendall = _Selector.sock_sendall
    sock_sendto = _Selector.sock_sendto
    sock_connect = _Selector.sock_connect
    sock_accept = _Selector.sock_accept

    _sock_recv = _Selector._sock_recv
    _sock_recv_into = _Selector._sock_recv_into
    _sock_recvfrom = _Selector._sock_recvfrom
    _sock_recvfrom_into = _Selector._sock_recvfrom_into
    _sock_sendall = _Selector._sock_sendall
    _sock_sendto = _Selector._sock_sendto
    _sock_connect = _Selector._sock_connect
    _sock_connect_cb = _Selector._sock_connect_cb
    _sock_accept = _Selector._sock_accept
    _sock_read_done = _Selector._sock_read_done
    _sock_write_done = _Selector._sock_write_done

