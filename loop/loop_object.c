/* _loop.Loop: the C half of uvloupe.Loop.

   Its methods are what asyncio calls for each callback; the other half, policy, is
   asyncio.BaseEventLoop, which keeps _debug, _stopping, _closed, _thread_id and
   _task_factory in our fields.  BaseEventLoop.run_forever() does what it does around
   the loop and calls _run_once(), which here runs until the loop is to stop. */
#include "loop/loop_object.h"
#include "loop/monitor_object.h"
#include "loop/poll.h"
#include "loop/poller.h"
#include "loop/report.h"
#include "loop/resolver.h"
#include "loop/stream.h"
#include "loop/tasks.h"
#include "loop/timers.h"
#include "loop/turn.h"

/* ---- keywords and debug checks ---------------------------------------------------- */

/* The value of the one keyword `context`, borrowed; NULL if it is None or absent.  Each
   caller passes one and the same tuple of names again and again, above all _asyncio: the
   last good one is remembered, and comparing pointers is enough. */
static int
take_context_slowly(LoopObject *loop, PyObject *const *values, PyObject *kwnames,
                    const char *method, PyObject **context)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kwnames); i++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, i);
        if (name != loop->state->str_context &&
            PyUnicode_Compare(name, loop->state->str_context) != 0) {
            PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'",
                         method, name);
            return -1;
        }
        *context = values[i] == Py_None ? NULL : values[i];
        Py_XSETREF(loop->state->context_kwnames, Py_NewRef(kwnames));
    }
    return 0;
}

static inline int
take_context(LoopObject *loop, PyObject *const *values, PyObject *kwnames,
             const char *method, PyObject **context)
{
    *context = NULL;
    if (kwnames == NULL) {
        return 0;
    }
    if (kwnames == loop->state->context_kwnames) {
        *context = values[0] == Py_None ? NULL : values[0];
        return 0;
    }
    return take_context_slowly(loop, values, kwnames, method, context);
}

typedef PyObject *(*fast_method)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

/* Calls `method` again with leading parameters that came by name in their places:
   call_later(delay=1, callback=f).  Rare, so a tuple and a list are fine. */
static PyObject *
call_with_places(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                 const char *const *names, Py_ssize_t count, const char *method_name,
                 fast_method method)
{
    enum { MOST = 16 };
    PyObject *stack[MOST];
    Py_ssize_t named = kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0, placed = nargs,
               kept = 0;
    PyObject *rest = NULL;
    if (nargs + named > MOST || (rest = PyList_New(0)) == NULL) {
        goto missing;
    }
    memcpy(stack, args, (size_t)nargs * sizeof(*stack));
    for (; placed < count; placed++) {
        Py_ssize_t at = 0;
        while (at < named && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, at),
                                                              names[placed]) != 0) {
            at++;
        }
        if (at == named) {
            goto missing;
        }
        stack[placed] = args[nargs + at];
    }
    for (Py_ssize_t at = 0; at < named; at++) {
        bool taken = false;
        for (Py_ssize_t i = nargs; i < count; i++) {
            taken |= PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, at),
                                                      names[i]) == 0;
        }
        if (!taken) {
            stack[placed + kept++] = args[nargs + at];
            if (PyList_Append(rest, PyTuple_GET_ITEM(kwnames, at)) < 0) {
                Py_DECREF(rest);
                return NULL;
            }
        }
    }
    PyObject *rest_names = kept > 0 ? PyList_AsTuple(rest) : NULL;
    Py_DECREF(rest);
    if (kept > 0 && rest_names == NULL) {
        return NULL;
    }
    PyObject *result = method(op, stack, placed, rest_names);
    Py_XDECREF(rest_names);
    return result;

missing:
    Py_XDECREF(rest);
    if (!PyErr_Occurred()) {
        PyErr_Format(PyExc_TypeError, "%s() missing required argument: '%s'", method_name,
                     names[placed < count ? placed : count - 1]);
    }
    return NULL;
}

