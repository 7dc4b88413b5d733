/* Running Python for libuv: one shape for every callback that it makes.

   loop_call() takes the lock, opens a timed slice, calls, flushes what the callback
   wrote, and closes the slice.  loop_report() is where every exception of a callback
   ends: libuv never gets control back with one set. */
#include "loop/report.h"
#include "loop/rows.h"
#include "loop/turn.h"

int
loop_check_closed(LoopObject *loop)
{
    if (loop->closed) {
        PyErr_SetString(PyExc_RuntimeError, "Event loop is closed");
        return -1;
    }
    return 0;
}

void
loop_flush_all(LoopObject *loop)
{
    while (loop->flush_first != NULL) {
        loop_flush *node = loop->flush_first;
        loop->flush_first = node->next;
        node->queued = false;
        node->flush(node);
    }
}

/* ---- slices ------------------------------------------------------------------------ */

/* True if a slice was opened: not within another one, and not with the monitor off. */
static bool
slice_open(LoopObject *loop, PyObject *callable, mon_cause cause, int fd)
{
    mon *m = loop->mon;
    gil_take(loop);
    if (!loop->timed || m->slice_start != 0) {
        return false;
    }
    mon_row *row =
        callable != NULL ? rows_of(loop, callable) : &m->rows[MON_ROW_OTHER_CALLBACK];
    uint64_t now = mon_now(m);
    MON_SET(m->slice_cause, (uint8_t)cause);
    MON_SET(m->slice_fd, fd);
    mon_call_begin(m, row, now, now > loop->events_at ? now - loop->events_at : 0);
    loop->stamp = now;
    return true;
}

static void
slice_close(LoopObject *loop, PyObject *callable)
{
    mon *m = loop->mon;
    uint64_t began = m->slice_start;
    if (began == 0) {
        return; /* the monitor was switched off inside */
    }
    uint64_t ended = mon_now(m);
    uint64_t ran = mon_call_end(m, ended);
    mon_slice_clear(m);
    loop->stamp = ended;
    if (__builtin_expect(ran > loop->report_ticks, 0)) {
        PyObject *error = PyErr_GetRaisedException();
        report_slow(loop, callable, began, ended);
        if (error != NULL) {
            PyErr_SetRaisedException(error);
        }
    }
}

PyObject *
loop_call(LoopObject *loop, PyObject *context, PyObject *callable, PyObject *const *args,
          size_t nargs, mon_cause cause, int fd)
{
    bool opened = slice_open(loop, callable, cause, fd);
    PyObject *result = NULL;
    if (context == NULL || PyContext_Enter(context) == 0) {
        result = PyObject_Vectorcall(callable, args, nargs | PY_VECTORCALL_ARGUMENTS_OFFSET,
                                     NULL);
        if (context != NULL && PyContext_Exit(context) < 0) {
            Py_CLEAR(result);
        }
    }
    if (loop->flush_first != NULL) {
        PyObject *error = result == NULL ? PyErr_GetRaisedException() : NULL;
        loop_flush_all(loop);
        if (error != NULL) {
            PyErr_SetRaisedException(error);
        }
    }
    if (opened) {
        slice_close(loop, callable);
    }
    return result;
}

bool
loop_slice_begin(LoopObject *loop, PyObject *callable, mon_cause cause, int fd)
{
    return slice_open(loop, callable, cause, fd);
}

void
loop_slice_end(LoopObject *loop, bool opened)
{
    if (loop->flush_first != NULL) {
        loop_flush_all(loop);
    }
    if (opened) {
        slice_close(loop, NULL);
    }
}

int
loop_call_soon(LoopObject *loop, PyObject *callable, PyObject *arg, PyObject *context)
{
    PyObject *const args[1] = {arg};
    HandleObject *handle =
        turn_schedule(loop, callable, args, arg != NULL, context, MON_CAUSE_FUTURE);
    if (handle == NULL) {
        return -1;
    }
    Py_DECREF(handle);
    return 0;
}

/* ---- exceptions ------------------------------------------------------------------- */

