/* Learning where CPython's Task keeps its fields: see layout.h.

   A probe task is made on a stand-in loop, stepped until it awaits a future, and
   its memory is scanned for the objects that must be in it.  A field that is
   found at no offset, or at two, is left to the getters. */
#include "loop/layout.h"

/* The probes, in the order in which layout_learn() takes them apart.  They are made
   on a thread of their own when this one already runs a loop: its current task
   and running loop must not be disturbed. */
static const char probe_source[] =
    "import _asyncio, threading\n"
    "class StandIn:\n"
    "    def __init__(self): self.calls = []\n"
    "    def get_debug(self): return False\n"
    "    def call_soon(self, callback, *args, context=None): self.calls.append(callback)\n"
    "    def call_exception_handler(self, context): pass\n"
    "async def wait(future): await future\n"
    "def probe():\n"
    "    loop = StandIn()\n"
    "    before = _asyncio._get_running_loop()\n"
    "    _asyncio._set_running_loop(loop)\n"
    "    try:\n"
    "        future = _asyncio.Future(loop=loop)\n"
    "        coro = wait(future)\n"
    "        name = ''.join(['uvloupe', ' ', 'probe'])\n"
    "        task = _asyncio.Task(coro, loop=loop, name=name)\n"
    "        step = loop.calls.pop()\n"
    "        step()\n"
    "        cancelled = _asyncio.Future(loop=loop)\n"
    "        cancelled.cancel()\n"
    "        failed = _asyncio.Future(loop=loop)\n"
    "        error = RuntimeError('probe')\n"
    "        failed.set_exception(error)\n"
    "        failed.exception()\n"
    "        pending = _asyncio.Future(loop=loop)\n"
    "        future.set_result(None)\n"
    "        wakeup = loop.calls.pop()\n"
    "        return task, step, wakeup, future, coro, name, pending, cancelled, failed, "
    "error\n"
    "    finally:\n"
    "        _asyncio._set_running_loop(before)\n"
    "def run():\n"
    "    if _asyncio._get_running_loop() is None:\n"
    "        return probe()\n"
    "    box = []\n"
    "    thread = threading.Thread(target=lambda: box.append(probe()))\n"
    "    thread.start()\n"
    "    thread.join()\n"
    "    return box[0]\n"
    "def finish(wakeup, future):\n"
    "    before = _asyncio._get_running_loop()\n"
    "    if before is None:\n"
    "        _asyncio._set_running_loop(future.get_loop())\n"
    "        try: wakeup(future)\n"
    "        except BaseException: pass\n"
    "        finally: _asyncio._set_running_loop(None)\n"
    "    else:\n"
    "        thread = threading.Thread(target=finish, args=(wakeup, future))\n"
    "        thread.start()\n"
    "        thread.join()\n";

enum {
    P_TASK,
    P_STEP,
    P_WAKEUP,
    P_FUTURE,
    P_CORO,
    P_NAME,
    P_PENDING,
    P_CANCELLED,
    P_FAILED,
    P_ERROR
};

/* The one offset at which `object` holds a pointer to `target`, else 0. */
static size_t
find_pointer(PyObject *object, PyObject *target)
{
    size_t found = 0;
    size_t size = (size_t)Py_TYPE(object)->tp_basicsize;
    for (size_t at = sizeof(PyObject); at + sizeof(void *) <= size; at += sizeof(void *)) {
        if (LAYOUT_FIELD(object, at) == target) {
            if (found != 0) {
                return 0;
            }
            found = at;
        }
    }
    return found;
}

/* The one offset of an int that is 0, 1 and 2 in these futures, else 0. */
static size_t
find_state(PyObject *pending, PyObject *cancelled, PyObject *finished)
{
    size_t found = 0;
    size_t size = (size_t)Py_TYPE(pending)->tp_basicsize;
    for (size_t at = sizeof(PyObject); at + sizeof(int) <= size; at += sizeof(int)) {
        if (*(int *)((char *)pending + at) == 0 && *(int *)((char *)cancelled + at) == 1 &&
            *(int *)((char *)finished + at) == 2) {
            if (found != 0) {
                return 0;
            }
            found = at;
        }
    }
    return found;
}

static PyObject *
make_namespace(void)
{
    PyObject *names = PyDict_New();
    if (names == NULL) {
        return NULL;
    }
    if (PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()) < 0) {
        goto fail;
    }
    PyObject *done = PyRun_String(probe_source, Py_file_input, names, names);
    if (done == NULL) {
        goto fail;
    }
    Py_DECREF(done);
    return names;

fail:
    Py_DECREF(names);
    return NULL;
}

static void
read_probes(task_layout *layout, PyObject *probes)
{
    PyObject *task = PyTuple_GET_ITEM(probes, P_TASK);
    PyObject *step = PyTuple_GET_ITEM(probes, P_STEP);
    PyObject *wakeup = PyTuple_GET_ITEM(probes, P_WAKEUP);
    PyObject *failed = PyTuple_GET_ITEM(probes, P_FAILED);

    layout->step_task = find_pointer(step, task);
    if (layout->step_task != 0) {
        layout->step_type = (PyTypeObject *)Py_NewRef((PyObject *)Py_TYPE(step));
    }
    if (PyCFunction_CheckExact(wakeup) && PyCFunction_GET_SELF(wakeup) == task) {
        layout->wakeup = PyCFunction_GET_FUNCTION(wakeup);
    }
    layout->waiter = find_pointer(task, PyTuple_GET_ITEM(probes, P_FUTURE));
    layout->coro = find_pointer(task, PyTuple_GET_ITEM(probes, P_CORO));
    layout->name = find_pointer(task, PyTuple_GET_ITEM(probes, P_NAME));
    layout->exception = find_pointer(failed, PyTuple_GET_ITEM(probes, P_ERROR));
    layout->state = find_state(PyTuple_GET_ITEM(probes, P_PENDING),
                               PyTuple_GET_ITEM(probes, P_CANCELLED), failed);
}

int
layout_learn(task_layout *layout)
{
    int result = -1;
    PyObject *names = NULL, *probes = NULL, *finished = NULL;

    memset(layout, 0, sizeof(*layout));
    names = make_namespace();
    if (names == NULL) {
        goto done;
    }
    probes = PyObject_CallNoArgs(PyDict_GetItemString(names, "run"));
    if (probes == NULL) {
        goto done;
    }
    read_probes(layout, probes);
    /* Let the probe end, so that it does not complain of being destroyed. */
    finished = PyObject_CallFunctionObjArgs(PyDict_GetItemString(names, "finish"),
                                            PyTuple_GET_ITEM(probes, P_WAKEUP),
                                            PyTuple_GET_ITEM(probes, P_FUTURE), NULL);
    if (finished == NULL) {
        goto done;
    }
    result = 0;
done:
    Py_XDECREF(finished);
    Py_XDECREF(probes);
    if (names != NULL) {
        PyDict_Clear(names); /* the functions and their globals are a cycle */
        Py_DECREF(names);
    }
    if (result < 0) {
        Py_CLEAR(layout->step_type);
    }
    return result;
}
