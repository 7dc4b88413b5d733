/* Streams and Python's socket objects.

   A stream may be made over the descriptor of a Python socket, or lend its own to one
   for get_extra_info("socket").  Either way `sock` is that object while the stream is
   open, and is detached right before uv_close(). */
#include "loop/stream.h"

/* The Python socket must not close the descriptor a second time. */
void
stream_detach_socket(StreamObject *self)
{
    PyObject *sock = self->sock;
    self->sock = NULL;
    if (sock != NULL) {
        PyObject *result =
            PyObject_CallMethodNoArgs(sock, self->base.loop->state->streams.detach);
        if (result == NULL) {
            PyErr_WriteUnraisable(sock);
        }
        Py_XDECREF(result);
        Py_DECREF(sock);
    }
}

static int
stream_int_attribute(PyObject *object, const char *name, int *value)
{
    PyObject *attribute = PyObject_GetAttrString(object, name);
    if (attribute == NULL) {
        return -1;
    }
    long number = PyLong_AsLong(attribute);
    Py_DECREF(attribute);
    *value = (int)number;
    return number == -1 && PyErr_Occurred() ? -1 : 0;
}

/* A stray sock.close() of the caller's must not free our descriptor's number. */
static int
stream_hold_socket(PyObject *sock)
{
    int references;
    if (stream_int_attribute(sock, "_io_refs", &references) < 0) {
        return -1;
    }
    PyObject *more = PyLong_FromLong(references + 1L);
    if (more == NULL) {
        return -1;
    }
    int status = PyObject_SetAttrString(sock, "_io_refs", more);
    Py_DECREF(more);
    return status;
}

static PyObject *
stream_ask_socket(PyObject *sock, const char *method)
{
    PyObject *name = PyObject_CallMethod(sock, method, NULL);
    if (name == NULL && PyErr_ExceptionMatches(PyExc_OSError)) {
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    return name;
}

static int
stream_take_socket(StreamObject *self, PyObject *sock)
{
    int family, proto;
    int fd = PyObject_AsFileDescriptor(sock);

    if (fd < 0 || stream_check_fd(self->base.loop, fd) < 0 ||
        stream_int_attribute(sock, "family", &family) < 0 ||
        stream_int_attribute(sock, "proto", &proto) < 0) {
        return -1;
    }
    self->sockname = stream_ask_socket(sock, "getsockname");
    if (self->sockname == NULL) {
        return -1;
    }
    self->peername = stream_ask_socket(sock, "getpeername");
    if (self->peername == NULL || stream_open(self, fd, family, proto) < 0) {
        return -1; /* the descriptor is still the caller's */
    }
    self->sock = Py_NewRef(sock);
    return stream_hold_socket(sock);
}

/* connection_made(), then reading, then the waiter: each a callback of its own. */
static int
stream_schedule_start(StreamObject *self, PyObject *waiter)
{
    const stream_state *names = &self->base.loop->state->streams;
    LoopObject *loop = self->base.loop;
    int status = -1;

    PyObject *made = PyObject_GetAttr(self->protocol, names->connection_made);
    PyObject *start = PyObject_GetAttr((PyObject *)self, names->start);
    if (made != NULL && start != NULL &&
        loop_call_soon(loop, made, (PyObject *)self, self->context) == 0 &&
        loop_call_soon(loop, start, waiter, self->context) == 0) {
        status = 0;
    }
    Py_XDECREF(start);
    Py_XDECREF(made);
    return status;
}

PyObject *
stream_start_method(PyObject *op, PyObject *waiter)
{
    StreamObject *self = (StreamObject *)op;
    stream_start(self);
    if (waiter == Py_None) {
        Py_RETURN_NONE;
    }
    return PyObject_CallFunctionObjArgs(self->base.loop->state->streams.wake_waiter, waiter,
                                        Py_None, NULL);
}

/* loop._open_stream(class, sock, protocol, waiter, extra, attach, detach) */
PyObject *
loop_open_stream(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    LoopObject *loop = (LoopObject *)op;

    if (nargs != 7) {
        PyErr_SetString(PyExc_TypeError, "_open_stream() takes 7 arguments");
        return NULL;
    }
    PyTypeObject *type = (PyTypeObject *)args[0];
    PyObject *sock = args[1], *protocol = args[2], *waiter = args[3], *extra = args[4];
    if (!PyType_Check(type) || !PyType_IsSubtype(type, loop->state->stream_type)) {
        PyErr_SetString(PyExc_TypeError, "a subclass of Stream is needed");
        return NULL;
    }
    if (loop_check_closed(loop) < 0) {
        return NULL;
    }
    StreamObject *self = stream_new(loop, type, PyContext_CopyCurrent());
    if (self == NULL) {
        return NULL;
    }
    if (extra != Py_None) {
        self->extra = Py_NewRef(extra);
    }
    if (stream_set_protocol(self, protocol) < 0 || stream_take_socket(self, sock) < 0 ||
        stream_attach(self, args[5], args[6]) < 0 ||
        stream_schedule_start(self, waiter) < 0) {
        stream_discard(self);
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

/* ---- get_extra_info("socket") --------------------------------------------------- */

/* asyncio.trsock.TransportSocket over our descriptor.  The Python socket under it is
   made when it is first asked for; StreamTransport._make_socket() says how. */
PyObject *
stream_socket_view(StreamObject *self)
{
    bool open = uvhandle_is_open(&self->base);

    if (self->sock_view != NULL) {
        return Py_NewRef(self->sock_view);
    }
    PyObject *sock = Py_XNewRef(self->sock);
    if (sock == NULL) {
        sock = PyObject_CallMethod((PyObject *)self, "_make_socket", "iii",
                                   open ? self->fd : -1, self->family, self->proto);
        if (sock == NULL) {
            return NULL;
        }
        if (open) {
            self->sock = Py_NewRef(sock);
        }
    }
    PyObject *wrap = self->base.loop->state->streams.transport_socket;
    self->sock_view = PyObject_CallOneArg(wrap, sock);
    Py_DECREF(sock);
    return Py_XNewRef(self->sock_view);
}

PyObject *
loop_transport_on(PyObject *op, PyObject *fd)
{
    int number = PyObject_AsFileDescriptor(fd);
    if (number < 0) {
        return NULL;
    }
    StreamObject *stream = stream_on_fd((LoopObject *)op, number);
    return Py_NewRef(stream != NULL ? (PyObject *)stream : Py_None);
}
