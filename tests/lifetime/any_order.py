"""Runs for test_transports.py: protocols that call any method of their transport in any of their
callbacks, as a seed says.  What they do makes no sense; it must not crash nor leak."""

from __future__ import annotations

import asyncio
import gc
import random
from typing import Any

import uvloupe

DATA: list[Any] = [
    b"a" * 10,
    b"b" * 600,
    b"c" * 5000,
    bytearray(100_000),
    memoryview(b"e" * 3_000_000),
]


def act(rnd: random.Random, transport: Any, protocols: list[Any]) -> None:
    """Up to two random calls.  ZeroDivisionError is one of them."""
    loop = asyncio.get_running_loop()
    rarely = rnd.random() < 0.2
    actions = [
        lambda: transport.write(rnd.choice(DATA)),
        lambda: transport.write(rnd.choice(DATA)),
        lambda: transport.writelines(
            [b"x" * rnd.randrange(2000) for _ in range(rnd.randrange(80))]
        ),
        lambda: (transport.pause_reading(), loop.call_later(0.001, transport.resume_reading)),
        lambda: transport.set_protocol(rnd.choice(protocols)(transport)),
        lambda: rarely and transport.close(),
        lambda: rarely and transport.abort(),
        lambda: rarely and transport.write_eof(),
        lambda: rarely and 1 / 0,
        lambda: transport.get_extra_info("socket"),
        lambda: transport.set_write_buffer_limits(rnd.choice([0, 100, 100_000])),
        lambda: (gc.collect(0), repr(transport), transport.get_write_buffer_size()),
    ]
    for _ in range(rnd.randrange(3)):
        try:
            rnd.choice(actions)()
        except RuntimeError:
            pass  # write() after write_eof()


def kinds(rnd: random.Random) -> list[Any]:
    """A Protocol and a BufferedProtocol that act."""
    protocols: list[Any] = []

    class Acting(asyncio.BaseProtocol):
        def __init__(self, transport: Any = None) -> None:
            self.transport = transport

        def act(self) -> None:
            act(rnd, self.transport, protocols)

        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            self.act()

        def eof_received(self) -> bool:
            self.act()
            return rnd.random() < 0.5

        def connection_lost(self, exc: Exception | None) -> None:
            self.act()

        def pause_writing(self) -> None:
            self.act()

        def resume_writing(self) -> None:
            self.act()

    class Plain(Acting, asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            self.act()

    class Buffered(Acting, asyncio.BufferedProtocol):
        def get_buffer(self, sizehint: int) -> bytearray:
            self.act()
            return bytearray(rnd.choice([1, 100, 100_000]))

        def buffer_updated(self, nbytes: int) -> None:
            self.act()

    protocols += [Plain, Buffered]
    return protocols


async def connections(rnd: random.Random) -> None:
    loop = asyncio.get_running_loop()
    protocols = kinds(rnd)
    server = await loop.create_server(lambda: rnd.choice(protocols)(), "127.0.0.1", 0)
    made = []
    for _ in range(20):
        transport, _ = await loop.create_connection(
            rnd.choice(protocols), *server.sockets[0].getsockname()
        )
        made.append(transport)
    for _ in range(10):
        await asyncio.sleep(0.002)
    if rnd.random() < 0.7:
        for transport in made:
            transport.abort()
        await asyncio.sleep(0.01)
    server.close()


def one_run(seed: int) -> None:
    """A loop, its connections, and an end that may come without loop.close()."""
    loop = uvloupe.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)
    loop.set_debug(seed % 5 == 0)
    loop.run_until_complete(connections(random.Random(seed)))
    if seed % 3:
        loop.close()
