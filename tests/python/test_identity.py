"""ready + running + awaiting is a task's age, to the tick, whatever it does."""

from __future__ import annotations

import asyncio
import random
import threading
from typing import Any

import pytest

import uvloupe


def assert_identity(tasks: list[dict[str, Any]]) -> None:
    for task in tasks:
        total = task["ready_ticks"] + task["running_ticks"] + task["awaited_ticks"]
        assert total == task["age_ticks"], task
        assert 0 <= task["age_ticks"] < 1 << 62, task  # nothing went below zero


class Workload:
    """Tasks that wait for all kinds of things, at random but the same each time."""

    def __init__(self, loop: uvloupe.Loop, seed: int) -> None:
        self.loop = loop
        self.random = random.Random(seed)
        self.lock = asyncio.Lock()
        self.queue: asyncio.Queue[int] = asyncio.Queue(maxsize=3)
        self.children: list[asyncio.Task[Any]] = []

    async def one(self, depth: int) -> None:
        for _ in range(self.random.randrange(1, 6)):
            await self.random.choice(
                [self.spin, self.sleep, self.locked, self.queued, self.threaded, self.echoed]
            )()
        if depth > 0:
            self.children += [
                asyncio.create_task(self.one(depth - 1))
                for _ in range(self.random.randrange(3))
            ]
        if self.random.random() < 0.2:
            raise LookupError("one of those")

    async def spin(self) -> None:
        for _ in range(self.random.randrange(10)):
            await asyncio.sleep(0)

    async def sleep(self) -> None:
        await asyncio.sleep(self.random.random() * 0.01)

    async def locked(self) -> None:
        async with self.lock:
            await asyncio.sleep(0.0001)

    async def queued(self) -> None:
        await self.queue.put(1)
        await asyncio.sleep(0)
        await self.queue.get()

    async def threaded(self) -> None:
        waiter = self.loop.create_future()

        def finish() -> None:
            self.loop.call_soon_threadsafe(
                lambda: waiter.done() or waiter.set_result(None)
            )

        threading.Timer(0.001, finish).start()
        await waiter

    async def echoed(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.close()
        await writer.wait_closed()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(100))
        await writer.drain()
        writer.close()

    async def main(self) -> None:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.children += [asyncio.create_task(self.one(2)) for _ in range(20)]
        monitor: Any = self.loop.monitor._raw
        done = 0
        while done < len(self.children):
            batch = self.children[done:]
            if done == 0:
                await asyncio.sleep(0.002)
                for task in batch[::4]:
                    task.cancel()
            assert_identity(monitor.raw_tasks())
            await asyncio.gather(*batch, return_exceptions=True)
            done += len(batch)
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
def test_every_finished_task_adds_up(loop: uvloupe.Loop, seed: int, debug: bool) -> None:
    loop.set_debug(debug)
    workload = Workload(loop, seed)
    loop.run_until_complete(workload.main())
    done = loop.monitor._raw.raw_tasks(done=True)
    assert len(done) > 20
    assert_identity(done)
    assert {task["outcome"] for task in done} == {"result", "exception", "cancelled"}
    assert all(task["age_ticks"] > 0 for task in done)
    stats = loop.monitor.stats()
    assert stats.tasks_dropped == 0
    # Each task is accounted for: it is among the living or among the dead.
    assert stats.tasks_born == stats.tasks_done + stats.tasks_live


def test_tasks_add_up_across_a_change_of_level(loop: uvloupe.Loop) -> None:
    async def spin() -> None:
        for _ in range(100):
            await asyncio.sleep(0)
        await asyncio.sleep(0.005)

    async def main() -> None:
        tasks = [asyncio.create_task(spin()) for _ in range(10)]
        for level in ("off", "on", "off", "on"):
            await asyncio.sleep(0)
            loop.monitor.level = level
            assert_identity(loop.monitor._raw.raw_tasks())
        await asyncio.gather(*tasks)

    loop.run_until_complete(main())
    done = loop.monitor._raw.raw_tasks(done=True)
    assert [task["outcome"] for task in done] == ["result"] * 11
    assert_identity(done)


def test_the_rows_hold_what_the_tasks_did(loop: uvloupe.Loop) -> None:
    async def work() -> None:
        await asyncio.sleep(0.001)
        await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(work() for _ in range(50)))

    loop.run_until_complete(main())
    tasks = [t for t in loop.monitor.tasks(done=True) if t.coro and t.coro.endswith("work")]
    (row,) = [r for r in loop.monitor.coroutines() if r.name.endswith("work")]
    assert row.calls == len(tasks) == 50
    assert row.steps == sum(task.steps for task in tasks) == 150
    for field in ("ready", "running", "awaited"):
        assert getattr(row, field) == pytest.approx(sum(getattr(t, field) for t in tasks), 1e-3)
