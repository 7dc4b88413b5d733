"""Measuring a workload: how many operations fill the target time, then once for the record."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass

from bench.workloads import Run

FIRST_TRY = 100
WARM_UP = 0.2  # of the target time


@dataclass(frozen=True, slots=True)
class Timing:
    """Operations, and the nanoseconds they took: of wall time and of this thread's CPU time."""

    ops: int
    wall_ns: int
    cpu_ns: int

    def __add__(self, other: Timing) -> Timing:
        return Timing(
            self.ops + other.ops, self.wall_ns + other.wall_ns, self.cpu_ns + other.cpu_ns
        )


async def once(run: Run, ops: int) -> Timing:
    """Time about `ops` operations; to be awaited on the loop's own thread."""
    wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
    done = await run(ops)
    return Timing(done, time.perf_counter_ns() - wall, time.thread_time_ns() - cpu)


async def calibrate(run: Run, target: float) -> int:
    """How many operations take about `target` seconds. This is also the warm-up."""
    ops = FIRST_TRY
    while True:
        trial = await once(run, ops)
        seconds = trial.wall_ns / 1e9
        if seconds >= WARM_UP * target:
            return max(1, int(trial.ops * target / seconds))
        grown = trial.ops * 1.2 * WARM_UP * target / max(seconds, 1e-9)
        ops = int(min(max(grown, 2 * trial.ops), 100 * trial.ops))


async def timed(run: Run, target: float) -> Timing:
    """Calibrate, collect the garbage of that, and measure for about `target` seconds."""
    ops = await calibrate(run, target)
    gc.collect()
    return await once(run, ops)
