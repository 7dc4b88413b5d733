/* From CPython's tasks to the monitor's records.

   Tasks are never wrapped nor patched.  What the loop sees of one is the callbacks
   that it schedules: the step of a new task, a step after a bare yield, and the
   wake-up when a future is done.  When a step has ended, the task either was
   scheduled again meanwhile, or awaits a future, or is over. */
#include "loop/tasks.h"

/* ---- reading a task --------------------------------------------------------------- */

static PyObject *
attribute_or_null(PyObject *object, PyObject *name)
{
    PyObject *value = PyObject_GetAttr(object, name);
    if (value == NULL) {
        PyErr_Clear();
    }
    return value;
}

PyObject *
tasks_waiter(LoopObject *loop, PyObject *task)
{
    PyObject *waiter = attribute_or_null(task, loop->state->str_fut_waiter);
    Py_XDECREF(waiter); /* the task keeps it */
    return waiter == Py_None ? NULL : waiter;
}

static PyObject *
read_coro(LoopObject *loop, PyObject *task)
{
    size_t at = loop->state->layout.coro;
    return at != 0 ? Py_XNewRef(LAYOUT_FIELD(task, at))
                   : attribute_or_null(task, loop->state->str_coro);
}

/* The task's name as text.  `space` serves for the names that are still numbers. */
typedef struct task_name {
    const char *text;
    size_t size;
    const void *key;
    PyObject *owner;
    char space[32];
} task_name;

static void
read_name(LoopObject *loop, PyObject *task, task_name *name)
{
    size_t at = loop->state->layout.name;
    PyObject *value = at != 0 ? Py_XNewRef(LAYOUT_FIELD(task, at)) : NULL;
    if (at == 0) {
        value = PyObject_CallMethod(task, "get_name", NULL);
    }
    name->key = value;
    name->owner = value;
    name->text = NULL;
    if (value != NULL && PyLong_CheckExact(value)) {
        /* 3.12 and newer format the default name only when somebody asks. */
        name->size = (size_t)PyOS_snprintf(name->space, sizeof(name->space), "Task-%lld",
                                           PyLong_AsLongLong(value));
        name->text = name->space;
    }
    else if (value != NULL && PyUnicode_Check(value)) {
        Py_ssize_t size = 0;
        name->text = PyUnicode_AsUTF8AndSize(value, &size);
        name->size = (size_t)size;
    }
    if (name->text == NULL) {
        PyErr_Clear();
        name->text = "?";
        name->size = 1;
    }
}

static mon_task *
make_record(LoopObject *loop, PyObject *task, uint64_t stamp)
{
    task_name name;
    PyObject *error = PyErr_GetRaisedException();
    PyObject *coro = read_coro(loop, task);
    mon_row *row = rows_of_coroutine(loop, coro);
    Py_XDECREF(coro);
    read_name(loop, task, &name);
    mon_task *record =
        mon_task_born(loop->mon, task, row, name.text, name.size, name.key, stamp);
    Py_XDECREF(name.owner);
    if (error != NULL) {
        PyErr_SetRaisedException(error);
    }
    return record;
}

/* ---- the transitions off the hot path ------------------------------------------------ */

void
tasks_first_seen(LoopObject *loop, HandleObject *handle, PyObject *task)
{
    mon_task *record = make_record(loop, task, handle->stamp);
    if (record != NULL) {
        mon_task_ready(loop->mon, record, handle->stamp, MON_CAUSE_NONE, -1);
        handle->task = record;
    }
}

typedef struct ending {
    mon_outcome outcome;
    const char *error;
} ending;

/* How a task ended, without marking its exception as retrieved. */
static ending
read_ending(LoopObject *loop, PyObject *task)
{
    const task_layout *layout = &loop->state->layout;
    if (layout->state != 0 && layout->exception != 0) {
        PyObject *exception = LAYOUT_FIELD(task, layout->exception);
        if (*(int *)((char *)task + layout->state) == 1) {
            return (ending){MON_CANCELLED, NULL};
        }
        if (exception != NULL) {
            return (ending){MON_EXCEPTION, Py_TYPE(exception)->tp_name};
        }
        return (ending){MON_RESULT, NULL};
    }
    PyObject *raised = PyErr_GetRaisedException();
    ending end = {MON_RESULT, NULL};
    PyObject *cancelled = PyObject_CallMethod(task, "cancelled", NULL);
    PyObject *exception = PyObject_GetAttrString(task, "_exception");
    if (cancelled == Py_True) {
        end.outcome = MON_CANCELLED;
    }
    else if (exception != NULL && exception != Py_None) {
        end = (ending){MON_EXCEPTION, Py_TYPE(exception)->tp_name};
    }
    Py_XDECREF(cancelled);
    Py_XDECREF(exception);
    PyErr_Clear();
    if (raised != NULL) {
        PyErr_SetRaisedException(raised);
    }
    return end;
}

