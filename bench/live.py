"""Does a step cost more when many other tasks are alive? Both are measured in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.timing import Timing, timed
from bench.workloads import sleep0_one

FEW = 10
MANY = 10_000


@asynccontextmanager
async def sleepers(count: int) -> AsyncIterator[None]:
    """`count` tasks that sleep for an hour while the body runs."""
    tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(count)]
    await asyncio.sleep(0)
    try:
        yield
    finally:
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def live_tasks(target: float) -> tuple[Timing, dict[str, float]]:
    """One task steps beside FEW sleeping tasks, then beside MANY. `target` is seconds for both."""
    async with sleepers(FEW):
        few = await timed(sleep0_one, target / 2)
    async with sleepers(MANY):
        many = await timed(sleep0_one, target / 2)
    return few + many, {"few_ns": few.cpu_ns / few.ops, "many_ns": many.cpu_ns / many.ops}
