"""Ready work does not keep the kernel's events or the timers waiting.

The figures themselves are in the bench; the bounds here are generous.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time


async def spin():
    while True:
        await asyncio.sleep(0)


def test_echo_beside_a_task_that_spins(loop):
    delays = []

    class Echo(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            self.transport.write(data)

    def client(address):
        with socket.create_connection(address) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(300):
                start = time.perf_counter()
                sock.sendall(b"x" * 1024)
                got = 0
                while got < 1024:
                    got += len(sock.recv(65536))
                delays.append(time.perf_counter() - start)

    async def main():
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        spinning = asyncio.create_task(spin())
        await loop.run_in_executor(None, client, server.sockets[0].getsockname())
        spinning.cancel()
        server.close()

    loop.run_until_complete(main())
    # The client is a thread of this process and waits for the interpreter's lock itself
    # (5 ms a switch): the median would be over a second if the poll starved.
    assert sorted(delays)[150] < 0.1


def test_a_timer_beside_a_task_that_spins(loop):
    late = []

    async def main():
        spinning = asyncio.create_task(spin())
        for _ in range(50):
            due = loop.time() + 0.010
            future = loop.create_future()
            loop.call_at(due, future.set_result, None)
            await future
            late.append(loop.time() - due)
        spinning.cancel()

    loop.run_until_complete(main())
    assert min(late) >= 0
    assert sorted(late)[40] < 0.005


def test_threadsafe_beside_a_task_that_spins(loop):
    async def main():
        spinning = asyncio.create_task(spin())
        future = loop.create_future()
        threading.Timer(0.01, loop.call_soon_threadsafe, [future.set_result, 1]).start()
        assert await asyncio.wait_for(future, 5) == 1
        spinning.cancel()

    loop.run_until_complete(main())


def test_one_shot_runs_see_their_events(loop):
    """Each run polls at least once, ready work or not."""
    a, b = socket.socketpair()
    a.setblocking(False)
    seen = []
    loop.add_reader(a, lambda: seen.append(a.recv(1)))
    b.send(b"x")
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == [b"x"]
    loop.remove_reader(a)
    a.close()
    b.close()


def test_cancelled_handles_do_not_starve_the_poll(loop):
    """With the monitor off the time is looked at every few handles, cancelled or not."""
    loop.monitor.level = "off"
    fired = []

    def again():
        loop.call_soon(int).cancel()
        if not fired:
            loop.call_soon(again)
        else:
            loop.stop()

    loop.call_later(0.005, fired.append, 1)
    loop.call_soon(again)
    guard = threading.Timer(20, loop.call_soon_threadsafe, [fired.append, 2])
    guard.start()
    loop.run_forever()
    guard.cancel()
    assert fired == [1]
