"""A profile: everything that one loop measured, as one object and as one JSON file.

The file is an object whose "format" is "uvloupe-profile" and whose "version" is a whole
number that changes when a reader of an older version would misread it.  New keys may
come without a new version; a reader ignores those that it does not know.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .monitor import HISTOGRAMS, CurrentStep, Histogram, LoopStats, RowInfo, SlowStep, TaskInfo
from .table import count, seconds, table

if TYPE_CHECKING:
    from .monitor import Monitor

__all__ = ["Profile", "ProfileError"]

FORMAT = "uvloupe-profile"
VERSION = 1

T = TypeVar("T")


class ProfileError(ValueError):
    """A file that is not a profile, or not one that this version can read."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What one loop measured, since it was made or its monitor was reset."""

    meta: dict[str, Any]
    """"created" (seconds as ``time.time()``), "argv", "pid", "python", "uvloupe", ..."""
    stats: LoopStats
    tasks: list[TaskInfo]
    """The live tasks, oldest first, then the last finished ones, newest first."""
    coroutines: list[RowInfo]
    """Totals by coroutine function, the longest running first."""
    callbacks: list[RowInfo]
    """Totals by plain callback, the longest running first."""
    slow_steps: list[SlowStep]
    """Newest first."""

    @property
    def histograms(self) -> dict[str, Histogram]:
        """The loop's histograms by name."""
        return {name: getattr(self.stats, name) for name in HISTOGRAMS}

    @classmethod
    def take(cls, monitor: Monitor) -> Profile:
        """The profile of a monitor as it stands now."""
        return cls(
            meta=_meta(),
            stats=monitor.stats(),
            tasks=monitor.tasks() + monitor.tasks(done=True),
            coroutines=monitor.coroutines(),
            callbacks=monitor.callbacks(),
            slow_steps=monitor.slow_steps(),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON, so that a reader finds the old file or the whole new one.

        Raises OSError.
        """
        document = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(self)}
        _write_atomically(Path(path), json.dumps(document, indent=1) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Profile:
        """Read what ``save()`` wrote.

        Raises OSError, or ProfileError (a ValueError) with the reason if the file is
        not a profile, or is of a version that this one cannot read.
        """
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ProfileError(f"{os.fspath(path)}: not a uvloupe profile: {error}") from None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ProfileError(f"{os.fspath(path)}: not a uvloupe profile")
        if document.get("version") != VERSION:
            raise ProfileError(
                f"{os.fspath(path)}: a profile of version {document.get('version')!r}, and this "
                f"uvloupe reads version {VERSION}: use the uvloupe that wrote it"
            )
        try:
            return _from_document(document)
        except (KeyError, TypeError, ValueError) as error:
            raise ProfileError(f"{os.fspath(path)}: damaged: {error!r}") from None

    def summary(self, limit: int = 20) -> str:
        """The profile as text: the loop, then coroutines, callbacks and slow steps, the
        longest running first, at most ``limit`` rows of each."""
        parts = [_loop_text(self.stats), _rows_text("coroutine", self.coroutines, limit)]
        if self.callbacks:
            parts.append(_rows_text("callback", self.callbacks, limit))
        if self.slow_steps:
            parts.append(_slow_text(self.slow_steps, limit))
        return "\n\n".join(parts) + "\n"


def _meta() -> dict[str, Any]:
    from . import __version__

    return {
        "created": time.time(),
        "argv": list(sys.argv),
        "pid": os.getpid(),
        "python": platform.python_version(),
        "uvloupe": __version__,
        "platform": sys.platform,
        "machine": platform.machine(),
    }


# ---- the file ---------------------------------------------------------------------------


def _write_atomically(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _make(cls: type[T], raw: dict[str, Any]) -> T:
    names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    return cls(**{key: value for key, value in raw.items() if key in names})


def _from_document(document: dict[str, Any]) -> Profile:
    stats = dict(document["stats"])
    for name in HISTOGRAMS:
        raw = stats[name]
        buckets = tuple((float(upper), int(n)) for upper, n in raw["buckets"])
        stats[name] = _make(Histogram, {**raw, "buckets": buckets})
    if stats["current"] is not None:
        stats["current"] = _make(CurrentStep, stats["current"])
    return Profile(
        meta=dict(document["meta"]),
        stats=_make(LoopStats, stats),
        tasks=[_make(TaskInfo, raw) for raw in document["tasks"]],
        coroutines=[_make(RowInfo, raw) for raw in document["coroutines"]],
        callbacks=[_make(RowInfo, raw) for raw in document["callbacks"]],
        slow_steps=[_make(SlowStep, raw) for raw in document["slow_steps"]],
    )


# ---- the summary --------------------------------------------------------------------------


def _loop_text(stats: LoopStats) -> str:
    lag, delay = stats.loop_lag, stats.ready_delay
    return (
        f"loop: {seconds(stats.uptime)} up: {seconds(stats.busy)} busy, "
        f"{seconds(stats.idle)} idle, {seconds(stats.gil_wait)} waiting for the GIL, "
        f"{seconds(stats.polling + stats.own)} its own work, {seconds(stats.stopped)} stopped\n"
        f"tasks: {count(stats.tasks_born)} born, {count(stats.tasks_done)} done; "
        f"{count(stats.steps)} steps, {count(stats.callbacks)} callbacks, "
        f"{count(stats.slow_steps)} slow\n"
        f"lag: p50 {seconds(lag.p50)}, p99 {seconds(lag.p99)}, max {seconds(lag.max)}; "
        f"ready delay: p50 {seconds(delay.p50)}, p99 {seconds(delay.p99)}, "
        f"max {seconds(delay.max)}"
    )


def _place(file: str | None, line: int) -> str:
    if not file:
        return ""
    return f"{os.path.basename(file)}:{line}" if line > 0 else os.path.basename(file)


def _rows_text(kind: str, rows: list[RowInfo], limit: int) -> str:
    shown = [
        (
            row.name,
            count(row.calls),
            count(row.steps) if kind == "coroutine" else "",
            seconds(row.running),
            seconds(row.ready),
            seconds(row.awaited) if kind == "coroutine" else "",
            seconds(row.longest),
            _place(row.file, row.line),
        )
        for row in rows[:limit]
    ]
    titles = (kind, "calls", "steps", "running", "ready", "awaiting", "longest", "where")
    if kind != "coroutine":
        titles = tuple(t for t in titles if t not in ("steps", "awaiting"))  # type: ignore[assignment]
        shown = [(r[0], r[1], *r[3:5], *r[6:]) for r in shown]  # type: ignore[misc]
    return table(titles, shown, left=(0, len(titles) - 1)) + _more(len(rows) - limit, kind)


def _slow_text(slow: list[SlowStep], limit: int) -> str:
    shown = [
        (
            step.callback or "?",
            seconds(step.duration),
            count(step.count),
            count(step.delayed),
            seconds(step.delay),
            step.task_name or "",
            _place(step.file, step.line),
        )
        for step in slow[:limit]
    ]
    titles = ("slow step", "took", "times", "delayed", "by", "task", "came to rest at")
    return table(titles, shown, left=(0, 5, 6)) + _more(len(slow) - limit, "slow step")


def _more(hidden: int, what: str) -> str:
    return f"\n... and {hidden} more {what}s" if hidden > 0 else ""
