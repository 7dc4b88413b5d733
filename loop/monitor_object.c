/* _loop.Monitor: one loop's monitor for Python.

   It holds a reference of its own to the measuring core, so everything that can
   be read stays readable after loop.close(), and the loop itself strongly, for
   the settings that the loop must carry out, until the loop is closed: then they
   part, so that a closed loop is no cycle and goes at once.  uvloupe.Monitor wraps it and
   turns its dicts into dataclasses. */
#include "loop/monitor_object.h"
#include "loop/loop_object.h"
#include "loop/monitor_records.h"

#include <string.h>

typedef struct MonitorObject {
    PyObject_HEAD
    mon *mon;         /* a reference; never NULL once constructed */
    LoopObject *loop; /* strong; NULL once the loop is closed */
} MonitorObject;

PyObject *
monitor_object_new(LoopObject *loop)
{
    PyTypeObject *type = loop->state->monitor_type;
    MonitorObject *self = (MonitorObject *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->mon = mon_ref(loop->mon);
    self->loop = (LoopObject *)Py_NewRef((PyObject *)loop);
    return (PyObject *)self;
}

static int
monitor_traverse(MonitorObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT((PyObject *)self->loop);
    return 0;
}

static int
monitor_clear(MonitorObject *self)
{
    Py_CLEAR(self->loop);
    return 0;
}

static void
monitor_dealloc(MonitorObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)monitor_clear(self);
    if (self->mon != NULL) {
        mon_unref(self->mon);
    }
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

/* The loop, for a setting: borrowed, or NULL with RuntimeError set. */
static LoopObject *
monitor_loop(MonitorObject *self)
{
    if (self->loop == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "Event loop is closed");
    }
    return self->loop;
}

/* ---- settings ---------------------------------------------------------------------- */

static int
check_not_deleted(PyObject *value, const char *name)
{
    if (value == NULL) {
        PyErr_Format(PyExc_AttributeError, "%s cannot be deleted", name);
        return -1;
    }
    return 0;
}

static PyObject *
monitor_get_level(MonitorObject *self, void *closure)
{
    return PyUnicode_FromString(MON_GET(self->mon->level) == MON_OFF ? "off" : "on");
}

static int
monitor_set_level(MonitorObject *self, PyObject *value, void *closure)
{
    if (check_not_deleted(value, "level") < 0) {
        return -1;
    }
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "level must be 'off' or 'on', not %.100s",
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    mon_level level;
    if (PyUnicode_CompareWithASCIIString(value, "off") == 0) {
        level = MON_OFF;
    }
    else if (PyUnicode_CompareWithASCIIString(value, "on") == 0) {
        level = MON_ON;
    }
    else {
        PyErr_Format(PyExc_ValueError, "level must be 'off' or 'on', not %R", value);
        return -1;
    }
    LoopObject *loop = monitor_loop(self);
    return loop != NULL ? loop_set_level(loop, level) : -1;
}

static PyObject *
monitor_get_slow(MonitorObject *self, void *closure)
{
    return PyFloat_FromDouble(self->mon->slow_seconds);
}

static int
monitor_set_slow(MonitorObject *self, PyObject *value, void *closure)
{
    if (check_not_deleted(value, "slow_threshold") < 0) {
        return -1;
    }
    double seconds = PyFloat_AsDouble(value);
    if (seconds == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    if (!(seconds > 0.0)) {
        PyErr_Format(PyExc_ValueError,
                     "slow_threshold must be a positive number of seconds, not %R", value);
        return -1;
    }
    LoopObject *loop = monitor_loop(self);
    return loop != NULL ? loop_set_slow(loop, seconds) : -1;
}

/* ---- reading ----------------------------------------------------------------------- */

PyDoc_STRVAR(monitor_raw_tasks_doc, "raw_tasks($self, /, done=False)\n--\n\n"
                                    "Live tasks in no order, or the last finished ones, "
                                    "newest first, as dicts.");

static PyObject *
monitor_raw_tasks(MonitorObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"done", NULL};
    int done = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|p:raw_tasks", names, &done)) {
        return NULL;
    }
    return records_tasks(self->mon, done);
}

PyDoc_STRVAR(monitor_raw_stats_doc, "raw_stats($self, /)\n--\n\n"
                                    "The loop's totals and what runs now, as a dict.");

static PyObject *
monitor_raw_stats(MonitorObject *self, PyObject *Py_UNUSED(ignored))
{
    return records_status(self->mon);
}

PyDoc_STRVAR(monitor_raw_slow_steps_doc, "raw_slow_steps($self, /)\n--\n\n"
                                         "The last slow steps, newest first, as dicts.");

static PyObject *
monitor_raw_slow_steps(MonitorObject *self, PyObject *Py_UNUSED(ignored))
{
    return records_slow(self->mon);
}

