/* A transport's life: made, opened, attached to its server, started, closed, lost.

   The order of events is asyncio's selector transport's.  close() and abort() only
   mark the stream and schedule _call_connection_lost() on the loop; that one calls
   protocol.connection_lost() and then lets go of the descriptor, the protocol and
   the server.  So a stream is never closed beneath one of its own callbacks. */
#include "loop/stream.h"
#include "loop/resolver.h"
#include "loop/write_batch.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* ---- the table of descriptors --------------------------------------------------- */

static int
stream_register(StreamObject *self)
{
    stream_room *room = &self->base.loop->streams;
    size_t fd = (size_t)self->fd;

    if (fd >= room->on_fd_size) {
        size_t size = room->on_fd_size != 0 ? room->on_fd_size : 64;
        while (size <= fd) {
            size *= 2;
        }
        StreamObject **grown = PyMem_Realloc(room->on_fd, size * sizeof(*grown));
        if (grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        memset(grown + room->on_fd_size, 0, (size - room->on_fd_size) * sizeof(*grown));
        room->on_fd = grown;
        room->on_fd_size = size;
    }
    room->on_fd[fd] = self;
    return 0;
}

static void
stream_unregister(StreamObject *self)
{
    stream_room *room = &self->base.loop->streams;
    if (self->fd >= 0 && (size_t)self->fd < room->on_fd_size &&
        room->on_fd[self->fd] == self) {
        room->on_fd[self->fd] = NULL;
    }
}

StreamObject *
stream_on_fd(LoopObject *loop, int fd)
{
    const stream_room *room = &loop->streams;
    return fd >= 0 && (size_t)fd < room->on_fd_size ? room->on_fd[fd] : NULL;
}

int
stream_check_fd(LoopObject *loop, int fd)
{
    StreamObject *stream = stream_on_fd(loop, fd);
    if (stream != NULL && !stream->closing) {
        PyErr_Format(PyExc_RuntimeError, "File descriptor %d is used by transport %R", fd,
                     stream);
        return -1;
    }
    return 0;
}

void
streams_closing(LoopObject *loop)
{
    if (loop->uv_ready) {
        loop_flush_all(loop);
        resolver_cancel_all(loop);
    }
}

void
streams_free(LoopObject *loop)
{
    PyMem_Free(loop->streams.on_fd);
    loop->streams.on_fd = NULL;
    loop->streams.on_fd_size = 0;
    write_batches_free(loop);
}

/* ---- opening -------------------------------------------------------------------- */

/* The close callback.  Usually all is done by then; at loop.close() it is not. */
static void
stream_on_closed(UvHandle *base)
{
    StreamObject *self = (StreamObject *)base;
    stream_unregister(self);
    stream_detach_socket(self);
    stream_drop_gathered(self);
    self->reading = false;
    self->closing = true;
}

StreamObject *
stream_new(LoopObject *loop, PyTypeObject *type, PyObject *context)
{
    if (context == NULL) {
        return NULL;
    }
    StreamObject *self = (StreamObject *)type->tp_alloc(type, 0); /* zeroed */
    if (self == NULL) {
        Py_DECREF(context);
        return NULL;
    }
    self->base.loop = (LoopObject *)Py_NewRef((PyObject *)loop);
    self->base.on_closed = stream_on_closed;
    self->context = context;
    self->flush.flush = stream_flush;
    self->high_water = 64 * 1024;
    self->low_water = 16 * 1024;
    self->fd = -1;
    return self;
}

static int
stream_uv_open(StreamObject *self, int fd, int family)
{
    uv_loop_t *uv = &self->base.loop->uv;
    bool tcp = family == AF_INET || family == AF_INET6;

    int status = tcp ? uv_tcp_init(uv, &self->uv.tcp) : uv_pipe_init(uv, &self->uv.pipe, 0);
    if (status == 0) {
        uvhandle_opened(&self->base, &self->uv.handle);
        status = tcp ? uv_tcp_open(&self->uv.tcp, fd) : uv_pipe_open(&self->uv.pipe, fd);
    }
    return status;
}

int
stream_open(StreamObject *self, int fd, int family, int proto)
{
    self->fd = fd;
    self->family = family;
    self->proto = proto;
    if (stream_register(self) < 0) {
        return -1;
    }
    int status = stream_uv_open(self, fd, family);
    if (status < 0) {
        stream_unregister(self);
        self->fd = -1;
        uvhandle_close(&self->base);
        error_from_uv(status);
        return -1;
    }
    if (family == AF_INET || family == AF_INET6) {
        /* Small writes are gathered here: they need not wait for each other there. */
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    return 0;
}

int
stream_attach(StreamObject *self, PyObject *attach, PyObject *detach)
{
    self->attached = true;
    if (attach == Py_None) {
        return 0;
    }
    PyObject *result = PyObject_CallOneArg(attach, (PyObject *)self);
    if (result == NULL) {
        return -1;
    }
    Py_DECREF(result);
    self->detach_from_server = Py_NewRef(detach);
    return 0;
}

int
stream_leave_server(StreamObject *self)
{
    PyObject *detach = self->detach_from_server;
    self->detach_from_server = NULL;
    if (detach == NULL) {
        return 0;
    }
    PyObject *result = PyObject_CallOneArg(detach, (PyObject *)self);
    Py_DECREF(detach);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int
stream_bind(PyObject **slot, PyObject *protocol, PyObject *name)
{
    PyObject *method = PyObject_GetAttr(protocol, name);
    if (method == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear(); /* asyncio notices when it calls the method */
    }
    Py_XSETREF(*slot, method);
    return 0;
}

int
stream_set_protocol(StreamObject *self, PyObject *protocol)
{
    const stream_state *names = &self->base.loop->state->streams;
    int buffered = PyObject_IsInstance(protocol, names->buffered_protocol);

    if (buffered < 0) {
        return -1;
    }
    Py_CLEAR(self->data_received);
    Py_CLEAR(self->get_buffer);
    Py_CLEAR(self->buffer_updated);
    Py_XSETREF(self->protocol, Py_NewRef(protocol));
    if (!buffered) {
        return stream_bind(&self->data_received, protocol, names->data_received);
    }
    if (stream_bind(&self->get_buffer, protocol, names->get_buffer) < 0) {
        return -1;
    }
    return stream_bind(&self->buffer_updated, protocol, names->buffer_updated);
}

void
stream_start(StreamObject *self)
{
    self->started = true;
    if (stream_sync_reading(self) < 0) {
        stream_fatal(self, "Fatal read error on socket transport");
    }
}

/* ---- closing -------------------------------------------------------------------- */

/* Lets go of all that connection_lost() leaves behind. */
static int
stream_finish(StreamObject *self)
{
    self->attached = false;
    stream_drop_gathered(self);
    if (self->empty_waiter != NULL && uvhandle_is_open(&self->base)) {
        /* sendfile has a descriptor of its own: closing ours would not stop it. */
        (void)shutdown(self->fd, SHUT_RDWR);
    }
    stream_unregister(self);
    stream_detach_socket(self);
    uvhandle_close(&self->base);
    self->reading = false;
    Py_CLEAR(self->data_received);
    Py_CLEAR(self->get_buffer);
    Py_CLEAR(self->buffer_updated);
    Py_CLEAR(self->protocol);
    return stream_leave_server(self);
}

void
stream_discard(StreamObject *self)
{
    PyObject *raised = PyErr_GetRaisedException();
    if (stream_finish(self) < 0) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    PyErr_SetRaisedException(raised);
}

static int
stream_fail_empty_waiter(StreamObject *self)
{
    PyObject *waiter = self->empty_waiter;
    self->empty_waiter = NULL;
    if (waiter == NULL) {
        return 0;
    }
    PyObject *result = NULL;
    PyObject *done = PyObject_CallMethod(waiter, "done", NULL);
    if (done == Py_False) {
        PyObject *error = PyObject_CallFunction(PyExc_ConnectionError, "s",
                                                "Connection is closed by peer");
        if (error != NULL) {
            result = PyObject_CallMethod(waiter, "set_exception", "(O)", error);
            Py_DECREF(error);
        }
    }
    else if (done != NULL) {
        result = Py_NewRef(Py_None);
    }
    Py_XDECREF(done);
    Py_DECREF(waiter);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

PyObject *
stream_call_connection_lost(PyObject *op, PyObject *exception)
{
    StreamObject *self = (StreamObject *)op;
    PyObject *result = NULL;

    if (!uvhandle_is_open(&self->base)) {
        Py_RETURN_NONE;
    }
    if (self->protocol != NULL) {
        PyObject *protocol = Py_NewRef(self->protocol);
        PyObject *name = self->base.loop->state->streams.connection_lost;
        result = PyObject_CallMethodOneArg(protocol, name, exception);
        Py_DECREF(protocol);
    }
    else {
        result = Py_NewRef(Py_None);
    }
    PyObject *raised = PyErr_GetRaisedException();
    if (stream_finish(self) < 0 || stream_fail_empty_waiter(self) < 0) {
        if (raised == NULL) {
            Py_CLEAR(result);
        }
        else {
            PyErr_WriteUnraisable(op);
        }
    }
    if (raised != NULL) {
        PyErr_SetRaisedException(raised);
    }
    return result;
}

int
stream_lose_soon(StreamObject *self, PyObject *exception)
{
    PyObject *callable = PyObject_GetAttr(
        (PyObject *)self, self->base.loop->state->streams.call_connection_lost);
    if (callable == NULL) {
        return -1;
    }
    self->conn_lost++;
    int status = loop_call_soon(self->base.loop, callable, exception, self->context);
    Py_DECREF(callable);
    return status;
}

int
stream_close(StreamObject *self)
{
    if (self->closing) {
        return 0;
    }
    self->closing = true;
    if (stream_sync_reading(self) < 0) {
        return -1;
    }
    stream_flush_now(self);
    if (self->conn_lost == 0 && stream_write_idle(self)) {
        return stream_lose_soon(self, Py_None);
    }
    return 0;
}

int
stream_force_close(StreamObject *self, PyObject *exception)
{
    if (self->conn_lost != 0) {
        return 0;
    }
    stream_send_last(self);
    self->closing = true;
    if (stream_sync_reading(self) < 0) {
        return -1;
    }
    return stream_lose_soon(self, exception);
}

void
stream_debug(StreamObject *self, const char *format)
{
    if (!self->base.loop->debug) {
        return;
    }
    PyObject *logger = self->base.loop->state->asyncio_logger;
    PyObject *result = PyObject_CallMethod(logger, "debug", "sO", format, self);
    if (result == NULL) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    Py_XDECREF(result);
}

/* An OSError is the network's way of life: only debug mode tells of it. */
static void
stream_log_fatal(StreamObject *self, PyObject *exception, const char *message)
{
    PyObject *debug = NULL, *args = NULL, *kwargs = NULL, *result = NULL;

    debug = PyObject_GetAttrString(self->base.loop->state->asyncio_logger, "debug");
    args = Py_BuildValue("(sOs)", "%r: %s", self, message);
    kwargs = Py_BuildValue("{sO}", "exc_info", exception);
    if (debug != NULL && args != NULL && kwargs != NULL) {
        result = PyObject_Call(debug, args, kwargs);
    }
    if (result == NULL) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    Py_XDECREF(result);
    Py_XDECREF(kwargs);
    Py_XDECREF(args);
    Py_XDECREF(debug);
}

void
stream_fatal(StreamObject *self, const char *message)
{
    LoopObject *loop = self->base.loop;

    if (PyErr_ExceptionMatches(PyExc_SystemExit) ||
        PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
        loop_report(loop, message, (PyObject *)self, self->protocol, NULL);
        return;
    }
    PyObject *exception = PyErr_GetRaisedException();
    if (PyErr_GivenExceptionMatches(exception, PyExc_OSError)) {
        if (loop->debug) {
            stream_log_fatal(self, exception, message);
        }
    }
    else {
        PyErr_SetRaisedException(Py_NewRef(exception));
        loop_report(loop, message, (PyObject *)self, self->protocol, NULL);
    }
    if (stream_force_close(self, exception) < 0) {
        loop_report(loop, message, (PyObject *)self, self->protocol, NULL);
    }
    Py_DECREF(exception);
}
