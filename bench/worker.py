"""One measurement, in a process of its own: ``python -m bench.worker WORKLOAD VARIANT``.

Prints one line of JSON: operations, their wall and CPU nanoseconds, and what else the workload
tells. The CPU time is that of the thread that runs the loop (of the server, for an echo).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
from collections.abc import Coroutine
from dataclasses import asdict
from typing import Any

from bench import echo
from bench.live import live_tasks
from bench.timing import Timing, once, timed
from bench.variants import CONTROL, LOOPS, new_loop
from bench.workloads import RUNS

WORKLOADS = (*RUNS, *echo.ECHOES, "live_tasks")
Result = tuple[Timing, dict[str, float]]


def on_loop(variant: str, main: Coroutine[Any, Any, Result]) -> Result:
    """Run `main` on a new loop of that variant."""
    with asyncio.Runner(loop_factory=lambda: new_loop(variant)) as runner:
        return runner.run(main)


async def _plain(workload: str, target: float, ops: int | None) -> Result:
    run = RUNS[workload]
    return (await timed(run, target) if ops is None else await once(run, ops)), {}


def measure(workload: str, variant: str, target: float, ops: int | None = None) -> Result:
    """Measure for about `target` seconds; or `ops` operations once, without warm-up."""
    if workload in echo.ECHOES:
        return echo.measure(workload, variant, target)
    if workload == "live_tasks":
        return on_loop(variant, live_tasks(target))
    return on_loop(variant, _plain(workload, target, ops))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("variant", choices=(*LOOPS, CONTROL))
    parser.add_argument("--target", type=float, default=0.2, help="seconds to measure for")
    parser.add_argument("--ops", type=int, help="do so many operations instead, without warm-up")
    parser.add_argument("--no-gc", action="store_true", help="switch the garbage collector off")
    options = parser.parse_args()
    if options.no_gc:
        gc.disable()
    timing, extra = measure(options.workload, options.variant, options.target, options.ops)
    print(json.dumps(asdict(timing) | {"extra": extra}))


if __name__ == "__main__":
    main()
