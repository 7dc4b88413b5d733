"""Beginnings and ends: each program here runs in a process of its own."""

from __future__ import annotations

import textwrap

import pytest

# What a program prints at its end: descriptors and resident kilobytes, before and after.
MEASURE = """
import asyncio, gc, os, sys, threading, time, warnings
import uvloupe

def descriptors():
    return len(os.listdir("/proc/self/fd"))

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024

def rounds(once, warm, count):
    for _ in range(warm):
        once()
    gc.collect()
    before = descriptors(), resident(), len(gc.get_objects())
    for _ in range(count):
        once()
    gc.collect()
    after = descriptors(), resident(), len(gc.get_objects())
    assert after[0] == before[0], f"descriptors: {before[0]} before, {after[0]} after"
    assert after[2] - before[2] < 50, f"objects: {before[2]} before, {after[2]} after"
    grown = after[1] - before[1]
    assert grown < LIMIT, f"resident memory grew by {grown} KB in {count} rounds"
    print("flat")
"""


@pytest.fixture
def program(run_python):
    """Runs the text as a program; returns its output; its exit status must be `status`."""
    from tests.conftest import SANITIZED

    def run(text, status=0, stderr=""):
        limit = 60_000 if SANITIZED else 1500  # a quarantine keeps what was freed
        result = run_python(
            "-X", "faulthandler", "-c", f"LIMIT = {limit}\n{MEASURE}\n{textwrap.dedent(text)}"
        )
        assert result.returncode == status, result.stderr + result.stdout
        if stderr is not None:
            assert stderr in result.stderr
            if not stderr:
                assert result.stderr == ""
        return result.stdout

    return run


def test_a_thousand_loops(program):
    assert "flat" in program("rounds(lambda: uvloupe.new_event_loop().close(), 100, 1000)")


def test_a_thousand_loops_that_ran(program):
    assert "flat" in program(
        """
        async def main():
            loop = asyncio.get_running_loop()
            loop.call_later(100, print)
            loop.call_soon(int)
            await asyncio.gather(*[asyncio.sleep(0) for _ in range(5)])
            await loop.getaddrinfo("127.0.0.1", 80)
        rounds(lambda: uvloupe.run(main()), 100, 1000)
        """
    )


def test_loops_with_servers_and_connections(program):
    assert "flat" in program(
        """
        async def serve(reader, writer):
            writer.write(await reader.read(100))
            await writer.drain()
            writer.close()

        async def main():
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x")
            assert await reader.read() == b"x"
            writer.close()
            await writer.wait_closed()
            server.close()
            await server.wait_closed()
        rounds(lambda: uvloupe.run(main()), 50, 200)
        """
    )


def test_loops_closed_with_everything_open(program):
    assert "flat" in program(
        """
        warnings.simplefilter("ignore")
        class Protocol(asyncio.Protocol):
            pass

        async def main():
            loop = asyncio.get_running_loop()
            server = await loop.create_server(Protocol, "127.0.0.1", 0)
            for _ in range(5):
                transport, _ = await loop.create_connection(
                    Protocol, *server.sockets[0].getsockname())
                transport.write(b"x" * 100000)
            for sock in server.sockets:
                loop.remove_reader(sock)

        def once():
            loop = uvloupe.new_event_loop()
            loop.run_until_complete(main())
            loop.close()
            del loop
            gc.collect()
        rounds(once, 20, 100)
        """
    )


def test_loops_dropped_without_close(program):
    assert "flat" in program(
        """
        warnings.simplefilter("ignore")
        def once():
            loop = uvloupe.new_event_loop()
            loop.call_soon(lambda: loop)
            loop.call_later(100, lambda: loop)
            r, w = os.pipe()
            loop.add_reader(r, lambda: loop)
            loop.close if False else None
            del loop
            gc.collect()
            os.close(r); os.close(w)
        rounds(once, 20, 100)
        """
    )


def test_consoles(program):
    assert "flat" in program(
        """
        def once():
            loop = uvloupe.new_event_loop()
            console = loop.monitor.start_console("127.0.0.1:0")
            loop.run_until_complete(asyncio.sleep(0))
            console.close()
            loop.close()
        rounds(once, 20, 100)
        """
    )


def test_connections_on_one_loop(program):
    assert "flat" in program(
        """
        async def serve(reader, writer):
            writer.write(await reader.readexactly(1))
            writer.close()

        async def talk(address):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"x")
            assert await reader.read() == b"x"
            writer.close()
            await writer.wait_closed()

        async def main():
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            address = server.sockets[0].getsockname()
            async def many(count):
                for _ in range(count):
                    await asyncio.gather(*[talk(address) for _ in range(10)])
                await asyncio.sleep(0.05)
            await many(20)
            gc.collect()
            before = descriptors(), resident()
            await many(100)
            gc.collect()
            assert descriptors() == before[0]
            assert resident() - before[1] < LIMIT, (before, resident())
            print("flat")
        uvloupe.run(main())
        """
    )


