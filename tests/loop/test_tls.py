"""TLS: asyncio's SSLProtocol over our streams, both sides."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import ssl
from typing import Any

import pytest
from peers import Recorder, reset, run, turns


async def served(loop: Any, context: ssl.SSLContext, **options: Any) -> tuple[Any, int, list[Any]]:
    made: list[Any] = []

    def factory() -> Recorder:
        made.append(Recorder())
        return made[-1]

    server = await loop.create_server(factory, "127.0.0.1", 0, ssl=context, **options)
    return server, server.sockets[0].getsockname()[1], made


def test_a_question_and_an_answer(loop, server_tls, client_tls):
    async def main():
        server, port, made = await served(loop, server_tls)
        transport, protocol = await loop.create_connection(
            Recorder, "127.0.0.1", port, ssl=client_tls, server_hostname="localhost"
        )
        transport.write(b"question")
        while not made or not made[0].data:
            await turns(1)
        made[0].transport.write(b"answer")
        assert await protocol.received(6) == b"answer"
        for end in (transport, made[0].transport):
            assert end.get_extra_info("ssl_object") is not None
            assert end.get_extra_info("cipher") is not None
            assert end.get_extra_info("socket").family == socket.AF_INET
        assert transport.get_extra_info("peername") == ("127.0.0.1", port)
        assert transport.get_extra_info("peercert")["subject"]
        transport.close()
        assert await protocol.lost is None
        assert await made[0].lost is None
        assert made[0].calls == ["made", "data", "eof", "lost"]
        server.close()
        await server.wait_closed()

    run(loop, main())


def test_a_hundred_megabytes_arrive_unchanged(loop, server_tls, client_tls):
    block = os.urandom(1 << 20)
    sent, came = hashlib.sha256(), hashlib.sha256()

    async def take(reader, writer):
        size = 0
        while size < 100 << 20:
            data = await reader.read(1 << 18)
            assert data
            came.update(data)
            size += len(data)
        writer.write(b"done")
        await writer.drain()
        writer.close()

    async def main():
        server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=server_tls)
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname(), ssl=client_tls, server_hostname="localhost"
        )
        for _ in range(100):
            sent.update(block)
            writer.write(block)
            await writer.drain()
        assert await reader.read() == b"done"
        writer.close()
        await writer.wait_closed()
        server.close()

    run(loop, main())
    assert sent.digest() == came.digest()


def test_a_certificate_nobody_trusts(loop, server_tls, reports):
    async def main():
        server, port, made = await served(loop, server_tls)
        with pytest.raises(ssl.SSLCertVerificationError):
            await loop.create_connection(
                Recorder, "127.0.0.1", port, ssl=ssl.create_default_context()
            )
        await turns(20)
        assert all(protocol.calls == [] for protocol in made)
        server.close()
        await server.wait_closed()

    run(loop, main())


def test_a_client_that_does_not_speak_tls(loop, server_tls, open_descriptors):
    async def main():
        server, port, made = await served(loop, server_tls)
        await turns()
        before = open_descriptors()
        for text in (b"GET / HTTP/1.0\r\n\r\n", b""):
            with socket.create_connection(("127.0.0.1", port)) as sock:
                sock.send(text)
                if not text:
                    reset(sock)
                    await turns()
                    continue
                sock.setblocking(False)
                while True:
                    try:
                        if not await loop.sock_recv(sock, 100):
                            break
                    except ConnectionResetError:
                        break
        await turns(20)
        # One more than before at most: libuv's own, from the first stream on.
        assert len(open_descriptors()) <= len(before) + 1
        assert all(protocol.calls == [] for protocol in made)
        server.close()
        await server.wait_closed()

    run(loop, main())


def test_a_handshake_that_takes_too_long(loop, server_tls):
    async def main():
        server, port, made = await served(loop, server_tls, ssl_handshake_timeout=0.05)
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.setblocking(False)
            assert await loop.sock_recv(sock, 1) == b""
        assert made[0].calls == []
        server.close()
        await server.wait_closed()

    run(loop, main())


@pytest.mark.parametrize("before", [b"", b"STARTTLS\n"])
def test_start_tls_on_both_sides(loop, server_tls, client_tls, before):
    class Upgrading(Recorder):
        upgraded: Any = None

        def connection_made(self, transport):
            self.plain = transport
            if self.transport is None:
                super().connection_made(transport)

    async def upgrade(protocol, context, **options):
        if before:
            await protocol.received(len(before))
        transport = await loop.start_tls(protocol.plain, protocol, context, **options)
        protocol.transport = transport

    async def main():
        made = []
        server = await loop.create_server(
            lambda: made.append(Upgrading()) or made[-1], "127.0.0.1", 0
        )
        port = server.sockets[0].getsockname()[1]
        plain, client = await loop.create_connection(Upgrading, "127.0.0.1", port)
        while not made:
            await turns(1)
        if before:
            plain.write(before)
            made[0].plain.write(before)
        await asyncio.gather(
            upgrade(client, client_tls, server_hostname="localhost"),
            upgrade(made[0], server_tls, server_side=True),
        )
        client.transport.write(b"secret")
        assert await made[0].received(len(before) + 6) == before + b"secret"
        made[0].transport.write(b"answer")
        assert await client.received(len(before) + 6) == before + b"answer"
        client.transport.close()
        assert await client.lost is None
        assert await made[0].lost is None
        server.close()

    run(loop, main())


def test_streams_start_tls(loop, server_tls, client_tls):
    if not hasattr(asyncio.StreamWriter, "start_tls"):
        pytest.skip("needs StreamWriter.start_tls()")

    async def echo(reader, writer):
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"go\n")
        await writer.start_tls(server_tls)
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    async def main():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"go\n"
        await writer.start_tls(client_tls, server_hostname="localhost")
        writer.write(b"secret\n")
        assert await reader.readline() == b"secret\n"
        writer.close()
        await writer.wait_closed()
        server.close()

    run(loop, main())


def test_flow_control_through_tls(loop, server_tls, client_tls):
    """A client that does not read pauses the server's protocol, not its memory."""

    async def main():
        server, port, made = await served(loop, server_tls)
        transport, protocol = await loop.create_connection(
            Recorder, "127.0.0.1", port, ssl=client_tls, server_hostname="localhost"
        )
        while not made or not made[0].calls:
            await turns(1)
        transport.pause_reading()
        data = os.urandom(16 << 20)
        made[0].transport.write(data)  # the stream beneath is full
        await turns()
        made[0].transport.write(data)  # and so is SSLProtocol
        await turns()
        assert made[0].calls == ["made", "pause"]
        transport.resume_reading()
        assert await protocol.received(2 * len(data)) == data + data
        await turns()
        assert made[0].calls == ["made", "pause", "resume"]
        made[0].transport.close()
        await protocol.lost
        server.close()

    run(loop, main())


