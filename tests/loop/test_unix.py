"""Unix stream sockets: the same transports, other addresses."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from peers import Recorder, connected, run, turns


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "socket")


async def served(loop: Any, path: Any, **options: Any) -> tuple[asyncio.Server, list[Recorder]]:
    made: list[Recorder] = []

    def factory() -> Recorder:
        made.append(Recorder())
        return made[-1]

    return await loop.create_unix_server(factory, path, **options), made


def test_a_question_and_an_answer(loop, path):
    async def main():
        server, made = await served(loop, path)
        transport, protocol = await loop.create_unix_connection(Recorder, path)
        transport.write(b"question")
        while not made:
            await turns(1)
        await made[0].received(8)
        made[0].transport.write(b"answer")
        assert await protocol.received(6) == b"answer"
        transport.close()
        await protocol.lost
        await made[0].lost
        assert protocol.calls == made[0].calls[:1] + ["data", "lost"]
        server.close()
        await server.wait_closed()

    run(loop, main())


def test_names(loop, path):
    async def main():
        server, made = await served(loop, path)
        transport, protocol = await loop.create_unix_connection(Recorder, path)
        await turns()
        accepted = made[0].transport
        for _ in range(2):
            assert transport.get_extra_info("peername") == path
            assert transport.get_extra_info("sockname") == ""
            assert accepted.get_extra_info("sockname") == path
            assert accepted.get_extra_info("peername") == ""
            assert accepted.get_extra_info("socket").family == socket.AF_UNIX
            transport.close()
            await protocol.lost
            await made[0].lost
        server.close()

    run(loop, main())


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has abstract names")
@pytest.mark.parametrize("kind", [str, bytes])
def test_an_abstract_name(loop, kind):
    name: Any = f"\0uvloupe-test-{os.getpid()}"
    if kind is bytes:
        name = name.encode()

    async def main():
        server, made = await served(loop, name)
        transport, protocol = await loop.create_unix_connection(Recorder, name)
        await turns()
        as_bytes = name if kind is bytes else name.encode()
        assert transport.get_extra_info("peername") == as_bytes
        assert made[0].transport.get_extra_info("sockname") == as_bytes
        transport.close()
        await protocol.lost
        server.close()

    run(loop, main())


def test_a_stale_path_is_taken_over(loop, path):
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)

    async def main():
        server, made = await served(loop, path)
        transport, protocol = await loop.create_unix_connection(Recorder, path)
        transport.close()
        await protocol.lost
        server.close()

    run(loop, main())


def test_a_path_that_is_no_socket_is_left_alone(loop, path):
    Path(path).write_text("precious")

    async def main():
        with pytest.raises(OSError, match="already in use"):
            await served(loop, path)

    run(loop, main())
    assert Path(path).read_text() == "precious"


def test_the_path_goes_as_asyncio_lets_it_go(loop, path):
    """CPython 3.13 removes a server's path when it closes, if it is still its own."""
    cleans = "cleanup_socket" in inspect.signature(loop.create_unix_server).parameters

    async def main():
        server, _made = await served(loop, path)
        server.close()
        assert os.path.exists(path) == (not cleans)
        server, _made = await served(loop, path)
        os.unlink(path)
        Path(path).write_text("somebody else's")
        server.close()
        assert Path(path).read_text() == "somebody else's"

    run(loop, main())


def test_a_socket_of_ones_own(loop, path):
    async def main():
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(path)
        server, made = await served(loop, None, sock=sock)
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        transport, protocol = await loop.create_unix_connection(Recorder, sock=client)
        transport.write(b"x")
        await turns()
        await made[0].received(1)
        transport.close()
        await protocol.lost
        assert client.fileno() == -1
        server.close()
        assert sock.fileno() == -1

    run(loop, main())


def test_nobody_listens(loop, path):
    async def main():
        with pytest.raises(FileNotFoundError):
            await loop.create_unix_connection(Recorder, path)

    run(loop, main())


def test_a_peer_that_goes_with_data_unread(loop):
    async def main():
        transport, protocol, peer = await connected(loop, family=socket.AF_UNIX)
        transport.write(b"never read")
        await turns()
        peer.close()
        assert isinstance(await protocol.lost, (ConnectionResetError, type(None)))
        assert protocol.calls[-1] == "lost"

    run(loop, main())


def test_half_close_both_ways(loop):
    async def main():
        transport, protocol, peer = await connected(loop, family=socket.AF_UNIX)
        protocol.keep_open = True
        peer.send(b"question")
        peer.shutdown(socket.SHUT_WR)
        await protocol.eof
        transport.write(b"answer")
        transport.write_eof()
        await turns()
        assert (peer.recv(100), peer.recv(100)) == (b"answer", b"")
        assert not transport.is_closing()
        transport.close()
        await protocol.lost
        peer.close()

    run(loop, main())


def test_streams_carry_a_hundred_megabytes(loop, path):
    block = os.urandom(1 << 20)
    sent, came = hashlib.sha256(), hashlib.sha256()

    async def take(reader, writer):
        while data := await reader.read(1 << 18):
            came.update(data)
        writer.write(b"done")
        writer.close()

    async def main():
        server = await asyncio.start_unix_server(take, path)
        reader, writer = await asyncio.open_unix_connection(path)
        for _ in range(100):
            sent.update(block)
            writer.write(block)
            await writer.drain()
        writer.write_eof()
        assert await reader.read() == b"done"
        writer.close()
        await writer.wait_closed()
        server.close()

    run(loop, main())
    assert sent.digest() == came.digest()
