"""The event-loop policy, for code that knows no other way.

Not imported by ``import uvloupe``: from Python 3.14 on asyncio's own classes warn when
they are touched.
"""

from __future__ import annotations

import asyncio
import warnings

from .loop import Loop
from .runner import new_event_loop

__all__ = ["EventLoopPolicy"]

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    _Base = asyncio.DefaultEventLoopPolicy


class EventLoopPolicy(_Base):
    """asyncio's own policy with uvloupe's loops: ``asyncio.set_event_loop_policy()``."""

    def new_event_loop(self) -> Loop:
        """A new uvloupe loop."""
        return new_event_loop()
