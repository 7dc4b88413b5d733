"""Profiles of all loops that a program runs, for ``uvloupe run --profile``.

A closed loop is turned into its profile when the next one is made, so that a program
that runs thousands of loops does not keep them all.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from .loop import Loop
from .profile import Profile

__all__ = ["Recorder"]

KEPT = 20
"""Profiles at most; later loops are only counted."""


class Recorder:
    """Collects loops and writes their profiles to ``path`` and its numbered siblings."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._loops: list[Loop] = []
        self._profiles: list[Profile] = []
        self._dropped = 0

    def add(self, loop: Loop) -> None:
        """A new loop to record."""
        with self._lock:
            closed = [other for other in self._loops if other.is_closed()]
            self._loops = [other for other in self._loops if not other.is_closed()]
            self._loops.append(loop)
            for other in closed:
                self._take(other)

    def _take(self, loop: Loop) -> None:
        stats = loop.monitor.stats()
        if stats.steps + stats.callbacks == 0:
            return  # it never ran, or was not monitored
        if len(self._profiles) == KEPT:
            self._dropped += 1
            return
        self._profiles.append(loop.monitor.profile())

    def write(self) -> None:
        """Write one file for each loop that ran, and say on stderr where."""
        if os.getpid() != self._pid:
            return  # a forked child: the files are the parent's
        with self._lock:
            for loop in self._loops:
                self._take(loop)
            self._loops.clear()
        if not self._profiles:
            _say(f"no profile written to {self._path}: no monitored uvloupe loop ran")
        for number, profile in enumerate(self._profiles, 1):
            self._save(profile, number)
        if self._dropped:
            _say(f"{self._dropped} more loops ran; only the first {KEPT} profiles are kept")

    def _save(self, profile: Profile, number: int) -> None:
        path = self._path
        if number > 1:
            path = path.with_name(f"{path.stem}-{number}{path.suffix}")
        try:
            profile.save(path)
        except OSError as error:
            _say(f"cannot write the profile {path}: {error.strerror}")
        else:
            _say(f"profile written to {path}")


def _say(text: str) -> None:
    print(f"uvloupe: {text}", file=sys.stderr)
