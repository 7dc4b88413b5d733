"""What the samples say: rows with medians and paired ratios, as a table and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.catalogue import Goal, Workload, goals_of
from bench.runner import Outcome
from bench.samples import Metric, Paired, Sample, median_value, pair
from bench.variants import CONTROL, ORDER

# The comparisons of interest, ours first.
PAIRS = (
    ("uvloupe", "uvloop"),
    ("uvloupe", "asyncio"),
    ("uvloupe", "uvloupe-off"),
    ("uvloupe", CONTROL),
    ("uvloop", "asyncio"),
)
MONITOR_COST = ("uvloupe", "uvloupe-off")
SHOWN = (("uvloupe", "uvloop"), ("uvloupe", "asyncio"), MONITOR_COST)
WITHOUT_UVLOUPE = (("uvloop", "asyncio"),)  # shown when there is nothing better to show


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal, and whether it was met; None: there was nothing to judge by."""

    goal: Goal
    met: bool | None

    def __str__(self) -> str:
        word = "not measured" if self.met is None else "met" if self.met else "MISSED"
        return f"{word} ({self.goal})"


@dataclass(slots=True)
class Row:
    """One metric of one workload: medians by variant, ratios by pair, and the goals about them."""

    workload: str
    metric: Metric
    medians: dict[str, float]
    pairs: dict[tuple[str, str], Paired]
    verdicts: list[Verdict] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        plain = self.metric.name in ("cpu time", "wall time")
        return self.workload if plain else f"{self.workload}: {self.metric.name}"


def make_row(
    workload: Workload, metric: Metric, samples: Sequence[Sample], failed: list[str]
) -> Row:
    """The row of one metric, from the samples of its workload."""
    medians = {v: median_value(samples, metric, v) for v in ORDER}
    pairs = {(ours, peer): pair(samples, metric, ours, peer) for ours, peer in PAIRS}
    row = Row(
        workload.name,
        metric,
        {v: m for v, m in medians.items() if m is not None},
        {key: paired for key, paired in pairs.items() if paired is not None},
        failed=failed,
    )
    for goal in goals_of(workload.name, workload.metrics.index(metric)):
        paired = row.pairs.get((goal.ours, goal.peer))
        row.verdicts.append(Verdict(goal, None if paired is None else goal.met(paired)))
    return row


def make_rows(workloads: Iterable[Workload], outcome: Outcome) -> list[Row]:
    """All rows, also those that the table leaves out."""
    rows = []
    for workload in workloads:
        failed = [f.variant for f in outcome.failures if f.workload == workload.name]
        samples = outcome.of(workload.name)
        rows += [make_row(workload, metric, samples, failed) for metric in workload.metrics]
    return rows


def wall_over_cpu(samples: Iterable[Sample]) -> float | None:
    """The median of wall / CPU time of the plain workloads: above 1 when others had our CPU."""
    shares = [s.wall_ns / s.cpu_ns for s in samples if not s.extra and s.cpu_ns]
    busy = [share for share in shares if share < 1.5]  # not those that wait on purpose
    return statistics.median(busy) if busy else None


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _ratio(paired: Paired) -> str:
    return f"{paired.median:.2f}x ({paired.low:.2f}..{paired.high:.2f})"


def _cost(paired: Paired) -> str:
    """What `ours` costs over `peer`, in per cent: 1 / ratio - 1."""
    cost, low, high = (100 * (1 / r - 1) for r in (paired.median, paired.high, paired.low))
    return f"{cost:+.1f}% ({low:+.1f}..{high:+.1f})"


def _pair_columns(rows: Sequence[Row]) -> dict[tuple[str, str], str]:
    """The pairs that the table shows, with their headings."""
    present = {key for row in rows for key in row.pairs}
    shown = [key for key in SHOWN if key in present]
    shown = shown or [key for key in WITHOUT_UVLOUPE if key in present]
    return {
        key: "monitor's cost" if key == MONITOR_COST else f"{key[0]} over {key[1]}" for key in shown
    }


def _pair_cell(row: Row, key: tuple[str, str]) -> str:
    paired = row.pairs.get(key)
    if paired is None:
        return "-"
    return _cost(paired) if key == MONITOR_COST else _ratio(paired)


def _variant_cell(row: Row, variant: str) -> str:
    if variant in row.failed:
        return "CRASHED"
    return _number(row.medians[variant]) if variant in row.medians else "-"


def table(rows: Sequence[Row], missing: Sequence[str] = ()) -> str:
    """The rows as text: medians, then median ratios (smallest..largest round), then goals."""
    shown = [row for row in rows if row.metric.shown]
    used = {v for row in rows for v in (*row.medians, *row.failed)} | set(missing)
    variants = [v for v in ORDER if v in used]
    pairs = _pair_columns(rows)
    lines = [["workload", "unit", *variants, *pairs.values(), "goals"]]
    for row in shown:
        cells = ["NOT INSTALLED" if v in missing else _variant_cell(row, v) for v in variants]
        ratios = [_pair_cell(row, key) for key in pairs]
        goals = "; ".join(map(str, row.verdicts))
        lines.append([row.name, row.metric.unit, *cells, *ratios, goals])
    return align(lines)


def align(lines: Sequence[Sequence[str]]) -> str:
    """Columns under a heading: the first two and the last to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    last = len(widths) - 1
    text = []
    for line in lines:
        cells = [
            cell.ljust(width) if n in (0, 1, last) else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        text.append("  ".join(cells).rstrip())
    text.insert(1, "-" * max(map(len, text)))
    return "\n".join(text)


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "workload": row.workload,
        "metric": row.metric.name,
        "unit": row.metric.unit,
        "higher_is_better": row.metric.higher_is_better,
        "medians": row.medians,
        "pairs": [
            {
                "ours": p.ours,
                "peer": p.peer,
                "median": p.median,
                "low": p.low,
                "high": p.high,
                "ratios": p.ratios,
            }
            for p in row.pairs.values()
        ],
        "goals": [{"goal": str(v.goal), "met": v.met} for v in row.verdicts],
    }


def as_json(meta: dict[str, Any], rows: Sequence[Row], outcome: Outcome) -> dict[str, Any]:
    """Everything: the circumstances, each row, each sample (nanoseconds), each failure."""
    return {
        "meta": meta,
        "rows": [_row_json(row) for row in rows],
        "samples": [asdict(sample) for sample in outcome.samples],
        "failures": [asdict(failure) for failure in outcome.failures],
    }
