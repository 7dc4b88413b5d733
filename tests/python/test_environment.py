"""UVLOUPE_* in the environment."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

import uvloupe
from uvloupe import environment
from uvloupe.environment import Settings


def test_nothing_set_means_the_defaults(warnings_logged: Any) -> None:
    assert environment.read({}) == Settings("on", 0.1, None, None)
    assert environment.read({"UVLOUPE_SLOW": "", "UVLOUPE_CONSOLE": ""}) == Settings()
    assert warnings_logged() == []


def test_everything_set() -> None:
    found = environment.read(
        {
            "UVLOUPE_MONITOR": " OFF ",
            "UVLOUPE_SLOW": "0.25",
            "UVLOUPE_CONSOLE": "127.0.0.1:50101",
            "UVLOUPE_CONSOLE_TOKEN": "sesame",
        }
    )
    assert found == Settings("off", 0.25, "127.0.0.1:50101", "sesame")


@pytest.mark.parametrize(
    ("name", "value", "default"),
    [
        ("UVLOUPE_MONITOR", "loud", "on"),
        ("UVLOUPE_MONITOR", "1", "on"),
        ("UVLOUPE_SLOW", "soon", "0.1"),
        ("UVLOUPE_SLOW", "0", "0.1"),
        ("UVLOUPE_SLOW", "-1", "0.1"),
        ("UVLOUPE_SLOW", "nan", "0.1"),
        ("UVLOUPE_SLOW", "inf", "0.1"),
    ],
)
def test_a_bad_value_is_a_warning_and_the_default(
    warnings_logged: Any, name: str, value: str, default: str
) -> None:
    assert environment.read({name: value}) == Settings()
    (text,) = warnings_logged()
    assert text.startswith(f"{name}={value!r} ignored (")
    assert text.endswith(f"using {default}")


def test_loops_take_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UVLOUPE_MONITOR", "off")
    monkeypatch.setenv("UVLOUPE_SLOW", "2.5")
    loop = uvloupe.new_event_loop()
    assert (loop.monitor.level, loop.monitor.slow_threshold) == ("off", 2.5)
    loop.close()
    loop = uvloupe.new_event_loop(monitor="on", slow_threshold=0.5)
    assert (loop.monitor.level, loop.monitor.slow_threshold) == ("on", 0.5)
    loop.close()


def test_a_bad_value_is_reported_once(
    monkeypatch: pytest.MonkeyPatch, warnings_logged: Any
) -> None:
    monkeypatch.setenv("UVLOUPE_SLOW", "very")
    for _ in range(3):
        uvloupe.new_event_loop().close()
    assert len(warnings_logged()) == 1


# ---- the console ------------------------------------------------------------------------


def console_of(loop: uvloupe.Loop) -> uvloupe.Console | None:
    consoles = [console for console in loop.monitor._consoles if not console.closed]
    return consoles[0] if consoles else None


def test_the_environment_starts_a_console(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="uvloupe")
    monkeypatch.setenv("UVLOUPE_CONSOLE", "127.0.0.1:0")

    async def main() -> uvloupe.Console:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, uvloupe.Loop)
        console = console_of(loop)
        assert console is not None
        return console

    console = uvloupe.run(main())
    assert f"console at {console.address}" in caplog.text
    console.close()


def test_the_console_moves_on_to_the_next_loop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, warnings_logged: Any
) -> None:
    path = tmp_path / "console"
    monkeypatch.setenv("UVLOUPE_CONSOLE", str(path))
    first = uvloupe.new_event_loop()
    second = uvloupe.new_event_loop()
    assert console_of(first) is not None
    assert console_of(second) is None  # the first is open
    first.close()
    third = uvloupe.new_event_loop()
    assert console_of(first) is None
    console = console_of(third)
    assert console is not None and console.address == str(path)
    assert warnings_logged() == []
    second.close()
    third.close()
    console.close()
    assert not path.exists()


def test_loops_of_many_threads_make_one_console(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, warnings_logged: Any
) -> None:
    monkeypatch.setenv("UVLOUPE_CONSOLE", str(tmp_path / "console"))
    loops: list[uvloupe.Loop] = []
    threads = [
        threading.Thread(target=lambda: loops.append(uvloupe.new_event_loop())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(console_of(loop) is not None for loop in loops) == 1
    assert warnings_logged() == []
    for loop in loops:
        console = console_of(loop)
        loop.close()
        if console is not None:
            console.close()


def test_a_taken_address_is_a_warning_that_names_it(
    monkeypatch: pytest.MonkeyPatch, warnings_logged: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("UVLOUPE_CONSOLE", address)

        async def main() -> int:
            await asyncio.sleep(0)
            return 7

        assert uvloupe.run(main()) == 7
    (text,) = warnings_logged()
    assert address in text and "the program goes on" in text and "in use" in text


def test_a_bad_address_is_a_warning_that_names_it(
    monkeypatch: pytest.MonkeyPatch, warnings_logged: Any
) -> None:
    monkeypatch.setenv("UVLOUPE_CONSOLE", "over there")
    uvloupe.new_event_loop().close()
    (text,) = warnings_logged()
    assert "'over there'" in text and "the program goes on" in text


def test_an_interpreter_exits_with_its_console_open(run_python: Any) -> None:
    done = run_python(
        "-c",
        "import uvloupe\n"
        "loop = uvloupe.new_event_loop()\n"
        "print(loop.monitor._consoles[0].address)\n",
        env={"UVLOUPE_CONSOLE": "127.0.0.1:0"},
        timeout=20,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("127.0.0.1:")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_leaves_the_parents_console_alone(
    run_python: Any, tmp_path: Path
) -> None:
    done = run_python(
        "-W", "ignore::DeprecationWarning", "-c",
        """if True:
        import os, socket, sys, uvloupe
        loop = uvloupe.new_event_loop()
        address = loop.monitor._consoles[0].address
        sys.stdout.flush()
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(address)
            print("child", status, os.path.exists(address))
        else:
            loop.monitor._consoles[0].close()
        # both now leave through the interpreter's exit
        """,
        env={"UVLOUPE_CONSOLE": str(tmp_path / "console")},
        timeout=20,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "child 0 True\n"), done.stderr
