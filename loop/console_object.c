/* _loop.Console: owns a running telnet console.

   The console's thread never needs the interpreter, and starting and stopping
   it may take milliseconds, so both happen with the interpreter's lock given up.
   The object stops its console when it is closed or finalized, whichever comes
   first; con_stop() knows a forked child, where the thread and a Unix socket's
   file are the parent's. */
#include "loop/monitor_object.h"
#include "monitor/console/console.h"

#include <errno.h>

typedef struct ConsoleObject {
    PyObject_HEAD
    con_server *server; /* NULL once closed */
    PyObject *address;  /* str */
} ConsoleObject;

static void
console_stop(ConsoleObject *self)
{
    con_server *server = self->server;
    self->server = NULL; /* first: another thread may call close() meanwhile */
    if (server != NULL) {
        Py_BEGIN_ALLOW_THREADS con_stop(server);
        Py_END_ALLOW_THREADS
    }
}

static void
raise_start_error(const char *text, int code)
{
    if (code == 0) {
        PyErr_SetString(PyExc_ValueError, text);
        return;
    }
    if (code == ENOMEM) {
        PyErr_NoMemory();
        return;
    }
    /* OSError(errno, text) picks the subclass, e.g. PermissionError. */
    PyObject *error = PyObject_CallFunction(PyExc_OSError, "is", code, text);
    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
}

PyObject *
console_object_start(PyTypeObject *type, mon *m, const char *address, const char *token)
{
    /* The object first, so that nothing can fail once the thread runs. */
    ConsoleObject *self = (ConsoleObject *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    const con_options options = {.address = address, .token = token};
    char text[512] = "";
    int code = 0;
    con_server *server;
    Py_BEGIN_ALLOW_THREADS server = con_start(m, &options, text, sizeof(text), &code);
    Py_END_ALLOW_THREADS self->server = server;
    if (server == NULL) {
        raise_start_error(text, code);
        Py_DECREF(self);
        return NULL;
    }
    self->address = PyUnicode_DecodeFSDefault(con_address(server));
    if (self->address == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void
console_finalize(ConsoleObject *self)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    console_stop(self);
    PyErr_Restore(type, value, traceback);
}

static void
console_dealloc(ConsoleObject *self)
{
    if (PyObject_CallFinalizerFromDealloc((PyObject *)self) < 0) {
        return;
    }
    PyTypeObject *type = Py_TYPE(self);
    Py_CLEAR(self->address);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

PyDoc_STRVAR(console_close_doc,
             "close($self, /)\n--\n\n"
             "Stop the console and close its clients.  Closing again does "
             "nothing.");

static PyObject *
console_close(ConsoleObject *self, PyObject *Py_UNUSED(ignored))
{
    console_stop(self);
    Py_RETURN_NONE;
}

static PyObject *
console_get_address(ConsoleObject *self, void *closure)
{
    return Py_NewRef(self->address);
}

static PyObject *
console_get_closed(ConsoleObject *self, void *closure)
{
    return PyBool_FromLong(self->server == NULL);
}

static PyMethodDef console_methods[] = {
    {"close", (PyCFunction)console_close, METH_NOARGS, console_close_doc},
    {NULL},
};

static PyGetSetDef console_getset[] = {
    {"address", (getter)console_get_address, NULL,
     "Where it listens: HOST:PORT with the real port, or a Unix socket's path.", NULL},
    {"closed", (getter)console_get_closed, NULL, "Whether it has been closed.", NULL},
    {NULL},
};

static PyType_Slot console_slots[] = {
    {Py_tp_doc, "A running telnet console, raw.  Use uvloupe.Console."},
    {Py_tp_dealloc, console_dealloc},
    {Py_tp_finalize, console_finalize},
    {Py_tp_methods, console_methods},
    {Py_tp_getset, console_getset},
    {0, NULL},
};

PyType_Spec console_spec = {
    .name = "uvloupe._loop.Console",
    .basicsize = sizeof(ConsoleObject),
    .flags =
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = console_slots,
};