void
tasks_renamed(LoopObject *loop, mon_task *record, PyObject *task)
{
    task_name name;
    read_name(loop, task, &name);
    if (name.key != record->name_key) {
        mon_task_rename(loop->mon, record, name.text, name.size, name.key);
    }
    Py_XDECREF(name.owner);
}

void
tasks_over(LoopObject *loop, mon_task *record, PyObject *task, uint64_t stamp)
{
    size_t at = loop->state->layout.name;
    if (at == 0 || LAYOUT_FIELD(task, at) != record->name_key) {
        tasks_renamed(loop, record, task);
    }
    ending end = read_ending(loop, task);
    mon_task_done(loop->mon, record, stamp, end.outcome, end.error);
}

/* True if the task is done; the public getter serves where the layout is not known. */
static bool
is_done(LoopObject *loop, PyObject *task)
{
    size_t at = loop->state->layout.state;
    if (at != 0) {
        return *(int *)((char *)task + at) != 0;
    }
    PyObject *done = PyObject_CallMethod(task, "done", NULL);
    if (done == NULL) {
        PyErr_Clear();
    }
    Py_XDECREF(done);
    return done == Py_True;
}

void
tasks_made(LoopObject *loop, PyObject *task, uint64_t began)
{
    mon *m = loop->mon;
    if (!loop->timed || !PyObject_TypeCheck(task, (PyTypeObject *)loop->state->task_type) ||
        mon_task_find(m, task) != NULL) {
        return;
    }
    /* Its first step ran inside create_task(): put it on record as one step. */
    uint64_t ended = mon_now(m);
    mon_task *record = make_record(loop, task, began);
    if (record == NULL) {
        return;
    }
    mon_task *outer = m->slice_task;
    mon_row *outer_row = m->slice_row;
    uint64_t outer_start = m->slice_start;
    mon_task_ready(m, record, began, MON_CAUSE_NONE, -1);
    mon_step_begin(m, record, began);
    (void)mon_step_end(m, record, ended);
    MON_SET(m->slice_task, outer);
    MON_SET(m->slice_row, outer_row);
    MON_SET(m->slice_start, outer_start);
    if (outer_start != 0) {
        /* The caller's own step contains it; the loop ran it once. */
        MON_SET(m->running, m->running - (ended - began));
    }
    if (is_done(loop, task)) {
        tasks_over(loop, record, task, ended);
    }
}

void
tasks_destroyed(LoopObject *loop, PyObject *task)
{
    if (!loop->timed) {
        return;
    }
    mon_task *record = mon_task_find(loop->mon, task);
    if (record != NULL && record->state == MON_AWAITING) {
        mon_task_done(loop->mon, record, mon_now(loop->mon), MON_DESTROYED, NULL);
    }
}

/* ---- the monitor comes on ------------------------------------------------------------ */

static PyObject *
all_tasks(LoopObject *loop)
{
    PyObject *module = PyImport_ImportModule("asyncio");
    if (module == NULL) {
        return NULL;
    }
    PyObject *set = PyObject_CallMethod(module, "all_tasks", "O", loop);
    Py_DECREF(module);
    PyObject *list = set != NULL ? PySequence_List(set) : NULL;
    Py_XDECREF(set);
    return list;
}

int
tasks_take_up(LoopObject *loop)
{
    PyObject *tasks = all_tasks(loop);
    if (tasks == NULL) {
        return -1;
    }
    uint64_t now = loop->stamp;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(tasks); i++) {
        PyObject *task = PyList_GET_ITEM(tasks, i);
        if (PyObject_TypeCheck(task, (PyTypeObject *)loop->state->task_type) &&
            mon_task_find(loop->mon, task) == NULL) {
            (void)make_record(loop, task, now);
        }
    }
    for (uint64_t i = loop->head; i != loop->tail; i++) {
        HandleObject *handle = loop->ring[i & loop->mask];
        handle->stamp = now;
        handle->task = NULL;
        PyObject *task =
            handle->callback != NULL ? tasks_of(loop->state, handle->callback) : NULL;
        mon_task *record = task != NULL ? mon_task_find(loop->mon, task) : NULL;
        if (record != NULL) {
            mon_task_ready(loop->mon, record, now, MON_CAUSE_NONE, -1);
            handle->task = record;
        }
    }
    Py_DECREF(tasks);
    return 0;
}
