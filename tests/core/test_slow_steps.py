"""Slow callbacks and steps are reported: what, where, how long, and whom they delayed."""

from __future__ import annotations

import asyncio
import logging
import socket
import time

import pytest


@pytest.fixture
def warnings(caplog):
    caplog.set_level(logging.WARNING, logger="uvloupe")
    return lambda: [r.getMessage() for r in caplog.records if r.name == "uvloupe"]


def turn(loop):
    loop.call_soon(loop.stop)
    loop.run_forever()


async def blocking_handler():
    time.sleep(0.12)
    await asyncio.sleep(0)  # here it comes to rest


def line_of_rest():
    import inspect

    lines, first = inspect.getsourcelines(blocking_handler)
    return first + next(i for i, line in enumerate(lines) if "comes to rest" in line)


def test_a_task_is_named_with_the_line_it_came_to(loop, warnings):
    async def outer():
        await blocking_handler()

    async def main():
        await asyncio.create_task(outer(), name="culprit")

    loop.run_until_complete(main())
    (slow,) = loop.monitor.slow_steps()
    assert slow.task_name == "culprit"
    assert slow.callback.endswith("outer")
    assert slow.file.endswith("test_slow_steps.py")
    assert slow.line == line_of_rest()
    assert 0.12 <= slow.duration < 1
    (text,) = warnings()
    assert "culprit" in text and "blocking_handler" in text and "test_slow_steps.py" in text
    assert "0.12" in text or "0.1" in text


def test_a_plain_callback(loop, warnings):
    def napping():
        time.sleep(0.11)

    loop.call_soon(napping)
    turn(loop)
    (slow,) = loop.monitor.slow_steps()
    assert slow.callback.endswith("napping") and slow.task_id in (0, None)
    assert slow.file.endswith("test_slow_steps.py")
    assert slow.line == napping.__code__.co_firstlineno
    assert "napping" in warnings()[0]


def test_a_timer(loop):
    def late():
        time.sleep(0.11)
        loop.stop()

    loop.call_later(0.001, late)
    loop.run_forever()
    (slow,) = loop.monitor.slow_steps()
    assert slow.cause == "timer" and slow.callback.endswith("late")


def test_a_reader(loop):
    a, b = socket.socketpair()
    a.setblocking(False)

    def readable():
        a.recv(1)
        time.sleep(0.11)
        loop.stop()

    loop.add_reader(a, readable)
    b.send(b"x")
    loop.run_forever()
    loop.remove_reader(a)
    a.close()
    b.close()
    (slow,) = loop.monitor.slow_steps()
    assert slow.cause == "io" and slow.callback.endswith("readable")


def test_data_received(loop):
    received = loop.create_future()

    class Slow(asyncio.Protocol):
        def data_received(self, data):
            time.sleep(0.11)
            received.set_result(None)

    async def main():
        server = await loop.create_server(Slow, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"x")
        await received
        writer.close()
        server.close()

    loop.run_until_complete(main())
    (slow,) = loop.monitor.slow_steps()
    assert slow.callback.endswith("Slow.data_received") and slow.cause == "io"


def test_whom_it_delayed(loop):
    def hog():
        time.sleep(0.12)

    loop.call_later(0.01, print)  # comes due while the hog runs
    loop.call_soon(hog)
    for _ in range(5):
        loop.call_soon(int)
    turn(loop)
    (slow,) = loop.monitor.slow_steps()
    assert slow.delayed == 5 + 1 + 1  # the callbacks, loop.stop, and the timer
    assert slow.delay == pytest.approx(6 * slow.duration + (slow.duration - 0.01), rel=0.1)


def test_nobody_waited(loop):
    async def alone():
        time.sleep(0.11)

    loop.run_until_complete(alone())
    (slow,) = loop.monitor.slow_steps()
    assert slow.delayed == 0 and slow.delay == 0


def test_the_threshold_can_be_set(loop, warnings):
    loop.monitor.slow_threshold = 0.02
    loop.call_soon(time.sleep, 0.01)
    turn(loop)
    assert loop.monitor.slow_steps() == []
    loop.call_soon(time.sleep, 0.03)
    turn(loop)
    assert len(loop.monitor.slow_steps()) == 1
    assert len(warnings()) == 1


