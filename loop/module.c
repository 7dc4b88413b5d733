/* The extension module uvloupe._loop: its types and its state. */
#include "loop/loop.h"
#include "loop/stream.h"

static PyObject *
import_attribute(const char *module, const char *name)
{
    PyObject *imported = PyImport_ImportModule(module);
    PyObject *value = imported != NULL ? PyObject_GetAttrString(imported, name) : NULL;
    Py_XDECREF(imported);
    return value;
}

static int
import_all(loop_state *state)
{
    const struct {
        PyObject **field;
        const char *module, *name;
    } wanted[] = {
        {&state->future_type, "_asyncio", "Future"},
        {&state->task_type, "_asyncio", "Task"},
        {&state->partial_type, "functools", "partial"},
        {&state->base_loop_type, "asyncio.base_events", "BaseEventLoop"},
        {&state->tasks_module, "asyncio", "tasks"},
        {&state->format_callback, "asyncio.format_helpers", "_format_callback_source"},
        {&state->extract_stack, "asyncio.format_helpers", "extract_stack"},
        {&state->asyncio_logger, "asyncio.log", "logger"},
        {&state->gaierror, "socket", "gaierror"},
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(wanted); i++) {
        *wanted[i].field = import_attribute(wanted[i].module, wanted[i].name);
        if (*wanted[i].field == NULL) {
            return -1;
        }
    }
    PyObject *handle = import_attribute("asyncio.events", "Handle");
    state->handle_repr_info =
        handle != NULL ? PyObject_GetAttrString(handle, "_repr_info") : NULL;
    Py_XDECREF(handle);
    PyObject *get_logger = import_attribute("logging", "getLogger");
    state->logger =
        get_logger != NULL ? PyObject_CallFunction(get_logger, "s", "uvloupe") : NULL;
    Py_XDECREF(get_logger);
    return state->handle_repr_info != NULL && state->logger != NULL ? 0 : -1;
}

static int
intern_all(loop_state *state)
{
    const struct {
        PyObject **field;
        const char *text;
    } wanted[] = {
        {&state->str_context, "context"},
        {&state->str_call_exception_handler, "call_exception_handler"},
        {&state->str_fut_waiter, "_fut_waiter"},
        {&state->str_coro, "_coro"},
        {&state->str_Task, "Task"},
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(wanted); i++) {
        *wanted[i].field = PyUnicode_InternFromString(wanted[i].text);
        if (*wanted[i].field == NULL) {
            return -1;
        }
    }
    state->loop_kwnames = Py_BuildValue("(s)", "loop");
    return state->loop_kwnames != NULL ? 0 : -1;
}

static int
add_types(PyObject *module, loop_state *state)
{
    const struct {
        PyTypeObject **field;
        PyType_Spec *spec;
    } wanted[] = {
        {&state->loop_type, &loop_spec},       {&state->handle_type, &handle_spec},
        {&state->timer_type, &timer_spec},     {&state->poller_type, &poller_spec},
        {&state->stream_type, &stream_spec},   {&state->listener_type, &listener_spec},
        {&state->monitor_type, &monitor_spec}, {&state->console_type, &console_spec},
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(wanted); i++) {
        PyObject *type = PyType_FromModuleAndSpec(module, wanted[i].spec, NULL);
        if (type == NULL) {
            return -1;
        }
        *wanted[i].field = (PyTypeObject *)type;
        if (PyModule_AddType(module, (PyTypeObject *)type) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
module_exec(PyObject *module)
{
    loop_state *state = PyModule_GetState(module);
    if (import_all(state) < 0 || intern_all(state) < 0 || add_types(module, state) < 0 ||
        streams_state_init(&state->streams) < 0 || layout_learn(&state->layout) < 0) {
        return -1;
    }
    return PyModule_AddStringConstant(module, "libuv_version", uv_version_string());
}

/* Every object of the state, for traverse and clear. */
#define STATE_OBJECTS(X)                                                                   \
    X(loop_type)                                                                           \
    X(handle_type) X(timer_type) X(poller_type) X(stream_type) X(listener_type)            \
        X(monitor_type) X(console_type) X(layout.step_type) X(future_type) X(task_type)    \
            X(partial_type) X(base_loop_type) X(tasks_module) X(format_callback)           \
                X(extract_stack) X(asyncio_logger) X(gaierror) X(handle_repr_info)         \
                    X(logger) X(str_context) X(str_call_exception_handler)                 \
                        X(str_fut_waiter) X(str_coro) X(str_Task) X(loop_kwnames)          \
                            X(context_kwnames)

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    loop_state *state = PyModule_GetState(module);
#define X(field) Py_VISIT(state->field);
    STATE_OBJECTS(X)
#undef X
    return streams_state_visit(&state->streams, visit, arg);
}

static int
module_clear(PyObject *module)
{
    loop_state *state = PyModule_GetState(module);
#define X(field) Py_CLEAR(state->field);
    STATE_OBJECTS(X)
#undef X
    streams_state_clear(&state->streams);
    return 0;
}

static void
module_free(void *module)
{
    (void)module_clear((PyObject *)module);
}

/* Which fields of a Task were found: for the tests, and for bug reports. */
static PyObject *
module_layout(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    const task_layout *layout = &((loop_state *)PyModule_GetState(module))->layout;
    return Py_BuildValue(
        "{sN sN sN sN sN sN sN}", "step", PyBool_FromLong(layout->step_task != 0), "wakeup",
        PyBool_FromLong(layout->wakeup != NULL), "waiter",
        PyBool_FromLong(layout->waiter != 0), "coro", PyBool_FromLong(layout->coro != 0),
        "name", PyBool_FromLong(layout->name != 0), "state",
        PyBool_FromLong(layout->state != 0), "exception",
        PyBool_FromLong(layout->exception != 0));
}

static PyMethodDef module_methods[] = {
    {"_layout", module_layout, METH_NOARGS, NULL},
    {NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
    COMPAT_MODULE_SLOTS{0, NULL},
};

PyModuleDef loop_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "uvloupe._loop",
    .m_doc = "The C half of uvloupe: the loop, its transports and its monitor.",
    .m_size = sizeof(loop_state),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC
PyInit__loop(void)
{
    return PyModuleDef_Init(&loop_module);
}
