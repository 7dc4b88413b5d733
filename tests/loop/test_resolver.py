"""Name look-ups: what socket.getaddrinfo() and getnameinfo() answer, answered by libuv."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import pytest
from peers import run, turns


def outcome(call: Any) -> Any:
    """What a call returned, or the type and arguments of what it raised."""
    try:
        return call()
    except (OSError, UnicodeError, TypeError, OverflowError, ValueError) as error:
        if isinstance(error, OSError):
            return type(error), error.errno, error.args
        return type(error)


HOSTS = [None, "127.0.0.1", b"127.0.0.1", "::1", "localhost", b"localhost", "0.0.0.0", ""]
PORTS = [0, 80, None, "80", b"443", "http", "https", 65535]


@pytest.mark.parametrize("host", HOSTS, ids=repr)
@pytest.mark.parametrize("port", PORTS, ids=repr)
@pytest.mark.parametrize("kind", [0, socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_getaddrinfo_equals_sockets(loop, host, port, kind):
    expected = outcome(lambda: socket.getaddrinfo(host, port, type=kind))
    got = outcome(lambda: run(loop, loop.getaddrinfo(host, port, type=kind)))
    assert got == expected


@pytest.mark.parametrize(
    "options",
    [
        {"family": socket.AF_INET},
        {"family": socket.AF_INET6},
        {"family": socket.AF_UNIX},
        {"family": 12345},
        {"proto": socket.IPPROTO_TCP},
        {"proto": socket.IPPROTO_UDP, "type": socket.SOCK_DGRAM},
        {"proto": socket.IPPROTO_UDP, "type": socket.SOCK_STREAM},
        {"type": 12345},
        {"flags": socket.AI_PASSIVE},
        {"flags": socket.AI_CANONNAME},
        {"flags": socket.AI_NUMERICHOST},
        {"flags": socket.AI_NUMERICSERV},
        {"flags": socket.AI_ADDRCONFIG, "family": socket.AF_INET},
        {"flags": 1 << 30},
    ],
    ids=repr,
)
@pytest.mark.parametrize("host", [None, "localhost", "127.0.0.1", "::1"])
@pytest.mark.parametrize("port", [80, "http"])
def test_getaddrinfo_options_equal_sockets(loop, host, port, options):
    expected = outcome(lambda: socket.getaddrinfo(host, port, **options))
    got = outcome(lambda: run(loop, loop.getaddrinfo(host, port, **options)))
    assert got == expected


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("no-such-host.invalid", 80),
        ("localhost", "no-such-service"),
        ("300.300.300.300", 80),
        (b"\xff\xfe", 80),
        ("b\u00fccher.invalid", 80),
        ("a" * 64 + ".invalid", 80),
        (b"a" * 300, 80),
        ("x..y", 80),
        (17, 80),
        ("localhost", 1.5),
        ("localhost", -1),
        ("localhost", 1 << 20),
    ],
    ids=repr,
)
def test_failures_equal_sockets(loop, host, port):
    expected = outcome(lambda: socket.getaddrinfo(host, port))
    got = outcome(lambda: run(loop, loop.getaddrinfo(host, port)))
    assert got == expected


def test_no_zero_bytes_get_through(loop):
    """socket.getaddrinfo() would look up what stands before the zero."""
    for host, port in (("127.0.0.1\0evil", 80), (b"127.0.0.1\0evil", 80), ("127.0.0.1", "80\0")):
        with pytest.raises(ValueError, match="null"):
            run(loop, loop.getaddrinfo(host, port))


def test_results_are_enumerated(loop):
    family, kind, *_ = run(loop, loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM))[0]
    assert family is socket.AddressFamily.AF_INET
    assert kind is socket.SocketKind.SOCK_STREAM


@pytest.mark.parametrize(
    "address",
    [
        ("127.0.0.1", 80),
        ("127.0.0.1", 0),
        ("::1", 443),
        ("::1", 443, 0),
        ("::1", 443, 5, 0),
        ("127.0.0.1", 80, 0, 0),
        ("localhost", 80),
        ("192.0.2.1", 65535),
        ("127.0.0.1", "80"),
        ("127.0.0.1",),
        ("::1", 80, 1 << 20),
        ["127.0.0.1", 80],
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    "flags", [0, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV, socket.NI_DGRAM, socket.NI_NAMEREQD]
)
def test_getnameinfo_equals_sockets(loop, address, flags):
    expected = outcome(lambda: socket.getnameinfo(address, flags))
    got = outcome(lambda: run(loop, loop.getnameinfo(address, flags)))
    assert got == expected


def test_many_at_once(loop):
    async def main():
        found = await asyncio.gather(
            *(loop.getaddrinfo("127.0.0.1", port) for port in range(1, 200))
        )
        assert [infos[0][4][1] for infos in found] == list(range(1, 200))

    run(loop, main())


def test_cancelling(loop):
    async def main():
        tasks = [loop.create_task(loop.getaddrinfo("127.0.0.1", 80)) for _ in range(20)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await turns(10)

    run(loop, main())


def test_closing_the_loop_with_look_ups_under_way(loop):
    async def main():
        for _ in range(50):
            kept.append(loop._getaddrinfo(b"localhost", b"80", 0, 0, 0, 0))

    kept: list[Any] = []
    loop.run_until_complete(main())
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop._getaddrinfo(b"localhost", b"80", 0, 0, 0, 0)


def test_connecting_by_name(loop):
    async def main():
        server = await asyncio.start_server(lambda r, w: w.close(), "localhost", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("localhost", port)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        with pytest.raises(socket.gaierror):
            await asyncio.open_connection("no-such-host.invalid", port)
        server.close()

    run(loop, main())
