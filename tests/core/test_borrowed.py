"""Datagrams, pipes and subprocesses: asyncio's own transports on this loop."""

from __future__ import annotations

import asyncio
import os
import sys


def test_datagrams(loop):
    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, address):
            self.transport.sendto(data, address)

    class Client(asyncio.DatagramProtocol):
        def __init__(self):
            self.got = loop.create_future()

        def datagram_received(self, data, address):
            self.got.set_result(data)

    async def main():
        server, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
        client, protocol = await loop.create_datagram_endpoint(
            Client, remote_addr=server.get_extra_info("sockname")
        )
        client.sendto(b"hello")
        assert await asyncio.wait_for(protocol.got, 10) == b"hello"
        client.close()
        server.close()
        await asyncio.sleep(0)

    loop.run_until_complete(main())


def test_pipes(loop):
    async def main():
        r, w = os.pipe()
        reader = asyncio.StreamReader()
        source, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(r, "rb")
        )
        sink, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(w, "wb"))
        sink.write(b"through the pipe")
        sink.close()
        assert await asyncio.wait_for(reader.read(), 10) == b"through the pipe"
        source.close()
        await asyncio.sleep(0)

    loop.run_until_complete(main())


def test_subprocesses(loop):
    program = "import sys; sys.stdout.write(sys.stdin.read().upper()); sys.exit(3)"

    async def once(text):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate(text)
        assert out == text.upper() and process.returncode == 3

    async def main():
        await asyncio.wait_for(asyncio.gather(*[once(b"abc" * i) for i in range(4)]), 60)
        shell = await asyncio.create_subprocess_shell("kill -TERM $$")
        assert await shell.wait() == -15

    loop.run_until_complete(main())
