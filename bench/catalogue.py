"""The table's rows: the workloads, what is read from each, and the goals uvloupe has set itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.echo import ECHOES
from bench.live import FEW, MANY
from bench.samples import Metric, Paired, Sample
from bench.variants import CONTROL, LOOPS
from bench.workloads import RUNS

QUICK = ("call_soon_chain", "call_soon_batch", "sleep0_one", "future", "echo_1k_protocol")


def _extra(key: str, scale: float = 1.0) -> Callable[[Sample], float]:
    return lambda sample: sample.extra[key] * scale


CPU = Metric("cpu time", "ns cpu/op", lambda s: s.cpu_ns / s.ops)
WALL = Metric("wall time", "ns wall/op", lambda s: s.wall_ns / s.ops)
CPU_ASIDE = Metric("cpu time", "ns cpu/op", CPU.read, shown=False)
WALL_ASIDE = Metric("wall time", "ns wall/op", WALL.read, shown=False)
TRIPS = Metric("rate", "trips/s", lambda s: s.ops / s.wall_ns * 1e9, higher_is_better=True)
LATENCY = tuple(
    Metric(f"trip {q}", "µs wall", _extra(f"{q}_ns", 1e-3), shown=False) for q in ("p50", "p99")
)
FAIRNESS = (
    Metric("echo p50", "µs wall", _extra("p50_ns", 1e-3)),
    Metric("echo p99", "µs wall", _extra("p99_ns", 1e-3)),
    Metric("timer late p50", "µs wall", _extra("late_p50_ns", 1e-3), paired=False),
    Metric("timer late p99", "µs wall", _extra("late_p99_ns", 1e-3), paired=False),
    Metric("timer late max", "µs wall", _extra("late_max_ns", 1e-3), paired=False),
)
LIVE = (
    Metric(f"{FEW} asleep", "ns cpu/step", _extra("few_ns")),
    Metric(f"{MANY:,} asleep", "ns cpu/step", _extra("many_ns")),
    Metric("many / few", "x", lambda s: s.extra["many_ns"] / s.extra["few_ns"]),
)


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload, the variants that can do it, and what is read from its samples."""

    name: str
    metrics: tuple[Metric, ...]
    variants: tuple[str, ...] = LOOPS
    stretch: float = 1.0  # how many target times one measurement takes


@dataclass(frozen=True, slots=True)
class Goal:
    """`ours` shall be at least `ratio` times as good as `peer`; or cost at most `cost` more."""

    workload: str
    ours: str
    peer: str
    ratio: float
    cost: float | None = None

    def met(self, paired: Paired) -> bool:
        """Whether the median ratio reaches the goal."""
        return paired.median >= self.ratio

    def __str__(self) -> str:
        if self.cost is not None:
            return f"monitor <= {self.cost:.0%}"
        return f">= {self.ratio:g}x {self.peer}"


def faster(workload: str, ratio: float) -> Goal:
    """uvloupe, as installed, against uvloop."""
    return Goal(workload, "uvloupe", "uvloop", ratio)


def monitor_costs(workload: str, cost: float) -> Goal:
    """The monitor on against off: on / off <= 1 + cost, that is off / on >= 1 / (1 + cost)."""
    return Goal(workload, "uvloupe", "uvloupe-off", 1 / (1 + cost), cost)


GOALS = (
    faster("call_soon_chain", 3.0),
    faster("call_soon_batch", 1.3),
    faster("sleep0_one", 2.0),
    faster("future", 2.0),
    faster("echo_1k_protocol", 1.0),
    faster("echo_1k_streams", 1.0),
    monitor_costs("call_soon_batch", 0.08),
    monitor_costs("echo_1k_protocol", 0.02),
    monitor_costs("echo_1k_streams", 0.02),
)


def goals_of(workload: str, row: int) -> Sequence[Goal]:
    """The goals of a workload; they are about its first metric."""
    return [goal for goal in GOALS if goal.workload == workload] if row == 0 else []


def _plain(name: str) -> Workload:
    if name == "threadsafe":  # two threads work: the loop thread's CPU time is half the story
        return Workload(name, (WALL, CPU_ASIDE))
    return Workload(name, (CPU, WALL_ASIDE))


def _echo(name: str) -> Workload:
    if ECHOES[name].spin:
        return Workload(name, FAIRNESS, stretch=2.5)
    return Workload(name, (CPU, TRIPS, *LATENCY), (*LOOPS, CONTROL), stretch=1.5)


CATALOGUE: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        *map(_plain, RUNS),
        *map(_echo, ECHOES),
        Workload("live_tasks", LIVE, stretch=1.5),
    )
}
