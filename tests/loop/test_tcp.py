"""TCP transports: what a protocol sees, in which order, and who owns the descriptor."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import errno
import gc
import hashlib
import os
import resource
import socket
import weakref
from typing import Any

import pytest
from peers import BufferedRecorder, Recorder, connected, reset, run, turns


async def served(loop: Any, factory: Any = Recorder) -> tuple[asyncio.Server, int, list[Any]]:
    """A server on a free port, and the list of the protocols it made."""
    made: list[Any] = []

    def make() -> Any:
        made.append(factory())
        return made[-1]

    server = await loop.create_server(make, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1], made


# -- the order of events ------------------------------------------------------------------


def test_calls_come_in_asyncios_order(loop):
    async def main():
        server, port, made = await served(loop)
        transport, protocol = await loop.create_connection(Recorder, "127.0.0.1", port)
        assert protocol.calls == ["made"]  # before create_connection() returns
        assert protocol.transport is transport
        transport.write(b"question")
        await turns()
        await made[0].received(8)
        made[0].transport.write(b"answer")
        await protocol.received(6)
        made[0].transport.close()
        assert await protocol.lost is None
        assert await made[0].lost is None
        assert protocol.calls == ["made", "data", "eof", "lost"]
        assert made[0].calls == ["made", "data", "lost"]
        server.close()
        await server.wait_closed()

    run(loop, main())


def test_close_does_not_call_connection_lost_at_once(loop):
    async def main():
        transport, protocol, peer = await connected(loop)
        transport.close()
        assert transport.is_closing()
        assert protocol.calls == ["made"]
        transport.close()
        transport.abort()
        await protocol.lost
        await turns()
        assert protocol.calls == ["made", "lost"]
        assert transport.get_protocol() is None
        assert peer.recv(1) == b""
        peer.close()

    run(loop, main())


def test_close_sends_what_was_written(loop):
    async def main():
        transport, protocol, peer = await connected(loop)
        transport.write(b"a" * 10)
        transport.write(b"b" * 3000)
        transport.close()
        await protocol.lost
        peer.setblocking(True)
        assert peer.recv(8192, socket.MSG_WAITALL) == b"a" * 10 + b"b" * 3000
        peer.close()

    run(loop, main())


def test_abort_drops_what_the_kernel_did_not_take(loop):
    """As in asyncio, where write() offers it at once."""

    async def main():
        transport, protocol, peer = await connected(loop)
        transport.write(b"taken")
        transport.abort()
        transport.write(b"dropped")
        await protocol.lost
        assert peer.recv(100) == b"taken"
        assert peer.recv(100) == b""
        peer.close()

        transport, protocol, peer = await connected(loop)
        transport.write(b"x" * (64 << 20))
        transport.write(b"dropped")
        transport.abort()
        assert transport.get_write_buffer_size() == 0
        await protocol.lost
        peer.setblocking(True)
        size = 0
        with contextlib.suppress(ConnectionResetError):
            while part := peer.recv(1 << 20):
                size += len(part)
        assert 0 < size < 64 << 20
        peer.close()

    run(loop, main())


@pytest.mark.parametrize("how", ["close", "abort"])
def test_closing_in_connection_made(loop, how):
    class Closing(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.write(b"x")
            getattr(transport, how)()

    async def main():
        server, port, made = await served(loop, Closing)
        _, client = await loop.create_connection(Recorder, "127.0.0.1", port)
        await client.lost
        assert bytes(client.data) == b"x"
        await made[0].lost
        assert made[0].calls == ["made", "lost"]

        _, closing = await loop.create_connection(Closing, "127.0.0.1", port)
        await closing.lost
        assert closing.calls == ["made", "lost"]
        server.close()

    run(loop, main())


@pytest.mark.parametrize("how", ["close", "abort"])
def test_no_data_after_closing_in_data_received(loop, how):
    class Closing(Recorder):
        def data_received(self, data):
            super().data_received(data)
            getattr(self.transport, how)()

    async def main():
        transport, protocol, peer = await connected(loop, Closing)
        peer.setblocking(True)
        sender = loop.run_in_executor(None, send_until_refused, peer)
        await protocol.lost
        assert len(protocol.data) <= 256 * 1024
        assert protocol.calls == ["made", "data", "lost"]
        await sender
        peer.close()

    run(loop, main())


def send_until_refused(sock: socket.socket) -> None:
    try:
        for _ in range(1000):
            sock.sendall(b"z" * 65536)
    except OSError:
        pass


def test_callbacks_share_a_copy_of_the_makers_context(loop):
    variable = contextvars.ContextVar("variable", default="unset")
    seen = []

    class Reading(Recorder):
        def connection_made(self, transport):
            seen.append(variable.get())
            variable.set("made")
            super().connection_made(transport)

        def data_received(self, data):
            seen.append(variable.get())
            super().data_received(data)

    async def main():
        variable.set("maker")
        _transport, protocol, peer = await connected(loop, Reading)
        variable.set("later")
        peer.send(b"x")
        await protocol.received(1)
        peer.close()
        await protocol.lost

    run(loop, main())
    assert seen == ["maker", "made"]


# -- data ---------------------------------------------------------------------------------


def test_one_byte_at_a_time(loop):
    async def main():
        transport, protocol, peer = await connected(loop)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        text = bytes(range(256))
        for i in range(256):
            peer.send(text[i : i + 1])
            assert await protocol.received(i + 1) == text[: i + 1]
        transport.close()
        peer.close()
        await protocol.lost

    run(loop, main())


@pytest.mark.parametrize("factory", [Recorder, BufferedRecorder])
def test_a_hundred_megabytes_arrive_unchanged(loop, factory):
    block = os.urandom(1 << 20)
    sent, came = hashlib.sha256(), hashlib.sha256()

    class Checking(factory):
        def data_received(self, data):
            came.update(data)

        def buffer_updated(self, nbytes):
            came.update(memoryview(self.buffer)[:nbytes])

    class Sending(asyncio.Protocol):
        left = 100

        def connection_made(self, transport):
            self.transport = transport
            self.resume_writing()

        def pause_writing(self):
            self.paused = True

        def resume_writing(self):
            self.paused = False
            while self.left and not self.paused:
                self.left -= 1
                sent.update(block)
                self.transport.write(block)
            if not self.left:
                self.transport.close()

    async def main():
        server, port, made = await served(loop, Checking)
        await loop.create_connection(Sending, "127.0.0.1", port)
        while not made:
            await turns(1)
        assert await made[0].lost is None
        server.close()

    run(loop, main())
    assert sent.digest() == came.digest()


def test_buffered_protocol_is_asked_as_asyncio_asks(loop):
    async def main():
        transport, protocol, peer = await connected(loop, lambda: BufferedRecorder(10))
        peer.send(b"0123456789abcdefghijklmno")
        while len(protocol.data) < 25:
            await turns(1)
        assert bytes(protocol.data) == b"0123456789abcdefghijklmno"
        assert set(protocol.hints) == {-1}
        protocol.buffer.extend(b"no longer exported")  # BufferError if a view is kept
        peer.close()
        assert await protocol.lost is None

    run(loop, main())


@pytest.mark.parametrize("buffer", [b"", bytearray(), 17, b"read-only"])
def test_a_bad_buffer_is_fatal(loop, reports, buffer):
    class Bad(BufferedRecorder):
        def get_buffer(self, sizehint):
            return buffer

    async def main():
        transport, protocol, peer = await connected(loop, Bad)
        peer.send(b"x")
        error = await protocol.lost
        report = reports.pop(0)
        assert report["exception"] is error
        assert report["transport"] is transport
        assert "get_buffer() call failed" in report["message"]
        peer.close()

    run(loop, main())


def test_set_protocol_between_kinds(loop):
    async def main():
        transport, first, peer = await connected(loop)
        peer.send(b"one")
        await first.received(3)
        second = BufferedRecorder()
        transport.set_protocol(second)
        assert transport.get_protocol() is second
        peer.send(b"two")
        while len(second.data) < 3:
            await turns(1)
        third = Recorder()
        third.calls.append("made")
        transport.set_protocol(third)
        peer.send(b"three")
        assert await third.received(5) == b"three"
        assert (bytes(first.data), bytes(second.data)) == (b"one", b"two")
        peer.close()
        await third.lost
        assert first.calls == ["made", "data"]

    run(loop, main())


def test_set_protocol_inside_data_received(loop):
    class First(Recorder):
        def data_received(self, data):
            super().data_received(data)
            self.second = BufferedRecorder()
            self.transport.set_protocol(self.second)

    async def main():
        transport, first, peer = await connected(loop, First)
        peer.send(b"one")
        await first.received(3)
        peer.send(b"two")
        while not first.second.data:
            await turns(1)
        assert bytes(first.second.data) == b"two"
        transport.close()
        peer.close()
        await first.second.lost

    run(loop, main())


# -- half-close ---------------------------------------------------------------------------


def test_write_eof_leaves_reading_open(loop):
    async def main():
        transport, protocol, peer = await connected(loop)
        assert transport.can_write_eof()
        transport.write(b"question")
        transport.write_eof()
        transport.write_eof()
        with pytest.raises(RuntimeError, match=r"Cannot call write\(\) after write_eof\(\)"):
            transport.write(b"more")
        with pytest.raises(RuntimeError, match=r"Cannot call writelines\(\) after write_eof\(\)"):
            transport.writelines([b"more"])
        await turns()
        peer.setblocking(True)
        assert peer.recv(100) == b"question"
        assert peer.recv(100) == b""
        peer.send(b"answer")
        await protocol.received(6)
        peer.close()
        await protocol.lost
        assert protocol.calls == ["made", "data", "eof", "lost"]

    run(loop, main())


def test_write_eof_comes_after_a_full_kernel(loop):
    async def main():
        transport, protocol, peer = await connected(loop)
        data = os.urandom(8 << 20)
        transport.write(data)
        transport.write_eof()
        peer.setblocking(True)
        came = await loop.run_in_executor(None, read_all, peer)
        assert came == data
        peer.close()
        await protocol.lost

    run(loop, main())


def read_all(sock: socket.socket) -> bytes:
    sock.settimeout(10)  # a test that fails must not leave this thread behind
    data = bytearray()
    while part := sock.recv(1 << 16):
        data += part
    return bytes(data)


def test_peers_eof_may_leave_writing_open(loop):
    def keeping_open() -> Recorder:
        protocol = Recorder()
        protocol.keep_open = True
        return protocol

    async def main():
        transport, protocol, peer = await connected(loop, keeping_open)
        peer.send(b"question")
        peer.shutdown(socket.SHUT_WR)
        await protocol.eof
        assert not transport.is_closing()
        await turns()
        transport.write(b"answer")
        await turns()
        peer.setblocking(True)
        assert peer.recv(100) == b"answer"
        transport.pause_reading()
        transport.resume_reading()
        await turns()
        transport.close()
        await protocol.lost
        assert protocol.calls == ["made", "data", "eof", "lost"]
        assert peer.recv(100) == b""
        peer.close()

    run(loop, main())


# -- errors -------------------------------------------------------------------------------


def test_a_reset_is_connection_losts_business_alone(loop):
    async def main():
        _transport, protocol, peer = await connected(loop)
        reset(peer)
        assert isinstance(await protocol.lost, ConnectionResetError)
        assert protocol.calls == ["made", "lost"]

    run(loop, main())


def test_a_reset_while_writing(loop):
    async def main():
        transport, protocol, peer = await connected(loop)
        transport.pause_reading()
        transport.write(b"x" * (8 << 20))
        await turns()
        reset(peer)
        assert isinstance(await protocol.lost, (ConnectionResetError, BrokenPipeError))
        assert transport.get_write_buffer_size() == 0

    run(loop, main())


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("data_received", "Fatal error: protocol.data_received() call failed."),
        ("eof_received", "Fatal error: protocol.eof_received() call failed."),
    ],
)
def test_a_failing_protocol_loses_its_connection(loop, reports, method, message):
    error = ZeroDivisionError(method)

    def fail(*args):
        raise error

    class Failing(Recorder):
        pass

    setattr(Failing, method, fail)

    async def main():
        transport, protocol, peer = await connected(loop, Failing)
        peer.send(b"x")
        if method == "eof_received":
            peer.shutdown(socket.SHUT_WR)
        assert await protocol.lost is error
        report = reports.pop(0)
        assert report["message"] == message
        assert report["exception"] is error
        assert report["transport"] is transport
        assert report["protocol"] is protocol
        peer.close()

    run(loop, main())


def test_a_failing_buffer_updated(loop, reports):
    class Failing(BufferedRecorder):
        def buffer_updated(self, nbytes):
            raise ZeroDivisionError

    async def main():
        _transport, protocol, peer = await connected(loop, Failing)
        peer.send(b"x")
        assert isinstance(await protocol.lost, ZeroDivisionError)
        assert "buffer_updated() call failed" in reports.pop(0)["message"]
        peer.close()

    run(loop, main())


def test_a_failing_connection_lost_is_reported_and_the_transport_closed(loop, reports):
    class Failing(Recorder):
        def connection_lost(self, exc):
            super().connection_lost(exc)
            raise ZeroDivisionError

    async def main():
        transport, protocol, peer = await connected(loop, Failing)
        transport.close()
        await protocol.lost
        await turns()
        assert isinstance(reports.pop(0)["exception"], ZeroDivisionError)
        assert peer.recv(1) == b""
        peer.close()

    run(loop, main())


@pytest.mark.parametrize("method", ["pause_writing", "resume_writing"])
def test_failing_flow_control_is_reported_and_goes_on(loop, reports, method):
    def fail(self):
        raise ZeroDivisionError

    class Failing(Recorder):
        pass

    setattr(Failing, method, fail)

    async def main():
        transport, protocol, peer = await connected(loop, Failing)
        data = b"x" * (8 << 20)
        transport.write(data)
        peer.setblocking(True)
        transport.close()
        assert await loop.run_in_executor(None, read_all, peer) == data
        assert await protocol.lost is None
        assert reports.pop(0)["message"] == f"protocol.{method}() failed"
        peer.close()

    run(loop, main())


def test_a_failing_connection_made_of_a_server_closes_that_connection_alone(loop, reports):
    fail = [True]

    class Failing(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            if fail:
                fail.clear()
                raise ZeroDivisionError

    async def main():
        server, port, made = await served(loop, Failing)
        _, first = await loop.create_connection(Recorder, "127.0.0.1", port)
        await first.lost
        report = reports.pop(0)
        assert isinstance(report["exception"], ZeroDivisionError)
        assert report["protocol"] is made[0]
        second_transport, second = await loop.create_connection(Recorder, "127.0.0.1", port)
        second_transport.write(b"x")
        await turns()
        await made[1].received(1)
        second_transport.close()
        await second.lost
        await made[1].lost
        server.close()

    run(loop, main())


def test_a_failing_factory_closes_that_connection_alone(loop, reports, open_descriptors):
    fail = [True]

    def factory():
        if fail:
            fail.clear()
            raise ZeroDivisionError
        return Recorder()

    async def main():
        server = await loop.create_server(factory, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        _, first = await loop.create_connection(Recorder, "127.0.0.1", port)
        await first.lost
        assert isinstance(reports.pop(0)["exception"], ZeroDivisionError)
        transport, second = await loop.create_connection(Recorder, "127.0.0.1", port)
        transport.close()
        await second.lost
        server.close()

    run(loop, main())


@pytest.mark.parametrize("method", ["connection_made", "data_received", "connection_lost"])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_interrupts_leave_run_forever(loop, method, kind):
    class Interrupting(Recorder):
        pass

    def interrupt(self, *args):
        raise kind

    setattr(Interrupting, method, interrupt)

    async def main():
        server, port, _made = await served(loop, Interrupting)
        transport, _ = await loop.create_connection(Recorder, "127.0.0.1", port)
        transport.write(b"x")
        await turns()
        transport.close()
        await turns(100)

    task = loop.create_task(main())
    with pytest.raises(kind):
        loop.run_until_complete(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)


@pytest.mark.parametrize("data", ["text", 17, None, [b"x"]])
def test_write_wants_bytes(loop, data):
    async def main():
        transport, protocol, peer = await connected(loop)
        with pytest.raises(TypeError, match="data argument must be a bytes-like object, not"):
            transport.write(data)
        with pytest.raises(TypeError):
            transport.writelines(["text"])
        transport.close()
        await protocol.lost
        peer.close()

    run(loop, main())


def test_write_after_close_is_dropped_and_the_sixth_warned_of(loop, caplog):
    async def main():
        transport, protocol, peer = await connected(loop)
        transport.close()
        for _ in range(4):
            transport.write(b"dropped")
            transport.writelines([b"dropped"])
        await protocol.lost
        transport.write(b"dropped")
        assert peer.recv(100) == b""
        peer.close()

    run(loop, main())
    warnings = [r for r in caplog.records if r.getMessage() == "socket.send() raised exception."]
    assert len(warnings) == 5  # of nine writes, the first four are quiet


# -- who owns the descriptor ----------------------------------------------------------------


def test_the_python_socket_may_be_closed_beneath(loop):
    async def main():
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        transport, protocol = await loop.connect_accepted_socket(Recorder, ours)
        number = ours.fileno()
        ours.close()
        transport.write(b"still here")
        await turns()
        assert theirs.recv(100) == b"still here"
        transport.close()
        await protocol.lost
        assert ours.fileno() == -1
        with pytest.raises(OSError) as caught:
            os.fstat(number)
        assert caught.value.errno == errno.EBADF
        theirs.close()

    run(loop, main())


def test_a_descriptor_is_closed_once(loop):
    """Whoever opens the number next keeps it."""

    async def main():
        for _ in range(20):
            transport, protocol, peer = await connected(loop)
            sock = transport.get_extra_info("socket")
            number = sock.fileno()
            transport.close()
            await protocol.lost
            others = [os.open("/dev/null", os.O_RDONLY) for _ in range(3)]
            assert number in others
            assert sock.fileno() == -1
            del sock, transport, protocol
            await turns(1)
            gc.collect()
            for fd in others:
                os.fstat(fd)
                os.close(fd)
            peer.close()

    run(loop, main())


def test_five_hundred_connections_leave_no_descriptor(loop, open_descriptors):
    async def once(port):
        transport, protocol = await loop.create_connection(Recorder, "127.0.0.1", port)
        transport.get_extra_info("socket")
        transport.write(b"x")
        transport.close()
        await protocol.lost

    async def main():
        server, port, made = await served(loop)
        await once(port)  # libuv keeps one descriptor from the first stream on
        await turns()
        before = open_descriptors()
        for _ in range(10):
            await asyncio.gather(*(once(port) for _ in range(50)))
        for protocol in made:
            await protocol.lost
        await turns()
        assert len(made) == 501
        assert open_descriptors() == before
        server.close()
        await server.wait_closed()

    run(loop, main())


def test_closing_the_loop_closes_transports_without_callbacks(loop, open_descriptors):
    before = None
    kept = []

    async def main():
        nonlocal before
        first, protocol, peer = await connected(loop)
        first.close()
        await protocol.lost
        peer.close()
        await turns()
        before = open_descriptors()
        server, port, made = await served(loop)
        transport, protocol = await loop.create_connection(Recorder, "127.0.0.1", port)
        await turns()
        made[0].transport.pause_reading()
        transport.write(b"x" * (16 << 20))  # a request of libuv's is under way
        kept.extend([transport, protocol, server, made])
        await turns()

    run(loop, main())
    transport, protocol, server, _made = kept
    server.close()
    loop.close()
    assert protocol.calls == ["made", "pause"]
    assert transport.get_extra_info("socket").fileno() == -1
    del transport, protocol, server, _made
    with pytest.warns(ResourceWarning, match="unclosed transport"):
        kept.clear()
        gc.collect()
    # The loop's own descriptors are gone as well.
    assert open_descriptors() <= before


def test_a_transport_is_freed_when_it_is_lost(loop):
    async def main():
        transport, protocol, peer = await connected(loop)
        alive = weakref.ref(transport)
        transport.write(b"x")
        transport.close()
        await protocol.lost
        protocol.transport = protocol.made = None
        del transport
        await turns()
        gc.collect()
        assert alive() is None
        peer.close()

    run(loop, main())


def test_a_descriptor_in_use_is_refused(loop):
    async def main():
        transport, protocol, peer = await connected(loop)
        fd = transport.get_extra_info("socket").fileno()
        for pause in (False, True):
            if pause:
                transport.pause_reading()
            with pytest.raises(RuntimeError, match="is used by transport"):
                loop.add_reader(fd, print)
            with pytest.raises(RuntimeError, match="is used by transport"):
                loop.add_writer(fd, print)
            with pytest.raises(RuntimeError, match="is used by transport"):
                loop.remove_reader(fd)
        other = socket.socket(fileno=fd)
        with pytest.raises(RuntimeError, match="is used by transport"):
            await loop.connect_accepted_socket(Recorder, other)
        other.detach()
        transport.close()
        await protocol.lost
        peer.close()

    run(loop, main())


# -- what users ask -------------------------------------------------------------------------


def test_extra_info_stays_after_close(loop):
    async def main():
        server, port, made = await served(loop)
        transport, protocol = await loop.create_connection(Recorder, "127.0.0.1", port)
        await turns()
        accepted = made[0].transport
        for _ in range(2):
            assert transport.get_extra_info("peername") == ("127.0.0.1", port)
            assert accepted.get_extra_info("sockname") == ("127.0.0.1", port)
            local = transport.get_extra_info("sockname")
            assert accepted.get_extra_info("peername") == local
            assert local[0] == "127.0.0.1" and local[1] not in (0, port)
            assert transport.get_extra_info("nothing") is None
            assert transport.get_extra_info("nothing", 1) == 1
            assert transport.get_extra_info(name="nothing", default=2) == 2
            assert transport.get_extra_info(3, 4) == 4
            assert transport.get_extra_info("socket").family == socket.AF_INET
            if not transport.is_closing():
                sock = accepted.get_extra_info("socket")
                assert sock is accepted.get_extra_info("socket")
                assert sock.getpeername() == local
                assert sock.type == socket.SOCK_STREAM and sock.gettimeout() == 0
                transport.close()
                await protocol.lost
                await made[0].lost
        assert transport.get_extra_info("socket").fileno() == -1
        assert sock.fileno() == -1
        server.close()

    run(loop, main())


def test_extra_info_of_a_peer_that_reset(loop):
    """Asked late: the kernel has forgotten, the transport has not."""

    async def main():
        server, port, made = await served(loop)
        sock = socket.create_connection(("127.0.0.1", port))
        name = sock.getsockname()
        while not made:
            await turns(1)
        reset(sock)
        await made[0].lost
        assert made[0].transport.get_extra_info("peername") == name
        assert made[0].transport.get_extra_info("socket").fileno() == -1
        server.close()

    run(loop, main())


def test_ipv6_names_have_four_parts(loop):
    async def main():
        made = []
        server = await loop.create_server(
            lambda: made.append(Recorder()) or made[-1], "::1", 0, family=socket.AF_INET6
        )
        port = server.sockets[0].getsockname()[1]
        transport, protocol = await loop.create_connection(Recorder, "::1", port)
        await turns()
        assert transport.get_extra_info("peername") == ("::1", port, 0, 0)
        assert made[0].transport.get_extra_info("sockname") == ("::1", port, 0, 0)
        transport.close()
        await protocol.lost
        server.close()

    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6")
    run(loop, main())


def test_nagle_is_off(loop):
    async def main():
        server, port, made = await served(loop)
        transport, protocol = await loop.create_connection(Recorder, "127.0.0.1", port)
        await turns()
        for end in (transport, made[0].transport):
            sock = end.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        transport.close()
        await protocol.lost
        server.close()

    run(loop, main())


def test_a_transport_looks_like_asyncios(loop):
    async def main():
        transport, protocol, peer = await connected(loop)
        assert isinstance(transport, asyncio.Transport)
        assert isinstance(transport, asyncio.ReadTransport)
        assert isinstance(transport, asyncio.WriteTransport)
        fd = transport.get_extra_info("socket").fileno()
        assert repr(transport) == f"<StreamTransport fd={fd} read=polling write=<idle, bufsize=0>>"
        transport.close()
        assert repr(transport).startswith(f"<StreamTransport closing fd={fd} ")
        await protocol.lost
        await turns()
        assert repr(transport).startswith(f"<StreamTransport closed fd={fd} ")
        assert not hasattr(transport, "__dict__")
        with pytest.raises(TypeError):
            type(transport)()
        peer.close()

    run(loop, main())


# -- servers ----------------------------------------------------------------------------------


def test_streams_echo(loop):
    async def echo(reader, writer):
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def client(port, number):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for i in range(20):
            line = b"%d %d\n" % (number, i)
            writer.write(line)
            assert await reader.readline() == line
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()

    async def main():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            await asyncio.gather(*(client(port, n) for n in range(50)))

    run(loop, main())


def test_a_server_on_several_sockets(loop):
    async def main():
        made = []
        one = socket.create_server(("127.0.0.1", 0))
        two = await loop.create_server(
            lambda: made.append(Recorder()) or made[-1], host=["127.0.0.1", "127.0.0.2"], port=0
        )
        assert len(two.sockets) == 2
        three = await loop.create_server(lambda: made.append(Recorder()) or made[-1], sock=one)
        for sock in (*two.sockets, *three.sockets):
            transport, protocol = await loop.create_connection(Recorder, *sock.getsockname())
            transport.close()
            await protocol.lost
        while len(made) < 3:
            await turns(1)
        two.close()
        three.close()

    run(loop, main())


def test_a_closed_server_frees_its_port_at_once(loop):
    async def main():
        server, port, _made = await served(loop)
        server.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        again = await loop.create_server(Recorder, "127.0.0.1", port, reuse_address=False)
        again.close()
        await server.wait_closed()
        await again.wait_closed()

    run(loop, main())


def test_start_serving_later_and_serve_forever(loop):
    async def main():
        made = []
        server = await loop.create_server(
            lambda: made.append(Recorder()) or made[-1], "127.0.0.1", 0, start_serving=False
        )
        assert not server.is_serving()
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Recorder, "127.0.0.1", port)
        serving = loop.create_task(server.serve_forever())
        await turns()
        assert server.is_serving()
        transport, protocol = await loop.create_connection(Recorder, "127.0.0.1", port)
        transport.close()
        await protocol.lost
        await turns()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert not server.is_serving()

    run(loop, main())


def test_wait_closed_waits_for_connections(loop):
    if not hasattr(asyncio.Server, "close_clients"):
        pytest.skip("needs 3.13's Server")

    async def main():
        for method in ("close_clients", "abort_clients"):
            server, port, made = await served(loop)
            transport, protocol = await loop.create_connection(Recorder, "127.0.0.1", port)
            await turns()
            server.close()
            waiting = loop.create_task(server.wait_closed())
            await turns()
            assert not waiting.done()
            getattr(server, method)()
            await waiting
            assert made[0].calls == ["made", "lost"]
            await protocol.lost

    run(loop, main())


def test_a_server_closed_by_its_factory(loop, reports):
    holder: list[Any] = []

    def factory():
        holder[0].close()
        return Recorder()

    async def main():
        server = await loop.create_server(factory, "127.0.0.1", 0)
        holder.append(server)
        port = server.sockets[0].getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.setblocking(False)
            assert await loop.sock_recv(sock, 1) == b""
        assert isinstance(reports.pop(0)["exception"], AssertionError)

    run(loop, main())


def test_running_out_of_descriptors_is_reported_and_survived(loop, reports):
    async def main():
        server, port, made = await served(loop)
        clients = [socket.socket() for _ in range(3)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = max(int(fd) for fd in os.listdir("/proc/self/fd")) + 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (used, hard))
        filler = []
        try:
            while True:
                try:
                    filler.append(os.open("/dev/null", os.O_RDONLY))
                except OSError:
                    break
            for sock in clients:
                sock.connect(("127.0.0.1", port))
            await turns(20)
            assert made == []
            report = reports.pop(0)
            assert report["exception"].errno == errno.EMFILE
            assert report["message"] == "socket.accept() out of system resource"
            assert reports == []  # once, not at each poll
        finally:
            for fd in filler:
                os.close(fd)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        while len(made) < 3:  # asyncio tries again after a second
            await asyncio.sleep(0.05)
        for sock in clients:
            sock.close()
        for protocol in made:
            await protocol.lost
        server.close()

    run(loop, main())


def test_many_connections_at_once(loop):
    async def main():
        server, port, made = await served(loop)
        socks = [socket.create_connection(("127.0.0.1", port)) for _ in range(90)]
        for i, sock in enumerate(socks):
            sock.send(b"%d" % i)
        while len(made) < 90 or not all(protocol.data for protocol in made):
            await turns(1)
        assert sorted(int(protocol.data) for protocol in made) == list(range(90))
        for sock in socks:
            sock.close()
        for protocol in made:
            await protocol.lost
        server.close()

    run(loop, main())
