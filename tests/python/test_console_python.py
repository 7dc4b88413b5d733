"""The console of a program that is stuck: it answers all the same."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from services import Program, Telnet

import uvloupe

BLOCKS = """\
import asyncio, re, sys, time, uvloupe

def regex():
    '''About 3 s in C code that holds the GIL: each more letter doubles the time.'''
    letters, took = 20, 0.0
    while took < 0.15:
        letters += 1
        began = time.perf_counter()
        re.match("(a+)+$", "a" * letters + "b")
        took = time.perf_counter() - began
    while took < 2:
        letters, took = letters + 1, took * 2
    print("blocking", flush=True)
    re.match("(a+)+$", "a" * letters + "b")

def sleep():
    print("blocking", flush=True)
    time.sleep(3)

async def culprit(block):
    block()
    await asyncio.sleep(0)

async def main(block):
    loop = asyncio.get_running_loop()
    console = loop.monitor.start_console("127.0.0.1:0", token="sesame")
    print("console at", console.address, flush=True)
    others = [asyncio.create_task(asyncio.sleep(60), name=f"other-{n}") for n in range(5)]
    await asyncio.sleep(2)
    await asyncio.create_task(culprit(block), name="blocker")
    print("over", flush=True)

uvloupe.run(main(globals()[sys.argv[1]]), slow_threshold=0.5)
"""

RUNNING = r"now +blocker \(culprit\) has been running for ([\d.]+) (m?s)\n"


@pytest.mark.parametrize("block", ["regex", "sleep"])
def test_it_answers_during_a_block(tmp_path: Path, block: str) -> None:
    path = tmp_path / "blocks.py"
    path.write_text(BLOCKS)
    with Program(str(path), block) as program:
        address = program.wait_for("console at (.*)")[1]
        with Telnet(address, "sesame") as telnet:
            program.wait_for("blocking")
            began = time.monotonic()
            time.sleep(0.5)
            for _ in range(3):
                status, took = telnet.ask("status", r"timer late .*\n")
                since = time.monotonic() - began
                assert took < 0.2, status
                found = re.search(RUNNING, status)
                assert found, status
                shown = float(found[1]) * {"s": 1, "ms": 1e-3}[found[2]]
                # The regex is calibrated inside the same step: that runs for longer.
                assert shown > since - 0.3
                if block == "sleep":
                    assert shown < since + 0.3

                tasks, took = telnet.ask("ps", r"\d+ tasks\n")
                assert took < 0.2, tasks
                (row,) = [line for line in tasks.splitlines() if "blocker" in line]
                assert row.split()[1:4] == ["running", "blocker", "culprit"]
                assert tasks.count("awaiting  other-") == 5 or tasks.count(" other-") == 5
            assert "over" not in program.text
        program.wait_for("slow step: task .* blocker .culprit.")
        program.wait_for("over")
        assert program.process.wait(20) == 0


def test_the_telnet_program_talks_to_it(loop: uvloupe.Loop) -> None:
    if shutil.which("telnet") is None:
        pytest.skip("no telnet here")
    with loop.monitor.start_console("127.0.0.1:0") as console:
        host, port = console.address.rsplit(":", 1)
        telnet = subprocess.Popen(
            ["telnet", host, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert telnet.stdin is not None
        for command in ("status", "quit"):
            time.sleep(0.5)
            telnet.stdin.write(f"{command}\r\n")
            telnet.stdin.flush()
        out, _ = telnet.communicate(timeout=10)
    assert "nothing" in out or "stopped" in out
    assert "uvloupe" in out


def test_it_asks_for_its_token_and_tells_nothing_without(loop: uvloupe.Loop) -> None:
    with (
        loop.monitor.start_console("127.0.0.1:0", token="sesame") as console,
        Telnet(console.address, "open") as telnet,
    ):
        assert "token" in telnet.greeting
        assert "help" not in telnet.greeting


def test_closing_it_closes_its_clients(loop: uvloupe.Loop) -> None:
    console = loop.monitor.start_console("127.0.0.1:0")
    with Telnet(console.address) as telnet:
        began = time.monotonic()
        console.close()
        assert time.monotonic() - began < 1
        telnet.socket.settimeout(5)
        while telnet.socket.recv(4096):
            pass
    with pytest.raises(OSError):
        Telnet(console.address)


def test_a_taken_address_is_an_error_that_names_it(loop: uvloupe.Loop) -> None:
    with loop.monitor.start_console("127.0.0.1:0") as console:
        with pytest.raises(OSError, match=re.escape(console.address)) as caught:
            loop.monitor.start_console(console.address)
        assert caught.value.errno is not None
    with loop.monitor.start_console(console.address) as again:
        assert again.address == console.address


@pytest.mark.parametrize("address", ["", "over there", "127.0.0.1", "127.0.0.1:70000", "1.2.3.4:5"])
def test_an_unreadable_address_is_a_valueerror(loop: uvloupe.Loop, address: str) -> None:
    with pytest.raises(ValueError, match="is not (an address|a port): |loopback"):
        loop.monitor.start_console(address)


@pytest.mark.parametrize("bad", [("a\0b",), (7,), ("127.0.0.1:0", 7), ("127.0.0.1:0", "a\0b")])
def test_values_of_wrong_types_are_refused(loop: uvloupe.Loop, bad: tuple[str, ...]) -> None:
    with pytest.raises((TypeError, ValueError)):
        loop.monitor.start_console(*bad)


def test_a_unix_socket(loop: uvloupe.Loop, tmp_path: Path) -> None:
    path = tmp_path / "console"
    with loop.monitor.start_console(str(path)) as console:
        assert console.address == str(path)
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()


def test_cancel_reaches_the_task(loop: uvloupe.Loop) -> None:
    """What only the loop's thread can do is asked of it."""
    import asyncio
    import threading

    async def main(address: str) -> str:
        task = asyncio.create_task(asyncio.sleep(30), name="victim")
        await asyncio.sleep(0)
        (info,) = [t for t in loop.monitor.tasks() if t.name == "victim"]

        def cancel() -> None:
            with Telnet(address) as telnet:
                telnet.ask(f"cancel {info.id}", r"\n")

        thread = threading.Thread(target=cancel)
        thread.start()
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled"
        finally:
            thread.join()
        return "slept"

    with loop.monitor.start_console("127.0.0.1:0") as console:
        assert loop.run_until_complete(main(console.address)) == "cancelled"
