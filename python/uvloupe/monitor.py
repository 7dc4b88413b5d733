"""What a loop measures, for its users: dataclasses over the raw monitor.

All durations are seconds as float.  A task is *ready* (due, waiting for the loop),
*running* (inside a step) or *awaiting* something; the three times add up to its age.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from . import _loop
from .console import Console

if TYPE_CHECKING:
    from .profile import Profile

__all__ = [
    "HISTOGRAMS",
    "Console",
    "CurrentStep",
    "Histogram",
    "Level",
    "LoopStats",
    "Monitor",
    "RowInfo",
    "SlowStep",
    "TaskInfo",
]

Level = Literal["off", "on"]

HISTOGRAMS = ("step_time", "ready_delay", "loop_lag", "poll_time", "gil_time", "timer_late")
"""The names that ``Monitor.histogram()`` knows."""


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """One task, alive or finished, at the moment of asking."""

    id: int
    """A number of its own within the loop, counted from 1."""
    name: str | None
    """Its name, cut to 47 bytes."""
    coro: str | None
    """The qualified name of its coroutine function."""
    file: str | None
    line: int
    """Where that function begins."""
    state: str
    """"awaiting", "ready", "running" or "done"."""
    age: float
    """Seconds from its creation until now, or until its end."""
    in_state: float
    """Seconds since it entered ``state``."""
    ready: float
    """Seconds that it was due and waited for the loop."""
    running: float
    """Seconds inside its steps."""
    awaited: float
    """Seconds that it awaited something."""
    steps: int
    """How often it was resumed."""
    longest_step: float
    """Seconds of its longest step."""
    parent_id: int | None
    """The task that created it; None if it was not created by a task."""
    woken_by: str
    """What woke it last: "future", "self", "timer", "io", "thread", "signal" or "none"."""
    woken_fd: int | None
    """The descriptor, if that was "io"."""
    outcome: str | None = None
    """Of a finished task: "result", "exception", "cancelled" or "destroyed"."""
    error: str | None = None
    """The type of the exception that ended it."""
    ended_ago: float | None = None
    """Seconds since it finished."""


@dataclass(frozen=True, slots=True)
class RowInfo:
    """The totals of one coroutine function, or of one plain callback."""

    kind: str
    """"coroutine" or "callback"."""
    name: str
    file: str | None
    line: int
    calls: int
    """Tasks that ran it, or calls of the callback."""
    steps: int
    ready: float
    """Seconds due and waiting for the loop."""
    running: float
    """Seconds inside steps or calls."""
    awaited: float
    """Seconds awaiting; 0 for callbacks."""
    longest: float
    """Seconds of the longest step or call."""


@dataclass(frozen=True, slots=True)
class SlowStep:
    """A callback or a task's step that ran for longer than the threshold."""

    when: float
    """When it ended, in seconds as ``time.time()``."""
    duration: float
    """Seconds."""
    task_id: int | None
    """None for a plain callback."""
    task_name: str | None
    callback: str | None
    """The qualified name of the callback, or of the task's coroutine function."""
    file: str | None
    line: int
    """Where it came to rest: after the block, not in it."""
    cause: str
    """What had woken it; as ``TaskInfo.woken_by``."""
    delayed: int
    """How many ready callbacks and due timers had to wait."""
    delay: float
    """Seconds that those waited, added up."""
    count: int
    """How often this culprit has been slow, this time included."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """The spread of one kind of duration, in seconds."""

    name: str
    count: int
    sum: float
    p50: float
    p90: float
    p99: float
    max: float
    buckets: tuple[tuple[float, int], ...]
    """(upper edge, count) of each bucket that is not empty, rising."""


@dataclass(frozen=True, slots=True)
class CurrentStep:
    """What the loop runs right now."""

    duration: float
    """Seconds so far."""
    task_id: int | None
    """None for a plain callback."""
    task_name: str | None
    callback: str | None
    """The coroutine function or callback."""
    file: str | None
    line: int


@dataclass(frozen=True, slots=True)
class LoopStats:
    """Totals of a loop since its monitor began, or since ``Monitor.reset()``.

    ``busy + idle + polling + gil_wait + stopped + own`` is ``uptime``.
    """

    level: str
    phase: str
    """What the loop does now: "calling", "polling", "gil_wait" or "stopped"."""
    uptime: float
    turns: int
    callbacks: int
    """Plain callbacks run; steps of tasks are in ``steps``."""
    steps: int
    polls: int
    """How often the kernel was asked for events."""
    busy: float
    """Seconds inside callbacks and steps."""
    idle: float
    """Seconds in polls that blocked, with nothing to do."""
    polling: float
    """Seconds in polls that did not block."""
    gil_wait: float
    """Seconds with events at hand, waiting for the interpreter's lock."""
    stopped: float
    """Seconds outside ``run_forever()``."""
    own: float
    """Seconds of the loop's own work: the rest."""
    ready_depth: int
    """Callbacks that are due now."""
    tasks_live: int
    tasks_awaiting: int
    tasks_ready: int
    tasks_running: int
    tasks_born: int
    tasks_done: int
    tasks_dropped: int
    """Tasks that were not seen because the table was full."""
    rows_folded: int
    """Coroutines and callbacks counted together under "other": their table was full."""
    slow_steps: int
    """Slow steps ever seen."""
    clock_source: str
    current: CurrentStep | None
    step_time: Histogram
    """Of each callback and step."""
    ready_delay: Histogram
    """From being due until running."""
    loop_lag: Histogram
    """How long each turn kept the kernel's events waiting."""
    poll_time: Histogram
    """Of each poll that blocked."""
    gil_time: Histogram
    """Waits for the interpreter's lock after a poll."""
    timer_late: Histogram
    """How late timers ran."""


