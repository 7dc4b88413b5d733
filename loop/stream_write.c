/* Writing: gathered within one callback, flushed when it returns.

   write() puts bytes into the stream's batch: small ones are copied into its arena,
   large ones kept by reference, and what its owner could still change (bytearray,
   memoryview) is copied.  The flush offers the whole batch to the kernel in one system
   call; what the kernel does not take becomes libuv's, and the batch itself
   is the request.  While one is in flight new writes gather in a fresh batch, which
   the request's callback flushes.

   libuv flushes the cancelled requests of a handle before it calls the close callback,
   so a batch's stream is alive in on_written().

   Flow control is asyncio's.  Bytes over the high-water mark are flushed before the
   protocol is paused, so that only what the kernel refuses counts against it. */
#include "loop/stream.h"

#include <errno.h>
#include <sys/socket.h>
#include "loop/write_batch.h"

enum {
    DIRECT_WRITE = 4096,   /* mutable data from here on goes to the kernel uncopied */
    CONN_LOST_WARNINGS = 5 /* asyncio.constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES */
};

static const char WRITE_FAILED[] = "Fatal write error on socket transport";

/* ---- to the kernel -------------------------------------------------------------- */

static void on_written(uv_write_t *request, int status);

size_t
stream_write_size(const StreamObject *self)
{
    size_t size = self->batch != NULL ? self->batch->bytes : 0;
    if (self->in_flight > 0 && self->conn_lost == 0 && uvhandle_is_open(&self->base)) {
        size += uv_stream_get_write_queue_size(&self->uv.stream);
    }
    return size;
}

void
stream_drop_gathered(StreamObject *self)
{
    write_batch *batch = self->batch;
    self->batch = NULL;
    if (batch != NULL) {
        write_batch_free(self->base.loop, batch);
    }
}

/* What uv_try_write() does, by the socket's own call: write(2) and writev(2) come to it
   by way of the file layer, 3 % of an echo.  Returns bytes, or libuv's code. */
static ssize_t
stream_send(const StreamObject *self, uv_buf_t *buffer, unsigned count)
{
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    struct msghdr message = {.msg_iov = (struct iovec *)buffer, .msg_iovlen = count};
    ssize_t sent;

    do {
        sent = count == 1 ? send(self->fd, buffer->base, buffer->len, flags)
                          : sendmsg(self->fd, &message, flags);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        return sent;
    }
    return errno == EWOULDBLOCK || errno == ENOBUFS ? UV_EAGAIN : -errno;
}

/* Hands the batch to the kernel, or what it does not take to libuv.  0, or -1 with the
   exception set; the batch is gone either way. */
static int
stream_push(StreamObject *self)
{
    write_batch *batch = self->batch;
    unsigned first = 0;
    ssize_t status = UV_EAGAIN;

    if (batch == NULL) {
        return 0;
    }
    self->batch = NULL;
    if (!uvhandle_is_open(&self->base)) {
        write_batch_free(self->base.loop, batch);
        return 0;
    }
    if (self->in_flight == 0) {
        status = stream_send(self, batch->buffer, batch->count);
    }
    if (status >= 0) {
        first = write_batch_advance(batch, (size_t)status);
        status = UV_EAGAIN;
    }
    if (status != UV_EAGAIN) {
        goto fail;
    }
    if (first == batch->count) {
        write_batch_free(self->base.loop, batch);
        return 0;
    }
    batch->stream = self;
    status = uv_write(&batch->request, &self->uv.stream, batch->buffer + first,
                      batch->count - first, on_written);
    if (status < 0) {
        goto fail;
    }
    self->in_flight++;
    return 0;

fail:
    write_batch_free(self->base.loop, batch);
    error_from_uv((int)status);
    return -1;
}

void
stream_flush_now(StreamObject *self)
{
    if (stream_push(self) < 0) {
        stream_fatal(self, WRITE_FAILED);
    }
}

/* asyncio has offered to the kernel what was written before abort(), so do we; what is
   not taken is dropped, and errors have come too late. */
void
stream_send_last(StreamObject *self)
{
    write_batch *batch = self->batch;
    if (batch != NULL && self->in_flight == 0 && uvhandle_is_open(&self->base)) {
        (void)stream_send(self, batch->buffer, batch->count);
    }
    stream_drop_gathered(self);
}

