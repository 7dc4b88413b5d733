/* Rows of the monitor, by what Python runs.

   A row's key is an address, so what lies there must stay: the loop keeps a strong
   reference to each code object or type that has a row (loop->kept_keys).  The rows
   are bounded, and so is what they keep alive; what comes later counts as "other". */
#include "loop/rows.h"

/* Text of an attribute for a row's name, or NULL without an exception. */
static PyObject *
text_attribute(LoopObject *loop, PyObject *object, const char *name)
{
    PyObject *text = PyObject_GetAttrString(object, name);
    if (text == NULL || !PyUnicode_Check(text)) {
        loop_swallow(loop);
        Py_CLEAR(text);
    }
    return text;
}

static const char *
utf8_or(PyObject *text, const char *otherwise)
{
    const char *utf8 = text != NULL ? PyUnicode_AsUTF8(text) : NULL;
    if (utf8 == NULL) {
        PyErr_Clear();
        return otherwise;
    }
    return utf8;
}

static mon_row *
add(LoopObject *loop, mon_row_kind kind, PyObject *key, bool keep, const char *name,
    const char *file, int line)
{
    bool folded = false;
    mon_row *row = mon_row_add(loop->mon, kind, key, name, file, line, &folded);
    if (keep && !folded && PyList_Append(loop->kept_keys, key) < 0) {
        /* Without its reference the row could one day count for something else. */
        PyErr_Clear();
        Py_INCREF(key);
    }
    return row;
}

static mon_row *
add_code(LoopObject *loop, mon_row_kind kind, PyCodeObject *code)
{
    return add(loop, kind, (PyObject *)code, true, utf8_or(code->co_qualname, "?"),
               utf8_or(code->co_filename, "?"), code->co_firstlineno);
}

mon_row *
rows_add_callback(LoopObject *loop, PyObject *callable, PyObject *key)
{
    if (PyMethod_Check(callable)) {
        callable = PyMethod_GET_FUNCTION(callable);
    }
    if (PyFunction_Check(callable)) {
        return add_code(loop, MON_CALLBACK, (PyCodeObject *)key);
    }
    PyObject *error = PyErr_GetRaisedException();
    mon_row *row;
    if (PyCFunction_CheckExact(callable)) {
        PyObject *name = text_attribute(loop, callable, "__qualname__");
        row = add(loop, MON_CALLBACK, key, false, utf8_or(name, "?"), NULL, 0);
        Py_XDECREF(name);
    }
    else {
        row = add(loop, MON_CALLBACK, key, true, ((PyTypeObject *)key)->tp_name, NULL, 0);
    }
    if (error != NULL) {
        PyErr_SetRaisedException(error);
    }
    return row;
}

/* Awaitables that are not native coroutines: Cython's have a code object, others
   count by type. */
static mon_row *
row_of_foreign(LoopObject *loop, PyObject *coro)
{
    PyObject *code = PyObject_GetAttrString(coro, "cr_code");
    if (code == NULL) {
        loop_swallow(loop);
        code = PyObject_GetAttrString(coro, "gi_code");
    }
    if (code == NULL) {
        loop_swallow(loop);
    }
    mon_row *row;
    if (code != NULL && PyCode_Check(code)) {
        row = mon_row_find(loop->mon, code);
        if (row == NULL) {
            row = add_code(loop, MON_COROUTINE, (PyCodeObject *)code);
        }
    }
    else {
        PyObject *type = (PyObject *)Py_TYPE(coro);
        row = mon_row_find(loop->mon, type);
        if (row == NULL) {
            row = add(loop, MON_COROUTINE, type, true, Py_TYPE(coro)->tp_name, NULL, 0);
        }
    }
    Py_XDECREF(code);
    return row;
}

mon_row *
rows_of_coroutine(LoopObject *loop, PyObject *coro)
{
    if (coro == NULL) {
        return &loop->mon->rows[0];
    }
    if (!PyCoro_CheckExact(coro) && !PyGen_CheckExact(coro)) {
        return row_of_foreign(loop, coro);
    }
    PyObject *code = compat_generator_code(coro);
    if (code == NULL) {
        PyErr_Clear();
        return &loop->mon->rows[0];
    }
    mon_row *row = mon_row_find(loop->mon, code);
    if (row == NULL) {
        row = add_code(loop, MON_COROUTINE, (PyCodeObject *)code);
    }
    Py_DECREF(code);
    return row;
}
