"""Signals.

CPython's own signal module stays in charge: its C handler writes the signal's number
into a wake-up socket, which the loop watches like any other descriptor.  So Ctrl-C ends
a loop that is idle in its poll, handlers set with signal.signal() run, and
signal.getsignal() tells the truth.  Only the main thread can receive signals.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import os
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._loop import Loop as _Base
else:
    _Base = object

__all__ = ["SignalsMixin"]

CAUSE_SIGNAL = 6  # mon_cause: MON_CAUSE_SIGNAL

_armed: set[int] = set()
"""The wake-up descriptors of ours that CPython's handler may be writing to."""
_abandoned: list[tuple[socket.socket, socket.socket]] = []
"""Pairs that could not be disarmed: kept, so that no stranger gets the descriptor."""


def _forget_in_child() -> None:
    """A forked child shares the socket: its signals must not wake the parent's loop."""
    if _armed and threading.current_thread() is threading.main_thread():
        current = signal.set_wakeup_fd(-1)
        if current not in _armed and current != -1:
            signal.set_wakeup_fd(current)
    _armed.clear()


os.register_at_fork(after_in_child=_forget_in_child)


def _noop(signum: int, frame: object) -> None:
    """Stands for a handler of the loop: makes the signal reach the wake-up socket."""


class SignalsMixin(_Base):
    """add_signal_handler() and what Ctrl-C needs."""

    _wakeup_pair: tuple[socket.socket, socket.socket] | None = None
    # Their descriptors: when the collector finds a loop that was never closed, the sockets
    # may be closed before it.
    _wakeup_numbers: tuple[int, int]
    _signals_unread: bytearray
    _signal_handlers: dict[int, tuple[Callable[..., object], tuple[Any, ...], contextvars.Context]]

    # -- the wake-up socket ---------------------------------------------------------

    def _open_wakeup(self) -> socket.socket:
        if self._wakeup_pair is None:
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            theirs.setblocking(False)
            self._wakeup_pair = ours, theirs
            self._wakeup_numbers = ours.fileno(), theirs.fileno()
            self._signals_unread = bytearray()
            self._add_reader(ours, self._read_signals)
        return self._wakeup_pair[1]

    def _read_signals(self) -> None:
        """Handlers of signal.signal() have run by now, or raised KeyboardInterrupt here."""
        assert self._wakeup_pair is not None
        # A KeyboardInterrupt may be raised anywhere here: what is read is kept until it
        # has been passed on.
        unread = self._signals_unread
        try:
            unread.extend(self._wakeup_pair[0].recv(4096))
        except (BlockingIOError, InterruptedError):
            pass
        while unread:
            handler = self._handlers().get(unread[0])
            del unread[0]
            if handler is not None:
                callback, args, context = handler
                self._call_soon_for(CAUSE_SIGNAL, context, callback, *args)

    def _handlers(
        self,
    ) -> dict[int, tuple[Callable[..., object], tuple[Any, ...], contextvars.Context]]:
        try:
            return self._signal_handlers
        except AttributeError:
            self._signal_handlers = {}
            return self._signal_handlers

    @contextmanager
    def _receiving_signals(self) -> Iterator[None]:
        """While the loop runs in the main thread, signals wake it."""
        if threading.current_thread() is not threading.main_thread() or self.is_closed():
            yield
            return
        theirs = self._open_wakeup().fileno()
        try:
            before = signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
        except ValueError:  # another interpreter's main thread
            yield
            return
        _armed.add(theirs)
        try:
            yield
        finally:
            # Leave it as we found it, unless handlers of ours wait for the next run.
            if not self._handlers() or before not in (-1, theirs):
                signal.set_wakeup_fd(before)
                _armed.discard(theirs)

    def _disarm(self) -> None:
        """CPython's handler no longer writes to our socket; what is not ours stays."""
        if self._wakeup_pair is not None:
            ours = self._wakeup_numbers[1]
            current = signal.set_wakeup_fd(-1)
            if current not in (-1, ours):
                signal.set_wakeup_fd(current)
            _armed.discard(ours)

    def _close_signals(self) -> None:
        for signum in list(self._handlers()):
            if threading.current_thread() is threading.main_thread():
                self.remove_signal_handler(signum)
            else:
                warnings.warn(
                    f"closing the loop {self!r} outside the main thread leaves its signal "
                    "handlers installed; remove them first",
                    ResourceWarning,
                    source=self,
                    stacklevel=3,
                )
                self._handlers().clear()
                break
        if self._wakeup_pair is not None:
            ours, theirs = self._wakeup_pair
            self._remove_reader(self._wakeup_numbers[0])
            if threading.current_thread() is threading.main_thread():
                self._disarm()
            elif self._wakeup_numbers[1] in _armed:
                _abandoned.append((ours, theirs))
                self._wakeup_pair = None
                return
            self._wakeup_pair = None
            ours.close()
            theirs.close()

    # -- handlers -------------------------------------------------------------------

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        """Call callback(*args) in the loop when the signal arrives.  Main thread only.

        Raises ValueError for a number that is no signal or outside the main thread,
        RuntimeError for a signal that cannot be caught.
        """
        if asyncio.iscoroutine(callback) or inspect.iscoroutinefunction(callback):
            raise TypeError("coroutines cannot be used with add_signal_handler()")
        self._check_signal(sig)
        if self.is_closed():
            raise RuntimeError("Event loop is closed")
        try:
            ours = self._open_wakeup().fileno()
            before_fd = signal.set_wakeup_fd(ours, warn_on_full_buffer=False)
            running: object = asyncio._get_running_loop()
            if before_fd in _armed and running is not None and running is not self:
                signal.set_wakeup_fd(before_fd)  # a loop runs and needs it; we get it in our run
            else:
                _armed.add(ours)
        except (ValueError, OSError) as error:
            raise RuntimeError(str(error)) from None
        handlers = self._handlers()
        before = handlers.get(sig)
        handlers[sig] = callback, args, contextvars.copy_context()
        try:
            signal.signal(sig, _noop)
            signal.siginterrupt(sig, False)
        except OSError as error:
            if before is None:
                del handlers[sig]
            else:
                handlers[sig] = before
            raise RuntimeError(f"sig {sig} cannot be caught") from error

    def remove_signal_handler(self, sig: int) -> bool:
        """Remove a handler; the signal's default is in force again.  True if there was one."""
        self._check_signal(sig)
        if self._handlers().pop(sig, None) is None:
            return False
        default = signal.default_int_handler if sig == signal.SIGINT else signal.SIG_DFL
        try:
            signal.signal(sig, default)
        except OSError as error:
            raise RuntimeError(f"sig {sig} cannot be caught") from error
        if not self._handlers() and not self.is_running():
            self._disarm()
        return True

    @staticmethod
    def _check_signal(sig: int) -> None:
        if not isinstance(sig, int):
            raise TypeError(f"sig must be an int, not {sig!r}")
        if sig not in signal.valid_signals():
            raise ValueError(f"invalid signal number {sig}")
