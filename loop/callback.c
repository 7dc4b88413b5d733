/* Handle and TimerHandle, as asyncio's users know them.

   A Handle is made for each call_soon(), so it comes from a free list of its loop,
   holds up to three arguments in itself and is not tracked by the collector: its
   references belong to the loop's ring while it waits there, Loop's traverse looks
   through it (handle_visit), and it lets go of them when it has run or is cancelled.
   What lives longer is tracked: a TimerHandle, a poller's Handle, and one that was made
   while the loop does not run. */
#include "loop/callback.h"
#include "loop/timers.h"

/* ---- birth and death ------------------------------------------------------------ */

static void
handle_init(HandleObject *self, LoopObject *loop)
{
    self->callback = NULL;
    self->context = NULL;
    self->task = NULL;
    self->source_traceback = NULL;
    self->weakrefs = NULL;
    self->nargs = 0;
    self->cause = MON_CAUSE_FUTURE;
    self->fd = -1;
    self->cancelled = false;
    self->tracked = false;
    self->loop = (LoopObject *)Py_NewRef((PyObject *)loop);
}

static HandleObject *
handle_alloc(LoopObject *loop)
{
    HandleObject *self = loop->free_handles;
    if (self != NULL) {
        loop->free_handles = (HandleObject *)self->context;
        loop->free_count--;
        compat_revive((PyObject *)self);
    }
    else {
        self = PyObject_GC_New(HandleObject, loop->state->handle_type);
        if (self == NULL) {
            return NULL;
        }
    }
    handle_init(self, loop);
    return self;
}

static int
handle_set_args(HandleObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs <= HANDLE_INLINE) {
        for (Py_ssize_t i = 0; i < nargs; i++) {
            self->argv[1 + i] = Py_NewRef(args[i]);
        }
        self->nargs = (uint8_t)nargs;
        return 0;
    }
    PyObject *all = PyTuple_New(nargs);
    if (all == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < nargs; i++) {
        PyTuple_SET_ITEM(all, i, Py_NewRef(args[i]));
    }
    self->argv[1] = all;
    self->nargs = HANDLE_MANY;
    return 0;
}

/* Debug mode: where the handle was made, as asyncio keeps it. */
static int
handle_set_source(HandleObject *self)
{
    self->source_traceback = PyObject_CallNoArgs(self->loop->state->extract_stack);
    return self->source_traceback == NULL ? -1 : 0;
}

static int
handle_fill(HandleObject *self, PyObject *callback, PyObject *const *args, Py_ssize_t nargs,
            PyObject *context)
{
    self->context = context != NULL ? Py_NewRef(context) : PyContext_CopyCurrent();
    if (self->context == NULL || handle_set_args(self, args, nargs) < 0) {
        return -1;
    }
    self->callback = Py_NewRef(callback);
    return self->loop->debug ? handle_set_source(self) : 0;
}

HandleObject *
handle_new(LoopObject *loop, PyObject *callback, PyObject *const *args, Py_ssize_t nargs,
           PyObject *context)
{
    HandleObject *self = handle_alloc(loop);
    if (self != NULL && handle_fill(self, callback, args, nargs, context) < 0) {
        Py_CLEAR(self);
    }
    return self;
}

TimerObject *
timer_new(LoopObject *loop, PyObject *callback, PyObject *const *args, Py_ssize_t nargs,
          PyObject *context, double when)
{
    TimerObject *self = PyObject_GC_New(TimerObject, loop->state->timer_type);
    if (self == NULL) {
        return NULL;
    }
    handle_init(&self->base, loop);
    self->base.cause = MON_CAUSE_TIMER;
    self->when = when;
    self->order = 0;
    self->scheduled = false;
    if (handle_fill(&self->base, callback, args, nargs, context) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    PyObject_GC_Track(self);
    return self;
}

static void
handle_drop_args(HandleObject *self)
{
    unsigned n = self->nargs == HANDLE_MANY ? 1 : self->nargs;
    self->nargs = 0;
    for (unsigned i = 1; i <= n; i++) {
        Py_DECREF(self->argv[i]);
    }
}

void
handle_track(HandleObject *self)
{
    if (!self->tracked) {
        self->tracked = true;
        PyObject_GC_Track(self);
    }
}

void
handle_clear(HandleObject *self)
{
    Py_CLEAR(self->callback);
    handle_drop_args(self);
    Py_CLEAR(self->context);
}

int
handle_visit(HandleObject *self, visitproc visit, void *arg)
{
    unsigned n = self->nargs == HANDLE_MANY ? 1 : self->nargs;
    Py_VISIT(self->callback);
    Py_VISIT(self->context);
    for (unsigned i = 1; i <= n; i++) {
        Py_VISIT(self->argv[i]);
    }
    Py_VISIT(self->source_traceback);
    Py_VISIT(self->loop);
    return 0;
}

static int
handle_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    return handle_visit((HandleObject *)op, visit, arg);
}

