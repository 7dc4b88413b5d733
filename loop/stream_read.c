/* Reading: from the socket to the protocol.

   libuv says when there is something to read, by asking for a buffer (on_alloc).  That
   is where it is read, by the socket's own call: read(2), which libuv would use, comes
   to it by way of the file layer.  libuv gets no buffer and so calls on_read at once,
   which delivers.  So there is one read for each wake-up: a peer that sends without end
   does not keep the others waiting.

   A Protocol's bytes come through the loop's read buffer, a bytes object that nobody
   else has seen, which is filled without the interpreter's lock.  Little is copied out
   of it into a bytes object of the right size; much is handed over as it lies, the
   object cut to size, and the loop gets a new one.  A BufferedProtocol lends its own
   buffer between on_alloc and on_read. */
#include "loop/stream.h"

#include <errno.h>
#include <sys/socket.h>

enum {
    /* With its header less than 128 KB, from where on malloc() asks the kernel for each
       object anew: a buffer of 256 KB made an echo of 100 KB five times slower. */
    READ_BUFFER = 128 * 1024 - 256,
    READ_HANDED_OVER = 32 * 1024 /* bytes: below, copying costs no more */
};

static const char READ_FAILED[] = "Fatal read error on socket transport";
static const char GET_BUFFER_FAILED[] = "Fatal error: protocol.get_buffer() call failed.";

static bool
stream_wants_data(const StreamObject *self)
{
    return self->started && !self->paused && !self->closing && !self->eof_received &&
           uvhandle_is_open(&self->base);
}

/* ---- a BufferedProtocol's buffer ------------------------------------------------ */

static void
stream_release_view(StreamObject *self)
{
    if (self->view.obj != NULL) {
        PyBuffer_Release(&self->view);
    }
}

/* 1: self->view is the buffer to read into; 0: none is wanted now; -1: error. */
static int
stream_get_buffer(StreamObject *self)
{
    PyObject *slots[2] = {NULL, self->base.loop->state->streams.minus_one};
    PyObject *method = Py_NewRef(self->get_buffer);

    PyObject *buffer = loop_call(self->base.loop, self->context, method, slots + 1, 1,
                                 MON_CAUSE_IO, self->fd);
    bool current = method == self->get_buffer;
    Py_DECREF(method);
    if (buffer == NULL) {
        return -1;
    }
    if (!current || !stream_wants_data(self)) {
        /* The protocol paused, closed or replaced itself instead. */
        Py_DECREF(buffer);
        return 0;
    }
    int status = PyObject_GetBuffer(buffer, &self->view, PyBUF_WRITABLE);
    Py_DECREF(buffer);
    if (status < 0) {
        return -1;
    }
    if (self->view.len == 0) {
        stream_release_view(self);
        PyErr_SetString(PyExc_RuntimeError, "get_buffer() returned an empty buffer");
        return -1;
    }
    return 1;
}

/* ---- the read ------------------------------------------------------------------- */

/* Bytes read, 0 at the end of the stream, or libuv's code.  Needs no lock. */
static ssize_t
stream_receive(int fd, void *base, size_t size)
{
    ssize_t received;
    do {
        received = recv(fd, base, size, MSG_DONTWAIT);
    } while (received < 0 && errno == EINTR);
    return received >= 0 ? received : errno == EWOULDBLOCK ? UV_EAGAIN : -errno;
}

static ssize_t
stream_receive_into_view(StreamObject *self)
{
    gil_take(self->base.loop);
    Py_INCREF(self);
    self->allocating = true;
    int wanted = stream_get_buffer(self);
    if (wanted < 0) {
        stream_fatal(self, GET_BUFFER_FAILED);
    }
    Py_DECREF(self);
    return wanted > 0 ? stream_receive(self->fd, self->view.buf, (size_t)self->view.len)
                      : UV_EAGAIN;
}

static ssize_t
stream_receive_into_loops(LoopObject *loop, int fd)
{
    if (loop->read_buffer == NULL) {
        gil_take(loop);
        loop->read_buffer = PyBytes_FromStringAndSize(NULL, READ_BUFFER);
        if (loop->read_buffer == NULL) {
            PyErr_Clear();
            return UV_ENOMEM;
        }
    }
    return stream_receive(fd, PyBytes_AS_STRING(loop->read_buffer), READ_BUFFER);
}

static void
on_alloc(uv_handle_t *uv, size_t Py_UNUSED(suggested), uv_buf_t *buf)
{
    StreamObject *self = uv->data;

    buf->base = NULL; /* so that libuv does not read, but calls on_read() */
    buf->len = 0;
    self->received = self->buffer_updated != NULL && self->get_buffer != NULL
                         ? stream_receive_into_view(self)
                         : stream_receive_into_loops(self->base.loop, self->fd);
}

/* ---- what came ------------------------------------------------------------------ */

/* What set_protocol() did not find fails as it would in asyncio: when it is called. */
static PyObject *
stream_missing_method(StreamObject *self, PyObject *name)
{
    PyObject *protocol = self->protocol != NULL ? self->protocol : Py_None;
    return PyObject_GetAttr(protocol, name);
}

/* The first `size` bytes of the loop's buffer as an object. */
static PyObject *
stream_take_bytes(LoopObject *loop, Py_ssize_t size)
{
    if (size < READ_HANDED_OVER) {
        return PyBytes_FromStringAndSize(PyBytes_AS_STRING(loop->read_buffer), size);
    }
    PyObject *bytes = loop->read_buffer;
    loop->read_buffer = NULL;
    (void)_PyBytes_Resize(&bytes, size); /* NULL with MemoryError set if that fails */
    return bytes;
}

