"""Reading paused, writing paused: no data, no memory beyond what was agreed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import tracemalloc
from typing import Any

import pytest
import uvloupe
from peers import Recorder, connected, run, turns

MUCH = 16 << 20  # bytes: more than any kernel takes at once


def read_all(sock: socket.socket) -> bytes:
    sock.settimeout(10)  # a test that fails must not leave this thread behind
    data = bytearray()
    while part := sock.recv(1 << 18):
        data += part
    return bytes(data)


# -- reading --------------------------------------------------------------------------------


def test_no_data_while_reading_is_paused(loop):
    async def main():
        transport, protocol, peer = await connected(loop)
        assert transport.is_reading()
        transport.pause_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        peer.send(b"wait")
        await turns()
        assert protocol.calls == ["made"]
        transport.resume_reading()
        transport.resume_reading()
        assert transport.is_reading()
        await protocol.received(4)
        transport.close()
        assert not transport.is_reading()
        transport.pause_reading()
        transport.resume_reading()
        await protocol.lost
        peer.close()

    run(loop, main())


def test_pausing_in_connection_made(loop):
    class Paused(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.pause_reading()

    async def main():
        transport, protocol, peer = await connected(loop, Paused)
        peer.send(b"wait")
        await turns()
        assert protocol.calls == ["made"]
        transport.resume_reading()
        await protocol.received(4)
        peer.close()
        await protocol.lost

    run(loop, main())


def test_pausing_in_data_received_with_more_to_come(loop):
    """One call for each resume_reading(), though the kernel holds megabytes."""

    class OneAtATime(Recorder):
        count = 0

        def data_received(self, data):
            self.count += 1
            super().data_received(data)
            self.transport.pause_reading()

    async def main():
        transport, protocol, peer = await connected(loop, OneAtATime)
        sending = loop.create_task(loop.sock_sendall(peer, b"z" * MUCH))
        await turns(20)
        rounds = 1
        while len(protocol.data) < MUCH:
            assert protocol.count == rounds
            assert not transport.is_reading()
            transport.resume_reading()
            await turns(1)
            while protocol.count == rounds:
                await turns(1)
            rounds += 1
        await sending
        transport.close()
        peer.close()
        await protocol.lost

    run(loop, main())


def test_pausing_in_get_buffer(loop):
    """asyncio would still deliver this once; nothing is lost when we do not."""

    class Pausing(asyncio.BufferedProtocol):
        def __init__(self):
            self.buffer = bytearray(100)
            self.data = bytearray()
            self.asked = 0

        def connection_made(self, transport):
            self.transport = transport

        def get_buffer(self, sizehint):
            self.asked += 1
            if self.asked == 1:
                self.transport.pause_reading()
            return self.buffer

        def buffer_updated(self, nbytes):
            self.data += self.buffer[:nbytes]

    async def main():
        transport, protocol, peer = await connected(loop, Pausing)
        peer.send(b"data")
        await turns()
        assert protocol.data == b""
        transport.resume_reading()
        while not protocol.data:
            await turns(1)
        assert protocol.data == b"data"
        protocol.buffer.clear()
        transport.close()
        await turns()
        peer.close()

    run(loop, main())


def test_aborting_in_get_buffer(loop):
    class Aborting(Recorder, asyncio.BufferedProtocol):
        def get_buffer(self, sizehint):
            self.transport.abort()
            return bytearray(10)

        def buffer_updated(self, nbytes):
            self.calls.append("updated")

    async def main():
        _transport, protocol, peer = await connected(loop, Aborting)
        peer.send(b"data")
        assert await protocol.lost is None
        assert protocol.calls == ["made", "lost"]
        peer.close()

    run(loop, main())


def test_a_flood_does_not_keep_others_waiting(loop):
    """libuv reads while a read fills its buffer; here a wake-up ends after a quarter MB."""

    class Hungry(Recorder):
        def data_received(self, data):
            self.calls.append(f"data {len(data)}")
            self.data += data

    async def main():
        order: list[str] = []
        transport, protocol, peer = await connected(loop, Hungry)
        sending = loop.create_task(loop.sock_sendall(peer, b"z" * MUCH))
        while len(protocol.data) < MUCH:
            count = len(protocol.calls)
            await asyncio.sleep(0)
            assert len(protocol.calls) <= count + 2
            order.append("turn")
        await sending
        transport.close()
        peer.close()
        await protocol.lost

    run(loop, main())


# -- writing --------------------------------------------------------------------------------


def test_a_peer_that_does_not_read_pauses_the_protocol(loop):
    async def main():
        transport, protocol, peer = await connected(loop)
        data = os.urandom(MUCH)
        transport.write(data)
        assert protocol.calls == ["made", "pause"]  # inside write(), as in asyncio
        size = transport.get_write_buffer_size()
        assert 64 * 1024 < size < MUCH
        transport.write(b"more")
        assert transport.get_write_buffer_size() == size + 4
        await turns()
        assert protocol.calls == ["made", "pause"]
        reading = loop.run_in_executor(None, read_exactly, peer, MUCH + 4)
        assert await reading == data + b"more"
        await turns()
        assert protocol.calls == ["made", "pause", "resume"]
        assert transport.get_write_buffer_size() == 0
        transport.close()
        await protocol.lost
        peer.close()

    run(loop, main())


def read_exactly(sock: socket.socket, size: int) -> bytes:
    sock.settimeout(10)  # a test that fails must not leave this thread behind
    data = bytearray()
    while len(data) < size:
        data += sock.recv(min(1 << 18, size - len(data)))
    return bytes(data)


def test_small_writes_pause_too(loop):
    async def main():
        transport, protocol, peer = await connected(loop)
        sent = bytearray()
        while protocol.calls == ["made"]:
            for _ in range(100):
                piece = b"%05d " % (len(sent) % 99999)
                transport.write(piece)
                sent += piece
            await asyncio.sleep(0)
        assert transport.get_write_buffer_size() > 64 * 1024
        assert transport.get_write_buffer_size() < 64 * 1024 + 1000
        assert await loop.run_in_executor(None, read_exactly, peer, len(sent)) == sent
        await turns()
        assert protocol.calls == ["made", "pause", "resume"]
        transport.close()
        await protocol.lost
        peer.close()

    run(loop, main())


def test_the_memory_of_a_stalled_peer_is_bounded(loop):
    class Sending(Recorder):
        def pause_writing(self):
            super().pause_writing()
            self.paused = True

    async def main():
        transport, protocol, peer = await connected(loop, Sending)
        protocol.paused = False
        tracemalloc.start()
        wrote = 0
        while not protocol.paused:
            transport.write(b"z" * 1000)  # the same object each time: a constant
            wrote += 1000
            await asyncio.sleep(0)
        current, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert transport.get_write_buffer_size() < 64 * 1024 + 2000
        assert peak < 1 << 20
        transport.abort()
        await protocol.lost
        peer.close()

    run(loop, main())


def test_drain_of_streams(loop):
    """StreamWriter.drain() waits for the peer, and no longer."""

    async def main():
        server_side: Any = loop.create_future()
        server = await asyncio.start_server(
            lambda r, w: server_side.set_result((r, w)), "127.0.0.1", 0
        )
        _r, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        reader, other = await server_side
        reader._transport.pause_reading()
        digest = hashlib.sha256()

        async def send():
            for i in range(256):
                block = bytes([i]) * 65536
                digest.update(block)
                writer.write(block)
                await writer.drain()
            writer.write_eof()

        sending = loop.create_task(send())
        await turns(20)
        assert not sending.done()
        reader._transport.resume_reading()
        assert hashlib.sha256(await reader.read()).digest() == digest.digest()
        await sending
        writer.close()
        other.close()
        await writer.wait_closed()
        server.close()

    run(loop, main())


def test_limits_as_asyncio_has_them(loop):
    async def main():
        transport, protocol, peer = await connected(loop)
        assert transport.get_write_buffer_limits() == (16 * 1024, 64 * 1024)
        for given, limits in [
            ({"high": 100}, (25, 100)),
            ({"low": 100}, (100, 400)),
            ({"high": 100, "low": 100}, (100, 100)),
            ({"high": 0}, (0, 0)),
            ({"high": 1 << 80, "low": 1}, (1, (1 << 63) - 1)),
            ({}, (16 * 1024, 64 * 1024)),
        ]:
            transport.set_write_buffer_limits(**given)
            assert transport.get_write_buffer_limits() == limits
        for high, low in [(10, 20), (-1, None), (10, -1), (None, -1)]:
            with pytest.raises(ValueError, match=r"must be >= low \(-?\d+\) must be >= 0"):
                transport.set_write_buffer_limits(high=high, low=low)
        assert transport.get_write_buffer_limits() == (16 * 1024, 64 * 1024)
        transport.close()
        await protocol.lost
        peer.close()

    run(loop, main())


def test_a_limit_of_nothing(loop):
    """high=0: paused whenever the kernel does not take everything, and only then."""

    async def main():
        transport, protocol, peer = await connected(loop)
        transport.set_write_buffer_limits(0)
        transport.write(b"the kernel takes this")
        await turns()
        assert protocol.calls == ["made"]
        transport.write(b"x" * MUCH)
        assert protocol.calls == ["made", "pause"]
        transport.close()
        assert len(await loop.run_in_executor(None, read_all, peer)) == MUCH + 21
        await protocol.lost
        assert protocol.calls == ["made", "pause", "resume", "lost"]
        peer.close()

    run(loop, main())


def test_lowering_the_limit_pauses(loop):
    async def main():
        transport, protocol, peer = await connected(loop)
        transport.set_write_buffer_limits(MUCH)
        transport.write(b"x" * MUCH)
        assert protocol.calls == ["made"]
        transport.set_write_buffer_limits(1024)
        assert protocol.calls == ["made", "pause"]
        transport.abort()
        await protocol.lost
        peer.close()

    run(loop, main())


# -- what is gathered -------------------------------------------------------------------------


def gathered(pieces: list[bytes]) -> list[Any]:
    """The same bytes in all the types that write() takes, turn by turn."""
    kinds = [bytes, bytearray, memoryview, lambda p: memoryview(bytearray(p))]
    return [kinds[i % 4](piece) for i, piece in enumerate(pieces)]


@pytest.mark.parametrize(
    "sizes", [range(0, 80), range(400, 700, 7), range(3000, 9000, 99), [1] * 5000]
)
@pytest.mark.parametrize("lines", [False, True])
def test_pieces_of_all_sizes_and_types_in_order(loop, sizes, lines):
    pieces = [os.urandom(size) for size in sizes]

    async def main():
        transport, protocol, peer = await connected(loop)
        if lines:
            transport.writelines(gathered(pieces))
            transport.writelines([])
            transport.writelines(iter(gathered(pieces)))
        else:
            for piece in gathered(pieces * 2):
                transport.write(piece)
        transport.close()
        came = await loop.run_in_executor(None, read_all, peer)
        assert came == b"".join(pieces) * 2
        await protocol.lost
        peer.close()

    run(loop, main())


@pytest.mark.parametrize("size", [10, 1000, 10_000, 8 << 20])
@pytest.mark.parametrize("view", [False, True])
def test_a_buffer_may_change_after_write(loop, size, view):
    async def main():
        transport, protocol, peer = await connected(loop)
        for fill in (b"a", b"b"):  # the second meets a full kernel when size is large
            data = bytearray(fill * size)
            transport.write(memoryview(data) if view else data)
            data[:] = b"!" * size
            data.clear()  # BufferError if a view of it were kept
        transport.close()
        came = await loop.run_in_executor(None, read_all, peer)
        assert came == b"a" * size + b"b" * size
        await protocol.lost
        peer.close()

    run(loop, main())


def test_views_are_read_as_bytes(loop):
    async def main():
        transport, protocol, peer = await connected(loop)
        whole = bytes(range(256)) * 40
        transport.write(memoryview(whole)[100:9000])
        transport.write(memoryview(whole).cast("I")[:4])
        transport.writelines([memoryview(whole)[:3], b"end"])
        with pytest.raises(BufferError):
            transport.write(memoryview(whole)[::2])
        transport.close()
        came = await loop.run_in_executor(None, read_all, peer)
        assert came == whole[100:9000] + whole[:16] + whole[:3] + b"end"
        await protocol.lost
        peer.close()

    run(loop, main())


def test_one_system_call_for_one_callbacks_writes(loop):
    """A sequenced-packet peer would see them apart; here the peer's first read is all."""

    async def main():
        transport, protocol, peer = await connected(loop)
        for i in range(20):
            transport.write(b"%02d" % i)
        assert transport.get_write_buffer_size() == 40
        with pytest.raises(BlockingIOError):
            peer.recv(100)
        await asyncio.sleep(0)
        assert transport.get_write_buffer_size() == 0
        assert peer.recv(100) == b"".join(b"%02d" % i for i in range(20))
        transport.close()
        await protocol.lost
        peer.close()

    run(loop, main())


