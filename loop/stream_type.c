/* The Python type of transports: what users ask of one, its collection, its end. */
#include "loop/stream.h"

#include <stddef.h>

/* ---- per-module state ----------------------------------------------------------- */

static PyObject *
import_attribute(const char *module, const char *name)
{
    PyObject *imported = PyImport_ImportModule(module);
    PyObject *value = imported != NULL ? PyObject_GetAttrString(imported, name) : NULL;
    Py_XDECREF(imported);
    return value;
}

static int
streams_import(stream_state *state)
{
    state->buffered_protocol = import_attribute("asyncio.protocols", "BufferedProtocol");
    state->transport_socket = import_attribute("asyncio.trsock", "TransportSocket");
    state->wake_waiter =
        import_attribute("asyncio.futures", "_set_result_unless_cancelled");
    state->minus_one = PyLong_FromLong(-1);
    return state->buffered_protocol != NULL && state->transport_socket != NULL &&
                   state->wake_waiter != NULL && state->minus_one != NULL
               ? 0
               : -1;
}

int
streams_state_init(stream_state *state)
{
    const struct {
        PyObject **field;
        const char *text;
    } names[] = {
        {&state->connection_made, "connection_made"},
        {&state->connection_lost, "connection_lost"},
        {&state->data_received, "data_received"},
        {&state->eof_received, "eof_received"},
        {&state->get_buffer, "get_buffer"},
        {&state->buffer_updated, "buffer_updated"},
        {&state->pause_writing, "pause_writing"},
        {&state->resume_writing, "resume_writing"},
        {&state->detach, "detach"},
        {&state->call_connection_lost, "_call_connection_lost"},
        {&state->start, "_start"},
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++) {
        *names[i].field = PyUnicode_InternFromString(names[i].text);
        if (*names[i].field == NULL) {
            return -1;
        }
    }
    return streams_import(state);
}

int
streams_state_visit(stream_state *state, visitproc visit, void *arg)
{
    PyObject **fields = (PyObject **)state;
    for (size_t i = 0; i < sizeof(*state) / sizeof(*fields); i++) {
        Py_VISIT(fields[i]);
    }
    return 0;
}

void
streams_state_clear(stream_state *state)
{
    PyObject **fields = (PyObject **)state;
    for (size_t i = 0; i < sizeof(*state) / sizeof(*fields); i++) {
        Py_CLEAR(fields[i]);
    }
}

/* ---- methods -------------------------------------------------------------------- */

