"""Other threads, signals, Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time

import pytest

import uvloupe


def kill_soon(signum, delay=0.05):
    timer = threading.Timer(delay, os.kill, [os.getpid(), signum])
    timer.start()
    return timer


class TestThreads:
    def test_threadsafe_wakes_an_idle_loop(self, loop):
        fired = []

        def elsewhere():
            time.sleep(0.02)
            fired.append(time.monotonic())
            loop.call_soon_threadsafe(loop.stop)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        loop.run_forever()
        assert time.monotonic() - fired[0] < 1.0
        thread.join()

    def test_many_threads(self, loop):
        total = 0
        done = asyncio.Event()

        def count():
            nonlocal total
            total += 1
            if total == 4000:
                done.set()

        def elsewhere():
            for _ in range(1000):
                loop.call_soon_threadsafe(count)

        async def main():
            threads = [threading.Thread(target=elsewhere) for _ in range(4)]
            for thread in threads:
                thread.start()
            await asyncio.wait_for(done.wait(), 30)
            for thread in threads:
                thread.join()

        loop.run_until_complete(main())
        assert total == 4000

    def test_executor(self, loop):
        async def main():
            ids = await asyncio.gather(
                *[loop.run_in_executor(None, threading.get_ident) for _ in range(10)]
            )
            assert threading.get_ident() not in ids
            assert await asyncio.to_thread(sum, [1, 2, 3]) == 6

        loop.run_until_complete(main())

    def test_a_loop_in_each_of_8_threads(self):
        results = []

        async def main(i):
            await asyncio.sleep(0.001 * i)
            return i

        def run(i):
            results.append(uvloupe.run(main(i)))

        threads = [threading.Thread(target=run, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results) == list(range(8))

    def test_other_threads_run_while_the_loop_waits(self, loop):
        """The poll gives up the interpreter's lock."""
        ticks = []

        def ticking():
            for _ in range(20):
                ticks.append(1)
                time.sleep(0.001)
            loop.call_soon_threadsafe(loop.stop)

        thread = threading.Thread(target=ticking)
        thread.start()
        loop.run_forever()
        thread.join()
        assert len(ticks) == 20

    def test_gil_wait_is_told_from_idling(self, loop):
        """A thread that hogs the lock shows up as GIL wait, not as idle time."""
        stop = threading.Event()

        def hog():
            while not stop.is_set():
                sum(range(10000))

        async def main():
            for _ in range(20):
                await asyncio.sleep(0.001)

        thread = threading.Thread(target=hog)
        thread.start()
        loop.run_until_complete(main())
        stop.set()
        thread.join()
        stats = loop.monitor.stats()
        assert stats.gil_wait > 0.02  # the switch interval is 5 ms, and 20 wake-ups met it


class TestSignals:
    def test_ctrl_c_ends_an_idle_loop(self, loop):
        kill_soon(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
        assert not loop.is_running()

    def test_ctrl_c_ends_a_busy_loop(self, loop):
        def spin():
            loop.call_soon(spin)

        spin()
        kill_soon(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()

    def test_ctrl_c_cancels_the_main_task_of_a_runner(self):
        cancelled = []

        async def main():
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                cancelled.append(1)
                raise

        kill_soon(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            uvloupe.run(main())
        assert cancelled == [1]

    def test_add_signal_handler(self, loop):
        got = []
        loop.add_signal_handler(signal.SIGUSR1, got.append, "one")
        loop.add_signal_handler(signal.SIGUSR2, loop.stop)

        async def main():
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGUSR1)
                await asyncio.sleep(0.005)

        loop.run_until_complete(main())
        assert got == ["one"] * 3
        kill_soon(signal.SIGUSR2)
        loop.run_forever()
        assert loop.remove_signal_handler(signal.SIGUSR1)
        assert not loop.remove_signal_handler(signal.SIGUSR1)
        assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL

    def test_sigint_can_be_handled_and_is_restored(self, loop):
        loop.add_signal_handler(signal.SIGINT, loop.stop)
        kill_soon(signal.SIGINT)
        loop.run_forever()
        loop.remove_signal_handler(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def test_close_removes_handlers(self):
        loop = uvloupe.new_event_loop()
        loop.add_signal_handler(signal.SIGUSR1, print)
        loop.close()
        assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
        assert signal.set_wakeup_fd(-1) == -1

    def test_handlers_of_the_signal_module_run(self, loop):
        got = []
        before = signal.signal(signal.SIGUSR1, lambda *_: got.append(1) or loop.stop())
        try:
            kill_soon(signal.SIGUSR1)
            loop.call_later(5, loop.stop)
            start = time.monotonic()
            loop.run_forever()
            assert got == [1] and time.monotonic() - start < 4
        finally:
            signal.signal(signal.SIGUSR1, before)

    def test_the_wakeup_descriptor_is_put_back(self, loop):
        a, b = socket.socketpair()
        b.setblocking(False)
        before = signal.set_wakeup_fd(b.fileno())
        try:
            loop.call_soon(loop.stop)
            loop.run_forever()
            assert signal.set_wakeup_fd(before) == b.fileno()
        finally:
            signal.set_wakeup_fd(before)
            a.close()
            b.close()

    def test_bad_input(self, loop):
        with pytest.raises(ValueError, match="invalid signal number 1000"):
            loop.add_signal_handler(1000, print)
        with pytest.raises(TypeError, match="must be an int"):
            loop.add_signal_handler("SIGINT", print)
        with pytest.raises(RuntimeError, match="cannot be caught"):
            loop.add_signal_handler(signal.SIGKILL, print)

        async def coro():
            pass

        with pytest.raises(TypeError, match="coroutines cannot be used"):
            loop.add_signal_handler(signal.SIGUSR1, coro)

    def test_not_in_other_threads(self, loop):
        caught = []

        def elsewhere():
            try:
                loop.add_signal_handler(signal.SIGUSR1, print)
            except (RuntimeError, ValueError) as error:
                caught.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert caught

    def test_a_signal_handler_is_a_timed_callback(self, loop, caplog):
        """Slow ones are reported with what woke them."""
        loop.add_signal_handler(signal.SIGUSR1, time.sleep, 0.12)
        kill_soon(signal.SIGUSR1)
        loop.call_later(0.3, loop.stop)
        loop.run_forever()
        (slow,) = loop.monitor.slow_steps()
        assert slow.cause == "signal" and slow.duration >= 0.12

    def test_another_loops_handlers_leave_the_running_loop_its_signals(self, loop):
        other = uvloupe.new_event_loop()

        def meddle():
            other.add_signal_handler(signal.SIGUSR1, print)
            other.remove_signal_handler(signal.SIGUSR1)
            other.close()

        loop.call_soon(meddle)
        kill_soon(signal.SIGINT, 0.1)
        loop.call_later(10, loop.stop)
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()

    def test_a_forked_childs_signals_stay_in_the_child(self, loop):
        got = []
        loop.add_signal_handler(signal.SIGUSR1, got.append, 1)

        async def main():
            r, w = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.kill(os.getpid(), signal.SIGUSR1)
                os.write(w, b"x")
                os._exit(0)
            os.read(r, 1)
            os.waitpid(pid, 0)
            os.close(r)
            os.close(w)
            await asyncio.sleep(0.02)

        loop.run_until_complete(main())
        assert got == []
