"""The event loops compared. ``python -m bench.variants`` prints as JSON which can be made here."""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import json
import platform
import sys

CONTROL = "libuv"  # the plain C echo server: no Python in it
LOOPS = ("asyncio", "uvloop", "uvloupe", "uvloupe-off")
# Neighbours are compared with each other, so they run next to each other.
ORDER = ("asyncio", CONTROL, "uvloop", "uvloupe", "uvloupe-off")
PACKAGES = {"uvloop": "uvloop", "uvloupe": "uvloupe", "uvloupe-off": "uvloupe"}
MONITOR = {"uvloupe": "on", "uvloupe-off": "off"}


def new_loop(variant: str) -> asyncio.AbstractEventLoop:
    """A new event loop of that variant. Raises ImportError if its package is not installed."""
    if variant == "asyncio":
        return asyncio.new_event_loop()
    package = importlib.import_module(PACKAGES[variant])
    options = {} if variant == "uvloop" else {"monitor": MONITOR[variant]}
    loop: asyncio.AbstractEventLoop = package.new_event_loop(**options)
    return loop


def _version(package: str | None) -> str:
    """Of an installed package; None: of Python itself."""
    if package is None:
        return platform.python_version()
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"  # found on PYTHONPATH, never installed


def _state(variant: str) -> dict[str, str]:
    """{"version": …} if the loop can be made, else {"missing": why} or {"broken": why}."""
    package = PACKAGES.get(variant)
    try:
        new_loop(variant).close()
    except ModuleNotFoundError as error:
        return {"missing" if error.name == package else "broken": str(error)}
    except Exception as error:  # whatever it is, it is for the report
        return {"broken": f"{type(error).__name__}: {error}"}
    return {"version": _version(package)}


def probe() -> dict[str, dict[str, str]]:
    """The interpreter's name under "python", then the state of each loop."""
    python = {"version": platform.python_version(), "build": sys.version, "path": sys.executable}
    return {"python": python} | {variant: _state(variant) for variant in LOOPS}


if __name__ == "__main__":
    print(json.dumps(probe()))
