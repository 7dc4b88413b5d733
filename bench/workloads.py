"""What a loop is asked to do, without a network: a coroutine each, the same code for every loop.

Each takes about how many operations to do and returns how many it did, and checks that what it
asked for happened.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

BATCH = 1000
TASKS = 100
BURST = 100

Run = Callable[[int], Awaitable[int]]


def _whole(ops: int, size: int) -> int:
    """`ops` rounded up to whole groups of `size`, as a number of groups."""
    return max(1, -(-ops // size))


async def call_soon_chain(ops: int) -> int:
    """Each callback schedules the next: one callback a turn."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = ops

    def step() -> None:
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(step)
        else:
            done.set_result(None)

    loop.call_soon(step)
    await done
    assert left == 0
    return ops


async def _in_batches(ops: int, fill: Callable[[], None]) -> int:
    """Run `fill` once a turn until it has run for `ops`, BATCH at a time."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    batches = left = _whole(ops, BATCH)

    def drive() -> None:
        nonlocal left
        if left:
            left -= 1
            fill()
            loop.call_soon(drive)
        else:
            done.set_result(None)

    loop.call_soon(drive)
    await done
    return batches * BATCH


async def call_soon_batch(ops: int) -> int:
    """A thousand callbacks are scheduled at a time."""
    call_soon = asyncio.get_running_loop().call_soon
    ran = 0

    def tick() -> None:
        nonlocal ran
        ran += 1

    def fill() -> None:
        for _ in range(BATCH):
            call_soon(tick)

    done = await _in_batches(ops, fill)
    assert ran == done
    return done


async def sleep0_one(ops: int) -> int:
    """One task yields to the loop, again and again."""
    for _ in range(ops):
        await asyncio.sleep(0)
    return ops


async def sleep0_hundred(ops: int) -> int:
    """A hundred tasks do."""
    each = _whole(ops, TASKS)
    steps = 0

    async def spin() -> None:
        nonlocal steps
        for _ in range(each):
            await asyncio.sleep(0)
            steps += 1

    await asyncio.gather(*(spin() for _ in range(TASKS)))
    assert steps == each * TASKS
    return steps


async def future(ops: int) -> int:
    """A future is awaited, and set by a callback."""
    loop = asyncio.get_running_loop()
    for number in range(ops):
        waiter = loop.create_future()
        loop.call_soon(waiter.set_result, number)
        assert await waiter == number
    return ops


async def spawn_gather(ops: int) -> int:
    """A hundred short tasks are made and gathered. One operation is one task."""

    async def child(number: int) -> int:
        return number

    rounds = _whole(ops, TASKS)
    expected = list(range(TASKS))
    for _ in range(rounds):
        assert await asyncio.gather(*(child(n) for n in range(TASKS))) == expected
    return rounds * TASKS


async def queue_pingpong(ops: int) -> int:
    """Two tasks pass a number to and fro through two queues. One operation is there and back."""
    there: asyncio.Queue[int] = asyncio.Queue()
    back: asyncio.Queue[int] = asyncio.Queue()

    async def answer() -> None:
        for _ in range(ops):
            await back.put(await there.get() + 1)

    partner = asyncio.create_task(answer())
    for number in range(ops):
        await there.put(number)
        assert await back.get() == number + 1
    await partner
    return ops


async def timers_cancel(ops: int) -> int:
    """A timer is set and cancelled: the common fate of a time-out."""
    call_later = asyncio.get_running_loop().call_later
    fired: list[None] = []

    def fill() -> None:
        for _ in range(BATCH):
            call_later(60.0, fired.append, None).cancel()

    done = await _in_batches(ops, fill)
    assert not fired
    return done


async def _fire_all(delays: list[float]) -> None:
    """Set a timer for each delay (seconds) and wait until all have fired."""
    loop = asyncio.get_running_loop()
    all_fired = loop.create_future()
    left = len(delays)

    def fire() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            all_fired.set_result(None)

    for delay in delays:
        loop.call_later(delay, fire)
    await all_fired
    assert left == 0


async def timers_fire(ops: int) -> int:
    """A thousand timers are set, due between 1 and 3 ms from now in no order, and awaited."""
    delays = [0.001 + 0.002 * (n * 619 % BATCH) / BATCH for n in range(BATCH)]
    batches = _whole(ops, BATCH)
    for _ in range(batches):
        await _fire_all(delays)
    return batches * BATCH


async def threadsafe(ops: int) -> int:
    """Another thread calls call_soon_threadsafe a hundred times, then waits until all have run."""
    loop = asyncio.get_running_loop()
    finished = loop.create_future()
    drained = threading.Event()
    bursts = _whole(ops, BURST)
    ran = 0

    def tick() -> None:
        nonlocal ran
        ran += 1
        if ran % BURST == 0:
            drained.set()

    def produce() -> None:
        for _ in range(bursts):
            drained.clear()
            for _ in range(BURST):
                loop.call_soon_threadsafe(tick)
            drained.wait()
        loop.call_soon_threadsafe(finished.set_result, None)

    producer = threading.Thread(target=produce, daemon=True)
    producer.start()
    await finished
    producer.join()
    assert ran == bursts * BURST
    return ran


RUNS: dict[str, Run] = {
    run.__name__: run
    for run in (
        call_soon_chain,
        call_soon_batch,
        sleep0_one,
        sleep0_hundred,
        future,
        spawn_gather,
        queue_pingpong,
        timers_cancel,
        timers_fire,
        threadsafe,
    )
}
