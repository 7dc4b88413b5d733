"""uvloupe.run() and uvloupe.new_event_loop()."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import uvloupe


async def running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def test_run_returns_what_the_coroutine_returns() -> None:
    async def main() -> int:
        await asyncio.sleep(0)
        return 42

    assert uvloupe.run(main()) == 42


def test_run_raises_what_the_coroutine_raises() -> None:
    async def main() -> None:
        raise LookupError("no such shop")

    with pytest.raises(LookupError, match="no such shop"):
        uvloupe.run(main())


def test_run_uses_our_loop_and_closes_it() -> None:
    loop = uvloupe.run(running_loop())
    assert isinstance(loop, uvloupe.Loop)
    assert loop.is_closed()


def test_run_cancels_what_is_left() -> None:
    cancelled = []

    async def left() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def main() -> None:
        global kept
        kept = asyncio.create_task(left())
        await asyncio.sleep(0)

    uvloupe.run(main())
    assert cancelled == [True]


def test_run_passes_debug_on() -> None:
    async def main() -> bool:
        return asyncio.get_running_loop().get_debug()

    assert uvloupe.run(main(), debug=True) is True
    assert uvloupe.run(main(), debug=False) is False


def test_run_sets_the_monitor() -> None:
    loop = uvloupe.run(running_loop(), monitor="off", slow_threshold=1.5)
    assert isinstance(loop, uvloupe.Loop)
    assert loop.monitor.level == "off"
    assert loop.monitor.slow_threshold == 1.5


def test_run_inside_a_running_loop_is_refused() -> None:
    async def main() -> None:
        inner = running_loop()
        with pytest.raises(RuntimeError, match=r"uvloupe\.run\(\) cannot be called"):
            uvloupe.run(inner)
        inner.close()

    uvloupe.run(main())


def test_run_has_a_console_as_long_as_the_loop() -> None:
    async def main() -> uvloupe.Console:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, uvloupe.Loop)
        (console,) = loop.monitor._consoles
        assert not console.closed
        host, port = console.address.rsplit(":", 1)
        assert host == "127.0.0.1" and int(port) > 0
        _, writer = await asyncio.open_connection(host, int(port))
        writer.close()
        return console

    assert uvloupe.run(main(), console="127.0.0.1:0").closed


def test_run_raises_when_its_console_cannot_start() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        uvloupe.run(running_loop(), console="nowhere")


def test_new_event_loop_as_a_factory() -> None:
    with asyncio.Runner(loop_factory=uvloupe.new_event_loop) as runner:
        assert isinstance(runner.run(running_loop()), uvloupe.Loop)


@pytest.mark.parametrize(
    "bad",
    [{"monitor": "loud"}, {"slow_threshold": 0}, {"slow_threshold": float("nan")}],
    ids=str,
)
def test_new_event_loop_refuses_bad_values(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        uvloupe.new_event_loop(**bad)


def test_loops_in_several_threads() -> None:
    found: list[Any] = []

    def work() -> None:
        async def main() -> int:
            await asyncio.gather(*(asyncio.sleep(0.001) for _ in range(100)))
            loop = asyncio.get_running_loop()
            assert isinstance(loop, uvloupe.Loop)
            return loop.monitor.stats().tasks_done

        found.append(uvloupe.run(main()))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [100] * 4


def test_the_package_says_what_it_has() -> None:
    for name in uvloupe.__all__:
        assert getattr(uvloupe, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'loupe'"):
        uvloupe.loupe  # noqa: B018
