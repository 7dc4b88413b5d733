/* The differences between CPython versions, and between libuv versions.  This is
   the one place that tests for either. */
#ifndef LOOP_COMPAT_H
#define LOOP_COMPAT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <uv.h>

#if PY_VERSION_HEX < 0x030B0000
#error "uvloupe needs CPython 3.11 or newer"
#endif
#if UV_VERSION_HEX < 0x012C00
#error "uvloupe needs libuv 1.44 or newer"
#endif

#if PY_VERSION_HEX < 0x030C0000
/* 3.12 made exceptions one object instead of three. */
static inline PyObject *
PyErr_GetRaisedException(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (type == NULL) {
        return NULL;
    }
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(value, traceback);
        Py_DECREF(traceback);
    }
    Py_DECREF(type);
    return value;
}

static inline void
PyErr_SetRaisedException(PyObject *exception)
{
    PyObject *type = Py_NewRef((PyObject *)Py_TYPE(exception));
    PyErr_Restore(type, exception, PyException_GetTraceback(exception));
}
#endif

/* The code object behind a suspended coroutine, generator or async generator: new
 * reference. */
static inline PyObject *
compat_generator_code(PyObject *generator)
{
#if PY_VERSION_HEX < 0x030C0000
    return Py_XNewRef((PyObject *)((PyGenObject *)generator)->gi_code);
#else
    return (PyObject *)PyGen_GetCode((PyGenObject *)generator);
#endif
}

/* An object off a free list comes to life again.  Only debug builds count. */
static inline void
compat_revive(PyObject *object)
{
#if defined(Py_REF_DEBUG) || defined(Py_TRACE_REFS)
    _Py_NewReference(object);
#else
    Py_SET_REFCNT(object, 1);
#endif
}

/* What the module says of itself: one interpreter at a time, and only with the lock,
   which a build without one takes again when it imports us. */
#if PY_VERSION_HEX >= 0x030C0000
#define COMPAT_MODULE_SLOTS                                                                \
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#else
#define COMPAT_MODULE_SLOTS
#endif

#endif /* LOOP_COMPAT_H */
