/* Reading: from libuv's two callbacks to the protocol.

   A Protocol's bytes come through the loop's shared buffer, which libuv fills without
   the interpreter's lock, and are copied into an exact bytes object.  A
   BufferedProtocol lends its own buffer between on_alloc and on_read.

   libuv reads again at once while a read fills the whole buffer.  So that one fast
   peer does not keep the others waiting, it gets no buffer once LOOP_READ_BUFFER
   bytes have come in one wake-up; the descriptor is still readable at the next poll. */
#include "loop/stream.h"

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
        self->refused = true;
        return 0;
    }
    int status = PyObject_GetBuffer(buffer, &self->view, PyBUF_WRITABLE);
    Py_DECREF(buffer);
    if (status == 0 && self->view.len == 0) {
        stream_release_view(self);
        PyErr_SetString(PyExc_RuntimeError, "get_buffer() returned an empty buffer");
        status = -1;
    }
    return status;
}

static void
on_alloc(uv_handle_t *uv, size_t Py_UNUSED(suggested), uv_buf_t *buf)
{
    StreamObject *self = uv->data;

    buf->base = NULL;
    buf->len = 0;
    self->refused = self->burst >= LOOP_READ_BUFFER;
    if (self->refused) {
        return;
    }
    if (self->buffer_updated == NULL || self->get_buffer == NULL) {
        buf->base = self->base.loop->read_buffer;
        buf->len = LOOP_READ_BUFFER;
        return;
    }
    gil_take(self->base.loop);
    Py_INCREF(self);
    self->allocating = true;
    if (stream_get_buffer(self) < 0) {
        self->refused = true;
        stream_fatal(self, GET_BUFFER_FAILED);
    }
    else if (!self->refused) {
        buf->base = self->view.buf;
        buf->len = (size_t)self->view.len;
    }
    Py_DECREF(self);
}

/* ---- what came ------------------------------------------------------------------ */

/* A Protocol without data_received() fails as it would in asyncio: when it is called. */
static PyObject *
stream_missing_method(StreamObject *self, PyObject *name)
{
    PyObject *protocol = self->protocol != NULL ? self->protocol : Py_None;
    return PyObject_GetAttr(protocol, name);
}

static int
stream_deliver_bytes(StreamObject *self, const char *base, Py_ssize_t size)
{
    LoopObject *loop = self->base.loop;
    PyObject *slots[2] = {NULL, PyBytes_FromStringAndSize(base, size)};
    if (slots[1] == NULL) {
        return -1;
    }
    PyObject *result = NULL;
    PyObject *method =
        self->data_received != NULL
            ? Py_NewRef(self->data_received)
            : stream_missing_method(self, loop->state->streams.data_received);
    if (method != NULL) {
        result =
            loop_call(loop, self->context, method, slots + 1, 1, MON_CAUSE_IO, self->fd);
        Py_DECREF(method);
    }
    Py_DECREF(slots[1]);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int
stream_deliver_update(StreamObject *self, Py_ssize_t size)
{
    PyObject *slots[2] = {NULL, PyLong_FromSsize_t(size)};

    stream_release_view(self);
    if (slots[1] == NULL) {
        return -1;
    }
    PyObject *method = Py_NewRef(self->buffer_updated);
    PyObject *result = loop_call(self->base.loop, self->context, method, slots + 1, 1,
                                 MON_CAUSE_IO, self->fd);
    Py_DECREF(method);
    Py_DECREF(slots[1]);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static void
stream_on_data(StreamObject *self, const uv_buf_t *buf, ssize_t nread)
{
    self->burst = (size_t)nread == buf->len ? self->burst + (size_t)nread : 0;
    if (self->view.obj != NULL) {
        if (stream_deliver_update(self, nread) < 0) {
            stream_fatal(self, "Fatal error: protocol.buffer_updated() call failed.");
        }
    }
    else if (stream_deliver_bytes(self, buf->base, nread) < 0) {
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
on_read(uv_stream_t *uv, ssize_t nread, const uv_buf_t *buf)
{
    StreamObject *self = uv->data;

    if (nread <= 0) {
        self->burst = 0;
        if (!self->allocating && (nread == 0 || self->refused)) {
            return; /* nothing after all: the lock is not needed */
        }
    }
    gil_take(self->base.loop);
    Py_INCREF(self);
    self->allocating = false;
    if (nread > 0) {
        stream_on_data(self, buf, nread);
    }
    stream_release_view(self);
    if (nread == UV_EOF) {
        if (stream_on_eof(self) < 0) {
            stream_fatal(self, "Fatal error: protocol.eof_received() call failed.");
        }
    }
    else if (nread < 0 && !self->refused) {
        error_from_uv((int)nread);
        stream_fatal(self, READ_FAILED);
    }
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
