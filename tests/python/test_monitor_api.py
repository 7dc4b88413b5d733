"""loop.monitor as its users see it."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import math
import threading
import time
import weakref
from typing import Any

import pytest

import uvloupe
from uvloupe.monitor import HISTOGRAMS


async def nap() -> None:
    await asyncio.sleep(0.01)


def one(tasks: list[uvloupe.TaskInfo], name: str) -> uvloupe.TaskInfo:
    (found,) = [task for task in tasks if task.name == name]
    return found


# ---- tasks ----------------------------------------------------------------------------


def test_a_task_awaits_and_then_is_done(loop: uvloupe.Loop) -> None:
    async def main() -> None:
        task = asyncio.create_task(nap(), name="napper")
        await asyncio.sleep(0.002)
        info = one(loop.monitor.tasks(), "napper")
        assert info.state == "awaiting"
        assert info.coro == "nap"
        assert info.file == __file__
        assert info.line == nap.__code__.co_firstlineno
        assert info.steps == 1
        assert info.outcome is None and info.error is None and info.ended_ago is None
        assert 0 < info.in_state < info.age
        await task

    loop.run_until_complete(main())
    done = one(loop.monitor.tasks(done=True), "napper")
    assert (done.state, done.outcome, done.error) == ("done", "result", None)
    assert done.steps == 2
    assert done.woken_by == "timer"
    assert 0.009 < done.awaited < 1
    assert math.isclose(done.ready + done.running + done.awaited, done.age, rel_tol=1e-6)
    assert done.ended_ago is not None and done.ended_ago >= 0
    assert loop.monitor.tasks() == []


def test_the_parent_is_the_task_that_made_it(loop: uvloupe.Loop) -> None:
    async def main() -> None:
        await asyncio.create_task(nap(), name="child")

    loop.run_until_complete(loop.create_task(main(), name="parent"))
    tasks = loop.monitor.tasks(done=True)
    assert one(tasks, "parent").parent_id is None
    assert one(tasks, "child").parent_id == one(tasks, "parent").id


def test_outcomes(loop: uvloupe.Loop) -> None:
    async def fails() -> None:
        raise LookupError("x")

    async def main() -> None:
        cancelled = asyncio.create_task(nap(), name="cancelled")
        failed = asyncio.create_task(fails(), name="failed")
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, failed, return_exceptions=True)

    loop.run_until_complete(main())
    tasks = loop.monitor.tasks(done=True)
    assert one(tasks, "cancelled").outcome == "cancelled"
    failed = one(tasks, "failed")
    assert (failed.outcome, failed.error) == ("exception", "LookupError")


def test_a_name_given_late_or_changed_is_seen(loop: uvloupe.Loop) -> None:
    async def main() -> None:
        task = asyncio.create_task(nap(), name="first")
        await asyncio.sleep(0)
        one(loop.monitor.tasks(), "first")
        task.set_name("second")
        await task

    loop.run_until_complete(main())
    one(loop.monitor.tasks(done=True), "second")


def test_a_long_name_is_cut_within_characters_without_harm(loop: uvloupe.Loop) -> None:
    async def main() -> None:
        await asyncio.create_task(nap(), name="x" + "ü" * 60)

    loop.run_until_complete(main())
    (info,) = [t for t in loop.monitor.tasks(done=True) if t.coro == "nap"]
    assert info.name is not None and info.name.startswith("xüüü")


def test_done_tasks_come_newest_first_and_are_bounded(loop: uvloupe.Loop) -> None:
    async def main() -> None:
        for i in range(1100):
            await asyncio.create_task(asyncio.sleep(0), name=f"n{i}")

    loop.run_until_complete(main())
    done = loop.monitor.tasks(done=True)
    assert len(done) == 1000
    assert [task.name for task in done[1:4]] == ["n1099", "n1098", "n1097"]


def test_live_tasks_come_oldest_first(loop: uvloupe.Loop) -> None:
    async def main() -> list[int]:
        tasks = [asyncio.create_task(nap()) for _ in range(50)]
        await asyncio.sleep(0)
        ids = [task.id for task in loop.monitor.tasks()]
        await asyncio.gather(*tasks)
        return ids

    ids = loop.run_until_complete(main())
    assert len(ids) == 51 and ids == sorted(ids)


# ---- the loop -------------------------------------------------------------------------


def test_stats_account_for_all_the_time(loop: uvloupe.Loop) -> None:
    async def main() -> None:
        await asyncio.gather(*(nap() for _ in range(20)))

    loop.run_until_complete(main())
    stats = loop.monitor.stats()
    parts = (
        stats.busy + stats.idle + stats.polling + stats.gil_wait + stats.stopped + stats.own
    )
    assert math.isclose(parts, stats.uptime, rel_tol=0.01, abs_tol=0.001)
    assert stats.tasks_born == stats.tasks_done == 21
    assert stats.tasks_live == stats.tasks_dropped == 0
    assert stats.steps == 20 * 2 + 2
    assert stats.idle > 0.005
    assert stats.phase == "stopped" and stats.current is None
    assert stats.level == "on"


def test_histograms_are_consistent(loop: uvloupe.Loop) -> None:
    loop.run_until_complete(nap())
    stats = loop.monitor.stats()
    for name in HISTOGRAMS:
        histogram = getattr(stats, name)
        assert histogram.name == name
        assert histogram.count == sum(n for _, n in histogram.buckets)
        edges = [edge for edge, _ in histogram.buckets]
        assert edges == sorted(edges)
        assert histogram.p50 <= histogram.p90 <= histogram.p99 <= histogram.max
    assert stats.step_time.count == stats.steps + stats.callbacks
    assert loop.monitor.histogram("timer_late").count == 1
    with pytest.raises(ValueError, match="'lateness'"):
        loop.monitor.histogram("lateness")


def test_what_runs_now_is_seen_from_another_thread(loop: uvloupe.Loop) -> None:
    seen: list[uvloupe.LoopStats] = []

    async def busy() -> None:
        watcher = threading.Timer(0.05, lambda: seen.append(loop.monitor.stats()))
        watcher.start()
        time.sleep(0.2)  # noqa: ASYNC251
        watcher.join()

    loop.monitor.slow_threshold = 10
    loop.run_until_complete(loop.create_task(busy(), name="busybody"))
    current = seen[0].current
    assert current is not None
    assert current.task_name == "busybody"
    assert current.callback is not None and current.callback.endswith("busy")
    assert 0.04 < current.duration < 0.2
    assert seen[0].tasks_running == 1


def test_rows_count_calls_and_time(loop: uvloupe.Loop) -> None:
    def plain() -> None:
        pass

    async def main() -> None:
        for _ in range(10):
            loop.call_soon(plain)
            await asyncio.create_task(nap())

    loop.run_until_complete(main())
    (row,) = [row for row in loop.monitor.coroutines() if row.name == "nap"]
    assert (row.kind, row.calls, row.steps) == ("coroutine", 10, 20)
    assert row.file == __file__
    assert row.awaited > 0.09
    (row,) = [row for row in loop.monitor.callbacks() if row.name.endswith("plain")]
    assert (row.kind, row.calls) == ("callback", 10)
    running = [row.running for row in loop.monitor.coroutines()]
    assert running == sorted(running, reverse=True)


def test_slow_steps(loop: uvloupe.Loop, warnings_logged: Any) -> None:
    async def blocks() -> None:
        time.sleep(0.03)  # noqa: ASYNC251
        await asyncio.sleep(0)

    def blocks_too() -> None:
        time.sleep(0.03)

    async def main() -> None:
        await asyncio.create_task(blocks(), name="blocker")
        await asyncio.create_task(blocks(), name="blocker")
        loop.call_soon(blocks_too)
        await asyncio.sleep(0.001)

    loop.monitor.slow_threshold = 0.02
    before = time.time()
    loop.run_until_complete(main())
    callback, second, first = loop.monitor.slow_steps()
    assert callback.task_id is None and callback.task_name is None
    assert callback.callback is not None and callback.callback.endswith("blocks_too")
    assert second.task_name == first.task_name == "blocker"
    assert second.callback is not None and second.callback.endswith("blocks")
    assert (first.count, second.count) == (1, 2)
    assert first.duration >= 0.03
    assert before < first.when < second.when < time.time()
    assert first.file == __file__
    assert loop.monitor.stats().slow_steps == 3
    assert sum("blocker" in text for text in warnings_logged()) == 2


# ---- settings ---------------------------------------------------------------------------


def test_the_level_can_change_while_tasks_live(loop: uvloupe.Loop) -> None:
    async def main() -> None:
        task = asyncio.create_task(nap(), name="napper")
        await asyncio.sleep(0)
        loop.monitor.level = "off"
        assert loop.monitor.level == "off"
        assert loop.monitor.tasks() == []
        before = loop.monitor.stats().steps
        await asyncio.sleep(0)
        assert loop.monitor.stats().steps == before
        loop.monitor.level = "on"
        assert one(loop.monitor.tasks(), "napper").coro == "nap"
        await task

    loop.run_until_complete(main())
    assert one(loop.monitor.tasks(done=True), "napper").outcome == "result"


@pytest.mark.parametrize("value", ["loud", "", "ON", "profile "])
def test_a_bad_level_is_refused(loop: uvloupe.Loop, value: str) -> None:
    with pytest.raises(ValueError, match="must be 'off' or 'on'"):
        loop.monitor.level = value
    assert loop.monitor.level == "on"


@pytest.mark.parametrize("value", [0, -1, -0.0, math.nan, -math.inf])
def test_a_bad_threshold_is_refused(loop: uvloupe.Loop, value: float) -> None:
    with pytest.raises(ValueError, match="must be a positive number of seconds"):
        loop.monitor.slow_threshold = value
    assert loop.monitor.slow_threshold == 0.1


def test_values_of_wrong_types_are_refused(loop: uvloupe.Loop) -> None:
    monitor: Any = loop.monitor
    with pytest.raises(TypeError):
        monitor.level = 1
    with pytest.raises(TypeError):
        monitor.slow_threshold = "1"
    with pytest.raises(AttributeError):
        del monitor._raw.level
    with pytest.raises(AttributeError):
        del monitor._raw.slow_threshold
    with pytest.raises(TypeError):
        type(monitor._raw)()


def test_an_infinite_threshold_reports_nothing(loop: uvloupe.Loop) -> None:
    async def blocks() -> None:
        time.sleep(0.15)  # noqa: ASYNC251

    loop.monitor.slow_threshold = math.inf
    loop.run_until_complete(blocks())
    assert loop.monitor.slow_steps() == []


def test_reset_forgets_totals_but_not_the_living(loop: uvloupe.Loop) -> None:
    async def main() -> None:
        await nap()
        await asyncio.create_task(nap())
        loop.monitor.reset()
        stats = loop.monitor.stats()
        assert stats.tasks_done == 0 and stats.steps == 0
        assert stats.uptime < 0.01
        assert loop.monitor.tasks(done=True) == []
        (me,) = loop.monitor.tasks()
        assert me.awaited > 0.015

    loop.run_until_complete(main())


# ---- life -------------------------------------------------------------------------------


def test_all_is_readable_after_close(loop: uvloupe.Loop) -> None:
    loop.run_until_complete(nap())
    loop.close()
    monitor = loop.monitor
    assert [task.coro for task in monitor.tasks(done=True)] == ["nap"]
    assert monitor.tasks() == []
    assert monitor.stats().tasks_done == 1
    assert monitor.coroutines() and monitor.profile().summary()
    assert monitor.histogram("step_time").count > 0
    monitor.reset()
    with monitor.start_console("127.0.0.1:0") as console:
        assert not console.closed


def test_a_closed_loop_goes_at_once_and_leaves_its_monitor() -> None:
    loop = uvloupe.Loop()
    loop.run_until_complete(nap())
    loop.close()
    monitor = loop.monitor
    console = monitor.start_console("127.0.0.1:0")
    alive = weakref.ref(loop)
    del loop
    assert alive() is None  # no cycle: not even the collector is needed
    assert [task.coro for task in monitor.tasks(done=True)] == ["nap"]
    with pytest.raises(RuntimeError, match="closed"):
        monitor.level = "off"
    assert not console.closed  # its console is still ours
    console.close()


def test_what_users_read_is_frozen_and_has_slots(loop: uvloupe.Loop) -> None:
    loop.run_until_complete(nap())
    (task,) = loop.monitor.tasks(done=True)
    stats = loop.monitor.stats()
    for record in (task, stats, stats.step_time, loop.monitor.coroutines()[0]):
        assert not hasattr(record, "__dict__")
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, dataclasses.fields(record)[0].name, None)


def test_readers_in_other_threads_disturb_nothing(loop: uvloupe.Loop) -> None:
    stop = threading.Event()
    failures: list[BaseException] = []

    def read() -> None:
        try:
            while not stop.is_set():
                for task in loop.monitor.tasks() + loop.monitor.tasks(done=True):
                    total = task.ready + task.running + task.awaited
                    assert math.isclose(total, task.age, rel_tol=1e-6, abs_tol=1e-6)
                loop.monitor.stats()
                loop.monitor.coroutines()
                loop.monitor.slow_steps()
        except BaseException as error:
            failures.append(error)

    async def main() -> None:
        end = loop.time() + 0.5
        while loop.time() < end:
            await asyncio.gather(*(asyncio.sleep(0.0005) for _ in range(20)))

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    loop.run_until_complete(main())
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
