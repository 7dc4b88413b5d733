/* Which row of the monitor a callback or a coroutine counts for.  See rows.c. */
#ifndef LOOP_ROWS_H
#define LOOP_ROWS_H

#include "loop/loop.h"

mon_row *rows_add_callback(LoopObject *loop, PyObject *callable, PyObject *key);
mon_row *rows_of_coroutine(LoopObject *loop, PyObject *coro);

/* The object that stands for what a callable runs: the code object of a function or
   method, else the function, a type itself, or the type of a callable object.  Borrowed. */
static inline PyObject *
rows_key(PyObject *callable)
{
    PyTypeObject *type = Py_TYPE(callable);
    if (type == &PyMethod_Type) {
        callable = PyMethod_GET_FUNCTION(callable);
        type = Py_TYPE(callable);
    }
    if (type == &PyFunction_Type) {
        return PyFunction_GET_CODE(callable);
    }
    if (type == &PyCFunction_Type) {
        /* Method tables are static, and all bound copies of one share it.  It is
           no object: rows.c never takes a reference to it. */
        return (PyObject *)((PyCFunctionObject *)callable)->m_ml;
    }
    return type == &PyType_Type ? callable : (PyObject *)type;
}

static inline mon_row *
rows_of(LoopObject *loop, PyObject *callable)
{
    PyObject *key = rows_key(callable);
    if (__builtin_expect(key == (PyObject *)loop->state->partial_type, 0)) {
        do {
            callable = PyObject_GetAttrString(callable, "func");
            if (callable == NULL) {
                PyErr_Clear();
                return &loop->mon->rows[MON_ROW_OTHER_CALLBACK];
            }
            Py_DECREF(callable); /* the partial keeps it */
            key = rows_key(callable);
        } while (key == (PyObject *)loop->state->partial_type);
    }
    mon_row *row = mon_row_of(loop->mon, key);
    if (__builtin_expect(row == NULL, 0)) {
        row = rows_add_callback(loop, callable, key);
    }
    return row;
}

#endif /* LOOP_ROWS_H */