void
stream_flush(loop_flush *node)
{
    StreamObject *self = (StreamObject *)((char *)node - offsetof(StreamObject, flush));
    if (self->in_flight > 0) {
        return; /* on_written() will */
    }
    Py_INCREF(self);
    stream_flush_now(self);
    Py_DECREF(self);
}

/* ---- flow control --------------------------------------------------------------- */

static void
stream_pause_protocol(StreamObject *self)
{
    const stream_state *names = &self->base.loop->state->streams;

    if (self->protocol_paused || self->protocol == NULL ||
        stream_write_size(self) <= self->high_water) {
        return;
    }
    self->protocol_paused = true;
    PyObject *protocol = Py_NewRef(self->protocol);
    PyObject *result = PyObject_CallMethodNoArgs(protocol, names->pause_writing);
    if (result == NULL) {
        loop_report(self->base.loop, "protocol.pause_writing() failed", (PyObject *)self,
                    protocol, NULL);
    }
    Py_XDECREF(result);
    Py_DECREF(protocol);
}

static void
stream_resume_protocol(StreamObject *self)
{
    const stream_state *names = &self->base.loop->state->streams;
    PyObject *slots[1] = {NULL};
    PyObject *result = NULL;

    if (!self->protocol_paused || self->protocol == NULL ||
        stream_write_size(self) > self->low_water) {
        return;
    }
    self->protocol_paused = false;
    PyObject *protocol = Py_NewRef(self->protocol);
    PyObject *method = PyObject_GetAttr(protocol, names->resume_writing);
    if (method != NULL) {
        result = loop_call(self->base.loop, self->context, method, slots + 1, 0,
                           MON_CAUSE_IO, self->fd);
        Py_DECREF(method);
    }
    if (result == NULL) {
        loop_report(self->base.loop, "protocol.resume_writing() failed", (PyObject *)self,
                    protocol, NULL);
    }
    Py_XDECREF(result);
    Py_DECREF(protocol);
}

