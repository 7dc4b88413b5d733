"""What the process's environment asks for, so that nobody has to touch code.

======================== ==================================================================
``UVLOUPE_MONITOR``       ``on`` (the default) or ``off``
``UVLOUPE_SLOW``          seconds: longer steps and callbacks are reported (0.1)
``UVLOUPE_CONSOLE``       where a telnet console listens, e.g. ``127.0.0.1:20301`` or
                         ``/run/shop/console``; none unless set
``UVLOUPE_CONSOLE_TOKEN`` what the console asks for before anything else
======================== ==================================================================

A value that makes no sense is reported once by the logger ``uvloupe``, and the default is
used: a slip of operations must not keep a service from starting.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Settings", "choose", "read", "settings"]

logger = logging.getLogger("uvloupe")


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process's loops are made, unless the code says otherwise."""

    monitor: str = "on"
    slow_threshold: float = 0.1
    """Seconds."""
    console: str | None = None
    """An address, or None for no console."""
    token: str | None = None


def _read_monitor(text: str) -> str:
    if text.strip().lower() not in ("on", "off"):
        raise ValueError("neither 'on' nor 'off'")
    return text.strip().lower()


def _read_slow(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError("not a positive number of seconds")
    return value


def _read_text(text: str) -> str:
    return text


_KNOWN: dict[str, tuple[str, Callable[[str], Any]]] = {
    "UVLOUPE_MONITOR": ("monitor", _read_monitor),
    "UVLOUPE_SLOW": ("slow_threshold", _read_slow),
    "UVLOUPE_CONSOLE": ("console", _read_text),
    "UVLOUPE_CONSOLE_TOKEN": ("token", _read_text),
}


def read(environ: Mapping[str, str]) -> Settings:
    """The settings in ``environ``.  Unset and empty variables mean the default."""
    found = Settings()
    for name, (field, convert) in _KNOWN.items():
        text = environ.get(name, "")
        if not text:
            continue
        try:
            found = replace(found, **{field: convert(text)})
        except ValueError as error:
            default = getattr(Settings(), field)
            logger.warning("%s=%r ignored (%s): using %s", name, text, error, default)
    return found


_chosen: Settings | None = None
_read_from: dict[str, str] | None = None
_read_as = Settings()


def settings() -> Settings:
    """The settings in force: the command line's, else the environment's as it is now.

    The environment is read again only when it has changed, so a bad value is reported
    once.
    """
    global _read_from, _read_as
    if _chosen is not None:
        return _chosen
    now = {name: os.environ[name] for name in _KNOWN if name in os.environ}
    if now != _read_from:
        _read_from, _read_as = now, read(now)
    return _read_as


def choose(chosen: Settings | None) -> None:
    """Put these settings in the place of the environment's; None undoes that."""
    global _chosen
    _chosen = chosen