PyDoc_STRVAR(monitor_raw_rows_doc,
             "raw_rows($self, kind, /)\n--\n\n"
             "Totals of each 'coroutine' function or 'callback', as dicts.");

static PyObject *
monitor_raw_rows(MonitorObject *self, PyObject *kind)
{
    if (PyUnicode_Check(kind)) {
        if (PyUnicode_CompareWithASCIIString(kind, "coroutine") == 0) {
            return records_rows(self->mon, MON_COROUTINE);
        }
        if (PyUnicode_CompareWithASCIIString(kind, "callback") == 0) {
            return records_rows(self->mon, MON_CALLBACK);
        }
    }
    return PyErr_Format(PyExc_ValueError, "kind must be 'coroutine' or 'callback', not %R",
                        kind);
}

PyDoc_STRVAR(monitor_raw_histogram_doc,
             "raw_histogram($self, name, /)\n--\n\n"
             "The buckets that are not empty as (upper edge in seconds, count).");

static PyObject *
monitor_raw_histogram(MonitorObject *self, PyObject *name)
{
    const char *wanted = PyUnicode_AsUTF8(name);
    if (wanted == NULL) {
        return NULL;
    }
    for (int i = 0; i < MON_MEASURES; i++) {
        if (strcmp(wanted, mon_measure_name((mon_measure)i)) == 0) {
            return records_buckets(self->mon, (mon_measure)i);
        }
    }
    return PyErr_Format(PyExc_ValueError, "no histogram is named %R", name);
}

PyDoc_STRVAR(monitor_reset_doc,
             "reset($self, /)\n--\n\n"
             "Forget totals, histograms, slow steps and finished tasks.  Live tasks keep\n"
             "their own figures.");

static PyObject *
monitor_reset(MonitorObject *self, PyObject *Py_UNUSED(ignored))
{
    mon_reset(self->mon);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(monitor_raw_start_console_doc,
             "raw_start_console($self, /, address, token=None)\n--\n\n"
             "Start a telnet console on its own thread; a Console.");

static PyObject *
monitor_raw_start_console(MonitorObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"address", "token", NULL};
    const char *address, *token = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s|z:raw_start_console", names, &address,
                                     &token)) {
        return NULL;
    }
    loop_state *state = PyType_GetModuleState(Py_TYPE(self));
    if (state == NULL) {
        return NULL;
    }
    return console_object_start(state->console_type, self->mon, address, token);
}

/* ---- the type ---------------------------------------------------------------------- */

/* The loop is closed: lets go of it. */
static PyObject *
monitor_detach(MonitorObject *self, PyObject *Py_UNUSED(ignored))
{
    Py_CLEAR(self->loop);
    Py_RETURN_NONE;
}

static PyMethodDef monitor_methods[] = {
    {"detach", (PyCFunction)monitor_detach, METH_NOARGS, NULL},
    {"raw_tasks", (PyCFunction)(void (*)(void))monitor_raw_tasks,
     METH_VARARGS | METH_KEYWORDS, monitor_raw_tasks_doc},
    {"raw_stats", (PyCFunction)monitor_raw_stats, METH_NOARGS, monitor_raw_stats_doc},
    {"raw_slow_steps", (PyCFunction)monitor_raw_slow_steps, METH_NOARGS,
     monitor_raw_slow_steps_doc},
    {"raw_rows", (PyCFunction)monitor_raw_rows, METH_O, monitor_raw_rows_doc},
    {"raw_histogram", (PyCFunction)monitor_raw_histogram, METH_O,
     monitor_raw_histogram_doc},
    {"reset", (PyCFunction)monitor_reset, METH_NOARGS, monitor_reset_doc},
    {"raw_start_console", (PyCFunction)(void (*)(void))monitor_raw_start_console,
     METH_VARARGS | METH_KEYWORDS, monitor_raw_start_console_doc},
    {NULL},
};

static PyGetSetDef monitor_getset[] = {
    {"level", (getter)monitor_get_level, (setter)monitor_set_level,
     "'off' or 'on'; takes effect at the next callback.", NULL},
    {"slow_threshold", (getter)monitor_get_slow, (setter)monitor_set_slow,
     "Seconds: a callback or step that takes longer is slow.", NULL},
    {NULL},
};

static PyType_Slot monitor_slots[] = {
    {Py_tp_doc, "A loop's monitor, raw.  Use uvloupe.Monitor."},
    {Py_tp_dealloc, monitor_dealloc},
    {Py_tp_traverse, monitor_traverse},
    {Py_tp_clear, monitor_clear},
    {Py_tp_methods, monitor_methods},
    {Py_tp_getset, monitor_getset},
    {0, NULL},
};

PyType_Spec monitor_spec = {
    .name = "uvloupe._loop.Monitor",
    .basicsize = sizeof(MonitorObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = monitor_slots,
};