static int
handle_tp_clear(PyObject *op)
{
    handle_clear((HandleObject *)op);
    return 0;
}

static void
handle_dealloc(PyObject *op)
{
    HandleObject *self = (HandleObject *)op;
    LoopObject *loop = self->loop;
    if (self->tracked) {
        PyObject_GC_UnTrack(op);
    }
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    if (self->callback != NULL || self->nargs != 0 || self->context != NULL) {
        handle_clear(self);
    }
    Py_CLEAR(self->source_traceback);
    self->loop = NULL;
    if (loop->free_count < LOOP_HANDLES_KEPT && !loop->closed) {
        self->context = (PyObject *)loop->free_handles; /* the list's link */
        loop->free_handles = self;
        loop->free_count++;
    }
    else {
        PyTypeObject *type = Py_TYPE(op);
        PyObject_GC_Del(op);
        Py_DECREF(type);
    }
    Py_DECREF(loop);
}

static void
timer_dealloc(PyObject *op)
{
    HandleObject *self = (HandleObject *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    handle_clear(self);
    Py_CLEAR(self->source_traceback);
    Py_CLEAR(self->loop);
    PyObject_GC_Del(op);
    Py_DECREF(type);
}

void
handle_free_list_clear(LoopObject *loop)
{
    while (loop->free_handles != NULL) {
        HandleObject *self = loop->free_handles;
        PyTypeObject *type = Py_TYPE(self);
        loop->free_handles = (HandleObject *)self->context;
        PyObject_GC_Del(self);
        Py_DECREF(type);
    }
    loop->free_count = 0;
}

/* ---- running a poller's handle --------------------------------------------------- */

void
handle_run_kept(HandleObject *self, mon_cause cause, int fd)
{
    LoopObject *loop = self->loop;
    PyObject *stack[1 + HANDLE_INLINE];
    PyObject *const *args = stack + 1;
    Py_ssize_t nargs = self->nargs;

    if (self->cancelled) {
        return;
    }
    /* The callback may cancel its own handle: hold everything it runs on. */
    PyObject *callback = Py_NewRef(self->callback);
    PyObject *context = Py_NewRef(self->context);
    unsigned held = nargs == HANDLE_MANY ? 1 : (unsigned)nargs;
    for (unsigned i = 1; i <= held; i++) {
        stack[i] = Py_NewRef(self->argv[i]);
    }
    PyObject **many = NULL;
    Py_INCREF(self);
    if (nargs == HANDLE_MANY) {
        /* A copy with a slot in front: the callee may write there, and a tuple has its
           size in that place. */
        nargs = PyTuple_GET_SIZE(stack[1]);
        many = PyMem_New(PyObject *, nargs + 1);
        for (Py_ssize_t i = 0; many != NULL && i < nargs; i++) {
            many[1 + i] = PyTuple_GET_ITEM(stack[1], i);
        }
        args = many != NULL ? many + 1 : NULL;
    }
    PyObject *result =
        args != NULL ? loop_call(loop, context, callback, args, (size_t)nargs, cause, fd)
                     : PyErr_NoMemory();
    if (result == NULL) {
        handle_report(loop, self, callback, args, args != NULL ? nargs : 0);
    }
    else {
        Py_DECREF(result);
    }
    PyMem_Free(many);
    Py_DECREF(self);
    for (unsigned i = 1; i <= held; i++) {
        Py_DECREF(stack[i]);
    }
    Py_DECREF(context);
    Py_DECREF(callback);
}

/* ---- what users see -------------------------------------------------------------- */

static PyObject *
handle_args_tuple(HandleObject *self)
{
    if (self->nargs == HANDLE_MANY) {
        return Py_NewRef(self->argv[1]);
    }
    PyObject *all = PyTuple_New(self->nargs);
    for (unsigned i = 0; all != NULL && i < self->nargs; i++) {
        PyTuple_SET_ITEM(all, i, Py_NewRef(self->argv[1 + i]));
    }
    return all;
}

static PyObject *
handle_cancel(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    HandleObject *self = (HandleObject *)op;
    if (!self->cancelled) {
        self->cancelled = true;
        handle_clear(self);
    }
    Py_RETURN_NONE;
}

static PyObject *
timer_cancel(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    TimerObject *self = (TimerObject *)op;
    if (!self->base.cancelled) {
        self->base.cancelled = true;
        if (self->scheduled) {
            /* Before anything that could run Python: the heap's count must be right. */
            timers_cancelled(self->base.loop, self);
        }
        handle_clear(&self->base);
    }
    Py_RETURN_NONE;
}

static PyObject *
handle_is_cancelled(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(((HandleObject *)op)->cancelled);
}

static PyObject *
handle_get_context(PyObject *op, void *Py_UNUSED(closure))
{
    HandleObject *self = (HandleObject *)op;
    return Py_NewRef(self->context != NULL ? self->context : Py_None);
}

static PyObject *
handle_get_context_method(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return handle_get_context(op, NULL);
}

static PyObject *
handle_run_method(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    HandleObject *self = (HandleObject *)op;
    if (!self->cancelled && self->callback != NULL) {
        handle_run_kept(self, self->cause, self->fd);
    }
    Py_RETURN_NONE;
}

static PyObject *
handle_get_callback(PyObject *op, void *Py_UNUSED(closure))
{
    HandleObject *self = (HandleObject *)op;
    return Py_NewRef(self->callback != NULL ? self->callback : Py_None);
}

static PyObject *
handle_get_args(PyObject *op, void *Py_UNUSED(closure))
{
    HandleObject *self = (HandleObject *)op;
    if (self->callback == NULL) {
        Py_RETURN_NONE;
    }
    return handle_args_tuple(self);
}

static PyObject *
handle_get_cancelled(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((HandleObject *)op)->cancelled);
}

