/* The accepting half of a server: one `_loop.Listener` for each listening socket.

   It watches a duplicate of the server's descriptor, so that the socket object stays
   its owner's to close, and accepts with accept4() itself rather than by uv_listen():
   when descriptors run out libuv takes connections and closes them, while asyncio
   leaves them in the kernel's queue, says so, and tries again a second later. */
#define _GNU_SOURCE 1 /* accept4() */
#include "loop/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>
#include "loop/sockaddr.h"

typedef struct ListenerObject {
    UvHandle base;
    uv_poll_t poll;
    int fd; /* our duplicate; -1 once closed */
    int family, proto;
    int backlog; /* accepted at most, each time the socket is readable */
    PyTypeObject *transport_type;
    PyObject *factory;         /* () -> protocol */
    PyObject *attach, *detach; /* of the server, each called with a transport; or None */
    PyObject *on_error; /* (listener, OSError): accept() failed, nobody watches now */
    PyObject *context;  /* each connection gets a copy */
    PyObject *weakrefs;
} ListenerObject;

/* ---- one connection ------------------------------------------------------------- */

static PyObject *
listener_make_protocol(ListenerObject *self, PyObject *context)
{
    PyObject *slots[1] = {NULL};
    return loop_call(self->base.loop, context, self->factory, slots + 1, 0, MON_CAUSE_IO,
                     self->fd);
}

/* The transport, open and attached; the descriptor is its own, or closed. */
static StreamObject *
listener_make_stream(ListenerObject *self, PyObject *context, PyObject *protocol, int fd,
                     PyObject *peername)
{
    StreamObject *stream =
        stream_new(self->base.loop, self->transport_type, Py_NewRef(context));
    if (stream == NULL) {
        goto fail_new;
    }
    stream->peername = Py_NewRef(peername);
    stream->sockname = sockaddr_of_socket(fd);
    if (stream->sockname == NULL || stream_set_protocol(stream, protocol) < 0 ||
        stream_open(stream, fd, self->family, self->proto) < 0) {
        goto fail_open;
    }
    if (stream_attach(stream, self->attach, self->detach) < 0) {
        stream_discard(stream);
        Py_CLEAR(stream);
    }
    return stream;

fail_open:
    Py_DECREF(stream);
fail_new:
    close(fd);
    return NULL;
}

