/* From CPython's tasks to the monitor's records.  See tasks.c. */
#ifndef LOOP_TASKS_H
#define LOOP_TASKS_H

#include "loop/callback.h"
#include "loop/rows.h"

void tasks_first_seen(LoopObject *loop, HandleObject *handle, PyObject *task);
void tasks_over(LoopObject *loop, mon_task *record, PyObject *task, uint64_t stamp);
/* A task that ran eagerly inside create_task(), which began at `began`. */
void tasks_made(LoopObject *loop, PyObject *task, uint64_t began);
void tasks_renamed(LoopObject *loop, mon_task *record, PyObject *task);
/* The collector found a pending task. */
void tasks_destroyed(LoopObject *loop, PyObject *task);
/* The monitor comes on: takes up what asyncio.all_tasks() knows. */
int tasks_take_up(LoopObject *loop);
PyObject *tasks_waiter(LoopObject *loop, PyObject *task);

/* The task whose step a callback is, or NULL.  Borrowed. */
static inline PyObject *
tasks_of(const loop_state *state, PyObject *callback)
{
    const task_layout *layout = &state->layout;
    PyTypeObject *type = Py_TYPE(callback);
    if (type == layout->step_type) {
        return LAYOUT_FIELD(callback, layout->step_task);
    }
    if (type == &PyCFunction_Type && PyCFunction_GET_FUNCTION(callback) == layout->wakeup) {
        return PyCFunction_GET_SELF(callback);
    }
    return NULL;
}

/* A step of `task` became due at handle->stamp, and so did the task. */
static inline void
tasks_scheduled(LoopObject *loop, HandleObject *handle, PyObject *callback, PyObject *task)
{
    mon *m = loop->mon;
    mon_task *record = mon_task_find(m, task);
    /* A first step for an address that has a record, and does not run: the task that
       had it died unnoticed.  Not so if the record has never stepped and awaits: then
       the monitor came on inside the step that now yields (tasks_take_up). */
    if (__builtin_expect(record == NULL ||
                             (record->state != MON_RUNNING &&
                              Py_TYPE(callback) == loop->state->layout.step_type &&
                              (record->steps != 0 || record->state == MON_READY)),
                         0)) {
        tasks_first_seen(loop, handle, task);
        return;
    }
    mon_cause cause = handle->cause;
    if (cause == MON_CAUSE_FUTURE && m->slice_start != 0 &&
        m->slice_cause >= MON_CAUSE_TIMER) {
        cause = m->slice_cause; /* a timer or a descriptor finished the future */
        if (cause == MON_CAUSE_TIMER && loop->timer_due > record->since) {
            /* The task was due when its timer was: from then on it waits for the loop. */
            handle->stamp = loop->timer_due;
        }
    }
    mon_task_ready(m, record, handle->stamp, cause, m->slice_fd);
    handle->task = record;
}

/* A step of `record` is about to begin: what is the task called?  Its name may come
   after its first step was scheduled (asyncio.create_task() up to 3.12) and may
   change at any time. */
static inline void
tasks_look_at_name(LoopObject *loop, mon_task *record, PyObject *callback)
{
    const task_layout *layout = &loop->state->layout;
    PyObject *task = tasks_of(loop->state, callback);
    bool same = __builtin_expect(layout->name != 0, 1)
                    ? LAYOUT_FIELD(task, layout->name) == record->name_key
                    : record->steps != 0;
    if (__builtin_expect(!same, 0)) {
        tasks_renamed(loop, record, task);
    }
}

/* The step of `record` ended at `stamp`.  Returns how long it ran. */
static inline uint64_t
tasks_step_ended(LoopObject *loop, mon_task *record, PyObject *callback, uint64_t stamp)
{
    const task_layout *layout = &loop->state->layout;
    uint64_t ran = mon_step_end(loop->mon, record, stamp);
    PyObject *task = tasks_of(loop->state, callback);
    if (!record->requeued) {
        PyObject *waiter = __builtin_expect(layout->waiter != 0, 1)
                               ? LAYOUT_FIELD(task, layout->waiter)
                               : tasks_waiter(loop, task);
        if (waiter == NULL) {
            tasks_over(loop, record, task, stamp);
        }
    }
    return ran;
}

#endif /* LOOP_TASKS_H */