def test_writes_outside_the_loop_go_out_when_it_closes(loop):
    holder = []

    async def main():
        holder.extend(await connected(loop))

    run(loop, main())
    transport, _protocol, peer = holder
    transport.write(b"last words")
    with pytest.warns(ResourceWarning, match="unclosed transport"):
        loop.close()
        _protocol.transport = _protocol.made = None
        holder.clear()
        del transport
        import gc

        gc.collect()
    assert peer.recv(100) == b"last words"
    peer.close()


# -- sendfile ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fallback", [True, False])
def test_sendfile(loop, tmp_path, fallback):
    data = os.urandom(5 << 20)
    (tmp_path / "file").write_bytes(data)

    async def main():
        transport, protocol, peer = await connected(loop)
        receiving = loop.run_in_executor(None, read_all, peer)
        transport.write(b"head")
        with open(tmp_path / "file", "rb") as file:
            sending = loop.create_task(loop.sendfile(transport, file, 10, fallback=fallback))
            await asyncio.sleep(0)
            if not sending.done():
                with pytest.raises(RuntimeError, match="sendfile is in progress"):
                    transport.write(b"not now")
            assert await sending == len(data) - 10
        transport.write(b"tail")
        transport.close()
        assert await receiving == b"head" + data[10:] + b"tail"
        await protocol.lost
        peer.close()

    run(loop, main())