static PyObject *
stream_close_method(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    if (stream_close((StreamObject *)op) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
stream_abort(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    if (stream_force_close((StreamObject *)op, Py_None) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
stream_force_close_method(PyObject *op, PyObject *exception)
{
    if (stream_force_close((StreamObject *)op, exception) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
stream_is_closing(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(((StreamObject *)op)->closing);
}

static PyObject *
stream_set_protocol_method(PyObject *op, PyObject *protocol)
{
    if (stream_set_protocol((StreamObject *)op, protocol) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
stream_get_protocol(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    StreamObject *self = (StreamObject *)op;
    return Py_NewRef(self->protocol != NULL ? self->protocol : Py_None);
}

static PyObject *
stream_can_write_eof(PyObject *Py_UNUSED(op), PyObject *Py_UNUSED(ignored))
{
    Py_RETURN_TRUE;
}

static PyObject *
stream_get_write_buffer_size(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromSize_t(stream_write_size((StreamObject *)op));
}

static PyObject *
stream_get_write_buffer_limits(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    StreamObject *self = (StreamObject *)op;
    return Py_BuildValue("(nn)", (Py_ssize_t)self->low_water, (Py_ssize_t)self->high_water);
}

static PyObject *
stream_get_extra_info(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"name", "default", NULL};
    StreamObject *self = (StreamObject *)op;
    PyObject *name, *fallback = Py_None;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:get_extra_info", names, &name,
                                     &fallback)) {
        return NULL;
    }
    if (self->extra != NULL) {
        PyObject *value = PyObject_GetItem(self->extra, name);
        if (value != NULL || !PyErr_ExceptionMatches(PyExc_KeyError)) {
            return value;
        }
        PyErr_Clear();
    }
    if (!PyUnicode_Check(name)) {
        return Py_NewRef(fallback);
    }
    if (PyUnicode_CompareWithASCIIString(name, "socket") == 0) {
        return stream_socket_view(self);
    }
    if (PyUnicode_CompareWithASCIIString(name, "sockname") == 0) {
        return Py_NewRef(self->sockname);
    }
    if (PyUnicode_CompareWithASCIIString(name, "peername") == 0) {
        return Py_NewRef(self->peername);
    }
    return Py_NewRef(fallback);
}

/* asyncio's words: <StreamTransport fd=7 read=polling write=<idle, bufsize=0>> */
static PyObject *
stream_repr(PyObject *op)
{
    StreamObject *self = (StreamObject *)op;
    bool open = uvhandle_is_open(&self->base);
    const char *name = strrchr(Py_TYPE(op)->tp_name, '.');
    name = name != NULL ? name + 1 : Py_TYPE(op)->tp_name;

    return PyUnicode_FromFormat("<%s%s fd=%d read=%s write=<%s, bufsize=%zu>>", name,
                                !open           ? " closed"
                                : self->closing ? " closing"
                                                : "",
                                self->fd, self->reading ? "polling" : "idle",
                                self->in_flight > 0 ? "polling" : "idle",
                                stream_write_size(self));
}

static PyObject *
stream_get_loop(PyObject *op, void *Py_UNUSED(closure))
{
    return Py_NewRef((PyObject *)((StreamObject *)op)->base.loop);
}

static PyObject *
stream_get_sock(PyObject *op, void *Py_UNUSED(closure))
{
    StreamObject *self = (StreamObject *)op;
    return Py_NewRef(self->sock != NULL ? self->sock : Py_None);
}

/* ---- life
 * --------------------------------------------------------------------------------- */

/* The Python socket is not shown to the collector: it refers to nothing, and its own
   finalizer would close the descriptor that libuv is about to close. */
static int
stream_traverse(PyObject *op, visitproc visit, void *arg)
{
    StreamObject *self = (StreamObject *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->base.loop);
    Py_VISIT(self->context);
    Py_VISIT(self->data_received);
    Py_VISIT(self->get_buffer);
    Py_VISIT(self->buffer_updated);
    Py_VISIT(self->protocol);
    Py_VISIT(self->detach_from_server);
    Py_VISIT(self->extra);
    Py_VISIT(self->sockname);
    Py_VISIT(self->peername);
    Py_VISIT(self->empty_waiter);
    return 0;
}

/* The loop stays: the close callback may still be to come. */
static int
stream_tp_clear(PyObject *op)
{
    StreamObject *self = (StreamObject *)op;
    Py_CLEAR(self->context);
    Py_CLEAR(self->data_received);
    Py_CLEAR(self->get_buffer);
    Py_CLEAR(self->buffer_updated);
    Py_CLEAR(self->protocol);
    Py_CLEAR(self->detach_from_server);
    Py_CLEAR(self->extra);
    Py_CLEAR(self->empty_waiter);
    return 0;
}

/* It was opened and nobody closed it: the loop was closed, or is garbage too. */
static void
stream_finalize(PyObject *op)
{
    StreamObject *self = (StreamObject *)op;
    if (!self->attached) {
        return;
    }
    self->attached = false;
    PyObject *raised = PyErr_GetRaisedException();
    if (PyErr_ResourceWarning(op, 1, "unclosed transport %R", op) < 0) {
        PyErr_WriteUnraisable(op);
    }
    if (stream_leave_server(self) < 0) {
        PyErr_WriteUnraisable(op);
    }
    if (raised != NULL) {
        PyErr_SetRaisedException(raised);
    }
}

static void
stream_dealloc(PyObject *op)
{
    StreamObject *self = (StreamObject *)op;
    PyTypeObject *type = Py_TYPE(op);

    if (PyObject_CallFinalizerFromDealloc(op) < 0) {
        return;
    }
    PyObject_GC_UnTrack(op);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    (void)stream_tp_clear(op);
    stream_drop_gathered(self);
    Py_CLEAR(self->sock);
    Py_CLEAR(self->sock_view);
    Py_CLEAR(self->sockname);
    Py_CLEAR(self->peername);
    Py_CLEAR(self->base.loop);
    type->tp_free(op);
    Py_DECREF(type);
}

/* ---- the type
 * ----------------------------------------------------------------------------- */

PyDoc_STRVAR(stream_doc, "A transport over a TCP or Unix stream socket.");
PyDoc_STRVAR(
    write_doc,
    "write($self, data, /)\n--\n\n"
    "Send bytes: gathered now, handed to the kernel when the current callback returns.\n\n"
    "Raises TypeError for anything but bytes, bytearray and memoryview, RuntimeError\n"
    "after write_eof().");
PyDoc_STRVAR(writelines_doc,
             "writelines($self, list_of_data, /)\n--\n\n"
             "Send each of several bytes-like objects, in one system call if possible.");
PyDoc_STRVAR(write_eof_doc,
             "Close the writing half when everything written has been sent.");
PyDoc_STRVAR(can_write_eof_doc, "True: this transport has two halves.");
PyDoc_STRVAR(close_doc, "Close the transport when everything written has been sent.");
PyDoc_STRVAR(abort_doc, "Close the transport now, dropping what has not been sent.");
PyDoc_STRVAR(is_closing_doc,
             "True once close() or abort() was called or the peer is gone.");
PyDoc_STRVAR(pause_reading_doc, "Deliver no data until resume_reading().");
PyDoc_STRVAR(resume_reading_doc, "Deliver data again.");
PyDoc_STRVAR(is_reading_doc, "True unless reading is paused or the transport is closing.");
PyDoc_STRVAR(set_protocol_doc, "Make another protocol the one that is called.");
PyDoc_STRVAR(get_protocol_doc,
             "The protocol that is called; None once the connection is lost.");
PyDoc_STRVAR(
    get_extra_info_doc,
    "get_extra_info($self, /, name, default=None)\n--\n\n"
    "\"socket\", \"sockname\", \"peername\", or what the transport's maker added.");
PyDoc_STRVAR(size_doc, "Bytes written and not yet taken by the kernel.");
PyDoc_STRVAR(limits_doc, "(low, high): the water marks of the write buffer in bytes.");

static PyMethodDef stream_methods[] = {
    {"write", stream_write, METH_O, write_doc},
    {"writelines", stream_writelines, METH_O, writelines_doc},
    {"write_eof", stream_write_eof, METH_NOARGS, write_eof_doc},
    {"can_write_eof", stream_can_write_eof, METH_NOARGS, can_write_eof_doc},
    {"close", stream_close_method, METH_NOARGS, close_doc},
    {"abort", stream_abort, METH_NOARGS, abort_doc},
    {"is_closing", stream_is_closing, METH_NOARGS, is_closing_doc},
    {"pause_reading", stream_pause_reading, METH_NOARGS, pause_reading_doc},
    {"resume_reading", stream_resume_reading, METH_NOARGS, resume_reading_doc},
    {"is_reading", stream_is_reading, METH_NOARGS, is_reading_doc},
    {"set_protocol", stream_set_protocol_method, METH_O, set_protocol_doc},
    {"get_protocol", stream_get_protocol, METH_NOARGS, get_protocol_doc},
    {"get_extra_info", (PyCFunction)(void (*)(void))stream_get_extra_info,
     METH_VARARGS | METH_KEYWORDS, get_extra_info_doc},
    {"get_write_buffer_size", stream_get_write_buffer_size, METH_NOARGS, size_doc},
    {"get_write_buffer_limits", stream_get_write_buffer_limits, METH_NOARGS, limits_doc},
    {"_set_limits", stream_set_limits, METH_VARARGS, NULL},
    {"_force_close", stream_force_close_method, METH_O, NULL},
    {"_call_connection_lost", stream_call_connection_lost, METH_O, NULL},
    {"_start", stream_start_method, METH_O, NULL},
    {"_make_empty_waiter", stream_make_empty_waiter, METH_NOARGS, NULL},
    {"_reset_empty_waiter", stream_reset_empty_waiter, METH_NOARGS, NULL},
    {NULL},
};

static PyMemberDef stream_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(StreamObject, weakrefs), READONLY, NULL},
    {"_protocol_paused", T_BOOL, offsetof(StreamObject, protocol_paused), READONLY, NULL},
    {"_sock_fd", T_INT, offsetof(StreamObject, fd), READONLY, NULL},
    {NULL},
};

static PyGetSetDef stream_getset[] = {
    {"_loop", stream_get_loop, NULL, NULL, NULL},
    {"_sock", stream_get_sock, NULL, NULL, NULL},
    {NULL},
};

static PyType_Slot stream_slots[] = {
    {Py_tp_doc, (void *)stream_doc},   {Py_tp_dealloc, stream_dealloc},
    {Py_tp_finalize, stream_finalize}, {Py_tp_traverse, stream_traverse},
    {Py_tp_clear, stream_tp_clear},    {Py_tp_repr, stream_repr},
    {Py_tp_methods, stream_methods},   {Py_tp_members, stream_members},
    {Py_tp_getset, stream_getset},     {0, NULL},
};

PyType_Spec stream_spec = {
    .name = "uvloupe._loop.Stream",
    .basicsize = sizeof(StreamObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE |
             Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = stream_slots,
};
