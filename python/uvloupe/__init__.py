"""uvloupe: an asyncio event loop that you can look inside.

    import uvloupe

    uvloupe.run(main())                                        # asyncio.run() on this loop
    asyncio.run(main(), loop_factory=uvloupe.new_event_loop)   # the same, from Python 3.12
    uvloupe.install()                                          # as the event-loop policy

``loop.monitor`` tells what the loop's tasks do and where the time goes.  The environment
can switch things on without a change of code; see ``uvloupe.environment``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .loop import Loop
from .monitor import (
    Console,
    CurrentStep,
    Histogram,
    LoopStats,
    Monitor,
    RowInfo,
    SlowStep,
    TaskInfo,
)
from .profile import Profile
from .runner import install, new_event_loop, run

if TYPE_CHECKING:
    from .policy import EventLoopPolicy

__all__ = [
    "Console",
    "CurrentStep",
    "EventLoopPolicy",
    "Histogram",
    "Loop",
    "LoopStats",
    "Monitor",
    "Profile",
    "RowInfo",
    "SlowStep",
    "TaskInfo",
    "__version__",
    "install",
    "new_event_loop",
    "run",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # asyncio deprecates policies in 3.14: only those who ask for ours load it.
    if name == "EventLoopPolicy":
        from .policy import EventLoopPolicy

        return EventLoopPolicy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
