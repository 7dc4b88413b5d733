"""The command ``uvloupe``, also as ``python -m uvloupe``.

``run`` makes uvloupe the loop of an unmodified program: it installs the event-loop policy,
which asyncio.run(), asyncio.Runner and asyncio.new_event_loop() all ask for their loops, and
then runs the program as ``python`` itself would.  Child processes are not affected; for
those, and for programs that choose a loop themselves, there is the environment.
"""

from __future__ import annotations

import argparse
import atexit
import builtins
import importlib.machinery
import math
import os
import runpy
import sys
import types
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from . import __version__, environment, runner
from .profile import Profile, ProfileError
from .recorder import Recorder

__all__ = ["main"]

_WITH_VALUE = frozenset(("--console", "--token", "--slow", "--profile"))
_USAGE_ERROR = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status.  ``run`` raises what its program raises."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    ours, program = _split(arguments)
    parser = _parser()
    options = parser.parse_args(ours)
    if options.command == "report":
        return _report(options.file, options.limit)
    if not program:
        parser.error("run: name a script, or a module with -m")
    if program[0] == "-m" and len(program) < 2:
        parser.error("run: -m needs the name of a module")
    return _run(options, program)


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """What is ours, and the program with its own arguments, which may look like ours."""
    if not arguments or arguments[0] != "run":
        return arguments, []
    i = 1
    while i < len(arguments) and arguments[i].startswith("-") and arguments[i] != "-m":
        if arguments[i] == "--":
            return arguments[:i], arguments[i + 1 :]
        i += 2 if arguments[i] in _WITH_VALUE else 1
    return arguments[:i], arguments[i:]


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of seconds")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="uvloupe", description="Run asyncio programs on a loop that you can look inside."
    )
    parser.add_argument("--version", action="version", version=f"uvloupe {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="run an unmodified program on this loop",
        usage="uvloupe run [options] script.py [args...]\n"
        "       uvloupe run [options] -m module [args...]",
        description="Run an unmodified program on this loop.",
        epilog="A program that runs several loops gets a file for each: FILE for the first, then "
        "with -2, -3, ... before its suffix. They are written when the interpreter exits, so not "
        "if a signal kills it.",
        allow_abbrev=False,
    )
    run.add_argument("--console", metavar="ADDR", help="start a telnet console there")
    run.add_argument("--token", metavar="T", help="what the console asks for")
    run.add_argument("--slow", type=_seconds, metavar="S", help="seconds; default 0.1")
    run.add_argument("--profile", type=Path, metavar="FILE", help="write a profile at the end")
    report = commands.add_parser("report", help="print the summary of a profile")
    report.add_argument("file", type=Path, metavar="FILE")
    report.add_argument("--limit", type=_rows, default=20, metavar="N", help="rows of each table")
    return parser


def _rows(text: str) -> int:
    try:
        rows = int(text)
    except ValueError:
        rows = 0
    if rows < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows; 1 is the least")
    return rows


def _may_overwrite(file: Path) -> bool:
    """Nothing is there, or nothing but an older profile."""
    try:
        if file.stat().st_size == 0:
            return True
        Profile.load(file)
    except FileNotFoundError:
        return True
    except (OSError, ProfileError):
        return False
    return True


def _report(file: Path, limit: int) -> int:
    try:
        text = Profile.load(file).summary(limit)
    except ProfileError as error:
        print(f"uvloupe report: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"uvloupe report: {file}: {error.strerror}", file=sys.stderr)
        return 1
    sys.stdout.write(text)
    return 0


def _run(options: argparse.Namespace, program: list[str]) -> int:
    chosen = environment.settings()
    if options.console is not None:
        chosen = replace(chosen, console=options.console)
    if options.token is not None:
        chosen = replace(chosen, token=options.token)
    if options.slow is not None:
        chosen = replace(chosen, slow_threshold=options.slow)
    environment.choose(chosen)
    if options.profile is not None:
        if not _may_overwrite(options.profile):
            print(
                f"uvloupe run: --profile {options.profile}: that file is there and is no profile; "
                "give another name, or remove it",
                file=sys.stderr,
            )
            return _USAGE_ERROR
        recorder = Recorder(options.profile.absolute())
        runner.on_new_loop.append(recorder.add)
        # Registered before the program's own, so called after them, and after its threads.
        atexit.register(recorder.write)
    runner.set_policy()
    if program[0] == "-m":
        return _run_module(program[1], program[2:])
    return _run_script(program[0], program[1:])


def _run_script(script: str, arguments: list[str]) -> int:
    if not os.path.exists(script):
        print(f"uvloupe run: can't open file {script!r}: no such file", file=sys.stderr)
        return _USAGE_ERROR
    sys.argv[:] = [script, *arguments]
    path = os.path.abspath(script)
    if os.path.isdir(path) or path.endswith(".pyc") or zipfile.is_zipfile(path):
        if not sys.flags.safe_path:
            del sys.path[0]
        runpy.run_path(path, run_name="__main__")
        return 0
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    _exec_source(path)
    return 0


def _exec_source(path: str) -> None:
    """Run a source file as __main__, and leave it there, as ``python`` does: threads and
    atexit callbacks may still look for it."""
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    module = types.ModuleType("__main__")
    module.__file__ = path
    module.__loader__ = loader
    module.__builtins__ = builtins  # type: ignore[attr-defined]
    sys.modules["__main__"] = module
    exec(loader.source_to_code(loader.get_data(path), path), module.__dict__)


def _run_module(module: str, arguments: list[str]) -> int:
    sys.argv[:] = ["-m", *arguments]
    if not sys.flags.safe_path:
        sys.path[0] = os.getcwd()
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0