static int
listener_connection_made(ListenerObject *self, StreamObject *stream, PyObject *context,
                         PyObject *protocol)
{
    LoopObject *loop = self->base.loop;
    PyObject *slots[2] = {NULL, (PyObject *)stream};

    PyObject *method = PyObject_GetAttr(protocol, loop->state->streams.connection_made);
    if (method == NULL) {
        return -1;
    }
    PyObject *result =
        loop_call(loop, context, method, slots + 1, 1, MON_CAUSE_IO, stream->fd);
    Py_DECREF(method);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* A connection that cannot be served is reported and closed; the others go on. */
static void
listener_serve(ListenerObject *self, int fd, PyObject *peername)
{
    static const char failed[] = "Error on transport creation for incoming connection";
    LoopObject *loop = self->base.loop;
    PyObject *protocol = NULL;
    StreamObject *stream = NULL;

    PyObject *context = PyContext_Copy(self->context);
    if (context == NULL) {
        close(fd);
        loop_report(loop, failed, NULL, NULL, NULL);
        return;
    }
    protocol = listener_make_protocol(self, context);
    if (protocol == NULL) {
        close(fd);
        loop_report(loop, failed, NULL, NULL, NULL);
        goto done;
    }
    stream = listener_make_stream(self, context, protocol, fd, peername);
    if (stream == NULL) {
        loop_report(loop, failed, NULL, protocol, NULL);
        goto done;
    }
    if (listener_connection_made(self, stream, context, protocol) < 0) {
        loop_report(loop, "protocol.connection_made() failed", (PyObject *)stream, protocol,
                    NULL);
        if (stream_close(stream) < 0) {
            loop_report(loop, failed, (PyObject *)stream, protocol, NULL);
        }
    }
    stream_start(stream);

done:
    Py_XDECREF(stream);
    Py_XDECREF(protocol);
    Py_DECREF(context);
}

/* ---- accepting ------------------------------------------------------------------ */

static int
listener_accept(int fd, struct sockaddr_storage *peer, socklen_t *size)
{
    *size = sizeof(*peer);
#ifdef SOCK_NONBLOCK
    return accept4(fd, (struct sockaddr *)peer, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
    int accepted = accept(fd, (struct sockaddr *)peer, size);
    if (accepted >= 0 && (fcntl(accepted, F_SETFD, FD_CLOEXEC) < 0 ||
                          fcntl(accepted, F_SETFL, O_NONBLOCK) < 0)) {
        close(accepted);
        return -1;
    }
    return accepted;
#endif
}

/* accept(2): what was already wrong with one connection is passed on to us. */
static bool
listener_error_is_the_peers(int error)
{
    return error == EINTR || error == ECONNABORTED || error == EPROTO ||
           error == ENETDOWN || error == ENETUNREACH || error == EHOSTUNREACH ||
           error == EHOSTDOWN || error == ENOPROTOOPT || error == EOPNOTSUPP ||
           error == ENONET || error == EPERM;
}

/* Stops watching, so that a lasting error is not met in each poll, and says so. */
static void
listener_failed(ListenerObject *self, int error)
{
    LoopObject *loop = self->base.loop;

    uv_poll_stop(&self->poll);
    PyObject *exception = error_object_from_uv(-error);
    if (exception == NULL) {
        loop_report(loop, "accept() failed", NULL, NULL, NULL);
        return;
    }
    PyObject *slots[3] = {NULL, (PyObject *)self, exception};
    PyObject *result =
        loop_call(loop, NULL, self->on_error, slots + 1, 2, MON_CAUSE_IO, self->fd);
    if (result == NULL) {
        loop_report(loop, "accept() failed", NULL, NULL, NULL);
    }
    Py_XDECREF(result);
    Py_DECREF(exception);
}

static void
listener_accept_all(ListenerObject *self)
{
    struct sockaddr_storage peer;
    socklen_t size;

    for (int i = 0; i < self->backlog && self->fd >= 0; i++) {
        int fd = listener_accept(self->fd, &peer, &size);
        if (fd < 0) {
            if (listener_error_is_the_peers(errno)) {
                continue;
            }
            if (errno != EAGAIN && errno != EWOULDBLOCK) {
                listener_failed(self, errno);
            }
            return;
        }
        PyObject *peername = sockaddr_to_py((struct sockaddr *)&peer, size);
        if (peername == NULL) {
            close(fd);
            loop_report(self->base.loop, "accept() failed", NULL, NULL, NULL);
            continue;
        }
        listener_serve(self, fd, peername);
        Py_DECREF(peername);
    }
}

static void
on_acceptable(uv_poll_t *poll, int status, int Py_UNUSED(events))
{
    ListenerObject *self = poll->data;

    gil_take(self->base.loop);
    Py_INCREF(self);
    if (status < 0) {
        listener_failed(self, -status);
    }
    else {
        listener_accept_all(self);
    }
    Py_DECREF(self);
}

static int
listener_watch(ListenerObject *self)
{
    int status = uv_poll_start(&self->poll, UV_READABLE, on_acceptable);
    if (status < 0) {
        error_from_uv(status);
        return -1;
    }
    return 0;
}

/* ---- life ----------------------------------------------------------------------- */

static void
listener_close(ListenerObject *self)
{
    int fd = self->fd;
    uvhandle_close(&self->base); /* takes the descriptor out of libuv's poll at once */
    self->fd = -1;
    if (fd >= 0) {
        close(fd);
    }
}

static void
listener_on_closed(UvHandle *base)
{
    listener_close((ListenerObject *)base);
}

static int
listener_open(ListenerObject *self, int fd)
{
    LoopObject *loop = self->base.loop;

    self->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (self->fd < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    int status = uv_poll_init(&loop->uv, &self->poll, self->fd);
    if (status < 0) {
        listener_close(self);
        error_from_uv(status);
        return -1;
    }
    uvhandle_opened(&self->base, (uv_handle_t *)&self->poll);
    if (listener_watch(self) < 0) {
        listener_close(self);
        return -1;
    }
    return 0;
}

/* loop._open_listener(fd, family, proto, backlog, transport_class, factory, attach, detach,
   on_error) */
PyObject *
loop_open_listener(PyObject *op, PyObject *args)
{
    LoopObject *loop = (LoopObject *)op;
    PyTypeObject *own = loop->state->listener_type;
    int fd, family, proto, backlog;
    PyObject *type, *factory, *attach, *detach, *on_error;

    if (!PyArg_ParseTuple(args, "iiiiO!OOOO:_open_listener", &fd, &family, &proto, &backlog,
                          &PyType_Type, &type, &factory, &attach, &detach, &on_error) ||
        loop_check_closed(loop) < 0) {
        return NULL;
    }
    if (!PyType_IsSubtype((PyTypeObject *)type, loop->state->stream_type)) {
        PyErr_SetString(PyExc_TypeError, "a subclass of Stream is needed");
        return NULL;
    }
    ListenerObject *self = (ListenerObject *)own->tp_alloc(own, 0); /* zeroed */
    if (self == NULL) {
        return NULL;
    }
    self->base.loop = (LoopObject *)Py_NewRef((PyObject *)loop);
    self->base.on_closed = listener_on_closed;
    self->fd = -1;
    self->family = family;
    self->proto = proto;
    self->backlog = backlog > 0 ? backlog : 1;
    self->transport_type = (PyTypeObject *)Py_NewRef(type);
    self->factory = Py_NewRef(factory);
    self->attach = Py_NewRef(attach);
    self->detach = Py_NewRef(detach);
    self->on_error = Py_NewRef(on_error);
    self->context = PyContext_CopyCurrent();
    if (self->context == NULL || listener_open(self, fd) < 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static PyObject *
listener_close_method(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    listener_close((ListenerObject *)op);
    Py_RETURN_NONE;
}

static PyObject *
listener_resume(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    ListenerObject *self = (ListenerObject *)op;
    if (uvhandle_is_open(&self->base) && listener_watch(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static int
listener_traverse(PyObject *op, visitproc visit, void *arg)
{
    ListenerObject *self = (ListenerObject *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->base.loop);
    Py_VISIT(self->transport_type);
    Py_VISIT(self->factory);
    Py_VISIT(self->attach);
    Py_VISIT(self->detach);
    Py_VISIT(self->on_error);
    Py_VISIT(self->context);
    return 0;
}

/* The loop stays: the close callback may still be to come. */
static int
listener_tp_clear(PyObject *op)
{
    ListenerObject *self = (ListenerObject *)op;
    Py_CLEAR(self->transport_type);
    Py_CLEAR(self->factory);
    Py_CLEAR(self->attach);
    Py_CLEAR(self->detach);
    Py_CLEAR(self->on_error);
    Py_CLEAR(self->context);
    return 0;
}

static void
listener_dealloc(PyObject *op)
{
    ListenerObject *self = (ListenerObject *)op;
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    (void)listener_tp_clear(op);
    Py_CLEAR(self->base.loop);
    type->tp_free(op);
    Py_DECREF(type);
}

PyDoc_STRVAR(listener_doc, "The accepting half of a server, for one listening socket.");
PyDoc_STRVAR(listener_close_doc, "Stop accepting.  Connections made so far go on.");
PyDoc_STRVAR(listener_resume_doc, "Accept again after on_error was called.");

static PyMethodDef listener_methods[] = {
    {"close", listener_close_method, METH_NOARGS, listener_close_doc},
    {"resume", listener_resume, METH_NOARGS, listener_resume_doc},
    {NULL},
};

static PyMemberDef listener_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(ListenerObject, weakrefs), READONLY, NULL},
    {NULL},
};

static PyType_Slot listener_slots[] = {
    {Py_tp_doc, (void *)listener_doc},
    {Py_tp_dealloc, listener_dealloc},
    {Py_tp_traverse, listener_traverse},
    {Py_tp_clear, listener_tp_clear},
    {Py_tp_methods, listener_methods},
    {Py_tp_members, listener_members},
    {0, NULL},
};

PyType_Spec listener_spec = {
    .name = "uvloupe._loop.Listener",
    .basicsize = sizeof(ListenerObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = listener_slots,
};
