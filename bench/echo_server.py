"""The echo server that is measured: ``python -m bench.echo_server KIND VARIANT BYTES``.

KIND is protocol or streams. It prints {"port": N}. Each line on stdin is answered with the loop
thread's CPU time so far, {"cpu_ns": N}, by a second thread that does nothing else; the end of stdin
ends the program. With ``--spin`` a task spins on sleep(0) beside the server and a timer of 10 ms
runs; the answer then has "late_ns", how late each firing was since the last answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import threading
import time
from functools import partial
from typing import cast

from bench.variants import LOOPS, new_loop

TIMER = 0.010  # seconds
LARGE_BLOCK = 4 << 20  # bytes
LAST_WORD = 3.0  # seconds that a loop has to end after stdin has ended


class EchoProtocol(asyncio.Protocol):
    """Send back each chunk as it comes."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's does not derive from it

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def echo_stream(
    size: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Send back each message when it is complete."""
    try:
        while True:
            writer.write(await reader.readexactly(size))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionResetError):
        writer.close()


async def spin() -> None:
    """Never let the loop rest."""
    while True:
        await asyncio.sleep(0)


class LateTimer:
    """A timer that sets itself again, and keeps how late it fired (ns; negative when early)."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.late_ns: list[int] = []
        self.due = 0
        self.arm()

    def arm(self) -> None:
        self.due = time.monotonic_ns() + int(TIMER * 1e9)
        self.loop.call_later(TIMER, self.fire)

    def fire(self) -> None:
        self.late_ns.append(time.monotonic_ns() - self.due)
        self.arm()

    def take(self) -> list[int]:
        """What was kept since the last call; from any thread."""
        taken, self.late_ns = self.late_ns, []
        return taken


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


def answer(
    loop: asyncio.AbstractEventLoop, stop: asyncio.Event, clock: int, timer: LateTimer | None
) -> None:
    """The second thread: answer each line, then end the loop; by force if it will not end."""
    for _ in sys.stdin:
        spent = time.clock_gettime_ns(clock)
        say(cpu_ns=spent, **({"late_ns": timer.take()} if timer else {}))
    loop.call_soon_threadsafe(stop.set)
    time.sleep(LAST_WORD)
    os._exit(3)


async def serve(kind: str, size: int, spinning: bool) -> None:
    """Serve until stdin ends."""
    loop = asyncio.get_running_loop()
    if kind == "streams":
        server = await asyncio.start_server(partial(echo_stream, size), "127.0.0.1", 0)
    else:
        server = await loop.create_server(EchoProtocol, "127.0.0.1", 0)
    stop = asyncio.Event()
    timer = LateTimer(loop) if spinning else None
    spinner = asyncio.create_task(spin()) if spinning else None
    clock = time.pthread_getcpuclockid(threading.get_ident())
    threading.Thread(target=answer, args=(loop, stop, clock, timer), daemon=True).start()
    say(port=server.sockets[0].getsockname()[1])
    await stop.wait()
    if spinner is not None:
        spinner.cancel()
    server.close()


def settle_malloc() -> None:
    """Make this young process allocate as one that has lived a while.

    asyncio reads into 256 KiB bytes objects. Until a program has freed a larger block, glibc maps
    and unmaps such memory at every read, which makes asyncio look three times as slow as it is.
    """
    bytearray(LARGE_BLOCK)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("protocol", "streams"))
    parser.add_argument("variant", choices=LOOPS)
    parser.add_argument("size", type=int, help="bytes of a message")
    parser.add_argument("--spin", action="store_true")
    options = parser.parse_args()
    settle_malloc()
    with asyncio.Runner(loop_factory=lambda: new_loop(options.variant)) as runner:
        runner.run(serve(options.kind, options.size, options.spin))


if __name__ == "__main__":
    main()