#define BY_NAME(name, method, ...)                                                         \
    do {                                                                                   \
        static const char *const names[] = {__VA_ARGS__};                                  \
        if (__builtin_expect(nargs < (Py_ssize_t)Py_ARRAY_LENGTH(names), 0)) {             \
            return call_with_places(op, args, nargs, kwnames, names,                       \
                                    Py_ARRAY_LENGTH(names), name, method);                 \
        }                                                                                  \
    } while (0)

static int
need_args(Py_ssize_t nargs, Py_ssize_t least, const char *method, const char *what)
{
    if (nargs < least) {
        PyErr_Format(PyExc_TypeError, "%s() missing required argument: %s", method, what);
        return -1;
    }
    return 0;
}

/* Debug mode, by asyncio's own code: the calling thread, and a callback that is one. */
static int
debug_check(LoopObject *loop, PyObject *callback, const char *method, bool thread)
{
    PyObject *done = NULL;
    if (thread) {
        done = PyObject_CallMethod((PyObject *)loop, "_check_thread", NULL);
        if (done == NULL) {
            return -1;
        }
        Py_DECREF(done);
    }
    done = PyObject_CallMethod((PyObject *)loop, "_check_callback", "Os", callback, method);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static bool
loop_is_running(const LoopObject *loop)
{
    return loop->thread_id != NULL && loop->thread_id != Py_None;
}

/* ---- scheduling --------------------------------------------------------------------- */

static PyObject *
loop_call_soon_method(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                      PyObject *kwnames)
{
    LoopObject *loop = (LoopObject *)op;
    PyObject *context;
    BY_NAME("call_soon", loop_call_soon_method, "callback");
    if (loop_check_closed(loop) < 0 ||
        take_context(loop, args + nargs, kwnames, "call_soon", &context) < 0) {
        return NULL;
    }
    if (loop->debug && debug_check(loop, args[0], "call_soon", true) < 0) {
        return NULL;
    }
    HandleObject *handle =
        turn_schedule(loop, args[0], args + 1, nargs - 1, context, MON_CAUSE_FUTURE);
    if (handle != NULL && !loop_is_running(loop)) {
        handle_track(handle); /* it waits for a run that may never come */
    }
    return (PyObject *)handle;
}

static PyObject *
loop_call_soon_threadsafe(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                          PyObject *kwnames)
{
    LoopObject *loop = (LoopObject *)op;
    PyObject *context;
    BY_NAME("call_soon_threadsafe", loop_call_soon_threadsafe, "callback");
    if (loop_check_closed(loop) < 0 ||
        take_context(loop, args + nargs, kwnames, "call_soon_threadsafe", &context) < 0) {
        return NULL;
    }
    if (loop->debug && debug_check(loop, args[0], "call_soon_threadsafe", false) < 0) {
        return NULL;
    }
    HandleObject *handle =
        turn_schedule(loop, args[0], args + 1, nargs - 1, context, MON_CAUSE_THREAD);
    /* The lock is ours: if the loop is not in the kernel now it cannot get there before
       it has looked at the ring. */
    if (handle != NULL && loop->in_kernel) {
        poll_wake(loop);
    }
    return (PyObject *)handle;
}

/* call_soon() that says what woke the loop: _call_soon_for(cause, context, callback,
 * *args). */
static PyObject *
loop_call_soon_for(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    LoopObject *loop = (LoopObject *)op;
    if (need_args(nargs, 3, "_call_soon_for", "callback") < 0 ||
        loop_check_closed(loop) < 0) {
        return NULL;
    }
    long cause = PyLong_AsLong(args[0]);
    if (cause == -1 && PyErr_Occurred()) {
        return NULL;
    }
    PyObject *context = args[1] == Py_None ? NULL : args[1];
    return (PyObject *)turn_schedule(loop, args[2], args + 3, nargs - 3, context,
                                     (mon_cause)cause);
}

/* Seconds from a float or anything that turns into one; infinity is never, NaN is refused.
 */
static int
take_seconds(PyObject *value, const char *what, double *seconds)
{
    if (value == Py_None) {
        PyErr_Format(PyExc_TypeError, "%s must not be None", what);
        return -1;
    }
    *seconds = PyFloat_AsDouble(value);
    if (*seconds == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    if (*seconds != *seconds) {
        PyErr_Format(PyExc_ValueError, "%s must be a number of seconds, not %R", what,
                     value);
        return -1;
    }
    return 0;
}

static PyObject *
schedule_at(LoopObject *loop, double when, PyObject *const *args, Py_ssize_t nargs,
            PyObject *kwnames, const char *method)
{
    PyObject *context;
    if (loop_check_closed(loop) < 0 ||
        take_context(loop, args + nargs, kwnames, method, &context) < 0) {
        return NULL;
    }
    if (loop->debug && debug_check(loop, args[1], method, true) < 0) {
        return NULL;
    }
    TimerObject *timer = timer_new(loop, args[1], args + 2, nargs - 2, context, when);
    if (timer == NULL) {
        return NULL;
    }
    if (timers_add(loop, timer) < 0) {
        Py_DECREF(timer);
        return NULL;
    }
    return (PyObject *)timer;
}

static PyObject *
loop_call_later(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    double delay;
    BY_NAME("call_later", loop_call_later, "delay", "callback");
    if (take_seconds(args[0], "delay", &delay) < 0) {
        return NULL;
    }
    return schedule_at((LoopObject *)op, timers_now() + delay, args, nargs, kwnames,
                       "call_later");
}

static PyObject *
loop_call_at(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    double when;
    BY_NAME("call_at", loop_call_at, "when", "callback");
    if (take_seconds(args[0], "when", &when) < 0) {
        return NULL;
    }
    return schedule_at((LoopObject *)op, when, args, nargs, kwnames, "call_at");
}

static PyObject *
loop_time(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyFloat_FromDouble(timers_now());
}

/* ---- futures and tasks ----------------------------------------------------------------
 */

static PyObject *
loop_create_future(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    LoopObject *loop = (LoopObject *)op;
    PyObject *args[2] = {NULL, op};
    return PyObject_Vectorcall(loop->state->future_type, args + 1,
                               0 | PY_VECTORCALL_ARGUMENTS_OFFSET,
                               loop->state->loop_kwnames);
}

/* The keyword names and one more: "loop". */
static PyObject *
names_and_loop(LoopObject *loop, PyObject *kwnames)
{
    Py_ssize_t n = kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0;
    if (n == 0) {
        return Py_NewRef(loop->state->loop_kwnames);
    }
    PyObject *names = PyTuple_New(n + 1);
    for (Py_ssize_t i = 0; names != NULL && i < n; i++) {
        PyTuple_SET_ITEM(names, i, Py_NewRef(PyTuple_GET_ITEM(kwnames, i)));
    }
    if (names != NULL) {
        PyTuple_SET_ITEM(names, n,
                         Py_NewRef(PyTuple_GET_ITEM(loop->state->loop_kwnames, 0)));
    }
    return names;
}

/* asyncio.Task(coro, loop=self, **keywords), whatever keywords this Python's Task takes. */
static PyObject *
make_task(LoopObject *loop, PyObject *const *args, PyObject *kwnames)
{
    enum { MOST = 8 };
    Py_ssize_t n = kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0;
    PyObject *stack[1 + 1 + MOST + 1];
    if (n > MOST) {
        PyErr_SetString(PyExc_TypeError, "create_task() got too many keyword arguments");
        return NULL;
    }
    PyObject *type = PyObject_GetAttr(loop->state->tasks_module, loop->state->str_Task);
    PyObject *names = names_and_loop(loop, kwnames);
    PyObject *task = NULL;
    if (type != NULL && names != NULL) {
        for (Py_ssize_t i = 0; i < 1 + n; i++) {
            stack[1 + i] = args[i];
        }
        stack[1 + 1 + n] = (PyObject *)loop;
        task =
            PyObject_Vectorcall(type, stack + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, names);
    }
    Py_XDECREF(names);
    Py_XDECREF(type);
    return task;
}

/* With a task factory: asyncio's own create_task(), which knows how this Python calls it.
 */
static PyObject *
make_task_by_factory(LoopObject *loop, PyObject *const *args, PyObject *kwnames)
{
    PyObject *method = PyObject_GetAttrString(loop->state->base_loop_type, "create_task");
    if (method == NULL) {
        return NULL;
    }
    enum { MOST = 8 };
    Py_ssize_t n = kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0;
    PyObject *stack[2 + MOST] = {(PyObject *)loop, args[0]};
    PyObject *task = NULL;
    if (n > MOST) {
        PyErr_SetString(PyExc_TypeError, "create_task() got too many keyword arguments");
    }
    else {
        for (Py_ssize_t i = 0; i < n; i++) {
            stack[2 + i] = args[1 + i];
        }
        task = PyObject_Vectorcall(method, stack, 2, kwnames);
    }
    Py_DECREF(method);
    return task;
}

static PyObject *
loop_create_task(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    LoopObject *loop = (LoopObject *)op;
    BY_NAME("create_task", loop_create_task, "coro");
    if (nargs != 1) {
        PyErr_SetString(PyExc_TypeError,
                        "create_task() takes one positional argument: a coroutine");
        return NULL;
    }
    if (loop_check_closed(loop) < 0) {
        return NULL;
    }
    bool factory = loop->task_factory != NULL && loop->task_factory != Py_None;
    bool maybe_eager = factory || (kwnames != NULL && PyTuple_GET_SIZE(kwnames) > 0);
    uint64_t began = maybe_eager && loop->timed ? mon_now(loop->mon) : 0;
    PyObject *task = factory ? make_task_by_factory(loop, args, kwnames)
                             : make_task(loop, args, kwnames);
    if (task != NULL && began != 0) {
        tasks_made(loop, task, began);
    }
    return task;
}

static PyObject *
loop_task_destroyed(PyObject *op, PyObject *task)
{
    tasks_destroyed((LoopObject *)op, task);
    Py_RETURN_NONE;
}

/* ---- running, stopping, closing
 * ---------------------------------------------------------- */

static PyObject *
loop_run_once(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    LoopObject *loop = (LoopObject *)op;
    if (loop_check_closed(loop) < 0 || turn_run(loop) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
loop_stop(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    ((LoopObject *)op)->stopping = true;
    Py_RETURN_NONE;
}

/* Frees all that a closed loop needs no more.  Run by close() and, failing that, by the
   collector. */
static void
release(LoopObject *loop)
{
    loop->closed = true;
    if (loop->mon != NULL) {
        mon_set_waker(loop->mon, NULL, NULL);
    }
    streams_closing(loop);
    poll_close(loop);
    streams_free(loop);
    ring_clear(loop);
    timers_clear(loop);
    handle_free_list_clear(loop);
    if (loop->pollers != NULL) {
        PyDict_Clear(loop->pollers);
    }
    Py_CLEAR(loop->read_buffer);
}

static PyObject *
loop_close_native(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    release((LoopObject *)op);
    Py_RETURN_NONE;
}

static PyObject *
loop_is_closed(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(((LoopObject *)op)->closed);
}

/* ---- descriptors
 * -------------------------------------------------------------------------- */

/* The descriptor of an int or a file object; asyncio calls everything else invalid. */
static int
take_fd(PyObject *file)
{
    int fd = PyObject_AsFileDescriptor(file);
    if (fd < 0 && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Format(PyExc_ValueError, "Invalid file object: %R", file);
    }
    return fd;
}

static PyObject *
add_watcher(PyObject *op, PyObject *const *args, Py_ssize_t nargs, int event,
            const char *method)
{
    LoopObject *loop = (LoopObject *)op;
    if (need_args(nargs, 2, method, "fd, callback") < 0 || loop_check_closed(loop) < 0) {
        return NULL;
    }
    int fd = take_fd(args[0]);
    if (fd < 0) {
        return NULL;
    }
    return poller_add(loop, fd, event, args[1], args + 2, nargs - 2);
}

static PyObject *
loop_add_reader(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    return add_watcher(op, args, nargs, UV_READABLE, "add_reader");
}

static PyObject *
loop_add_writer(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    return add_watcher(op, args, nargs, UV_WRITABLE, "add_writer");
}

static PyObject *
remove_watcher(PyObject *op, PyObject *file, int event)
{
    LoopObject *loop = (LoopObject *)op;
    if (loop->closed) {
        Py_RETURN_FALSE;
    }
    int fd = take_fd(file);
    int removed = fd < 0 ? -1 : poller_remove(loop, fd, event);
    return removed < 0 ? NULL : PyBool_FromLong(removed);
}

static PyObject *
loop_remove_reader(PyObject *op, PyObject *file)
{
    return remove_watcher(op, file, UV_READABLE);
}

static PyObject *
loop_remove_writer(PyObject *op, PyObject *file)
{
    return remove_watcher(op, file, UV_WRITABLE);
}

/* ---- debug, the monitor
 * ---------------------------------------------------------------------- */

static PyObject *
loop_get_debug(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(((LoopObject *)op)->debug);
}

static PyObject *
loop_get_debug_field(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((LoopObject *)op)->debug);
}

static int
refuse_delete(PyObject *value)
{
    if (value == NULL) {
        PyErr_SetString(PyExc_TypeError, "this attribute cannot be deleted");
        return -1;
    }
    return 0;
}

static int
loop_set_debug_field(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    LoopObject *loop = (LoopObject *)op;
    int truth = refuse_delete(value) < 0 ? -1 : PyObject_IsTrue(value);
    if (truth < 0) {
        return -1;
    }
    loop->debug = truth;
    report_set_threshold(loop);
    return 0;
}

static PyObject *
loop_get_slow_duration(PyObject *op, void *Py_UNUSED(closure))
{
    return PyFloat_FromDouble(((LoopObject *)op)->slow_callback_duration);
}

static int
loop_set_slow_duration(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    LoopObject *loop = (LoopObject *)op;
    double seconds = refuse_delete(value) < 0 ? -1.0 : PyFloat_AsDouble(value);
    if (seconds == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    loop->slow_callback_duration = seconds;
    report_set_threshold(loop);
    return 0;
}

static void
forget_tasks(LoopObject *loop)
{
    for (uint64_t i = loop->head; i != loop->tail; i++) {
        loop->ring[i & loop->mask]->task = NULL;
    }
}

/* What the loop does right now, for a monitor that did not watch it get there. */
static void
catch_up(LoopObject *loop)
{
    mon *m = loop->mon;
    uint64_t now = mon_now(m);
    bool running = loop_is_running(loop);
    mon_phase phase = loop->in_kernel ? MON_POLLING : running ? MON_CALLING : MON_STOPPED;
    m->turn_start = now;
    m->poll_start = now;
    m->poll_others = m->running + m->idle + m->gil_wait;
    loop->stamp = now;
    mon_phase_set(m, phase, now, NULL);
}

int
loop_set_level(LoopObject *loop, mon_level level)
{
    mon *m = loop->mon;
    if ((mon_level)m->level == level) {
        return 0;
    }
    loop->timed = false;
    forget_tasks(loop);
    mon_set_level(m, level);
    if (level != MON_OFF) {
        catch_up(loop);
        loop->timed = true;
    }
    report_set_threshold(loop);
    return level != MON_OFF ? tasks_take_up(loop) : 0;
}

int
loop_set_slow(LoopObject *loop, double seconds)
{
    mon_set_slow(loop->mon, seconds);
    report_set_threshold(loop);
    return 0;
}

static PyObject *
loop_new_monitor(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return monitor_object_new((LoopObject *)op);
}

/* ---- life
 * ------------------------------------------------------------------------------------- */

static int
loop_fill(LoopObject *loop)
{
    loop->mon = mon_new(MON_ON, 0.1);
    loop->kept_keys = PyList_New(0);
    loop->pollers = PyDict_New();
    if (loop->mon == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (loop->kept_keys == NULL || loop->pollers == NULL || ring_grow(loop) < 0 ||
        poll_init(loop) < 0) {
        return -1;
    }
    loop->timed = true;
    loop->timers_due = UINT64_MAX;
    loop->slow_callback_duration = 0.1;
    mon_attach_ring(loop->mon, &loop->head, &loop->tail);
    mon_set_waker(loop->mon, poll_wake, loop);
    report_set_threshold(loop);
    return 0;
}

static PyObject *
loop_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *module = PyType_GetModuleByDef(type, &loop_module);
    if (module == NULL) {
        return NULL;
    }
    LoopObject *loop = (LoopObject *)type->tp_alloc(type, 0);
    if (loop == NULL) {
        return NULL;
    }
    loop->state = PyModule_GetState(module);
    if (loop_fill(loop) < 0) {
        Py_DECREF(loop);
        return NULL;
    }
    return (PyObject *)loop;
}

static int
loop_traverse(PyObject *op, visitproc visit, void *arg)
{
    LoopObject *loop = (LoopObject *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(loop->thread_id);
    Py_VISIT(loop->fatal);
    Py_VISIT(loop->task_factory);
    Py_VISIT(loop->kept_keys);
    Py_VISIT(loop->pollers);
    int looking = resolver_visit(loop, visit, arg);
    if (looking != 0) {
        return looking;
    }
    for (UvHandle *handle = loop->open; handle != NULL; handle = handle->next) {
        Py_VISIT(handle);
    }
    for (uint64_t i = loop->head; i != loop->tail; i++) {
        HandleObject *handle = loop->ring[i & loop->mask];
        if (Py_IS_TYPE(handle, loop->state->handle_type) && !handle->tracked) {
            /* Not tracked: if it is ours alone, what it refers to is ours. */
            int result = Py_REFCNT(handle) == 1 ? handle_visit(handle, visit, arg) : 0;
            if (result != 0) {
                return result;
            }
        }
        else {
            Py_VISIT(handle);
        }
    }
    return timers_visit(loop, visit, arg);
}

static int
loop_tp_clear(PyObject *op)
{
    LoopObject *loop = (LoopObject *)op;
    release(loop);
    Py_CLEAR(loop->thread_id);
    Py_CLEAR(loop->fatal);
    Py_CLEAR(loop->task_factory);
    Py_CLEAR(loop->pollers);
    return 0;
}

static void
loop_dealloc(PyObject *op)
{
    LoopObject *loop = (LoopObject *)op;
    PyTypeObject *type = Py_TYPE(op);
    if (PyObject_CallFinalizerFromDealloc(op) < 0) {
        return;
    }
    PyObject_GC_UnTrack(op);
    /* Nothing open is left: whatever is open holds a reference to the loop. */
    (void)loop_tp_clear(op);
    if (loop->mon != NULL) {
        mon_attach_ring(loop->mon, NULL, NULL);
        mon_unref(loop->mon);
    }
    Py_CLEAR(loop->kept_keys);
    PyMem_Free(loop->ring);
    type->tp_free(op);
    Py_DECREF(type);
}

#define FAST(function) ((PyCFunction)(void (*)(void))(function))

PyDoc_STRVAR(
    call_soon_doc,
    "call_soon($self, callback, *args, context=None)\n--\n\n"
    "Run callback(*args) in the next turn of the loop, in the order of the calls.\n\n"
    "Returns a Handle.  Raises RuntimeError if the loop is closed.");
PyDoc_STRVAR(call_soon_threadsafe_doc,
             "call_soon_threadsafe($self, callback, *args, context=None)\n--\n\n"
             "call_soon() for other threads: wakes the loop if it waits for events.");
PyDoc_STRVAR(call_later_doc,
             "call_later($self, delay, callback, *args, context=None)\n--\n\n"
             "Run callback(*args) when delay seconds have passed, never earlier.\n\n"
             "Returns a TimerHandle.  An infinite delay never\n"
             "passes.  Raises ValueError for NaN.");
PyDoc_STRVAR(call_at_doc,
             "call_at($self, when, callback, *args, context=None)\n--\n\n"
             "Run callback(*args) at the time when, in seconds of time(), never earlier.");
PyDoc_STRVAR(time_doc, "The loop's clock in seconds: the same as time.monotonic().");
PyDoc_STRVAR(create_future_doc, "A new asyncio.Future of this loop.");
PyDoc_STRVAR(create_task_doc,
             "create_task($self, coro, **kwargs)\n--\n\n"
             "A new task that runs the coroutine.  Keywords are those of asyncio.Task\n"
             "(name, context, and what newer versions add), or the task factory's.");
PyDoc_STRVAR(stop_doc, "Stop the loop at the end of the current turn.");
PyDoc_STRVAR(is_closed_doc, "True if the loop was closed.");
PyDoc_STRVAR(get_debug_doc, "True in asyncio's debug mode.");

static PyMethodDef loop_methods[] = {
    {"call_soon", FAST(loop_call_soon_method), METH_FASTCALL | METH_KEYWORDS,
     call_soon_doc},
    {"call_soon_threadsafe", FAST(loop_call_soon_threadsafe), METH_FASTCALL | METH_KEYWORDS,
     call_soon_threadsafe_doc},
    {"call_later", FAST(loop_call_later), METH_FASTCALL | METH_KEYWORDS, call_later_doc},
    {"call_at", FAST(loop_call_at), METH_FASTCALL | METH_KEYWORDS, call_at_doc},
    {"time", loop_time, METH_NOARGS, time_doc},
    {"create_future", loop_create_future, METH_NOARGS, create_future_doc},
    {"create_task", FAST(loop_create_task), METH_FASTCALL | METH_KEYWORDS, create_task_doc},
    {"stop", loop_stop, METH_NOARGS, stop_doc},
    {"is_closed", loop_is_closed, METH_NOARGS, is_closed_doc},
    {"get_debug", loop_get_debug, METH_NOARGS, get_debug_doc},
    {"_call_soon_for", FAST(loop_call_soon_for), METH_FASTCALL, NULL},
    {"_run_once", loop_run_once, METH_NOARGS, NULL},
    {"_close_native", loop_close_native, METH_NOARGS, NULL},
    {"_task_destroyed", loop_task_destroyed, METH_O, NULL},
    {"_add_reader", FAST(loop_add_reader), METH_FASTCALL, NULL},
    {"_add_writer", FAST(loop_add_writer), METH_FASTCALL, NULL},
    {"_remove_reader", loop_remove_reader, METH_O, NULL},
    {"_remove_writer", loop_remove_writer, METH_O, NULL},
    {"_new_monitor", loop_new_monitor, METH_NOARGS, NULL},
    STREAM_LOOP_METHODS,
    RESOLVER_LOOP_METHODS,
    {NULL},
};

static PyMemberDef loop_members[] = {
    {"_stopping", T_BOOL, offsetof(LoopObject, stopping), 0, NULL},
    {"_closed", T_BOOL, offsetof(LoopObject, closed), 0, NULL},
    {"_thread_id", T_OBJECT, offsetof(LoopObject, thread_id), 0, NULL},
    {"_task_factory", T_OBJECT, offsetof(LoopObject, task_factory), 0, NULL},
    {NULL},
};

static PyGetSetDef loop_getset[] = {
    {"_debug", loop_get_debug_field, loop_set_debug_field, NULL, NULL},
    {"slow_callback_duration", loop_get_slow_duration, loop_set_slow_duration,
     "Seconds over which debug mode logs a callback, as asyncio does.", NULL},
    {NULL},
};

static PyType_Slot loop_slots[] = {
    {Py_tp_doc, "The C half of uvloupe.Loop."},
    {Py_tp_new, loop_new},
    {Py_tp_dealloc, loop_dealloc},
    {Py_tp_traverse, loop_traverse},
    {Py_tp_clear, loop_tp_clear},
    {Py_tp_methods, loop_methods},
    {Py_tp_members, loop_members},
    {Py_tp_getset, loop_getset},
    {0, NULL},
};

PyType_Spec loop_spec = {
    .name = "uvloupe._loop.Loop",
    .basicsize = sizeof(LoopObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = loop_slots,
};
