"""``python -m bench instructions``: a guard that noise cannot fool, counted by callgrind.

Each workload runs twice under valgrind, with a small and a large number of operations; what differs
between the two counts, divided by the operations that differ, is the cost of one: starting and
ending cancel out. The hash seed is 0 and the garbage collector is off. What a loop does by the
clock (how often it polls) is counted as it happens in valgrind's slow motion: compare counts with
counts, never with times.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.cli import names
from bench.report import align
from bench.runner import WorkerFailed, kill_running, run_json
from bench.variants import LOOPS
from bench.workloads import RUNS

FEW, MANY = 2_000, 12_000
WORKLOADS = (
    "call_soon_chain",
    "call_soon_batch",
    "sleep0_one",
    "future",
    "spawn_gather",
    "queue_pingpong",
    "timers_cancel",
)
TIME_LIMIT = 300.0  # seconds for one run under valgrind


@dataclass(frozen=True, slots=True)
class Count:
    """What one run took in all: operations and instructions."""

    ops: int
    instructions: int


def per_op(few: Count, many: Count) -> float:
    """Instructions per operation, without what both runs spent anyway."""
    return (many.instructions - few.instructions) / (many.ops - few.ops)


def collected(callgrind_file: str) -> int:
    """The total in a callgrind output file's text."""
    found = re.search(r"^(?:summary|totals): (\d+)", callgrind_file, re.MULTILINE)
    if found is None:
        raise WorkerFailed("callgrind wrote no total")
    return int(found[1])


def count(python: str, workload: str, variant: str, ops: int) -> Count:
    """Run once under callgrind. Raises WorkerFailed."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind"
        worker = [python, "-m", "bench.worker", workload, variant, "--ops", str(ops), "--no-gc"]
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
        result = run_json([*tool, *worker], TIME_LIMIT)
        return Count(result["ops"], collected(out.read_text()))


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="python -m bench instructions",
        description="Instructions per operation under valgrind --tool=callgrind.",
    )
    p.add_argument("--only", type=names(tuple(RUNS)), default=WORKLOADS, metavar="NAME[,NAME]")
    p.add_argument("--variants", type=names(LOOPS), default=LOOPS, metavar="NAME[,NAME]")
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at the same time")
    p.add_argument("--json", type=Path, metavar="FILE")
    return p


def installed(python: str, variants: Sequence[str]) -> list[str]:
    """Those that can be made; the others are named on stdout."""
    probed = run_json([python, "-m", "bench.variants"])
    for variant in variants:
        if "version" not in probed[variant]:
            print(f"!!! {variant}: NOT INSTALLED, not counted: {probed[variant]}")
    return [v for v in variants if "version" in probed[v]]


def count_all(
    python: str, workloads: Sequence[str], variants: Sequence[str], jobs: int
) -> dict[str, dict[str, float]]:
    """{workload: {variant: instructions per operation}}. Raises WorkerFailed."""
    with ThreadPoolExecutor(jobs) as pool:
        runs = {
            (w, v, ops): pool.submit(count, python, w, v, ops)
            for w in workloads
            for v in variants
            for ops in (FEW, MANY)
        }
        try:
            return {
                w: {
                    v: per_op(runs[w, v, FEW].result(), runs[w, v, MANY].result()) for v in variants
                }
                for w in workloads
            }
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            kill_running()
            raise


def main(arguments: Sequence[str]) -> int:
    """Count, print the table, and return the exit status."""
    options = parser().parse_args(arguments)
    if shutil.which("valgrind") is None:
        print("valgrind is not installed (Debian: apt-get install valgrind)", file=sys.stderr)
        return 1
    try:
        variants = installed(options.python, options.variants)
        counts = count_all(options.python, options.only, variants, options.jobs)
    except WorkerFailed as error:
        print(f"!!! CRASHED: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(align([["instructions per operation", "", *variants, ""], *_lines(counts)]))
    if options.json:
        options.json.write_text(json.dumps(counts, indent=1) + "\n")
    return 0


def _lines(counts: dict[str, dict[str, float]]) -> list[list[str]]:
    return [
        [workload, "", *(f"{value:,.0f}" for value in by_variant.values()), ""]
        for workload, by_variant in counts.items()
    ]
