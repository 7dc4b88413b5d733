"""What a worker measured, and the arithmetic of pairing: a ratio never spans two rounds."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one workload on one variant. Times are nanoseconds, over all operations."""

    workload: str
    variant: str
    ops: int
    wall_ns: int
    cpu_ns: int
    extra: dict[str, float] = field(default_factory=dict)
    round: int = 0


@dataclass(frozen=True, slots=True)
class Metric:
    """One number read from a sample; a row of the table if `shown`.

    Where the number may be about zero, ratios say nothing: `paired` is False.
    """

    name: str
    unit: str
    read: Callable[[Sample], float]
    higher_is_better: bool = False
    shown: bool = True
    paired: bool = True


@dataclass(frozen=True, slots=True)
class Paired:
    """How many times better `ours` is than `peer`: peer time / our time, one ratio a round."""

    ours: str
    peer: str
    ratios: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.ratios)

    @property
    def low(self) -> float:
        return min(self.ratios)

    @property
    def high(self) -> float:
        return max(self.ratios)


def round_means(samples: Iterable[Sample], metric: Metric) -> dict[str, dict[int, float]]:
    """{variant: {round: mean of that round's runs}}."""
    values: dict[tuple[str, int], list[float]] = defaultdict(list)
    for sample in samples:
        values[sample.variant, sample.round].append(metric.read(sample))
    means: dict[str, dict[int, float]] = defaultdict(dict)
    for (variant, number), runs in values.items():
        means[variant][number] = statistics.fmean(runs)
    return dict(means)


def median_value(samples: Iterable[Sample], metric: Metric, variant: str) -> float | None:
    """The median over all runs of `variant`, or None if it has none."""
    values = [metric.read(s) for s in samples if s.variant == variant]
    return statistics.median(values) if values else None


def pair(samples: Iterable[Sample], metric: Metric, ours: str, peer: str) -> Paired | None:
    """The ratios of the rounds in which both ran and read more than 0; None if there are none."""
    if not metric.paired:
        return None
    means = round_means(samples, metric)
    mine, theirs = means.get(ours, {}), means.get(peer, {})
    ratios = []
    for number in sorted(mine.keys() & theirs.keys()):
        better, worse = mine[number], theirs[number]
        if metric.higher_is_better:
            better, worse = worse, better
        if better > 0 and worse > 0:
            ratios.append(worse / better)
    return Paired(ours, peer, ratios) if ratios else None


def abba(variants: Iterable[str]) -> list[str]:
    """The order of one round: there and back again."""
    there = list(variants)
    return there + there[::-1]
