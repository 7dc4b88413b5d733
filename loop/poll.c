/* Asking the kernel: one uv_run() in which libuv makes its callbacks.

   While callbacks are ready a poll only looks, and is due when the last was
   LOOP_POLL_SECONDS ago; without ready callbacks it blocks until the first timer.
   Timers are the loop's own (timers.c): the one uv_timer_t is armed only before a
   poll that blocks, to end it. */
#include "loop/poll.h"
#include "loop/gil.h"
#include "loop/inspect.h"
#include "loop/timers.h"

/* How long ready callbacks may keep the kernel's events waiting. */
static const double LOOP_POLL_SECONDS = 50e-6;

static void
on_timer(uv_timer_t *timer)
{
    /* Look at CLOCK_MONOTONIC.  libuv may run timers before it polls: then the poll has
       nothing left to end it, and must not block (gil_before_poll). */
    loop_from_uv(timer->loop)->timers_due = 0;
}

static void
on_async(uv_async_t *async)
{
    LoopObject *loop = loop_from_uv(async->loop);
    gil_take(loop);
    inspect_answer(loop);
}

void
poll_wake(void *loop)
{
    /* Can only fail for a closing handle, and the loop's waker is taken off first. */
    (void)uv_async_send(&((LoopObject *)loop)->async);
}

/* Arms the timer that ends a blocking poll.  False if a timer is due already. */
static bool
arm_timer(LoopObject *loop)
{
    int64_t wait = timers_wait_ms(loop);
    if (wait == 0) {
        loop->timers_due = 0;
        return false;
    }
    if (wait > 0) {
        uv_update_time(&loop->uv);
        return uv_timer_start(&loop->timer, on_timer, (uint64_t)wait, 0) == 0;
    }
    if (uv_is_active((uv_handle_t *)&loop->timer)) {
        uv_timer_stop(&loop->timer);
    }
    return true;
}

void
poll_run(LoopObject *loop, bool block)
{
    mon *m = loop->mon;
    uint64_t now = loop->timed ? loop->stamp : mon_now(m);
    loop->events_at = now;
    if (loop->timed) {
        mon_poll_begin(m, now);
    }
    loop->may_block = block && arm_timer(loop);
    uv_run(&loop->uv, loop->may_block ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    gil_take(loop); /* uv_run() runs the check callbacks, unless it had nothing to do */
    loop->may_block = false;

    mon_anchor(m);
    if (loop->timers_due != 0) {
        timers_set_due(loop);
    }
    loop->stamp = mon_now(m);
    loop->poll_due = loop->stamp + loop->poll_interval;
    if (loop->timed) {
        mon_poll_end(m, loop->stamp);
    }
}

int
poll_init(LoopObject *loop)
{
    int code = uv_loop_init(&loop->uv);
    if (code < 0) {
        error_from_uv(code);
        return -1;
    }
    loop->uv.data = loop;
    code = uv_async_init(&loop->uv, &loop->async, on_async);
    if (code < 0) {
        uv_loop_close(&loop->uv);
        error_from_uv(code);
        return -1;
    }
    /* These cannot fail. */
    (void)uv_prepare_init(&loop->uv, &loop->prepare);
    (void)uv_check_init(&loop->uv, &loop->check);
    (void)uv_idle_init(&loop->uv, &loop->idle);
    (void)uv_timer_init(&loop->uv, &loop->timer);
    (void)uv_prepare_start(&loop->prepare, gil_before_poll);
    (void)uv_check_start(&loop->check, gil_after_poll);
    loop->poll_interval = mon_clock_duration(&loop->mon->clock, LOOP_POLL_SECONDS);
    loop->uv_ready = true;
    return 0;
}

/* Closes every handle, the loop's own and what users left open, and lets libuv make
   the close callbacks. */
void
poll_close(LoopObject *loop)
{
    if (!loop->uv_ready) {
        return;
    }
    loop->uv_ready = false;
    while (loop->open != NULL) {
        for (UvHandle *handle = loop->open; handle != NULL; handle = handle->next) {
            uvhandle_close(handle);
        }
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    }
    uv_close((uv_handle_t *)&loop->async, NULL);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->check, NULL);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    uv_close((uv_handle_t *)&loop->timer, NULL);
    /* Requests on the thread pool (name look-ups) end before the loop can. */
    while (uv_loop_alive(&loop->uv)) {
        gil_give_up(loop);
        uv_run(&loop->uv, UV_RUN_ONCE); /* its callbacks take the lock back */
        gil_take(loop);
    }
    int code = uv_loop_close(&loop->uv);
    assert(code == 0);
    (void)code;
}
