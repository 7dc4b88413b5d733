/* libuv's error codes as Python's exceptions. */
#include "loop/loop.h"

PyObject *
error_object_from_uv(int code)
{
    /* OSError picks its subclass from the errno: ECONNRESET is ConnectionResetError.
       On Unix a libuv code is the negated errno, but for its own few (UV_EOF, UV_EAI_*). */
    char text[128];
    uv_strerror_r(code, text, sizeof(text));
    if (code < 0 && code > -4096 && code != UV_EOF && code != UV_UNKNOWN &&
        !(code <= UV_EAI_ADDRFAMILY && code >= UV_EAI_SOCKTYPE)) {
        return PyObject_CallFunction(PyExc_OSError, "is", -code, strerror(-code));
    }
    return PyObject_CallFunction(PyExc_OSError, "s", text);
}

PyObject *
error_from_uv(int code)
{
    PyObject *error = error_object_from_uv(code);
    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
    return NULL;
}