static int
stream_shutdown(StreamObject *self)
{
    if (!uvhandle_is_open(&self->base)) {
        return 0; /* closed with its loop: the number may be another's by now */
    }
    if (shutdown(self->fd, SHUT_WR) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    return 0;
}

static int
stream_wake_empty_waiter(StreamObject *self)
{
    PyObject *wake = self->base.loop->state->streams.wake_waiter;
    PyObject *result =
        PyObject_CallFunctionObjArgs(wake, self->empty_waiter, Py_None, NULL);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* The last byte has gone. */
static int
stream_on_drained(StreamObject *self)
{
    if (self->empty_waiter != NULL && stream_wake_empty_waiter(self) < 0) {
        return -1;
    }
    if (self->closing) {
        return stream_lose_soon(self, Py_None);
    }
    return self->write_eof ? stream_shutdown(self) : 0;
}

static int
stream_on_written(StreamObject *self, int status)
{
    if (!uvhandle_is_open(&self->base) || self->conn_lost != 0) {
        return 0;
    }
    if (status < 0) {
        error_from_uv(status);
        return -1;
    }
    if (self->in_flight == 0 && stream_push(self) < 0) {
        return -1;
    }
    stream_resume_protocol(self);
    if (self->conn_lost == 0 && stream_write_idle(self)) {
        return stream_on_drained(self);
    }
    return 0;
}

static void
on_written(uv_write_t *request, int status)
{
    write_batch *batch = (write_batch *)((char *)request - offsetof(write_batch, request));
    StreamObject *self = batch->stream;

    gil_take(self->base.loop);
    Py_INCREF(self);
    self->in_flight--;
    write_batch_free(self->base.loop, batch);
    if (stream_on_written(self, status) < 0) {
        stream_fatal(self, WRITE_FAILED);
    }
    Py_DECREF(self);
}

/* ---- gathering
 * ---------------------------------------------------------------------------- */

/* A batch with room for one more item.  NULL with the exception set, or without one
   when making room found the connection lost. */
static write_batch *
stream_roomy_batch(StreamObject *self)
{
    if (self->batch != NULL && self->batch->count == BATCH_ITEMS) {
        stream_flush_now(self);
        if (self->conn_lost != 0) {
            return NULL;
        }
    }
    if (self->batch == NULL) {
        self->batch = write_batch_new(self->base.loop);
    }
    return self->batch;
}

/* After something was gathered: flush it soon, or at once if it is much. */
static void
stream_gathered(StreamObject *self)
{
    if (self->in_flight == 0) {
        loop_flush_soon(self->base.loop, &self->flush);
    }
    if (stream_write_size(self) > self->high_water) {
        if (self->in_flight == 0) {
            stream_flush_now(self);
        }
        if (self->conn_lost == 0) {
            stream_pause_protocol(self);
        }
    }
}

/* Gathers bytes that are part of the bytes object `owner`; NULL: copies them. */
static int
stream_gather(StreamObject *self, PyObject *owner, const char *base, size_t size)
{
    write_batch *batch = stream_roomy_batch(self);
    if (batch == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    if (write_batch_add(batch, owner, base, size) < 0) {
        return -1;
    }
    stream_gathered(self);
    return 0;
}

/* Much mutable data: offer it to the kernel as it lies, and copy only the rest. */
static int
stream_gather_direct(StreamObject *self, const char *base, size_t size)
{
    if (self->in_flight == 0) {
        stream_flush_now(self);
    }
    if (self->in_flight == 0 && self->conn_lost == 0) {
        uv_buf_t buffer = {.base = (char *)base, .len = size};
        ssize_t status = stream_send(self, &buffer, 1);
        if (status < 0 && status != UV_EAGAIN) {
            error_from_uv((int)status);
            stream_fatal(self, WRITE_FAILED);
        }
        if (status > 0) {
            base += status;
            size -= (size_t)status;
        }
    }
    return size > 0 && self->conn_lost == 0 ? stream_gather(self, NULL, base, size) : 0;
}

/* ---- write()
 * -------------------------------------------------------------------------------- */

static int
stream_put_mutable(StreamObject *self, PyObject *data)
{
    Py_buffer view;
    int status;

    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    /* A view of a bytes object cannot change, and the object outlives the view. */
    PyObject *base = PyMemoryView_Check(data) ? PyMemoryView_GET_BASE(data) : NULL;
    if (view.len == 0) {
        status = 0;
    }
    else if (base != NULL && PyBytes_CheckExact(base)) {
        status = stream_gather(self, base, view.buf, (size_t)view.len);
    }
    else if (view.len >= DIRECT_WRITE) {
        status = stream_gather_direct(self, view.buf, (size_t)view.len);
    }
    else {
        status = stream_gather(self, NULL, view.buf, (size_t)view.len);
    }
    PyBuffer_Release(&view);
    return status;
}

static int
stream_put(StreamObject *self, PyObject *data)
{
    if (PyBytes_Check(data)) {
        size_t size = (size_t)PyBytes_GET_SIZE(data);
        return size > 0 ? stream_gather(self, data, PyBytes_AS_STRING(data), size) : 0;
    }
    return stream_put_mutable(self, data);
}

/* 1: go on; 0: the connection is lost, drop the data (and say so in time); -1: error. */
static int
stream_may_write(StreamObject *self, const char *method)
{
    if (self->write_eof) {
        PyErr_Format(PyExc_RuntimeError, "Cannot call %s() after write_eof()", method);
        return -1;
    }
    if (self->empty_waiter != NULL) {
        PyErr_Format(PyExc_RuntimeError, "unable to %s; sendfile is in progress", method);
        return -1;
    }
    return 1;
}

static int
stream_write_when_lost(StreamObject *self)
{
    if (self->conn_lost >= CONN_LOST_WARNINGS) {
        PyObject *result =
            PyObject_CallMethod(self->base.loop->state->asyncio_logger, "warning", "s",
                                "socket.send() raised exception.");
        if (result == NULL) {
            return -1;
        }
        Py_DECREF(result);
    }
    self->conn_lost++;
    return 0;
}

static bool
stream_is_lost(const StreamObject *self)
{
    return self->conn_lost != 0 || !uvhandle_is_open(&self->base);
}

PyObject *
stream_write(PyObject *op, PyObject *data)
{
    StreamObject *self = (StreamObject *)op;

    if (!PyBytes_Check(data) && !PyByteArray_Check(data) && !PyMemoryView_Check(data)) {
        return PyErr_Format(PyExc_TypeError,
                            "data argument must be a bytes-like object, not '%.200s'",
                            Py_TYPE(data)->tp_name);
    }
    if (stream_may_write(self, "write") < 0) {
        return NULL;
    }
    if (stream_is_lost(self)) {
        int size = PyObject_IsTrue(data);
        if (size < 0 || (size > 0 && stream_write_when_lost(self) < 0)) {
            return NULL;
        }
        Py_RETURN_NONE;
    }
    if (stream_put(self, data) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static int
stream_check_buffers(PyObject *const *items, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!PyObject_CheckBuffer(items[i])) {
            PyErr_Format(PyExc_TypeError, "a bytes-like object is required, not '%.100s'",
                         Py_TYPE(items[i])->tp_name);
            return -1;
        }
    }
    return 0;
}

/* The buffers of a tuple as one bytes object. */
static PyObject *
stream_join(PyObject *all)
{
    if (PyTuple_GET_SIZE(all) == 1 && PyBytes_CheckExact(PyTuple_GET_ITEM(all, 0))) {
        return Py_NewRef(PyTuple_GET_ITEM(all, 0));
    }
    PyObject *empty = PyBytes_FromStringAndSize(NULL, 0);
    PyObject *joined =
        empty != NULL ? PyObject_CallMethod(empty, "join", "(O)", all) : NULL;
    Py_XDECREF(empty);
    return joined;
}

PyObject *
stream_writelines(PyObject *op, PyObject *list)
{
    StreamObject *self = (StreamObject *)op;

    if (stream_may_write(self, "writelines") < 0) {
        return NULL;
    }
    /* One write of all, as in asyncio: pause_writing() may change the list, or write
       itself, and must find none of it half done. */
    PyObject *all = PySequence_Tuple(list);
    if (all == NULL) {
        return NULL;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(all);
    int status = stream_check_buffers(((PyTupleObject *)all)->ob_item, count);
    if (status == 0 && count > 0 && stream_is_lost(self)) {
        status = stream_write_when_lost(self);
    }
    else if (status == 0 && count > 0) {
        PyObject *joined = stream_join(all);
        status = joined != NULL ? stream_put(self, joined) : -1;
        Py_XDECREF(joined);
    }
    Py_DECREF(all);
    if (status < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyObject *
stream_write_eof(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    StreamObject *self = (StreamObject *)op;

    if (self->closing || self->write_eof) {
        Py_RETURN_NONE;
    }
    self->write_eof = true;
    stream_flush_now(self);
    if (self->conn_lost == 0 && stream_write_idle(self) && stream_shutdown(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- limits, and sendfile's wait for an empty buffer
 * --------------------------------------- */

/* _set_limits(low, high): checked by StreamTransport. */
PyObject *
stream_set_limits(PyObject *op, PyObject *args)
{
    StreamObject *self = (StreamObject *)op;
    Py_ssize_t low, high;

    if (!PyArg_ParseTuple(args, "nn:_set_limits", &low, &high)) {
        return NULL;
    }
    self->low_water = (size_t)low;
    self->high_water = (size_t)high;
    if (self->batch != NULL && self->in_flight == 0 &&
        stream_write_size(self) > (size_t)high) {
        stream_flush_now(self);
    }
    if (self->conn_lost == 0) {
        stream_pause_protocol(self);
    }
    Py_RETURN_NONE;
}

PyObject *
stream_make_empty_waiter(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    StreamObject *self = (StreamObject *)op;

    if (self->empty_waiter != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "Empty waiter is already set");
        return NULL;
    }
    stream_flush_now(self);
    self->empty_waiter =
        PyObject_CallMethod((PyObject *)self->base.loop, "create_future", NULL);
    if (self->empty_waiter == NULL ||
        (stream_write_idle(self) && stream_wake_empty_waiter(self) < 0)) {
        return NULL;
    }
    return Py_NewRef(self->empty_waiter);
}

PyObject *
stream_reset_empty_waiter(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    Py_CLEAR(((StreamObject *)op)->empty_waiter);
    Py_RETURN_NONE;
}
