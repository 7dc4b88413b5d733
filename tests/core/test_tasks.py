"""Futures, tasks and how the monitor sees them."""

from __future__ import annotations

import asyncio
import collections.abc
import contextvars
import gc
import sys

import pytest


def check_identity(loop):
    for task in loop._new_monitor().raw_tasks(True):
        parts = task["ready_ticks"] + task["running_ticks"] + task["awaited_ticks"]
        assert parts == task["age_ticks"], task


def done_tasks(loop, name=None):
    tasks = loop.monitor.tasks(done=True)
    return [task for task in tasks if name is None or task.name == name]


def test_create_future_is_asyncios_own(loop):
    future = loop.create_future()
    assert type(future) is asyncio.Future
    assert future.get_loop() is loop


def test_create_task_is_asyncios_own(loop):
    async def coro():
        return 42

    task = loop.create_task(coro(), name="answer")
    assert type(task) is asyncio.Task
    assert task.get_name() == "answer"
    assert loop.run_until_complete(task) == 42


def test_create_task_takes_a_context(loop):
    var = contextvars.ContextVar("var", default=0)
    context = contextvars.copy_context()
    context.run(var.set, 5)

    async def coro():
        return var.get()

    assert loop.run_until_complete(loop.create_task(coro(), context=context)) == 5


def test_create_task_refuses_what_is_no_coroutine(loop):
    with pytest.raises(TypeError, match="coroutine"):
        loop.create_task(print)
    with pytest.raises(TypeError):
        loop.create_task()
    with pytest.raises(TypeError):
        coro = asyncio.sleep(0)
        try:
            loop.create_task(coro, no_such_keyword=1)
        finally:
            coro.close()


def test_create_task_on_a_closed_loop(loop):
    loop.close()
    coro = asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="closed"):
        loop.create_task(coro)
    coro.close()


def test_task_factory_and_unknown_keywords(loop):
    made = []

    def factory(loop, coro, **kwargs):
        made.append(kwargs)
        name = kwargs.pop("name", None)
        kwargs.pop("colour", None)
        return asyncio.Task(coro, loop=loop, name=name, **kwargs)

    async def coro():
        return 1

    assert loop.get_task_factory() is None
    loop.set_task_factory(factory)
    assert loop.get_task_factory() is factory
    assert loop.run_until_complete(loop.create_task(coro())) == 1
    if sys.version_info >= (3, 13, 3):
        assert loop.run_until_complete(loop.create_task(coro(), colour="red")) == 1
        assert made[-1].get("colour") == "red" or "colour" in str(made)
    loop.set_task_factory(None)
    with pytest.raises(TypeError):
        loop.set_task_factory(5)
    assert made


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
def test_eager_tasks_are_on_record(loop):
    async def at_once():
        return 1

    async def later():
        await asyncio.sleep(0.001)
        return 2

    async def main():
        loop.set_task_factory(asyncio.eager_task_factory)
        # asyncio.create_task() of 3.12 names a task after the fact: too late for this one
        one = loop.create_task(at_once(), name="at once")
        assert one.done()
        two = loop.create_task(later(), name="later")
        assert await one + await two == 3

    loop.run_until_complete(main())
    (one,) = done_tasks(loop, "at once")
    (two,) = done_tasks(loop, "later")
    assert one.outcome == "result" and one.steps == 1
    assert two.outcome == "result" and two.steps == 2
    assert two.awaited >= 0.001


