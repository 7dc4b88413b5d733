/* add_reader() and add_writer(): one uv_poll_t for each descriptor.

   A Poller is in loop->pollers from its first watcher to its last, and is closed when
   that goes: users close the descriptor right after remove_reader().  The handles run
   in place, inside the poll, for as often as the descriptor is ready. */
#include "loop/poller.h"

#include <fcntl.h>
#include "loop/stream.h"

typedef struct PollerObject {
    UvHandle base;
    uv_poll_t poll;
    int fd;
    HandleObject *reader, *writer;
} PollerObject;

static HandleObject **
poller_slot(PollerObject *self, int event)
{
    return event == UV_READABLE ? &self->reader : &self->writer;
}

static void on_poll(uv_poll_t *poll, int status, int events);

static int
poller_start(PollerObject *self)
{
    int events =
        (self->reader != NULL ? UV_READABLE : 0) | (self->writer != NULL ? UV_WRITABLE : 0);
    return uv_poll_start(&self->poll, events, on_poll);
}

static void
poller_run(PollerObject *self, int event)
{
    HandleObject *handle = *poller_slot(self, event);
    if (handle != NULL) {
        Py_INCREF(handle);
        handle_run_kept(handle, MON_CAUSE_IO, self->fd);
        Py_DECREF(handle);
    }
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
    PollerObject *self = poll->data;
    LoopObject *loop = self->base.loop;
    gil_take(loop);
    Py_INCREF(self);
    if (status < 0) {
        /* libuv reports an error condition and stops watching.  The callbacks find it
           out by their own system calls, as under epoll. */
        events = UV_READABLE | UV_WRITABLE;
    }
    if (events & UV_READABLE) {
        poller_run(self, UV_READABLE);
    }
    if (events & UV_WRITABLE) {
        poller_run(self, UV_WRITABLE);
    }
    if (status < 0 && uvhandle_is_open(&self->base)) {
        (void)poller_start(self);
    }
    Py_DECREF(self);
}

static PollerObject *
poller_find(LoopObject *loop, PyObject *key)
{
    return (PollerObject *)PyDict_GetItemWithError(loop->pollers, key);
}

static PollerObject *
poller_new(LoopObject *loop, PyObject *key, int fd)
{
    if (stream_check_fd(loop, fd) < 0) {
        return NULL;
    }
    PyTypeObject *type = loop->state->poller_type;
    PollerObject *self = (PollerObject *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->base.loop = (LoopObject *)Py_NewRef((PyObject *)loop);
    self->fd = fd;
    /* libuv makes the descriptor non-blocking; asyncio leaves it to its owner, who may
       share it with others (a terminal). */
    int flags = fcntl(fd, F_GETFL);
    int code = uv_poll_init(&loop->uv, &self->poll, fd);
    if (flags >= 0 && (flags & O_NONBLOCK) == 0 && code == 0) {
        (void)fcntl(fd, F_SETFL, flags);
    }
    if (code == UV_EEXIST) {
        PyErr_Format(PyExc_RuntimeError, "File descriptor %d is used by a transport", fd);
        goto fail;
    }
    if (code < 0) {
        error_from_uv(code);
        goto fail;
    }
    uvhandle_opened(&self->base, (uv_handle_t *)&self->poll);
    if (PyDict_SetItem(loop->pollers, key, (PyObject *)self) < 0) {
        uvhandle_close(&self->base);
        goto fail;
    }
    return self;

fail:
    Py_DECREF(self);
    return NULL;
}

/* Stops watching `event`; the last one closes the poller. */
static int
poller_drop(LoopObject *loop, PollerObject *self, PyObject *key, int event)
{
    HandleObject *handle = *poller_slot(self, event);
    if (handle == NULL) {
        return 0;
    }
    /* First the poller, then the handle: letting go of its callback may run Python. */
    *poller_slot(self, event) = NULL;
    int result = 1;
    if (self->reader != NULL || self->writer != NULL) {
        (void)poller_start(self); /* fewer events on an open descriptor: cannot fail */
    }
    else {
        uvhandle_close(&self->base);
        result = PyDict_DelItem(loop->pollers, key) < 0 ? -1 : 1;
    }
    PyObject *cancelled = PyObject_CallMethod((PyObject *)handle, "cancel", NULL);
    Py_DECREF(handle);
    Py_XDECREF(cancelled);
    return cancelled == NULL ? -1 : result;
}

int
poller_remove(LoopObject *loop, int fd, int event)
{
    PyObject *key = PyLong_FromLong(fd);
    if (key == NULL) {
        return -1;
    }
    PollerObject *self = poller_find(loop, key);
    int result = 0;
    if (self == NULL) {
        result = PyErr_Occurred() ? -1 : stream_check_fd(loop, fd);
    }
    else {
        Py_INCREF(self);
        result = poller_drop(loop, self, key, event);
        Py_DECREF(self);
    }
    Py_DECREF(key);
    return result;
}

PyObject *
poller_add(LoopObject *loop, int fd, int event, PyObject *callback, PyObject *const *args,
           Py_ssize_t nargs)
{
    PyObject *key = PyLong_FromLong(fd);
    HandleObject *handle = handle_new(loop, callback, args, nargs, NULL);
    PollerObject *self = NULL;
    if (key == NULL || handle == NULL) {
        goto fail;
    }
    handle_track(handle); /* kept for long, and maybe in a cycle with its callback */
    self = poller_find(loop, key);
    if (self == NULL) {
        if (PyErr_Occurred() || (self = poller_new(loop, key, fd)) == NULL) {
            goto fail;
        }
    }
    else {
        Py_INCREF(self);
    }
    HandleObject *before = *poller_slot(self, event);
    *poller_slot(self, event) = (HandleObject *)Py_NewRef((PyObject *)handle);
    int code = poller_start(self);
    if (code < 0) {
        *poller_slot(self, event) = before;
        Py_DECREF(handle);
        if (self->reader == NULL && self->writer == NULL) {
            uvhandle_close(&self->base);
            (void)PyDict_DelItem(loop->pollers, key);
        }
        error_from_uv(code);
        goto fail;
    }
    if (before != NULL) {
        PyObject *cancelled = PyObject_CallMethod((PyObject *)before, "cancel", NULL);
        Py_DECREF(before);
        if (cancelled == NULL) {
            goto fail;
        }
        Py_DECREF(cancelled);
    }
    Py_DECREF(self);
    Py_DECREF(key);
    return (PyObject *)handle;

fail:
    Py_XDECREF(self);
    Py_XDECREF(handle);
    Py_XDECREF(key);
    return NULL;
}

static int
poller_traverse(PyObject *op, visitproc visit, void *arg)
{
    PollerObject *self = (PollerObject *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->base.loop);
    Py_VISIT(self->reader);
    Py_VISIT(self->writer);
    return 0;
}

static int
poller_clear(PyObject *op)
{
    PollerObject *self = (PollerObject *)op;
    Py_CLEAR(self->reader);
    Py_CLEAR(self->writer);
    return 0;
}

static void
poller_dealloc(PyObject *op)
{
    PollerObject *self = (PollerObject *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    (void)poller_clear(op);
    Py_CLEAR(self->base.loop);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyType_Slot poller_slots[] = {
    {Py_tp_dealloc, poller_dealloc},
    {Py_tp_traverse, poller_traverse},
    {Py_tp_clear, poller_clear},
    {0, NULL},
};

PyType_Spec poller_spec = {
    .name = "uvloupe._loop.Poller",
    .basicsize = sizeof(PollerObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = poller_slots,
};