static PyObject *
handle_get_loop(PyObject *op, void *Py_UNUSED(closure))
{
    HandleObject *self = (HandleObject *)op;
    return Py_NewRef(self->loop != NULL ? (PyObject *)self->loop : Py_None);
}

static PyObject *
handle_get_source(PyObject *op, void *Py_UNUSED(closure))
{
    HandleObject *self = (HandleObject *)op;
    return Py_NewRef(self->source_traceback != NULL ? self->source_traceback : Py_None);
}

/* asyncio's own wording: its Handle._repr_info works on anything shaped like a Handle. */
static PyObject *
handle_repr(PyObject *op)
{
    HandleObject *self = (HandleObject *)op;
    loop_state *state = PyType_GetModuleState(Py_TYPE(op));
    if (state == NULL) {
        return NULL;
    }
    PyObject *info = PyObject_CallOneArg(state->handle_repr_info, op);
    if (info == NULL) {
        return NULL;
    }
    if (Py_IS_TYPE(op, state->timer_type)) {
        char text[64];
        PyOS_snprintf(text, sizeof(text), "when=%.9f", ((TimerObject *)self)->when);
        PyObject *when = PyUnicode_FromString(text);
        int failed = when == NULL || PyList_Insert(info, self->cancelled ? 2 : 1, when) < 0;
        Py_XDECREF(when);
        if (failed) {
            Py_DECREF(info);
            return NULL;
        }
    }
    PyObject *space = PyUnicode_FromString(" ");
    PyObject *words = space != NULL ? PyUnicode_Join(space, info) : NULL;
    PyObject *result = words != NULL ? PyUnicode_FromFormat("<%U>", words) : NULL;
    Py_XDECREF(words);
    Py_XDECREF(space);
    Py_DECREF(info);
    return result;
}

static PyObject *
timer_when(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyFloat_FromDouble(((TimerObject *)op)->when);
}

static PyObject *
timer_get_when(PyObject *op, void *Py_UNUSED(closure))
{
    return timer_when(op, NULL);
}

