"""The C programs of the benchmark, compiled when they are older than their source."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent
BUILD = SOURCES.parent / "build"
CLIENT = BUILD / "echo_client"
SERVER = BUILD / "echo_server"


class CannotBuild(Exception):
    """A helper program cannot be compiled; the message says what to install."""


def _flags(package: str) -> list[str]:
    """Compiler and linker flags of a pkg-config package."""
    if shutil.which("pkg-config") is None:
        raise CannotBuild("pkg-config is not installed (Debian: apt-get install pkg-config)")
    asked = subprocess.run(
        ["pkg-config", "--cflags", "--libs", package], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        raise CannotBuild(
            f"pkg-config does not know {package} (Debian: apt-get install libuv1-dev)"
        )
    return shlex.split(asked.stdout)


def _compile(program: Path, packages: tuple[str, ...] = ()) -> Path:
    source = SOURCES / f"{program.name}.c"
    if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
        return program
    compiler = shlex.split(os.environ.get("CC", "cc"))
    if shutil.which(compiler[0]) is None:
        raise CannotBuild(f"no C compiler {compiler[0]!r} (Debian: apt-get install gcc)")
    BUILD.mkdir(exist_ok=True)
    partial = program.with_suffix(f".{os.getpid()}")
    libraries = [flag for package in packages for flag in _flags(package)]
    command = [
        *compiler,
        "-std=gnu11",
        "-O2",
        "-Wall",
        "-Wextra",
        "-o",
        str(partial),
        str(source),
        *libraries,
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        raise CannotBuild(f"{shlex.join(command)} failed:\n{built.stderr}")
    partial.replace(program)
    return program


def build_client() -> Path:
    """The path of the echo client. Raises CannotBuild."""
    return _compile(CLIENT)


def build_server() -> Path:
    """The path of the C echo server. Raises CannotBuild."""
    return _compile(SERVER, ("libuv",))
