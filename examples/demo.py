"""``./dev demo``: a web service that runs on uvloupe unmodified, seen from all sides.

Starts examples/shop.py with a console, drives it over HTTP, and shows what a person
would do and see.  Ends by itself, and leaves nothing running.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import aiohttp

import uvloupe

HERE = Path(__file__).resolve().parent
LOAD_SECONDS = 4.0
CLIENTS = 20
CARD_SECONDS = 3.0
COLOURS = sys.stdout.isatty()


def say(text: str) -> None:
    bold, plain = ("\033[1m", "\033[0m") if COLOURS else ("", "")
    print(f"\n{bold}== {text}{plain}", flush=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Shop:
    """The service in a process of its own; what it says on stderr is collected."""

    def __init__(self, folder: Path) -> None:
        self.port, console = free_port(), free_port()
        self.console = f"127.0.0.1:{console}"
        self.profile = folder / "shop-profile.json"
        command = [
            "uvloupe", "run", "--console", self.console, "--profile", str(self.profile),
            str(HERE / "shop.py"),
        ]  # fmt: skip
        say("The service is examples/shop.py as it is. It is started with:")
        print("   ", " ".join(command).replace(str(HERE), "examples"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env={
                **os.environ,
                "SHOP_PORT": str(self.port),
                "SHOP_CARD_SECONDS": str(CARD_SECONDS),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip())

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def wait_until_up(self) -> None:
        end = time.monotonic() + 15
        while self.process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(
                ("127.0.0.1", self.port), 1
            ):
                return
            time.sleep(0.05)
        sys.exit("the shop did not start:\n" + "\n".join(self.lines))

    def wait_for_line(self, part: str) -> str:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            for line in list(self.lines):
                if part in line:
                    return line
            time.sleep(0.02)
        sys.exit(f"the shop did not say {part!r}:\n" + "\n".join(self.lines))

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.reader.join(5)


@contextlib.contextmanager
def running_shop(folder: Path) -> Iterator[Shop]:
    shop = Shop(folder)
    try:
        shop.wait_until_up()
        yield shop
    finally:
        shop.stop()


async def load(shop: Shop) -> Counter[str]:
    """CLIENTS people shopping for LOAD_SECONDS."""
    served: Counter[str] = Counter()
    end = time.monotonic() + LOAD_SECONDS

    async def person(session: aiohttp.ClientSession, number: int) -> None:
        paths = ("catalogue", "catalogue", "stock", "catalogue", "quote")
        visit = number
        while time.monotonic() < end:
            path = paths[visit % len(paths)]
            async with session.get(shop.url(path)) as response:
                response.raise_for_status()
                await response.read()
            served[path] += 1
            visit += 1
            await asyncio.sleep(0.01)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(person(session, number) for number in range(CLIENTS)))
    return served


async def check_out(shop: Shop) -> None:
    """One customer pays while others look at the catalogue."""
    async with aiohttp.ClientSession() as session:

        async def get(path: str, delay: float) -> None:
            await asyncio.sleep(delay)
            async with session.get(shop.url(path)) as response:
                await response.read()

        await asyncio.gather(
            get("checkout/4711", 0.02), *(get("stock", 0) for _ in range(5)), *(get("catalogue", 0.2 + n / 10) for n in range(5))
        )


def ask_console(shop: Shop, *commands: str) -> None:
    """Types the commands into telnet, and shows its screen and how long it took."""
    host, port = shop.console.rsplit(":", 1)
    print(f"\n$ telnet {host} {port}")
    if shutil.which("telnet") is None:
        sys.exit("there is no telnet here; on Debian: apt-get install telnet")
    telnet = subprocess.Popen(
        ["telnet", host, port],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TERM": os.environ.get("TERM", "dumb") if COLOURS else "dumb"},
    )
    assert telnet.stdin is not None and telnet.stdout is not None
    try:
        for command in (*commands, "quit"):
            time.sleep(0.4)
            telnet.stdin.write(command.encode() + b"\r\n")
            telnet.stdin.flush()
        out, _ = telnet.communicate(timeout=5)
    except (subprocess.TimeoutExpired, BrokenPipeError):
        telnet.kill()
        out, _ = telnet.communicate()
    for line in out.decode(errors="replace").replace("\r", "").splitlines():
        if line.strip() and not line.startswith(("Trying", "Connected", "Escape", "Connection")):
            print(line)


def main() -> None:
    keep = Path(tempfile.gettempdir())
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="uvloupe-demo-") as name:
        with running_shop(Path(name)) as shop:
            say(f"{CLIENTS} customers shop for {LOAD_SECONDS:.0f} s, over HTTP ...")
            served = asyncio.run(load(shop))
            print("   ", ", ".join(f"{n} x /{path}" for path, n in served.most_common()))

            say(
                f"Now one pays: GET /checkout/4711 blocks the whole loop for "
                f"{CARD_SECONDS:.0f} s in time.sleep()."
            )
            print("    While it is stuck, the console answers from its own thread:")
            paying = threading.Thread(target=lambda: asyncio.run(check_out(shop)), daemon=True)
            paying.start()
            time.sleep(0.6)
            ask_console(shop, "status", "ps -n 8")

            say("When it is over, the log has a warning that names the handler, with no set-up:")
            print("   ", shop.wait_for_line("slow step: task").replace(f"{HERE.parent}/", ""))
            paying.join(15)
            say("The service is stopped with SIGTERM; --profile has written what it did:")
        profile = keep / "uvloupe-demo-profile.json"
        shutil.move(shop.profile, profile)
    print()
    print(uvloupe.Profile.load(profile).summary(limit=12))
    say(f"The same as JSON is in {profile}; `uvloupe report` shows it again.")
    print(f"    The demo took {time.monotonic() - started:.0f} s, and nothing is left running.")


if __name__ == "__main__":
    main()