/* Once the protocol has seen what was handed over: its memory may be free again. */
static void
stream_renew_buffer(LoopObject *loop)
{
    PyObject *raised = PyErr_GetRaisedException();
    loop->read_buffer = PyBytes_FromStringAndSize(NULL, READ_BUFFER);
    if (loop->read_buffer == NULL) {
        PyErr_Clear(); /* the next read tries again */
    }
    if (raised != NULL) {
        PyErr_SetRaisedException(raised);
    }
}

/* method(arg) as one slice; arg is stolen, and NULL if an exception is set. */
static int
stream_call(StreamObject *self, PyObject *method, PyObject *arg)
{
    PyObject *slots[2] = {NULL, arg};
    PyObject *result = NULL;

    if (arg != NULL && method != NULL) {
        Py_INCREF(method); /* set_protocol() may let go of it */
        result = loop_call(self->base.loop, self->context, method, slots + 1, 1,
                           MON_CAUSE_IO, self->fd);
        Py_DECREF(method);
    }
    Py_XDECREF(arg);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int
stream_deliver_bytes(StreamObject *self, Py_ssize_t size)
{
    LoopObject *loop = self->base.loop;
    PyObject *bytes = stream_take_bytes(loop, size);
    int status;

    if (self->data_received != NULL) {
        status = stream_call(self, self->data_received, bytes);
    }
    else {
        PyObject *method = stream_missing_method(self, loop->state->streams.data_received);
        status = stream_call(self, method, bytes);
        Py_XDECREF(method);
    }
    if (loop->read_buffer == NULL) {
        stream_renew_buffer(loop);
    }
    return status;
}

static void
stream_on_data(StreamObject *self, Py_ssize_t size, bool in_view)
{
    if (in_view) {
        if (stream_call(self, self->buffer_updated, PyLong_FromSsize_t(size)) < 0) {
            stream_fatal(self, "Fatal error: protocol.buffer_updated() call failed.");
        }
    }
    else if (stream_deliver_bytes(self, size) < 0) {
        stream_fatal(self, "Fatal error: protocol.data_received() call failed.");
    }
}

static int
stream_on_eof(StreamObject *self)
{
    PyObject *name = self->base.loop->state->streams.eof_received;
    PyObject *slots[1] = {NULL};

    stream_debug(self, "%r received EOF");
    self->eof_received = true;
    if (stream_sync_reading(self) < 0) {
        return -1;
    }
    PyObject *method = stream_missing_method(self, name);
    if (method == NULL) {
        return -1;
    }
    PyObject *result = loop_call(self->base.loop, self->context, method, slots + 1, 0,
                                 MON_CAUSE_IO, self->fd);
    Py_DECREF(method);
    if (result == NULL) {
        return -1;
    }
    int keep_open = PyObject_IsTrue(result);
    Py_DECREF(result);
    if (keep_open < 0) {
        return -1;
    }
    return keep_open ? 0 : stream_close(self);
}

static void
stream_on_received(StreamObject *self, ssize_t received)
{
    bool in_view = self->view.obj != NULL;

    stream_release_view(self); /* the protocol may resize its buffer now */
    if (received > 0) {
        stream_on_data(self, received, in_view);
    }
    else if (received == 0) {
        if (stream_on_eof(self) < 0) {
            stream_fatal(self, "Fatal error: protocol.eof_received() call failed.");
        }
    }
    else if (received != UV_EAGAIN) {
        error_from_uv((int)received);
        stream_fatal(self, READ_FAILED);
    }
}

static void
on_read(uv_stream_t *uv, ssize_t Py_UNUSED(nread), const uv_buf_t *Py_UNUSED(buf))
{
    StreamObject *self = uv->data;

    if (self->received == UV_EAGAIN && !self->allocating) {
        return; /* nothing after all: the lock is not needed */
    }
    gil_take(self->base.loop);
    Py_INCREF(self);
    self->allocating = false;
    stream_on_received(self, self->received);
    if (stream_sync_reading(self) < 0) {
        stream_fatal(self, READ_FAILED);
    }
    Py_DECREF(self);
}

/* ---- starting and stopping ------------------------------------------------------ */

int
stream_sync_reading(StreamObject *self)
{
    bool wanted = stream_wants_data(self);

    if (wanted == self->reading || self->allocating) {
        return 0; /* on_read() looks again */
    }
    self->reading = wanted;
    int status = wanted ? uv_read_start(&self->uv.stream, on_alloc, on_read)
                        : uv_read_stop(&self->uv.stream);
    if (status < 0) {
        self->reading = false;
        error_from_uv(status);
        return -1;
    }
    return 0;
}

PyObject *
stream_is_reading(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    StreamObject *self = (StreamObject *)op;
    return PyBool_FromLong(!self->closing && !self->paused);
}

static PyObject *
stream_set_paused(StreamObject *self, bool paused, const char *what)
{
    if (!self->closing && self->paused != paused) {
        self->paused = paused;
        if (stream_sync_reading(self) < 0) {
            return NULL;
        }
        stream_debug(self, what);
    }
    Py_RETURN_NONE;
}

PyObject *
stream_pause_reading(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return stream_set_paused((StreamObject *)op, true, "%r pauses reading");
}

PyObject *
stream_resume_reading(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return stream_set_paused((StreamObject *)op, false, "%r resumes reading");
}
