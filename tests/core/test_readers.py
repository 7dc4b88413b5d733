"""add_reader, add_writer and the sock_* coroutines on top."""

from __future__ import annotations

import asyncio
import gc
import os
import socket

import pytest


@pytest.fixture
def pair():
    a, b = socket.socketpair()
    a.setblocking(False)
    b.setblocking(False)
    yield a, b
    a.close()
    b.close()


def test_reader(loop, pair):
    a, b = pair
    got = []

    def readable(tag):
        got.append((tag, a.recv(1)))
        if len(got) == 3:
            loop.stop()

    loop.add_reader(a, readable, "tag")
    for i in range(3):
        loop.call_later(0.002 * i, b.send, b"%d" % i)
    loop.run_forever()
    assert got == [("tag", b"0"), ("tag", b"1"), ("tag", b"2")]
    assert loop.remove_reader(a) is True
    assert loop.remove_reader(a) is False


def test_level_triggered(loop, pair):
    a, b = pair
    b.send(b"xyz")
    got = []

    def readable():
        got.append(a.recv(1))
        if len(got) == 3:
            loop.stop()

    loop.add_reader(a.fileno(), readable)
    loop.run_forever()
    assert got == [b"x", b"y", b"z"]
    loop.remove_reader(a.fileno())


def test_reader_and_writer_on_one_descriptor(loop, pair):
    a, b = pair
    seen = []

    def writable():
        seen.append("w")
        loop.remove_writer(a)
        b.send(b"x")

    def readable():
        seen.append("r")
        loop.remove_reader(a)
        loop.stop()

    loop.add_reader(a, readable)
    loop.add_writer(a, writable)
    loop.run_forever()
    assert seen == ["w", "r"]


def test_replacing_a_callback(loop, pair):
    a, b = pair
    seen = []
    loop.add_reader(a, seen.append, "old")
    loop.add_reader(a, lambda: (seen.append("new"), loop.stop()))
    b.send(b"x")
    loop.run_forever()
    assert seen == ["new"]
    loop.remove_reader(a)


def test_a_callback_may_remove_and_add_again(loop, pair):
    a, b = pair
    seen = []

    def first():
        seen.append(a.recv(1))
        loop.remove_reader(a)
        loop.add_reader(a, second)

    def second():
        seen.append(a.recv(1))
        loop.remove_reader(a)
        loop.stop()

    loop.add_reader(a, first)
    b.send(b"ab")
    loop.run_forever()
    assert seen == [b"a", b"b"]


def test_an_exception_is_reported_and_the_reader_stays(loop, pair, exceptions):
    a, b = pair
    b.send(b"xy")

    def readable():
        if a.recv(1) == b"x":
            raise ValueError("on purpose")
        loop.stop()

    loop.add_reader(a, readable)
    loop.run_forever()
    loop.remove_reader(a)
    assert isinstance(exceptions[0]["exception"], ValueError)
    assert "readable" in exceptions[0]["message"]


def test_the_descriptor_may_be_closed_and_used_again(loop):
    for _ in range(50):
        a, b = socket.socketpair()
        a.setblocking(False)
        loop.add_reader(a, loop.stop)
        b.send(b"x")
        loop.run_forever()
        loop.remove_reader(a)
        a.close()
        b.close()


def test_hang_up_reaches_the_reader(loop):
    r, w = os.pipe()
    os.set_blocking(r, False)
    loop.add_reader(r, loop.stop)
    loop.call_soon(os.close, w)
    loop.call_later(5, pytest.fail, "the reader was not called")
    loop.run_forever()
    loop.remove_reader(r)
    os.close(r)


def test_a_pipe_whose_reader_has_gone_reaches_the_writer(loop):
    r, w = os.pipe()
    os.set_blocking(w, False)
    os.close(r)
    loop.add_writer(w, loop.stop)
    loop.call_later(5, pytest.fail, "the writer was not called")
    loop.run_forever()
    loop.remove_writer(w)
    os.close(w)


def test_bad_descriptors(loop, tmp_path):
    with pytest.raises(ValueError):
        loop.add_reader(-1, print)
    with pytest.raises(OSError):
        loop.add_reader(987654, print)
    with pytest.raises(ValueError, match="Invalid file object: 'stdin'"):
        loop.add_reader("stdin", print)
    with open(tmp_path / "file", "w") as file, pytest.raises(PermissionError):
        loop.add_writer(file, print)  # epoll does not take regular files
    assert loop.remove_reader(987654) is False


def test_sock_coroutines(loop):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)

    async def serve():
        connection, address = await loop.sock_accept(listener)
        with connection:
            while data := await loop.sock_recv(connection, 65536):
                await loop.sock_sendall(connection, data)

    async def main():
        serving = asyncio.create_task(serve())
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, listener.getsockname())
            payload = os.urandom(300_000)
            sending = asyncio.create_task(loop.sock_sendall(client, payload))
            got = bytearray()
            while len(got) < len(payload):
                got += await loop.sock_recv(client, 65536)
            await sending
            assert got == payload
        await serving

    loop.run_until_complete(asyncio.wait_for(main(), 30))
    listener.close()


def test_sock_connect_refused(loop):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        address = unused.getsockname()

    async def main():
        with socket.socket() as client:
            client.setblocking(False)
            with pytest.raises(ConnectionRefusedError):
                await loop.sock_connect(client, address)

    loop.run_until_complete(main())


def test_many_arguments_survive_a_collection(loop, pair):
    """A bound method writes in front of its arguments while it runs."""
    a, b = pair

    class Receiver:
        def readable(self, *args):
            gc.collect()
            assert args == (1, 2, 3, 4, 5)
            loop.stop()

    loop.add_reader(a, Receiver().readable, 1, 2, 3, 4, 5)
    b.send(b"x")
    loop.run_forever()
    loop.remove_reader(a)


def test_blocking_descriptors_stay_blocking(loop, pair):
    a, b = pair
    b.setblocking(True)
    loop.add_reader(b, print)
    assert os.get_blocking(b.fileno())
    loop.remove_reader(b)
    assert os.get_blocking(b.fileno())


def test_an_argument_that_removes_watchers_as_it_goes(loop, pair):
    a, b = pair

    class Last:
        def __del__(self):
            loop.remove_writer(a)
            loop.add_reader(a, loop.stop)

    loop.add_reader(a, print, Last())
    loop.add_writer(a, print)
    loop.remove_reader(a)
    b.send(b"x")
    loop.run_forever()
    assert loop.remove_reader(a) is True
    assert loop.remove_writer(a) is False