class TestTheRecord:
    def test_states_and_outcomes(self, loop):
        seen = {}

        async def worker(event):
            await event.wait()
            raise ValueError("on purpose")

        async def sleeper():
            await asyncio.sleep(100)

        async def main():
            event = asyncio.Event()
            failing = asyncio.create_task(worker(event), name="failing")
            cancelled = asyncio.create_task(sleeper(), name="cancelled")
            await asyncio.sleep(0.001)
            seen.update({t.name: t for t in loop.monitor.tasks()})
            event.set()
            cancelled.cancel()
            await asyncio.gather(failing, cancelled, return_exceptions=True)

        loop.run_until_complete(main())
        assert seen["failing"].state == "awaiting"
        assert seen["failing"].coro.endswith("worker")
        (failing,) = done_tasks(loop, "failing")
        assert (failing.outcome, failing.error) == ("exception", "ValueError")
        (cancelled,) = done_tasks(loop, "cancelled")
        assert cancelled.outcome == "cancelled"
        assert failing.parent_id == cancelled.parent_id == seen["failing"].parent_id != 0

    def test_what_woke_a_task(self, loop):
        import socket
        import threading

        causes = {}

        async def cause(name, make):
            async def waits():
                await make()
                causes[name] = own().woken_by

            await asyncio.create_task(waits(), name=name)

        def own():
            name = asyncio.current_task().get_name()
            return next(t for t in loop.monitor.tasks() if t.name == name)

        a, b = socket.socketpair()
        a.setblocking(False)

        async def readable():
            future = loop.create_future()
            loop.add_reader(a, future.set_result, None)
            loop.call_later(0.001, b.send, b"x")
            await future
            loop.remove_reader(a)

        async def by_thread():
            future = loop.create_future()
            threading.Timer(0.002, loop.call_soon_threadsafe, [future.set_result, None]).start()
            await future

        async def by_future():
            future = loop.create_future()
            loop.call_soon(future.set_result, None)
            await future

        async def main():
            await cause("timer", lambda: asyncio.sleep(0.001))
            await cause("self", lambda: asyncio.sleep(0))
            await cause("io", readable)
            await cause("thread", by_thread)
            await cause("future", by_future)

        loop.run_until_complete(main())
        a.close()
        b.close()
        assert causes.pop("io").startswith("io")
        assert causes == {"timer": "timer", "self": "self", "thread": "thread", "future": "future"}

    def test_a_task_that_was_garbage_while_pending(self, loop, exceptions):
        async def forgotten():
            await loop.create_future()

        async def main():
            task = asyncio.create_task(forgotten(), name="forgotten")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            del task
            gc.collect()

        loop.run_until_complete(main())
        (task,) = done_tasks(loop, "forgotten")
        assert task.outcome == "destroyed"
        assert "destroyed but it is pending" in exceptions[0]["message"]
        assert not [t for t in loop.monitor.tasks() if t.name == "forgotten"]

    def test_renamed_tasks(self, loop):
        async def coro():
            asyncio.current_task().set_name("second")

        async def main():
            await asyncio.create_task(coro(), name="first")

        loop.run_until_complete(main())
        assert len(done_tasks(loop, "second")) == 1

    def test_default_names(self, loop):
        async def coro():
            return asyncio.current_task().get_name()

        name = loop.run_until_complete(coro())
        assert name.startswith("Task-") and len(done_tasks(loop, name)) == 1

    def test_running_time_is_the_tasks_own(self, loop):
        import time

        def burn(seconds):
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                pass

        async def hog():
            for _ in range(4):
                burn(0.05)
                await asyncio.sleep(0)

        async def waiter():
            await asyncio.sleep(0.01)

        async def main():
            a = asyncio.create_task(hog(), name="hog")
            b = asyncio.create_task(waiter(), name="waiter")
            await asyncio.gather(a, b)

        loop.run_until_complete(main())
        (hog_,) = done_tasks(loop, "hog")
        (waiter_,) = done_tasks(loop, "waiter")
        assert hog_.running == pytest.approx(0.2, abs=0.05)
        assert waiter_.running < 0.02
        # It slept for 10 ms and then waited for the hog's step to end.
        assert waiter_.awaited + waiter_.ready == pytest.approx(waiter_.age, abs=0.01)
        assert hog_.steps == 5

    def test_a_subclass_and_a_python_task_do_no_harm(self, loop):
        class Mine(asyncio.Task):
            pass

        async def coro():
            await asyncio.sleep(0)
            return 1

        async def main():
            mine = Mine(coro(), loop=loop, name="mine")
            pure = asyncio.tasks._PyTask(coro(), loop=loop, name="pure")
            return await mine + await pure

        assert loop.run_until_complete(main()) == 2
        assert len(done_tasks(loop, "mine")) == 1

    def test_generator_based_and_foreign_coroutines(self, loop):
        import types

        @types.coroutine
        def generator():
            yield
            return 3

        async def main():
            return await generator()

        assert loop.run_until_complete(main()) == 3
        assert loop.run_until_complete(asyncio.ensure_future(generator(), loop=loop)) == 3


