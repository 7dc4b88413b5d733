/* Where CPython's own Task keeps what the monitor reads after each step.

   The offsets differ between versions and are no interface, so they are learned
   when the module is imported: probe tasks and futures in known states are
   scanned for known values.  An offset that was not found is 0, and the getters
   of the public type are used instead: slower, and as correct. */
#ifndef LOOP_LAYOUT_H
#define LOOP_LAYOUT_H

#include "loop/compat.h"

typedef struct task_layout {
    PyTypeObject *step_type; /* TaskStepMethWrapper; strong */
    PyCFunction wakeup;      /* the C function behind task_wakeup */
    size_t step_task;        /* in a TaskStepMethWrapper: its Task */
    size_t waiter;           /* in a Task: _fut_waiter */
    size_t coro;             /* in a Task: the coroutine */
    size_t name;             /* in a Task: the name, a str or an int */
    size_t state;            /* in a Future: 0 pending, 1 cancelled, 2 finished */
    size_t exception;        /* in a Future: the exception or NULL */
} task_layout;

#define LAYOUT_FIELD(object, offset) (*(PyObject **)((char *)(object) + (offset)))

/* Fills *layout; -1 with an exception only when asyncio itself cannot be used. */
int layout_learn(task_layout *layout);

#endif /* LOOP_LAYOUT_H */
