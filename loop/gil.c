/* The interpreter's lock, given up and taken back in this file alone.

   libuv runs the prepare callback right before it polls and the check callback
   right after.  The lock is given up in prepare, only when the poll may block, and
   taken back by the first callback that the poll makes, or by check.  What lies
   between is told apart: idle, inside the poll, and the wait for the lock. */
#include "loop/gil.h"
#include "loop/loop.h"

void
gil_before_poll(uv_prepare_t *prepare)
{
    LoopObject *loop = loop_from_uv(prepare->loop);
    if (!loop->may_block) {
        return;
    }
    if (loop->head != loop->tail || loop->stopping || loop->fatal != NULL ||
        loop->timers_due == 0) {
        /* A callback that libuv ran before this one made work, or the timer that was to
           end the poll has expired already: do not block.  libuv computes its time-out
           after the prepare callbacks, and an active idle handle makes it zero. */
        (void)uv_idle_start(&loop->idle, gil_idle);
        return;
    }
    if (loop->timed) {
        mon_poll_blocks(loop->mon, mon_now(loop->mon));
    }
    gil_give_up(loop);
}

void
gil_give_up(LoopObject *loop)
{
    loop->in_kernel = true;
    loop->suspended = PyEval_SaveThread();
}

void
gil_take_back(LoopObject *loop)
{
    PyThreadState *mine = loop->suspended;
    /* Read once: another thread may switch the monitor while we wait for the lock. */
    bool timed = loop->timed;
    if (timed) {
        mon_poll_wakes(loop->mon, mon_now(loop->mon));
    }
    PyEval_RestoreThread(mine);
    loop->suspended = NULL;
    loop->in_kernel = false;
    if (timed) {
        loop->events_at = mon_now(loop->mon);
        loop->busy_since = loop->events_at;
        mon_gil_taken(loop->mon, loop->events_at);
    }
}

void
gil_after_poll(uv_check_t *check)
{
    LoopObject *loop = loop_from_uv(check->loop);
    gil_take(loop);
    if (uv_is_active((uv_handle_t *)&loop->idle)) {
        uv_idle_stop(&loop->idle);
    }
}

void
gil_idle(uv_idle_t *idle)
{
    (void)idle; /* being active is all that it does */
}
