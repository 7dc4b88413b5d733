"""call_later, call_at and the loop's clock."""

from __future__ import annotations

import asyncio
import math
import random
import time

import pytest


def test_time_is_the_monotonic_clock(loop):
    before = time.monotonic()
    now = loop.time()
    assert before <= now <= time.monotonic()


def test_time_moves_within_a_turn(loop):
    def callback():
        before = loop.time()
        time.sleep(0.002)
        assert loop.time() - before >= 0.002
        loop.stop()

    loop.call_soon(callback)
    loop.run_forever()


@pytest.mark.parametrize("delay", [0.0001, 0.0005, 0.001, 0.0015, 0.01, 0.0501])
def test_never_early(loop, delay):
    late = []

    def fired(due):
        late.append(loop.time() - due)

    async def main():
        for _ in range(20):
            due = loop.time() + delay
            handle = loop.call_at(due, fired, due)
            assert handle.when() == due
            await asyncio.sleep(delay * 1.1)
            while len(late) == 0 or not handle:
                await asyncio.sleep(0)

    loop.run_until_complete(main())
    assert min(late) >= 0


def test_sleeps_are_never_short(loop):
    async def main():
        for delay in (0.001, 0.003, 0.0121):
            for _ in range(10):
                before = time.monotonic()
                await asyncio.sleep(delay)
                assert time.monotonic() - before >= delay

    loop.run_until_complete(main())


def test_timers_fire_in_the_order_of_their_deadlines(loop):
    fired = []
    now = loop.time()
    order = list(range(500))
    random.Random(7).shuffle(order)
    for i in order:
        loop.call_at(now + i * 1e-5, fired.append, i)
    loop.call_at(now + 0.02, loop.stop)
    loop.run_forever()
    assert fired == sorted(order)


def test_equal_deadlines_fire_in_the_order_of_the_calls(loop):
    fired = []
    due = loop.time() + 0.005
    for i in range(100):
        loop.call_at(due, fired.append, i)
    loop.call_at(due, loop.stop)
    loop.run_forever()
    assert fired == list(range(100))


@pytest.mark.parametrize("delay", [0, -1, -1e9, False])
def test_no_delay_is_the_next_turn(loop, delay):
    ran = []
    loop.call_later(delay, ran.append, 1)
    loop.call_later(delay, loop.stop)
    loop.run_forever()
    assert ran == [1]


def test_nan_is_refused(loop):
    with pytest.raises(ValueError, match="must be a number of seconds, not nan"):
        loop.call_later(math.nan, print)
    with pytest.raises(ValueError, match="must be a number of seconds, not nan"):
        loop.call_at(math.nan, print)


def test_infinity_is_never_and_the_other_one_was_long_ago(loop):
    async def main():
        asleep = asyncio.create_task(asyncio.sleep(math.inf))
        ran = []
        loop.call_at(-math.inf, ran.append, 1)
        loop.call_at(math.inf, ran.append, 2)
        await asyncio.sleep(0.005)
        assert ran == [1] and not asleep.done()
        asleep.cancel()

    loop.run_until_complete(main())


