"""call_soon and its Handles."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import socket
import weakref

import pytest

import uvloupe

var: contextvars.ContextVar[int] = contextvars.ContextVar("var", default=0)


def turn(loop):
    """One whole turn."""
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_callbacks_run_in_the_order_of_the_calls(loop):
    ran = []
    for i in range(1000):  # the ring grows on the way
        loop.call_soon(ran.append, i)
    turn(loop)
    assert ran == list(range(1000))


@pytest.mark.parametrize("count", range(9))
def test_any_number_of_arguments(loop, count):
    got = []
    loop.call_soon(lambda *args: got.append(args), *range(count))
    turn(loop)
    assert got == [tuple(range(count))]


def test_what_a_callback_schedules_waits_for_the_next_turn(loop):
    ran = []

    def first():
        ran.append("first")
        loop.call_soon(ran.append, "scheduled by first")
        loop.stop()

    loop.call_soon(first)
    loop.call_soon(ran.append, "second")
    loop.run_forever()
    assert ran == ["first", "second"]
    turn(loop)
    assert ran == ["first", "second", "scheduled by first"]


def test_stop_before_run_runs_one_turn(loop):
    ran = []
    loop.call_soon(ran.append, 1)
    loop.stop()
    loop.run_forever()
    assert ran == [1]


def test_a_callback_runs_in_a_copy_of_the_context(loop):
    var.set(1)
    seen = []

    def callback():
        seen.append(var.get())
        var.set(99)

    loop.call_soon(callback)
    var.set(2)
    turn(loop)
    assert seen == [1]
    assert var.get() == 2
    var.set(0)


def test_a_context_can_be_given(loop):
    context = contextvars.copy_context()
    context.run(var.set, 7)
    seen = []
    loop.call_soon(lambda: seen.append(var.get()), context=context)
    loop.call_soon(lambda: seen.append(var.get()), context=None)
    turn(loop)
    assert seen == [7, 0]


def test_a_callback_in_a_context_that_is_in_use_is_reported(loop, exceptions):
    context = contextvars.copy_context()

    def outer():
        context.run(lambda: None)

    loop.call_soon(context.run, turn_inside, loop, context=None)
    loop.call_soon(outer, context=context)  # entering it again inside itself fails
    turn(loop)
    assert [str(c["exception"])[:24] for c in exceptions] == ["cannot enter context: <_"]


def turn_inside(loop):
    pass


def test_unknown_keywords_are_refused(loop):
    with pytest.raises(TypeError, match="call_soon.*unexpected keyword argument 'colour'"):
        loop.call_soon(print, colour=1)
    with pytest.raises(TypeError, match="callback"):
        loop.call_soon()


def test_cancelled_handles_do_not_run(loop):
    ran = []
    handle = loop.call_soon(ran.append, 1)
    assert not handle.cancelled()
    handle.cancel()
    handle.cancel()
    assert handle.cancelled()
    turn(loop)
    assert ran == []


def test_a_callback_may_cancel_its_own_handle(loop):
    handles = []
    payload = ["an argument", "another"]

    def callback(*args):
        handles[0].cancel()
        gc.collect()
        assert args == tuple(payload)

    handles.append(loop.call_soon(callback, *payload))
    turn(loop)
    assert handles[0].cancelled()


def test_cancel_lets_go_of_callback_and_arguments(loop):
    class Thing:
        pass

    thing = Thing()
    alive = weakref.ref(thing)
    handle = loop.call_soon(id, thing)
    del thing
    assert alive() is not None
    handle.cancel()
    assert alive() is None


def test_a_handle_that_ran_lets_go_too(loop):
    class Thing:
        pass

    thing = Thing()
    alive = weakref.ref(thing)
    handle = loop.call_soon(id, thing)
    del thing
    turn(loop)
    assert alive() is None
    assert not handle.cancelled()


def test_what_a_handle_tells(loop):
    def callback(a, b):
        pass

    handle = loop.call_soon(callback, 1, "two")
    assert handle._callback is callback
    assert handle._args == (1, "two")
    assert handle._loop is loop
    assert isinstance(handle.get_context(), contextvars.Context)
    assert "test_callbacks.py" in repr(handle) and "callback" in repr(handle)
    handle.cancel()
    assert "cancelled" in repr(handle)
    turn(loop)


def test_handles_can_be_weakly_referenced(loop):
    handle = loop.call_soon(print)
    reference = weakref.ref(handle)
    handle.cancel()
    turn(loop)
    assert reference() is handle
    del handle
    gc.collect()
    assert reference() is None


def test_handles_are_reused_but_never_while_someone_has_them(loop):
    kept = [loop.call_soon(int) for _ in range(100)]
    turn(loop)
    again = [loop.call_soon(int) for _ in range(100)]
    assert not {id(h) for h in kept} & {id(h) for h in again}
    turn(loop)


def test_an_exception_goes_to_the_handler_and_the_loop_goes_on(loop, exceptions):
    ran = []

    def bad(x):
        raise ValueError("on purpose")

    loop.call_soon(bad, 42)
    loop.call_soon(ran.append, 1)
    turn(loop)
    assert ran == [1]
    (context,) = exceptions
    assert isinstance(context["exception"], ValueError)
    assert context["message"].startswith("Exception in callback") and "bad(" in context["message"]
    assert context["handle"] is not None


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_exits_come_out_of_run_forever(loop, kind):
    ran = []

    def bad():
        raise kind("out")

    loop.call_soon(bad)
    loop.call_soon(ran.append, 1)
    with pytest.raises(kind, match="out"):
        loop.run_forever()
    assert not loop.is_running()
    turn(loop)  # and it can go on
    assert ran == [1]


def test_cancelled_error_in_a_callback_is_only_reported(loop, exceptions):
    def bad():
        raise asyncio.CancelledError

    loop.call_soon(bad)
    turn(loop)
    assert isinstance(exceptions[0]["exception"], asyncio.CancelledError)


def test_a_closed_loop_refuses(loop):
    loop.close()
    loop.close()
    assert loop.is_closed()
    for call in (
        lambda: loop.call_soon(print),
        lambda: loop.call_soon_threadsafe(print),
        lambda: loop.call_later(1, print),
        lambda: loop.call_at(1, print),
        lambda: loop.run_forever(),
        lambda: loop.add_reader(0, print),
    ):
        with pytest.raises(RuntimeError, match="closed"):
            call()


def test_close_while_running_is_refused(loop):
    caught = []

    def callback():
        try:
            loop.close()
        except RuntimeError as error:
            caught.append(str(error))

    loop.call_soon(callback)
    turn(loop)
    assert caught == ["Cannot close a running event loop"]


def test_close_drops_what_is_pending():
    loop = uvloupe.new_event_loop()

    class Thing:
        pass

    thing = Thing()
    alive = weakref.ref(thing)
    loop.call_soon(id, thing)
    loop.call_later(1, id, thing)
    del thing
    loop.close()
    assert alive() is None


def test_callbacks_that_close_over_their_loop_are_garbage():
    """A loop dropped without close, in a cycle through its pending callbacks."""
    loop = uvloupe.new_event_loop()
    alive = weakref.ref(loop)

    class Owner:
        pass

    owner = Owner()
    owner.loop = loop
    owner.handle = loop.call_soon(lambda: owner)
    owner.timer = loop.call_later(100, lambda: owner)
    r, w = __import__("os").pipe()
    loop.add_reader(r, lambda: owner)
    with pytest.warns(ResourceWarning, match="unclosed event loop"):
        del owner, loop
        gc.collect()
    assert alive() is None
    __import__("os").close(r)
    __import__("os").close(w)


def test_handles_kept_by_their_owner_are_garbage_too():
    loop = uvloupe.new_event_loop()
    alive = weakref.ref(loop)

    class Owner:
        def callback(self):
            pass

    owner = Owner()
    owner.loop = loop
    owner.handle = loop.call_soon(owner.callback)
    a, b = socket.socketpair()
    owner.reader = loop._add_reader(a, owner.callback)
    with pytest.warns(ResourceWarning, match="unclosed event loop"):
        del owner, loop
        gc.collect()
    assert alive() is None
    a.close()
    b.close()


def test_the_report_of_an_exception_shows_the_handle(loop, exceptions):
    def bad():
        raise ValueError

    shown = []
    loop.set_exception_handler(lambda _, context: shown.append(repr(context["handle"])))
    loop.call_soon(bad)
    turn(loop)
    assert "bad" in shown[0]


def test_nested_loops_are_refused(loop):
    other = uvloupe.new_event_loop()
    caught = []

    def callback():
        for inner in (loop, other):
            try:
                inner.run_forever()
            except RuntimeError as error:
                caught.append(str(error))

    loop.call_soon(callback)
    turn(loop)
    other.close()
    assert caught == [
        "This event loop is already running",
        "Cannot run the event loop while another loop is running",
    ]


class TestDebugMode:
    def test_coroutines_are_refused(self, loop):
        loop.set_debug(True)

        async def coro():
            pass

        with pytest.raises(TypeError, match="coroutines cannot be used with call_soon"):
            loop.call_soon(coro)
        with pytest.raises(TypeError, match="a callable object was expected by call_later"):
            loop.call_later(1, "not callable")

    def test_other_threads_are_refused(self, loop):
        import threading

        loop.set_debug(True)
        caught = []

        def elsewhere():
            try:
                loop.call_soon(print)
            except RuntimeError as error:
                caught.append(str(error))

        async def main():
            thread = threading.Thread(target=elsewhere)
            thread.start()
            await loop.run_in_executor(None, thread.join)

        loop.run_until_complete(main())
        assert caught and "Non-thread-safe operation" in caught[0]

    def test_handles_know_where_they_were_made(self, loop, exceptions):
        loop.set_debug(True)
        handle = loop.call_soon(lambda: 1 / 0)
        assert handle._source_traceback[-1].filename == __file__
        assert "created at" in repr(handle)
        turn(loop)
        assert exceptions[0]["source_traceback"][-1].filename == __file__

    def test_slow_callbacks_are_logged_in_asyncios_words(self, loop, caplog):
        import time

        loop.set_debug(True)
        loop.slow_callback_duration = 0.01

        def napping():
            time.sleep(0.02)

        loop.call_soon(napping)
        turn(loop)
        texts = [r.getMessage() for r in caplog.records if r.name == "asyncio"]
        assert any("Executing" in t and "napping" in t and "took 0.0" in t for t in texts)

    def test_the_same_with_the_monitor_off(self, loop, caplog):
        loop.monitor.level = "off"
        self.test_slow_callbacks_are_logged_in_asyncios_words(loop, caplog)