class Monitor:
    """The monitor of one loop: ``loop.monitor``.

    Everything can be read from any thread, and after the loop is closed.
    """

    def __init__(self, raw: _loop.Monitor) -> None:
        self._raw = raw
        self._consoles: list[Console] = []

    def detach(self) -> None:
        """Let go of the loop, which is closed; what was measured stays readable."""
        self._raw.detach()

    # -- settings -------------------------------------------------------------------

    @property
    def level(self) -> str:
        """ "off" or "on"; can be changed while the loop runs.

        Switching it off forgets the live tasks' figures.  Raises ValueError for
        another value.
        """
        return self._raw.level

    @level.setter
    def level(self, value: str) -> None:
        self._raw.level = value

    @property
    def slow_threshold(self) -> float:
        """Seconds: a callback or step that takes longer is reported as slow.

        Raises ValueError for what is not a positive number.
        """
        return self._raw.slow_threshold

    @slow_threshold.setter
    def slow_threshold(self, value: float) -> None:
        self._raw.slow_threshold = value

    # -- reading --------------------------------------------------------------------

    def tasks(self, done: bool = False) -> list[TaskInfo]:
        """The live tasks, oldest first; with ``done`` the last finished ones (up to
        1000), newest first."""
        infos = [task_info(raw) for raw in self._raw.raw_tasks(done=done)]
        if not done:
            infos.sort(key=lambda info: info.id)
        return infos

    def coroutines(self) -> list[RowInfo]:
        """Totals by coroutine function, the longest running first."""
        return self._rows("coroutine")

    def callbacks(self) -> list[RowInfo]:
        """Totals by plain callback, the longest running first."""
        return self._rows("callback")

    def slow_steps(self) -> list[SlowStep]:
        """The last slow steps (up to 256), newest first."""
        now = time.time()
        return [slow_step(raw, now) for raw in self._raw.raw_slow_steps()]

    def histogram(self, name: str) -> Histogram:
        """One of ``HISTOGRAMS``.  Raises ValueError for another name."""
        buckets = self._raw.raw_histogram(name)
        return Histogram(name=name, buckets=tuple(buckets), **self._raw.raw_stats()[name])

    def stats(self) -> LoopStats:
        """Totals of the loop, its histograms, and what it runs now."""
        raw = self._raw.raw_stats()
        histograms = {
            name: Histogram(
                name=name, buckets=tuple(self._raw.raw_histogram(name)), **raw[name]
            )
            for name in HISTOGRAMS
        }
        return loop_stats(raw, histograms)

    def profile(self) -> Profile:
        """Everything above in one object that can be saved."""
        from .profile import Profile

        return Profile.take(self)

    def reset(self) -> None:
        """Forget totals, histograms, slow steps and finished tasks.

        Live tasks keep their own figures.
        """
        self._raw.reset()

    # -- the console ------------------------------------------------------------------

    def start_console(self, address: str, token: str | None = None) -> Console:
        """Start a telnet console at ``address``; it answers also while the loop is stuck.

        ``address`` is "HOST:PORT", "[V6]:PORT", ":PORT" (loopback) or the path of a Unix
        socket, with a slash in it; port 0 takes a free one.  ``token`` is asked for before
        anything else.  The console runs until it is closed, the loop is collected, or the
        process ends.

        Raises ValueError for an address that cannot be read, and OSError, naming the
        address, if it cannot be listened on.
        """
        console = Console(self._raw.raw_start_console(address, token))
        self._consoles = [c for c in self._consoles if not c.closed]
        self._consoles.append(console)
        return console

    def __repr__(self) -> str:
        return f"<Monitor level={self.level!r} slow_threshold={self.slow_threshold:g}>"

    def _rows(self, kind: str) -> list[RowInfo]:
        rows = [RowInfo(**raw) for raw in self._raw.raw_rows(kind)]
        rows.sort(key=lambda row: row.running, reverse=True)
        return rows