def test_abort_and_reset(loop, server_tls, client_tls):
    async def main():
        server, port, made = await served(loop, server_tls)
        transport, protocol = await loop.create_connection(
            Recorder, "127.0.0.1", port, ssl=client_tls, server_hostname="localhost"
        )
        while not made or not made[0].calls:
            await turns(1)
        transport.write(b"dropped")
        transport.abort()
        assert await protocol.lost is None
        await made[0].lost
        assert protocol.calls == ["made", "lost"]
        server.close()
        await server.wait_closed()

    run(loop, main())


def test_tls_over_unix_sockets(loop, server_tls, client_tls, tmp_path):
    path = str(tmp_path / "socket")

    async def main():
        made = []
        server = await loop.create_unix_server(
            lambda: made.append(Recorder()) or made[-1], path, ssl=server_tls
        )
        transport, protocol = await loop.create_unix_connection(
            Recorder, path, ssl=client_tls, server_hostname="localhost"
        )
        transport.write(b"secret")
        while not made or not made[0].data:
            await turns(1)
        transport.close()
        await protocol.lost
        assert bytes(made[0].data) == b"secret"
        server.close()

    run(loop, main())


def test_a_failing_factory_behind_tls(loop, server_tls, reports):
    def fail():
        raise ZeroDivisionError

    async def main():
        server = await loop.create_server(fail, "127.0.0.1", 0, ssl=server_tls)
        with socket.create_connection(server.sockets[0].getsockname()) as sock:
            sock.setblocking(False)
            assert await loop.sock_recv(sock, 1) == b""
        assert isinstance(reports.pop(0)["exception"], ZeroDivisionError)
        server.close()

    run(loop, main())