static PyObject *
timer_get_scheduled(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((TimerObject *)op)->scheduled);
}

static PyObject *
timer_richcompare(PyObject *a, PyObject *b, int op)
{
    if (!Py_IS_TYPE(b, Py_TYPE(a))) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    if (op == Py_EQ || op == Py_NE) {
        return PyBool_FromLong((a == b) == (op == Py_EQ));
    }
    Py_RETURN_RICHCOMPARE(((TimerObject *)a)->when, ((TimerObject *)b)->when, op);
}

static Py_hash_t
timer_hash(PyObject *op)
{
#if defined(_Py_HashPointer)
    return _Py_HashPointer(op);
#else
    return (Py_hash_t)((uintptr_t)op >> 4);
#endif
}

PyDoc_STRVAR(handle_doc, "A callback that the loop will run: what call_soon() returns.");
PyDoc_STRVAR(cancel_doc, "Cancel the callback; it will not run.  Does nothing after that.");
PyDoc_STRVAR(cancelled_doc, "True if cancel() was called.");
PyDoc_STRVAR(get_context_doc, "The contextvars.Context in which the callback runs.");
PyDoc_STRVAR(timer_doc,
             "A callback that runs at a set time: what call_at() and call_later() return.");
PyDoc_STRVAR(when_doc, "The time at which the callback is due, in seconds of loop.time().");

#define HANDLE_COMMON_METHODS                                                              \
    {"cancelled", handle_is_cancelled, METH_NOARGS, cancelled_doc},                        \
        {"get_context", handle_get_context_method, METH_NOARGS, get_context_doc},          \
    {                                                                                      \
        "_run", handle_run_method, METH_NOARGS, NULL                                       \
    }

#define HANDLE_COMMON_GETTERS                                                              \
    {"_callback", handle_get_callback}, {"_args", handle_get_args},                        \
        {"_cancelled", handle_get_cancelled}, {"_context", handle_get_context},            \
        {"_loop", handle_get_loop},                                                        \
    {                                                                                      \
        "_source_traceback", handle_get_source                                             \
    }

static PyMethodDef handle_methods[] = {
    {"cancel", handle_cancel, METH_NOARGS, cancel_doc},
    HANDLE_COMMON_METHODS,
    {NULL},
};

static PyMethodDef timer_methods[] = {
    {"cancel", timer_cancel, METH_NOARGS, cancel_doc},
    {"when", timer_when, METH_NOARGS, when_doc},
    HANDLE_COMMON_METHODS,
    {NULL},
};

static PyGetSetDef handle_getset[] = {HANDLE_COMMON_GETTERS, {NULL}};
static PyGetSetDef timer_getset[] = {
    HANDLE_COMMON_GETTERS,
    {"_when", timer_get_when},
    {"_scheduled", timer_get_scheduled},
    {NULL},
};

static PyMemberDef handle_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(HandleObject, weakrefs), READONLY},
    {NULL},
};

static PyType_Slot handle_slots[] = {
    {Py_tp_doc, (void *)handle_doc},
    {Py_tp_dealloc, handle_dealloc},
    {Py_tp_traverse, handle_traverse},
    {Py_tp_clear, handle_tp_clear},
    {Py_tp_repr, handle_repr},
    {Py_tp_methods, handle_methods},
    {Py_tp_getset, handle_getset},
    {Py_tp_members, handle_members},
    {0, NULL},
};

PyType_Spec handle_spec = {
    .name = "uvloupe._loop.Handle",
    .basicsize = sizeof(HandleObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = handle_slots,
};

static PyType_Slot timer_slots[] = {
    {Py_tp_doc, (void *)timer_doc},
    {Py_tp_dealloc, timer_dealloc},
    {Py_tp_traverse, handle_traverse},
    {Py_tp_clear, handle_tp_clear},
    {Py_tp_repr, handle_repr},
    {Py_tp_methods, timer_methods},
    {Py_tp_getset, timer_getset},
    {Py_tp_members, handle_members},
    {Py_tp_richcompare, timer_richcompare},
    {Py_tp_hash, timer_hash},
    {0, NULL},
};

PyType_Spec timer_spec = {
    .name = "uvloupe._loop.TimerHandle",
    .basicsize = sizeof(TimerObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = timer_slots,
};
