"""Protocols and sockets that the transports' tests talk to."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any

TIMEOUT = 20.0  # seconds, for everything that should take milliseconds


class Recorder(asyncio.Protocol):
    """Writes down each call that it gets."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.data = bytearray()
        self.transport: Any = None
        self.made = asyncio.get_running_loop().create_future()
        self.lost = asyncio.get_running_loop().create_future()
        self.eof = asyncio.get_running_loop().create_future()
        self.keep_open = False
        self._changed = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.calls.append("made")
        self.transport = transport
        self.made.set_result(transport)

    def data_received(self, data: bytes) -> None:
        assert type(data) is bytes and data
        if self.calls[-1:] != ["data"]:
            self.calls.append("data")
        self.data += data
        self._changed.set()

    def eof_received(self) -> bool:
        self.calls.append("eof")
        self.eof.set_result(None)
        return self.keep_open

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append("lost")
        self.lost.set_result(exc)

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")

    async def received(self, size: int) -> bytes:
        """What came, once at least `size` bytes did."""
        while len(self.data) < size:
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), TIMEOUT)
        return bytes(self.data)


class BufferedRecorder(asyncio.BufferedProtocol):
    """The same over a buffer of its own."""

    def __init__(self, size: int = 4096) -> None:
        self.buffer = bytearray(size)
        self.data = bytearray()
        self.hints: list[int] = []
        self.transport: Any = None
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> Any:
        self.hints.append(sizehint)
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data += self.buffer[:nbytes]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


def run(loop: Any, coro: Coroutine[Any, Any, Any]) -> Any:
    """run_until_complete() that gives up in time."""

    async def limited() -> Any:
        return await asyncio.wait_for(coro, TIMEOUT)

    return loop.run_until_complete(limited())


async def connected(
    loop: Any, factory: Callable[[], Any] = Recorder, *, family: int = socket.AF_INET
) -> tuple[Any, Any, socket.socket]:
    """(transport, protocol, peer): a transport and a plain non-blocking socket at its end."""
    if family == socket.AF_UNIX:
        ours, theirs = socket.socketpair()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            theirs = socket.create_connection(listening.getsockname())
            ours = listening.accept()[0]
    theirs.setblocking(False)
    transport, protocol = await loop.connect_accepted_socket(factory, ours)
    return transport, protocol, theirs


def reset(sock: socket.socket) -> None:
    """Close with a TCP reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


async def turns(count: int = 5) -> None:
    """Let the loop run, with its poll."""
    for _ in range(count):
        await asyncio.sleep(0.001)