# ---- from the raw dicts ---------------------------------------------------------------

_TICKS = frozenset(("born_ticks", "ready_ticks", "running_ticks", "awaited_ticks", "age_ticks"))


def task_info(raw: dict[str, Any]) -> TaskInfo:
    """A TaskInfo from the raw dict, whose figures in ticks are left out."""
    return TaskInfo(**{key: value for key, value in raw.items() if key not in _TICKS})


def slow_step(raw: dict[str, Any], now: float) -> SlowStep:
    """A SlowStep from the raw dict; ``now`` is ``time.time()``."""
    rest = {key: value for key, value in raw.items() if key not in ("ago", "ended")}
    return SlowStep(when=now - raw["ago"], **rest)


def loop_stats(raw: dict[str, Any], histograms: dict[str, Histogram]) -> LoopStats:
    """LoopStats from the raw dict and the histograms by name."""
    current = None
    if raw["in_slice"]:
        current = CurrentStep(
            duration=raw["slice_time"],
            task_id=raw["slice_task"],
            task_name=raw["slice_name"],
            callback=raw["slice_what"],
            file=raw["slice_file"],
            line=raw["slice_line"],
        )
    return LoopStats(
        level=raw["level"],
        phase=raw["phase"],
        uptime=raw["uptime"],
        turns=raw["turns"],
        callbacks=raw["callbacks"],
        steps=raw["steps"],
        polls=raw["polls"],
        busy=raw["running"],
        idle=raw["idle"],
        polling=raw["polling"],
        gil_wait=raw["gil_wait"],
        stopped=raw["stopped"],
        own=raw["own"],
        ready_depth=raw["ready_depth"],
        tasks_live=raw["live"],
        tasks_awaiting=raw["awaiting"],
        tasks_ready=raw["ready"],
        tasks_running=raw["in_step"],
        tasks_born=raw["born"],
        tasks_done=raw["done"],
        tasks_dropped=raw["dropped"],
        rows_folded=raw["rows_folded"],
        slow_steps=raw["slow"],
        clock_source=raw["clock_source"],
        current=current,
        **histograms,
    )
