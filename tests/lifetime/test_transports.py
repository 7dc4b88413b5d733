"""Transports at their worst: dropped with their loop, and used in any order at all."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

COUNT = """
import asyncio, gc, os, random, sys, warnings
import uvloupe

warnings.simplefilter("ignore", ResourceWarning)

def descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))
"""


@pytest.fixture
def program(run_python):
    def run(text: str) -> None:
        code = COUNT + textwrap.dedent(text)
        here = Path(__file__).parent  # any_order.py is there
        quiet = {"UVLOUPE_SLOW": "60"}  # seconds: a busy machine is nobody's slow step
        result = run_python("-X", "faulthandler", "-c", code, cwd=here, env=quiet, timeout=300)
        assert result.returncode == 0, result.stderr + result.stdout
        assert result.stderr == ""

    return run


def test_loops_dropped_with_open_connections_and_look_ups(program):
    program("""
        class Echo(asyncio.Protocol):
            def connection_made(self, transport):
                self.transport = transport

            def data_received(self, data):
                self.transport.write(data)

        def once():
            loop = uvloupe.new_event_loop()
            kept = []

            async def main():
                server = await loop.create_server(Echo, "127.0.0.1", 0)
                for size in (10, 1000, 10_000_000):
                    transport, protocol = await loop.create_connection(
                        Echo, *server.sockets[0].getsockname())
                    transport.get_extra_info("socket")
                    transport.write(b"x" * size)
                    kept.append((transport, protocol, server))
                await asyncio.sleep(0.001)
                for transport, protocol, server in kept:
                    transport.write(b"never flushed")
                kept.extend(loop._getaddrinfo(b"localhost", b"80", 0, 0, 0, 0) for _ in range(5))

            loop.kept = kept  # a cycle
            loop.run_until_complete(main())

        once()
        before = descriptors()
        for _ in range(20):
            once()
        assert descriptors() == before, (before, descriptors())
    """)


def test_connections_come_and_go_without_a_trace(program):
    program("""
        async def main():
            async def echo(reader, writer):
                writer.write(await reader.read(100))
                writer.close()
                await writer.wait_closed()

            async def client():
                reader, writer = await asyncio.open_connection(*address)
                writer.write(b"hello")
                assert await reader.read() == b"hello"
                writer.close()
                await writer.wait_closed()

            server = await asyncio.start_server(echo, "127.0.0.1", 0)
            address = server.sockets[0].getsockname()
            for _ in range(100):
                await client()
            await asyncio.sleep(0.01)
            before = descriptors(), len(gc.get_objects())
            for _ in range(1000):
                await client()
            await asyncio.sleep(0.01)
            after = descriptors(), len(gc.get_objects())
            assert after[0] == before[0], (before, after)
            assert after[1] - before[1] < 50, (before, after)
            server.close()

        uvloupe.run(main())
    """)


def test_any_method_in_any_callback(program):
    program("""
        from any_order import one_run

        for seed in range(60):
            one_run(seed)
        assert descriptors() < 20, descriptors()
    """)
