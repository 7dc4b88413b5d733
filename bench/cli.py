"""The command ``python -m bench``: what to measure, how often, and where the result goes."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import native
from bench.catalogue import CATALOGUE, QUICK, Workload
from bench.echo import ECHOES, cpus
from bench.report import Row, as_json, make_rows, table, wall_over_cpu
from bench.runner import ROOT, Failure, Outcome, Runner, WorkerFailed, run_json
from bench.variants import CONTROL, ORDER

RESULTS = ROOT / "bench" / "results"
STARTING = 0.15  # seconds that a process takes beside the measuring, for the estimate only
EPILOGUE = """\
`python -m bench instructions --help`: instructions per operation instead of time, under valgrind.
Exit status: 0 also if a goal is missed, as speed is not a test; 1 if a worker crashed."""


def names(known: Sequence[str]) -> Any:
    """An argparse type: names from `known`, separated by commas, in the order of `known`."""

    def parse(text: str) -> tuple[str, ...]:
        wanted = [name.strip() for name in text.split(",")]
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(known)}")
        return tuple(name for name in known if name in wanted)

    return parse


def parser() -> argparse.ArgumentParser:
    """The options of the timed benchmark."""
    p = argparse.ArgumentParser(
        prog="python -m bench",
        description="Time uvloupe beside asyncio and uvloop.",
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--quick", action="store_true", help="3 rounds of a few workloads: a first look")
    p.add_argument("--only", type=names(tuple(CATALOGUE)), metavar="NAME[,NAME]")
    p.add_argument("--variants", type=names(ORDER), metavar="NAME[,NAME]", default=ORDER)
    p.add_argument("--rounds", type=int, help="default 7; each runs every variant twice, A B B A")
    p.add_argument("--target", type=float, default=0.2, help="seconds a measurement (default 0.2)")
    p.add_argument("--python", default=sys.executable, help="the interpreter to measure with")
    p.add_argument("--json", type=Path, metavar="FILE", help="default bench/results/<time>.json")
    return p


def chosen(options: argparse.Namespace) -> list[Workload]:
    """The workloads asked for."""
    names = options.only or (QUICK if options.quick else tuple(CATALOGUE))
    return [CATALOGUE[name] for name in names]


def estimate(workloads: Sequence[Workload], runner: Runner) -> float:
    """About how many seconds it will take."""
    one_round = sum(
        len(runner.order(w)) * (1.25 * runner.target * w.stretch + STARTING) for w in workloads
    )
    return runner.rounds * one_round


def _commit() -> str:
    """What is measured, if this is a git checkout."""
    if shutil.which("git") is None:
        return ""
    command = ["git", "describe", "--always", "--dirty"]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def _pinning() -> str:
    server, client = cpus()
    if server is None:
        return "echo: not pinned (one CPU only: client and server share it)"
    return f"echo: server pinned to CPU {server}, client to CPU {client}"


class Bench:
    """One run of the benchmark, from the options to the exit status."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.outcome = Outcome()
        self.workloads = chosen(options)
        self.missing: dict[str, str] = {}
        self.meta: dict[str, Any] = {}

    def look_around(self) -> Runner:
        """See what is installed, build the helpers, and note the circumstances."""
        probed = run_json([self.options.python, "-m", "bench.variants"])
        for variant in self.options.variants:
            self._judge(variant, probed.get(variant, {}))
        if any(w.name in ECHOES for w in self.workloads):
            self._build()
        out = set(self.missing) | {failure.variant for failure in self.outcome.failures}
        variants = tuple(v for v in self.options.variants if v not in out)
        rounds = self.options.rounds or (3 if self.options.quick else 7)
        self.meta = {
            "when": datetime.now().astimezone().isoformat(timespec="seconds"),
            "commit": _commit(),
            "python": probed["python"],
            "versions": {v: probed[v].get("version") for v in variants if v in probed},
            "variants": variants,
            "missing": self.missing,
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
            "pinning": _pinning(),
            "load_before": os.getloadavg(),
            "rounds": rounds,
            "target_s": self.options.target,
            "hash_seed": 0,
            "gc": "enabled, collected once before measuring",
        }
        return Runner(self.options.python, self.options.target, rounds, variants)

    def _judge(self, variant: str, state: dict[str, str]) -> None:
        """Keep apart a loop that is not there, which is news, and one that is broken: a failure."""
        if "missing" in state:
            self.missing[variant] = state["missing"]
        elif "broken" in state:
            self.outcome.failures.append(Failure("import", variant, state["broken"]))

    def _build(self) -> None:
        try:
            native.build_client()
        except native.CannotBuild as error:
            self.outcome.failures.append(Failure("echo", "client", str(error)))
            self.workloads = [w for w in self.workloads if w.name not in ECHOES]
            return
        if CONTROL in self.options.variants:
            try:
                native.build_server()
            except native.CannotBuild as error:
                self.missing[CONTROL] = str(error)

    def announce(self, runner: Runner) -> None:
        """What is about to be measured, where, and what is not."""
        seconds = estimate(self.workloads, runner)
        print(f"Python {self.meta['python']['version']}  {self.meta['versions']}")
        print(f"{self.meta['platform']}, {self.meta['cpus']} CPUs; {_pinning()}")
        print(
            f"{runner.rounds} rounds, each variant twice a round (A B B A), fresh processes,"
            f" {runner.target:g} s each; about {seconds / 60:.1f} minutes"
        )
        self.warn()
        print(flush=True)

    def warn(self) -> None:
        """Say loudly what is not measured."""
        for variant, why in self.missing.items():
            print(f"!!! {variant}: NOT INSTALLED, not measured: {why}")

    def conclude(self, rows: list[Row]) -> None:
        """The table, what it rests on, and what went wrong."""
        print(table(rows, tuple(self.missing)))
        print(
            "\nMedians of all runs; ratios: how many times better, median of the rounds"
            " (smallest..largest). Echo: the server's loop thread."
        )
        before, after = self.meta["load_before"][0], self.meta["load_after"][0]
        print(
            f"Load average {before:.1f} before, {after:.1f} after: this run by itself makes 1 to 2."
        )
        share = wall_over_cpu(self.outcome.samples)
        if share is not None:
            print(f"Wall time was {share:.2f} x CPU time; 1.00 when no one else wants the CPU.")
        self.warn()
        for failure in self.outcome.failures:
            print(f"!!! {failure.workload} on {failure.variant}: CRASHED: {failure.why}")

    def save(self, rows: list[Row]) -> None:
        """Write the JSON file and say where."""
        path: Path = self.options.json or RESULTS / f"{datetime.now():%Y%m%d-%H%M%S}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = as_json(self.meta, rows, self.outcome)
        path.write_text(json.dumps(content, indent=1) + "\n")
        print(f"Every sample is in {path}")

    def run(self) -> int:
        """Measure, report, and return the exit status."""
        begin = time.monotonic()
        runner = self.look_around()
        self.announce(runner)
        for workload in self.workloads:
            runner.run(workload, self.outcome)
        self.meta["load_after"] = os.getloadavg()
        self.meta["seconds"] = round(time.monotonic() - begin, 1)
        rows = make_rows(self.workloads, self.outcome)
        self.conclude(rows)
        self.save(rows)
        return 1 if self.outcome.failures or not self.outcome.samples else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 130 after Ctrl-C, with nothing left running."""
    options = parser().parse_args(arguments)
    try:
        return Bench(options).run()
    except (WorkerFailed, OSError) as error:
        print(f"{options.python} cannot run the workers: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: nothing was written", file=sys.stderr)
        return 130