def test_sendfile_by_copying(loop, tmp_path):
    """asyncio's fallback wants a transport of its own kind."""
    data = os.urandom(1 << 20)
    (tmp_path / "file").write_bytes(data)

    async def main():
        transport, protocol, peer = await connected(loop)
        receiving = loop.run_in_executor(None, read_all, peer)
        with open(tmp_path / "file", "rb") as file:
            sent = await loop._sendfile_fallback(transport, file, 0, None)
        assert sent == len(data)
        transport.close()
        assert await receiving == data
        await protocol.lost
        peer.close()

    run(loop, main())


def test_writelines_of_a_list_that_pause_writing_changes(loop):
    """What was handed over goes out whole and in order, and nothing of it is freed early."""

    async def main():
        ours, peer = socket.socketpair()
        ours.setblocking(False)
        pending = [os.urandom(100_000) for _ in range(20)]
        expected = b"".join(pending)

        class Changing(asyncio.Protocol):
            def pause_writing(self):
                pending.clear()

        transport, _ = await loop.create_connection(Changing, sock=ours)
        reading = loop.run_in_executor(None, read_all, peer)
        transport.writelines(pending)
        assert pending == []
        transport.close()
        got = await asyncio.wait_for(reading, 30)
        assert got == expected
        peer.close()

    loop.run_until_complete(main())


def test_write_eof_after_the_loop_was_closed_touches_no_stranger(reports):
    loop = uvloupe.new_event_loop()
    ours, peer = socket.socketpair()
    ours.setblocking(False)
    transport, _ = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=ours))
    loop.close()
    a, b = socket.socketpair()  # gets the number of the transport's descriptor
    transport.write_eof()
    a.send(b"still open")
    assert b.recv(100) == b"still open"
    for sock in (a, b, peer):
        sock.close()


def test_what_an_exception_handler_writes_is_sent_at_once(loop, reports):
    async def main():
        ours, peer = socket.socketpair()
        ours.setblocking(False)
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)

        def fails():
            raise ValueError("on purpose")

        server = await loop.create_server(fails, "127.0.0.1", 0)
        loop.set_exception_handler(lambda _, context: transport.write(b"told"))
        reading = loop.run_in_executor(None, peer.recv, 100)
        with socket.create_connection(server.sockets[0].getsockname()):
            assert await asyncio.wait_for(reading, 5) == b"told"
        server.close()
        transport.close()
        peer.close()

    loop.run_until_complete(main())