def test_parameters_may_be_named(loop):
    ran = []
    loop.call_later(delay=0.001, callback=lambda: ran.append("later"))
    loop.call_at(callback=lambda: ran.append("at"), when=0, context=None)
    loop.call_soon(callback=lambda: ran.append("soon"))
    loop.call_later(0.003, loop.stop)
    loop.run_forever()
    assert ran == ["soon", "at", "later"]
    with pytest.raises(TypeError, match="missing required argument: 'callback'"):
        loop.call_later(delay=1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        loop.call_soon(callback=print, colour=1)


def test_a_finalizer_that_cancels_other_timers(loop):
    class Chain:
        def __init__(self, timers):
            self.timers = timers

        def __del__(self):
            for timer in self.timers:
                timer.cancel()

    for _ in range(5):
        timers = [loop.call_later(100, print) for _ in range(300)]
        first = loop.call_later(100, id, Chain(timers))
        others = [loop.call_later(100, print) for _ in range(100)]
        first.cancel()
        for timer in others:
            timer.cancel()
    ran = []
    loop.call_later(0.001, ran.append, 1)
    loop.call_later(0.002, loop.stop)
    loop.run_forever()
    assert ran == [1]


def test_wrong_types(loop):
    with pytest.raises(TypeError, match="must not be None"):
        loop.call_later(None, print)
    with pytest.raises(TypeError, match="must not be None"):
        loop.call_at(None, print)
    with pytest.raises(TypeError):
        loop.call_later("soon", print)
    with pytest.raises(TypeError, match="callback"):
        loop.call_later(1)


def test_cancelled_timers_do_not_fire(loop):
    fired = []
    timers = [loop.call_later(0.001 * (i % 7), fired.append, i) for i in range(1000)]
    for timer in timers[::3]:
        timer.cancel()
        timer.cancel()
        assert timer.cancelled()
    loop.call_later(0.01, loop.stop)
    loop.run_forever()
    assert sorted(fired) == [i for i in range(1000) if i % 3]


def test_cancelling_a_timer_in_the_turn_that_fires_it(loop):
    fired = []
    due = loop.time() + 0.002
    timers = []
    loop.call_at(due, lambda: timers[0].cancel())
    timers.append(loop.call_at(due, fired.append, 1))
    loop.call_at(due + 0.001, loop.stop)
    loop.run_forever()
    assert fired == []


def test_many_cancelled_timers_do_not_pile_up(loop):
    """Half of the heap at most is dead: the rest is thrown out together."""
    import gc
    import weakref

    class Payload:
        pass

    keep = [loop.call_later(1000 + i, print) for i in range(100)]
    gone = []
    for i in range(20000):
        timer = loop.call_later(500, print)
        loop.call_later(2000, print).cancel()
        gone.append(weakref.ref(timer)) if i % 100 == 0 else None
        timer.cancel()
    del timer
    gc.collect()
    assert sum(1 for reference in gone if reference() is not None) < 150
    assert all(not timer.cancelled() for timer in keep)


def test_random_heap_against_a_sorted_list(loop):
    """Set and cancel at random; what fires is what is left, in order."""
    rng = random.Random(11)
    fired, expected, live = [], [], []
    now = loop.time()
    for i in range(5000):
        if live and rng.random() < 0.4:
            live.pop(rng.randrange(len(live)))[1].cancel()
        else:
            due = now + rng.random() * 0.01
            live.append(((due, i), loop.call_at(due, fired.append, (due, i))))
    expected = sorted(key for key, _ in live)
    loop.call_at(now + 0.0101, loop.stop)
    loop.run_forever()
    assert fired == expected


def test_what_a_timer_tells(loop):
    def callback():
        pass

    timer = loop.call_at(loop.time() + 50, callback)
    other = loop.call_at(timer.when() + 1, callback)
    assert "when=" in repr(timer) and "callback" in repr(timer)
    assert timer < other and other > timer and timer != other and timer == timer
    assert len({timer, other}) == 2
    timer.cancel()
    other.cancel()
    assert "cancelled" in repr(timer)


def test_a_long_wait_does_not_hide_a_short_one(loop):
    loop.call_later(1e9, print).cancel()
    far = loop.call_later(1e12, print)
    ran = []
    loop.call_later(0.01, ran.append, 1)
    loop.call_later(0.02, loop.stop)
    loop.run_forever()
    assert ran == [1]
    far.cancel()


def test_a_million_pending_timers(loop):
    due = loop.time() + 1000
    timers = [loop.call_at(due + i % 977, print) for i in range(1_000_000)]
    ran = []
    loop.call_later(0.001, ran.append, 1)
    loop.call_later(0.002, loop.stop)
    loop.run_forever()
    assert ran == [1]
    for timer in timers:
        timer.cancel()


def test_a_timer_that_expires_between_arming_and_polling(loop):
    """The poll must not block then; thousands of short waits meet the case by chance."""

    async def fire_all(delays):
        future = loop.create_future()
        left = len(delays)

        def fired():
            nonlocal left
            left -= 1
            if not left:
                future.set_result(None)

        for delay in delays:
            loop.call_later(delay, fired)
        await future

    async def main():
        delays = [0.001 + 0.002 * (n * 61 % 100) / 100 for n in range(100)]
        end = loop.time() + 3
        while loop.time() < end:
            await asyncio.wait_for(fire_all(delays), 20)
            await asyncio.gather(*[asyncio.sleep(n * 2e-5) for n in range(100)])

    loop.run_until_complete(main())