def test_a_million_steps_and_a_hundred_thousand_tasks(program):
    assert "flat" in program(
        """
        async def worker():
            for _ in range(5):
                await asyncio.sleep(0)

        async def main():
            async def many(count):
                for _ in range(count):
                    await asyncio.gather(*[worker() for _ in range(100)])
            await many(100)
            gc.collect()
            before = resident()
            await many(1000)
            gc.collect()
            assert resident() - before < LIMIT, (before, resident())
            print("flat")
        uvloupe.run(main())
        """
    )


# ---- the end of the process ----------------------------------------------------------


def test_exit_in_a_callback(program):
    program(
        """
        loop = uvloupe.new_event_loop()
        loop.call_soon(sys.exit, 3)
        loop.run_forever()
        """,
        status=3,
        stderr=None,
    )


def test_exit_with_a_loop_open_and_work_pending(program):
    program(
        """
        warnings.simplefilter("ignore")
        loop = uvloupe.new_event_loop()
        loop.call_soon(print, "not run")
        loop.call_later(1, print, "not run")
        async def never():
            await loop.create_future()
        class Protocol(asyncio.Protocol): pass
        server = loop.run_until_complete(loop.create_server(Protocol, "127.0.0.1", 0))
        loop.monitor.start_console("127.0.0.1:0")
        """,
        stderr=None,
    )


def test_exit_while_a_console_serves_a_client(program):
    program(
        """
        import socket
        loop = uvloupe.new_event_loop()
        console = loop.monitor.start_console("127.0.0.1:0")
        host, _, port = console.address.rpartition(":")
        client = socket.create_connection((host, int(port)))
        client.sendall(b"status\\n")
        assert client.recv(100)
        loop.close()
        """
    )


def test_exit_while_a_daemon_thread_runs_a_loop(program):
    program(
        """
        def run():
            loop = uvloupe.new_event_loop()
            def tick():
                loop.call_later(0.0001, tick)
            tick()
            loop.run_forever()
        for _ in range(3):
            threading.Thread(target=run, daemon=True).start()
        time.sleep(0.1)
        """,
        stderr=None,
    )


def test_exit_while_a_thread_wakes_the_loop(program):
    program(
        """
        loop = uvloupe.new_event_loop()
        def nag():
            while True:
                try:
                    loop.call_soon_threadsafe(int)
                except RuntimeError:
                    return
        threading.Thread(target=nag, daemon=True).start()
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()
        """,
        stderr=None,
    )


def test_a_callback_that_drops_the_last_reference_to_its_loop(program):
    program(
        """
        warnings.simplefilter("ignore")
        def go():
            loop = uvloupe.new_event_loop()
            def callback():
                nonlocal loop
                loop.stop()
                del loop
                gc.collect()
            loop.call_soon(callback)
            loop.run_forever()
        go()
        gc.collect()
        """
    )


def test_fork_in_a_running_loop_leaves_the_parent_alone(program):
    assert "parent went on" in program(
        """
        warnings.simplefilter("ignore")
        async def main():
            loop = asyncio.get_running_loop()
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            await loop.run_in_executor(None, os.waitpid, pid, 0)
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"
            writer.close()
            await writer.wait_closed()
            print("parent went on")

        async def serve(reader, writer):
            writer.write(await reader.readexactly(1))
            await writer.drain()
            writer.close()

        async def both():
            global server
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            await main()
            server.close()
        uvloupe.run(both())
        """,
        stderr=None,
    )


def test_importing_inside_a_running_task(program):
    """The layout of tasks is learned at import, also while another loop runs one."""
    assert "sleep" in program(
        """
        async def inside():
            import importlib
            for name in [n for n in sys.modules if n.startswith("uvloupe")]:
                del sys.modules[name]
            fresh = importlib.import_module("uvloupe")
            assert asyncio.current_task() is not None
            await asyncio.sleep(0)
            return fresh
        fresh = asyncio.run(inside())
        loop = fresh.new_event_loop()
        loop.run_until_complete(asyncio.sleep(0.001))
        print(loop.monitor.tasks(done=True)[0].coro)
        loop.close()
        """
    )


def test_layout_is_known_on_this_python(program):
    """Every field is found, so no getter slows the steps down."""
    program(
        """
        from uvloupe import _loop
        missing = [name for name, known in _loop._layout().items() if not known]
        assert not missing, missing
        """
    )


def test_a_loop_that_ran_and_was_never_closed_goes_quietly(program):
    """The collector may close the wake-up sockets before it comes to the loop."""
    program(
        """
        warnings.simplefilter("ignore")
        for _ in range(20):
            loop = uvloupe.new_event_loop()
            loop.run_until_complete(asyncio.sleep(0))
            loop.call_later(100, lambda: loop)
            loop._wakeup_pair[0].close()
            loop._wakeup_pair[1].close()
            del loop
            gc.collect()
        """
    )