def test_culprits_are_counted_and_newest_come_first(loop):
    loop.monitor.slow_threshold = 0.005

    def one():
        time.sleep(0.006)

    def two():
        time.sleep(0.006)

    for callback in (one, two, one, one):
        loop.call_soon(callback)
        turn(loop)
    slow = loop.monitor.slow_steps()
    assert [s.callback.rpartition(".")[2] for s in slow] == ["one", "one", "two", "one"]
    assert [s.count for s in slow] == [3, 2, 1, 1]


def test_a_brief_callback_that_is_slow_once_is_caught(loop):
    """Brief callbacks share their stamps; a slow one among them is still found."""
    nap = 0.0

    def usually_brief():
        if nap:
            time.sleep(nap)

    for _ in range(100):
        loop.call_soon(usually_brief)
    turn(loop)
    nap = 0.11
    loop.call_soon(usually_brief)
    turn(loop)
    (slow,) = loop.monitor.slow_steps()
    assert slow.callback.endswith("usually_brief") and slow.duration >= 0.1
    row = next(r for r in loop.monitor.profile().callbacks if r.name.endswith("usually_brief"))
    assert row.calls == 101
    assert row.running >= 0.11


def test_off_reports_nothing(loop, warnings):
    loop.monitor.level = "off"
    loop.call_soon(time.sleep, 0.11)
    turn(loop)
    assert loop.monitor.slow_steps() == [] and warnings() == []


def test_an_exception_in_a_slow_callback_is_reported_too(loop, exceptions):
    def bad():
        time.sleep(0.11)
        raise ValueError

    loop.call_soon(bad)
    turn(loop)
    assert len(loop.monitor.slow_steps()) == 1
    assert isinstance(exceptions[0]["exception"], ValueError)


def test_a_logger_that_fails_does_no_harm(loop, exceptions):
    class Bad(logging.Handler):
        def emit(self, record):
            raise RuntimeError("the disk is full")

    logger = logging.getLogger("uvloupe")
    handler = Bad()
    logger.addHandler(handler)
    try:
        ran = []
        loop.call_soon(time.sleep, 0.11)
        loop.call_soon(ran.append, 1)
        turn(loop)
        assert ran == [1]
        assert str(exceptions[0]["exception"]) == "the disk is full"
    finally:
        logger.removeHandler(handler)


def test_names_are_cut_between_characters(loop, warnings):
    for size in range(150, 170):
        code = f"import time\ndef {'x' * size}{'é' * 60}():\n    time.sleep(0.006)\n"
        names = {}
        exec(code, names)
        loop.monitor.slow_threshold = 0.005
        loop.call_soon(next(v for k, v in names.items() if k.startswith("xx")))
        turn(loop)
    assert len(warnings()) == 20


def test_what_a_destructor_does_counts_for_its_callback(loop):
    class Slow:
        def __del__(self):
            time.sleep(0.11)

        def method(self):
            pass

    loop.call_soon(Slow().method)
    turn(loop)
    (slow,) = loop.monitor.slow_steps()
    assert slow.callback.endswith("method")


def test_a_destructor_that_wakes_a_task_spoils_no_figure(loop):
    class Waker:
        def __init__(self, future):
            self.future = future

        def __del__(self):
            time.sleep(0.001)
            self.future.set_result(None)

        def method(self):
            pass

    async def main():
        for _ in range(5):
            future = loop.create_future()
            loop.call_soon(Waker(future).method)
            await future

    loop.run_until_complete(main())
    assert loop.monitor.histogram("ready_delay").max < 10


def test_a_brief_callback_that_turns_slow_is_reported_as_several_calls(loop, warnings):
    nap = 0.0

    def usually_brief():
        if nap:
            time.sleep(nap)

    for _ in range(10):  # a busy machine may interrupt a brief call: it is then not brief
        nap = 0.0
        for _ in range(200):
            loop.call_soon(usually_brief)
        turn(loop)
        nap = 0.03
        for _ in range(8):
            loop.call_soon(usually_brief)
        turn(loop)
        if warnings():
            break
    assert len(warnings()) == 1 and "calls in a row" in warnings()[0]


def test_ctrl_c_while_a_slow_step_is_logged(loop):
    class Interrupted(logging.Handler):
        def emit(self, record):
            raise KeyboardInterrupt

    handler = Interrupted()
    logging.getLogger("uvloupe").addHandler(handler)
    try:
        loop.call_soon(time.sleep, 0.11)
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
    finally:
        logging.getLogger("uvloupe").removeHandler(handler)