static int
set_item(PyObject *dict, const char *key, PyObject *value)
{
    return value == NULL ? 0 : PyDict_SetItemString(dict, key, value);
}

static PyObject *
describe(PyObject *message, PyObject *error, PyObject *transport, PyObject *protocol,
         PyObject *handle)
{
    PyObject *context = PyDict_New();
    if (context == NULL) {
        return NULL;
    }
    if (set_item(context, "message", message) < 0 ||
        set_item(context, "exception", error) < 0 ||
        set_item(context, "transport", transport) < 0 ||
        set_item(context, "protocol", protocol) < 0 ||
        set_item(context, "handle", handle) < 0) {
        Py_CLEAR(context);
        return NULL;
    }
    if (handle != NULL) {
        PyObject *source = ((HandleObject *)handle)->source_traceback;
        if (set_item(context, "source_traceback", source) < 0) {
            Py_CLEAR(context);
        }
    }
    return context;
}

/* Keeps a KeyboardInterrupt or SystemExit for run_forever, and stops the loop. */
static bool
keep_if_fatal(LoopObject *loop, PyObject *error)
{
    if (!PyErr_GivenExceptionMatches(error, PyExc_KeyboardInterrupt) &&
        !PyErr_GivenExceptionMatches(error, PyExc_SystemExit)) {
        return false;
    }
    Py_XSETREF(loop->fatal, Py_NewRef(error));
    return true;
}

void
loop_swallow(LoopObject *loop)
{
    PyObject *error = PyErr_GetRaisedException();
    if (error != NULL) {
        (void)keep_if_fatal(loop, error);
        Py_DECREF(error);
    }
}

static void
report(LoopObject *loop, PyObject *message, PyObject *transport, PyObject *protocol,
       PyObject *handle)
{
    PyObject *error = PyErr_GetRaisedException();
    if (error == NULL || keep_if_fatal(loop, error)) {
        Py_XDECREF(error);
        return;
    }
    PyObject *context = describe(message, error, transport, protocol, handle);
    PyObject *done = NULL;
    if (context != NULL) {
        done = PyObject_CallMethodOneArg((PyObject *)loop,
                                         loop->state->str_call_exception_handler, context);
    }
    if (done == NULL) {
        /* The handler itself failed, which asyncio's never does but for these two. */
        PyObject *second = PyErr_GetRaisedException();
        if (second != NULL && !keep_if_fatal(loop, second)) {
            PyErr_SetRaisedException(Py_NewRef(second));
            PyErr_WriteUnraisable((PyObject *)loop);
        }
        Py_XDECREF(second);
    }
    Py_XDECREF(done);
    Py_XDECREF(context);
    Py_DECREF(error);
}

void
loop_report(LoopObject *loop, const char *message, PyObject *transport, PyObject *protocol,
            PyObject *handle)
{
    PyObject *error = PyErr_GetRaisedException();
    if (error == NULL) {
        return;
    }
    PyObject *text = PyUnicode_FromString(message);
    if (text == NULL) {
        PyErr_Clear();
    }
    PyErr_SetRaisedException(error);
    report(loop, text, transport, protocol, handle);
    Py_XDECREF(text);
}

void
handle_report(LoopObject *loop, HandleObject *self, PyObject *callback,
              PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *error = PyErr_GetRaisedException();
    if (error == NULL) {
        return;
    }
    PyObject *text = NULL;
    PyObject *all = PyTuple_New(nargs);
    if (all != NULL) {
        for (Py_ssize_t i = 0; i < nargs; i++) {
            PyTuple_SET_ITEM(all, i, Py_NewRef(args[i]));
        }
        PyObject *shown =
            PyObject_CallFunctionObjArgs(loop->state->format_callback, callback, all, NULL);
        if (shown != NULL) {
            text = PyUnicode_FromFormat("Exception in callback %S", shown);
            Py_DECREF(shown);
        }
        Py_DECREF(all);
    }
    if (text == NULL) {
        loop_swallow(loop); /* a repr() failed: the exception matters more than its label */
    }
    PyErr_SetRaisedException(error);
    report(loop, text, NULL, NULL, (PyObject *)self);
    Py_XDECREF(text);
}
