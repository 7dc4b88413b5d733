/* Handle and TimerHandle: a callback that the loop will run once (a poller's many
   times).  See callback.c. */
#ifndef LOOP_CALLBACK_H
#define LOOP_CALLBACK_H

#include "loop/loop.h"

enum { HANDLE_INLINE = 3 };

struct HandleObject {
    PyObject_HEAD
    PyObject *callback; /* NULL once it ran or was cancelled */
    PyObject *context;
    PyObject *argv[1 + HANDLE_INLINE]; /* argv[0] is the callee's scratch slot; with more
                                          arguments argv[1] is a tuple of them all */
    LoopObject *loop;                  /* strong; NULL on the free list */
    mon_task *task;                    /* whose step this is, if the monitor knows */
    uint64_t stamp;                    /* ticks: when it became due */
    PyObject *source_traceback;        /* debug mode: a StackSummary */
    PyObject *weakrefs;
    int fd;        /* with MON_CAUSE_IO */
    uint8_t nargs; /* HANDLE_MANY: argv[1] is the tuple */
    uint8_t cause; /* mon_cause of what runs in it */
    bool cancelled;
    bool tracked; /* by the collector */
};
enum { HANDLE_MANY = 255 };

struct TimerObject {
    HandleObject base;
    double when; /* CLOCK_MONOTONIC seconds */
    uint64_t order;
    bool scheduled; /* in the heap */
};

/* A handle for callback(*args), from the loop's free list if it can; context NULL: a
   copy of the current one. */
HandleObject *handle_new(LoopObject *loop, PyObject *callback, PyObject *const *args,
                         Py_ssize_t nargs, PyObject *context);
TimerObject *timer_new(LoopObject *loop, PyObject *callback, PyObject *const *args,
                       Py_ssize_t nargs, PyObject *context, double when);

/* Shows the handle to the collector, for one that may be kept in a cycle. */
void handle_track(HandleObject *self);
/* Lets go of callback, arguments and context. */
void handle_clear(HandleObject *self);
/* For the loop's traverse: what a handle that only the loop owns refers to. */
int handle_visit(HandleObject *self, visitproc visit, void *arg);
/* Runs a poller's handle in place, as one timed slice, and reports what it raises. */
void handle_run_kept(HandleObject *self, mon_cause cause, int fd);
/* Reports the exception that is set as "Exception in callback …". */
void handle_report(LoopObject *loop, HandleObject *self, PyObject *callback,
                   PyObject *const *args, Py_ssize_t nargs);
void handle_free_list_clear(LoopObject *loop);

#endif /* LOOP_CALLBACK_H */
