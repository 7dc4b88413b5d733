/* Turns.

   A turn runs the callbacks that were in the ready ring when it began; what they
   schedule waits for the next turn, so stop() ends the loop after a whole turn, as
   in asyncio.  Between turns nobody asks the kernel, unless the ring is empty or a
   poll is due: poll.c sets the time by which it must be.  The stamps taken at the
   boundaries of callbacks tell when that is, so knowing it costs nothing.

   One stamp serves two neighbours: the end of a callback is the beginning of the
   next.  Brief plain callbacks share a slice (probe.h): it stays open from one to the
   next, and is closed by a step, another callback, a poll or the end.  With the
   monitor off a stamp is taken at each eighth callback only. */
#include "loop/turn.h"
#include "loop/poll.h"
#include "loop/report.h"
#include "loop/rows.h"
#include "loop/tasks.h"
#include "loop/timers.h"

enum { UNTIMED_STAMP_EVERY = 8, RING_FIRST = 256 };

/* ---- the ring ---------------------------------------------------------------------- */

int
ring_grow(LoopObject *loop)
{
    size_t old = loop->ring != NULL ? loop->mask + 1 : 0;
    size_t size = old != 0 ? old * 2 : RING_FIRST;
    HandleObject **ring = PyMem_Malloc(size * sizeof(*ring));
    if (ring == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (uint64_t i = loop->head; i != loop->tail; i++) {
        ring[i & (size - 1)] = loop->ring[i & loop->mask];
    }
    PyMem_Free(loop->ring);
    loop->ring = ring;
    loop->mask = size - 1;
    return 0;
}

void
ring_clear(LoopObject *loop)
{
    while (loop->head != loop->tail) {
        HandleObject *handle = loop->ring[loop->head & loop->mask];
        MON_PUBLISH(loop->head, loop->head + 1);
        handle_clear(handle);
        Py_DECREF(handle);
    }
}

/* When a callback became due.  A task's step is stamped exactly, and so is what comes from
   outside a slice.  Of the plain callbacks that one slice schedules the first is, and each
   eighth after that; those between take the stamp of the one before. */
static inline void
stamp_due(LoopObject *loop, HandleObject *handle, PyObject *callback, mon_cause cause)
{
    PyObject *task = tasks_of(loop->state, callback);
    if (task != NULL) {
        handle->stamp = mon_now(loop->mon);
        tasks_scheduled(loop, handle, callback, task);
        return;
    }
    if (loop->due_slice != loop->stamp || ++loop->due_shared >= MON_SHARE ||
        loop->mon->slice_start == 0 || cause == MON_CAUSE_THREAD) {
        loop->due_slice = loop->stamp;
        loop->due_shared = 0;
        loop->due_stamp = mon_now(loop->mon);
    }
    handle->stamp = loop->due_stamp;
}

HandleObject *
turn_schedule(LoopObject *loop, PyObject *callback, PyObject *const *args, Py_ssize_t nargs,
              PyObject *context, mon_cause cause)
{
    HandleObject *handle = handle_new(loop, callback, args, nargs, context);
    if (handle == NULL) {
        return NULL;
    }
    handle->cause = (uint8_t)cause;
    if (loop->timed) {
        stamp_due(loop, handle, callback, cause);
    }
    /* After the last thing that could run Python: the ring must not change between
       making room and taking it. */
    if (ring_reserve(loop) < 0) {
        Py_DECREF(handle);
        return NULL;
    }
    ring_push(loop, (HandleObject *)Py_NewRef((PyObject *)handle));
    return handle;
}

/* ---- one callback -------------------------------------------------------------------- */

/* What a handle runs on, taken out of it: the callback may cancel its own handle. */
typedef struct running {
    PyObject *callback;
    PyObject *context;
    PyObject *stack[1 + HANDLE_INLINE];
    uint8_t nargs;
} running;

static inline void
running_take(running *now, HandleObject *handle)
{
    now->callback = handle->callback;
    now->context = handle->context;
    now->nargs = handle->nargs;
    unsigned held = now->nargs == HANDLE_MANY ? 1 : now->nargs;
    for (unsigned i = 1; i <= held; i++) {
        now->stack[i] = handle->argv[i];
    }
    handle->callback = NULL;
    handle->context = NULL;
    handle->nargs = 0;
}

static inline PyObject *
running_call(running *now)
{
    PyObject *result;
    if (PyContext_Enter(now->context) < 0) {
        return NULL;
    }
    if (now->nargs != HANDLE_MANY) {
        result = PyObject_Vectorcall(now->callback, now->stack + 1,
                                     now->nargs | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    }
    else {
        result = PyObject_Call(now->callback, now->stack[1], NULL);
    }
    if (PyContext_Exit(now->context) < 0) {
        Py_CLEAR(result);
    }
    return result;
}

static void
running_failed(LoopObject *loop, HandleObject *handle, running *now)
{
    PyObject *const *args = now->stack + 1;
    Py_ssize_t nargs = now->nargs;
    if (now->nargs == HANDLE_MANY) {
        args = ((PyTupleObject *)now->stack[1])->ob_item;
        nargs = PyTuple_GET_SIZE(now->stack[1]);
    }
    /* The report shows the handle with what it ran. */
    if (!handle->cancelled) {
        handle->callback = Py_NewRef(now->callback);
        handle->nargs = now->nargs;
        for (unsigned i = 1; i <= (now->nargs == HANDLE_MANY ? 1u : now->nargs); i++) {
            handle->argv[i] = Py_NewRef(now->stack[i]);
        }
    }
    handle_report(loop, handle, now->callback, args, nargs);
    handle_clear(handle);
}

/* Everything but the callback: who runs it is still to be told. */
static inline void
running_drop(running *now)
{
    unsigned held = now->nargs == HANDLE_MANY ? 1 : now->nargs;
    for (unsigned i = 1; i <= held; i++) {
        Py_DECREF(now->stack[i]);
    }
    Py_DECREF(now->context);
}

static inline void
run_untimed(LoopObject *loop, HandleObject *handle)
{
    running now;
    uint64_t began = loop->debug ? mon_now(loop->mon) : 0;
    running_take(&now, handle);
    PyObject *result = running_call(&now);
    if (__builtin_expect(result == NULL, 0)) {
        running_failed(loop, handle, &now);
    }
    else {
        Py_DECREF(result);
    }
    running_drop(&now);
    if (loop->flush_first != NULL) {
        loop_flush_all(loop);
    }
    if (began != 0) {
        uint64_t ended = mon_now(loop->mon);
        if (ended - began > loop->report_ticks) {
            report_slow(loop, now.callback, began, ended);
        }
    }
    Py_DECREF(now.callback);
}

/* A slice ended: says so if it was slow.  `callback` may be NULL. */
static inline void
ended(LoopObject *loop, PyObject *callback, uint64_t began, uint64_t ran)
{
    if (__builtin_expect(ran > loop->report_ticks, 0)) {
        report_slow(loop, callback, began, loop->stamp);
    }
}

void
turn_close_slice(LoopObject *loop)
{
    mon *m = loop->mon;
    uint64_t began = m->slice_start;
    if (loop->timed && began != 0 && m->slice_task == NULL) {
        loop->stamp = mon_now(m);
        uint64_t ran = mon_call_end(m, loop->stamp);
        mon_slice_clear(m); /* before the report, which runs Python */
        ended(loop, NULL, began, ran);
    }
}

/* Opens the slice of a step or a plain callback, or joins the one that is open. */
static inline void
slice_begin(LoopObject *loop, HandleObject *handle, PyObject *callback)
{
    mon *m = loop->mon;
    mon_row *row = handle->task == NULL ? rows_of(loop, callback) : NULL;
    if (m->slice_start != 0) {
        if (row != NULL && mon_call_joins(m, row) && m->slice_cause == handle->cause) {
            mon_call_join(m, row,
                          loop->stamp > handle->stamp ? loop->stamp - handle->stamp : 0);
            return;
        }
        turn_close_slice(loop);
    }
    uint64_t now = loop->stamp;
    MON_SET(m->slice_cause, handle->cause);
    if (handle->cause == MON_CAUSE_TIMER) {
        loop->timer_due = handle->stamp;
    }
    if (row == NULL) {
        tasks_look_at_name(loop, handle->task, callback);
        mon_step_begin(m, handle->task, now);
    }
    else {
        mon_call_begin(m, row, now, now > handle->stamp ? now - handle->stamp : 0);
    }
}

/* The callback returned: ends its slice, unless brief callbacks may go on sharing it. */
static inline void
slice_end(LoopObject *loop, mon_task *task, PyObject *callback)
{
    mon *m = loop->mon;
    uint64_t began = m->slice_start;
    uint64_t ran;
    if (__builtin_expect(began == 0 || (task != NULL && task->state != MON_RUNNING), 0)) {
        loop->stamp = mon_now(m); /* the monitor was switched off meanwhile, and maybe on */
        return;
    }
    if (task == NULL) {
        if (mon_call_shares(m) && !loop->debug) {
            return;
        }
        loop->stamp = mon_now(m);
        ran = mon_call_end(m, loop->stamp);
    }
    else {
        loop->stamp = mon_now(m);
        ran = tasks_step_ended(loop, task, callback, loop->stamp);
    }
    MON_SET(m->slice_start, 0); /* before the report, which runs Python */
    ended(loop, callback, began, ran);
}

static inline void
run_timed(LoopObject *loop, HandleObject *handle)
{
    mon_task *task = handle->task;
    running now;

    running_take(&now, handle);
    slice_begin(loop, handle, now.callback);
    PyObject *result = running_call(&now);
    if (__builtin_expect(result == NULL, 0)) {
        running_failed(loop, handle, &now);
    }
    else {
        Py_DECREF(result);
    }
    running_drop(&now);
    if (loop->flush_first != NULL) {
        loop_flush_all(loop);
    }
    /* What goes with its last reference is the callback's own doing.  A step needs its
       task for a moment longer; if that goes then, it needs a stamp of its own. */
    if (task == NULL && !loop->debug) {
        Py_DECREF(now.callback);
        slice_end(loop, NULL, NULL);
        return;
    }
    slice_end(loop, task, now.callback);
    PyObject *object = tasks_of(loop->state, now.callback);
    bool last = object == NULL || Py_REFCNT(object) == 1;
    Py_DECREF(now.callback);
    if (last) {
        loop->stamp = mon_now(loop->mon);
    }
}

/* ---- the turns --------------------------------------------------------------------- */

static inline void
run_next(LoopObject *loop)
{
    HandleObject *handle = loop->ring[loop->head & loop->mask];
    MON_PUBLISH(loop->head, loop->head + 1);
    if (!handle->cancelled) {
        if (loop->timed) {
            run_timed(loop, handle);
        }
        else {
            run_untimed(loop, handle);
            if (loop->timed) { /* it has just been switched on */
                loop->stamp = mon_now(loop->mon);
            }
        }
    }
    if (!loop->timed && (loop->head & (UNTIMED_STAMP_EVERY - 1)) == 0) {
        loop->stamp = mon_now(loop->mon);
    }
    Py_DECREF(handle);
}

static void
one_turn(LoopObject *loop)
{
    uint64_t end = loop->tail;
    while (loop->head != end && loop->fatal == NULL) {
        run_next(loop);
        if (__builtin_expect(loop->stamp >= loop->poll_due, 0)) {
            turn_close_slice(loop);
            poll_run(loop, false);
        }
    }
    MON_BUMP(loop->mon->turns, 1);
}

static int
raise_fatal(LoopObject *loop)
{
    if (loop->fatal == NULL) {
        return 0;
    }
    PyObject *fatal = loop->fatal;
    loop->fatal = NULL;
    PyErr_SetRaisedException(fatal);
    return -1;
}

int
turn_run(LoopObject *loop)
{
    int result = 0;
    loop->stamp = mon_now(loop->mon);
    loop->busy_since = loop->stamp;
    loop->poll_due = 0; /* the first turn polls, so that one-shot runs see their events */
    mon_run_begin(loop->mon, loop->stamp);
    if (loop->flush_first != NULL) {
        loop_flush_all(loop);
    }
    do {
        if (loop->flush_first != NULL) {
            loop_flush_all(loop); /* what an exception handler wrote during the last poll */
        }
        if (loop->head == loop->tail || loop->stamp >= loop->poll_due) {
            turn_close_slice(loop);
            poll_run(loop, loop->head == loop->tail && !loop->stopping);
        }
        if (loop->stamp >= loop->timers_due && timers_fire(loop) < 0) {
            loop_report(loop, "Out of memory while scheduling timers", NULL, NULL, NULL);
        }
        one_turn(loop);
    } while (!loop->stopping && loop->fatal == NULL);
    turn_close_slice(loop);
    result = raise_fatal(loop);
    mon_run_end(loop->mon, mon_now(loop->mon));
    return result;
}