class TestLevels:
    def test_switching_under_load_keeps_the_loop_going(self, loop):
        async def worker(i):
            for _ in range(50):
                await asyncio.sleep(0)
                if i == 0:
                    loop.monitor.level = "off" if loop.monitor.level == "on" else "on"
            return i

        async def main():
            return await asyncio.gather(*[worker(i) for i in range(20)])

        assert loop.run_until_complete(main()) == list(range(20))
        loop.monitor.level = "on"
        check_identity(loop)

    def test_coming_on_takes_up_the_live_tasks(self, loop):
        async def sleeper():
            await asyncio.sleep(0.01)

        async def main():
            loop.monitor.level = "off"
            tasks = [asyncio.create_task(sleeper(), name=f"s{i}") for i in range(5)]
            await asyncio.sleep(0)
            assert loop.monitor.tasks() == []
            loop.monitor.level = "on"
            await asyncio.sleep(0.001)
            assert {t.name for t in loop.monitor.tasks()} >= {f"s{i}" for i in range(5)}
            await asyncio.gather(*tasks)

        loop.run_until_complete(main())
        assert len([t for t in done_tasks(loop) if t.name.startswith("s")]) == 5

    def test_off_measures_nothing(self, loop):
        loop.monitor.level = "off"
        before = loop.monitor.stats()
        loop.run_until_complete(asyncio.sleep(0.001))
        after = loop.monitor.stats()
        assert (before.callbacks, before.steps) == (after.callbacks, after.steps)
        assert loop.monitor.tasks(done=True) == []

    def test_off_and_on_again_inside_one_callback(self, loop):
        async def toggling():
            for _ in range(20):
                loop.monitor.level = "off"
                loop.monitor.level = "on"
                await asyncio.sleep(0)

        async def main():
            await asyncio.gather(*[toggling() for _ in range(5)])

        loop.run_until_complete(main())
        check_identity(loop)
        assert all(0 <= t.ready < 10 and 0 <= t.running < 10 for t in done_tasks(loop))

    def test_delays_of_what_is_scheduled_from_outside(self, loop):
        """Before the loop runs, and by a thread while a callback blocks it."""
        import threading
        import time

        loop.call_soon(int)
        time.sleep(0.03)
        loop.call_soon(float)
        loop.call_soon(loop.stop)
        loop.run_forever()
        rows = {row.name: row for row in loop.monitor.profile().callbacks}
        assert rows["int"].ready >= 0.03 > rows["float"].ready

        def late():
            for callback in (str, bytes):
                loop.call_soon_threadsafe(callback)
                time.sleep(0.03)

        def blocks():
            thread = threading.Thread(target=late)
            thread.start()
            thread.join()

        loop.call_soon(blocks)
        loop.call_soon(loop.stop)
        loop.run_forever()
        loop.call_soon(loop.stop)
        loop.run_forever()
        rows = {row.name: row for row in loop.monitor.profile().callbacks}
        assert rows["str"].ready >= 0.06 > rows["bytes"].ready >= 0.03

    def test_a_context_with_a_task_ends_no_record(self, loop, exceptions):
        async def worker():
            for _ in range(3):
                await asyncio.sleep(0)

        async def main():
            task = asyncio.create_task(worker(), name="victim")
            loop.call_exception_handler({"message": "look at this", "task": task})
            loop.call_exception_handler({"message": "or this", "task": "no task"})
            await task

        loop.run_until_complete(main())
        (victim,) = done_tasks(loop, "victim")
        assert victim.outcome == "result" and len(exceptions) == 2

    def test_foreign_coroutines_that_run_python_when_looked_at(self, loop):
        """Whatever they schedule then goes into the ring, and nothing is lost."""
        ran = []

        class Foreign(collections.abc.Coroutine):
            def __init__(self):
                self.steps = 0

            @property
            def cr_code(self):
                for _ in range(700):
                    loop.call_soon(ran.append, 1)
                raise AttributeError

            def send(self, value):
                raise StopIteration(7)

            def throw(self, *args):
                raise args[0]

            def close(self):
                pass

            def __await__(self):
                return self

        assert loop.run_until_complete(loop.create_task(coro=Foreign())) == 7
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert len(ran) >= 700

    def test_who_sleeps_into_a_block_is_ready_not_awaiting(self, loop):
        import time

        async def victim():
            await asyncio.sleep(0.02)

        async def blocker():
            await asyncio.sleep(0.001)
            time.sleep(0.2)

        async def main():
            await asyncio.gather(
                asyncio.create_task(victim(), name="victim"),
                asyncio.create_task(blocker(), name="blocker"),
            )

        loop.run_until_complete(main())
        (victim_,) = done_tasks(loop, "victim")
        assert victim_.ready == pytest.approx(0.18, abs=0.02)
        assert victim_.awaited == pytest.approx(0.02, abs=0.01)
        check_identity(loop)

    def test_who_sleeps_on_an_idle_loop_is_never_ready(self, loop):
        loop.run_until_complete(asyncio.sleep(0.05))
        assert all(task.ready < 0.01 for task in done_tasks(loop))
