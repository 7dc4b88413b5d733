/* The monitor's snapshots as Python objects.

   A table per record says under which key each field goes and how it is turned
   into an object; one function walks a table.  The visitors called by the
   monitor only copy into plain memory (see the header for why). */
#include "loop/monitor_records.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- from a struct to a dict ------------------------------------------------------ */

typedef enum {
    FIELD_U64,
    FIELD_ID, /* uint64_t, 0: None */
    FIELD_INT,
    FIELD_FD, /* int, -1: None */
    FIELD_BOOL,
    FIELD_SECONDS, /* double */
    FIELD_TEXT,    /* const char *, NULL: None */
    FIELD_CHARS,   /* char[], "": None */
    FIELD_STATE,
    FIELD_CAUSE,
    FIELD_OUTCOME,
    FIELD_PHASE,
    FIELD_LEVEL,
    FIELD_KIND,
    FIELD_SPREAD, /* mon_spread: a dict */
} field_type;

typedef struct field {
    const char *key;
    field_type type;
    size_t offset;
} field;

enum { FIELDS_MAX = 48 }; /* of one record */

#define FIELD_AT(type, record, f) (*(const type *)((const char *)(record) + (f)->offset))

static const field spread_fields[] = {
    {"count", FIELD_U64, offsetof(mon_spread, count)},
    {"sum", FIELD_SECONDS, offsetof(mon_spread, sum)},
    {"p50", FIELD_SECONDS, offsetof(mon_spread, p50)},
    {"p90", FIELD_SECONDS, offsetof(mon_spread, p90)},
    {"p99", FIELD_SECONDS, offsetof(mon_spread, p99)},
    {"max", FIELD_SECONDS, offsetof(mon_spread, max)},
    {NULL},
};

static PyObject *record_as_dict(const field *fields, const void *record);

/* The monitor's texts are UTF-8 but may have been cut within a character. */
static PyObject *
text_as_object(const char *text)
{
    if (text == NULL) {
        Py_RETURN_NONE;
    }
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static PyObject *
chars_as_object(const char *chars)
{
    return text_as_object(chars[0] != '\0' ? chars : NULL);
}

static PyObject *
field_as_object(const field *f, const void *record)
{
    switch (f->type) {
    case FIELD_U64:
        return PyLong_FromUnsignedLongLong(FIELD_AT(uint64_t, record, f));
    case FIELD_ID:
        if (FIELD_AT(uint64_t, record, f) == 0) {
            Py_RETURN_NONE;
        }
        return PyLong_FromUnsignedLongLong(FIELD_AT(uint64_t, record, f));
    case FIELD_INT:
        return PyLong_FromLong(FIELD_AT(int, record, f));
    case FIELD_FD:
        if (FIELD_AT(int, record, f) < 0) {
            Py_RETURN_NONE;
        }
        return PyLong_FromLong(FIELD_AT(int, record, f));
    case FIELD_BOOL:
        return PyBool_FromLong(FIELD_AT(bool, record, f));
    case FIELD_SECONDS:
        return PyFloat_FromDouble(FIELD_AT(double, record, f));
    case FIELD_TEXT:
        return text_as_object(FIELD_AT(const char *, record, f));
    case FIELD_CHARS:
        return chars_as_object((const char *)record + f->offset);
    case FIELD_STATE:
        return text_as_object(mon_state_name(FIELD_AT(mon_state, record, f)));
    case FIELD_CAUSE:
        return text_as_object(mon_cause_name(FIELD_AT(mon_cause, record, f)));
    case FIELD_OUTCOME:
        return text_as_object(mon_outcome_name(FIELD_AT(mon_outcome, record, f)));
    case FIELD_PHASE:
        return text_as_object(mon_phase_name(FIELD_AT(mon_phase, record, f)));
    case FIELD_LEVEL:
        return text_as_object(FIELD_AT(mon_level, record, f) == MON_OFF ? "off" : "on");
    case FIELD_KIND:
        return text_as_object(
            FIELD_AT(mon_row_kind, record, f) == MON_COROUTINE ? "coroutine" : "callback");
    case FIELD_SPREAD:
        return record_as_dict(spread_fields, (const char *)record + f->offset);
    }
    Py_UNREACHABLE();
}

/* The keys of a table as interned strings; 0, or -1 with the exception set. */
static int
keys_make(const field *fields, PyObject **keys)
{
    for (size_t i = 0; fields[i].key != NULL; i++) {
        keys[i] = PyUnicode_InternFromString(fields[i].key);
        if (keys[i] == NULL) {
            while (i-- > 0) {
                Py_DECREF(keys[i]);
            }
            return -1;
        }
    }
    return 0;
}

static void
keys_drop(const field *fields, PyObject **keys)
{
    for (size_t i = 0; fields[i].key != NULL; i++) {
        Py_DECREF(keys[i]);
    }
}

static PyObject *
record_with_keys(const field *fields, PyObject *const *keys, const void *record)
{
    PyObject *dict = PyDict_New();
    if (dict == NULL) {
        return NULL;
    }
    for (size_t i = 0; fields[i].key != NULL; i++) {
        PyObject *value = field_as_object(&fields[i], record);
        if (value == NULL || PyDict_SetItem(dict, keys[i], value) < 0) {
            Py_XDECREF(value);
            Py_DECREF(dict);
            return NULL;
        }
        Py_DECREF(value);
    }
    return dict;
}

static PyObject *
record_as_dict(const field *fields, const void *record)
{
    PyObject *keys[FIELDS_MAX];
    if (keys_make(fields, keys) < 0) {
        return NULL;
    }
    PyObject *dict = record_with_keys(fields, keys, record);
    keys_drop(fields, keys);
    return dict;
}

/* ---- a growing array of copied records ------------------------------------------------
 */

typedef struct pile {
    char *records;
    size_t size; /* of one */
    size_t count, capacity;
    bool failed; /* out of memory: the rest is missing */
} pile;

static int
pile_add(pile *p, const void *record)
{
    if (p->count == p->capacity) {
        size_t capacity = p->capacity != 0 ? 2 * p->capacity : 64;
        char *records = realloc(p->records, capacity * p->size);
        if (records == NULL) {
            p->failed = true;
            return -1;
        }
        p->records = records;
        p->capacity = capacity;
    }
    memcpy(p->records + p->count * p->size, record, p->size);
    p->count++;
    return 0;
}

/* Turns each record into an object, and frees the pile in any case. */
static PyObject *
pile_as_list(pile *p, PyObject *(*convert)(const void *record, void *arg), void *arg)
{
    PyObject *list = NULL;
    if (p->failed) {
        PyErr_NoMemory();
        goto done;
    }
    list = PyList_New((Py_ssize_t)p->count);
    if (list == NULL) {
        goto done;
    }
    for (size_t i = 0; i < p->count; i++) {
        PyObject *item = convert(p->records + i * p->size, arg);
        if (item == NULL) {
            Py_CLEAR(list);
            goto done;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    }
done:
    free(p->records);
    return list;
}

typedef struct table {
    const field *fields;
    PyObject *keys[FIELDS_MAX];
} table;

static PyObject *
table_convert(const void *record, void *arg)
{
    table *t = arg;
    return record_with_keys(t->fields, t->keys, record);
}

static PyObject *
pile_as_dicts(pile *p, const field *fields)
{
    table t = {.fields = fields};
    if (keys_make(fields, t.keys) < 0) {
        free(p->records);
        return NULL;
    }
    PyObject *list = pile_as_list(p, table_convert, &t);
    keys_drop(fields, t.keys);
    return list;
}

/* ---- tasks ---------------------------------------------------------------------- */

#define TASK_FIELDS                                                                        \
    {"id", FIELD_U64, offsetof(mon_task_view, id)},                                        \
        {"parent_id", FIELD_ID, offsetof(mon_task_view, parent)},                          \
        {"name", FIELD_CHARS, offsetof(mon_task_view, name)},                              \
        {"coro", FIELD_TEXT, offsetof(mon_task_view, coro)},                               \
        {"file", FIELD_TEXT, offsetof(mon_task_view, file)},                               \
        {"line", FIELD_INT, offsetof(mon_task_view, line)},                                \
        {"state", FIELD_STATE, offsetof(mon_task_view, state)},                            \
        {"woken_by", FIELD_CAUSE, offsetof(mon_task_view, cause)},                         \
        {"woken_fd", FIELD_FD, offsetof(mon_task_view, cause_fd)},                         \
        {"steps", FIELD_U64, offsetof(mon_task_view, steps)},                              \
        {"age", FIELD_SECONDS, offsetof(mon_task_view, age)},                              \
        {"in_state", FIELD_SECONDS, offsetof(mon_task_view, in_state)},                    \
        {"ready", FIELD_SECONDS, offsetof(mon_task_view, ready)},                          \
        {"running", FIELD_SECONDS, offsetof(mon_task_view, running)},                      \
        {"awaited", FIELD_SECONDS, offsetof(mon_task_view, awaiting)},                     \
        {"longest_step", FIELD_SECONDS, offsetof(mon_task_view, longest)},                 \
        {"born_ticks", FIELD_U64, offsetof(mon_task_view, born_ticks)},                    \
        {"ready_ticks", FIELD_U64, offsetof(mon_task_view, ready_ticks)},                  \
        {"running_ticks", FIELD_U64, offsetof(mon_task_view, running_ticks)},              \
        {"awaited_ticks", FIELD_U64, offsetof(mon_task_view, awaiting_ticks)},             \
    {                                                                                      \
        "age_ticks", FIELD_U64, offsetof(mon_task_view, age_ticks)                         \
    }

static const field live_fields[] = {
    TASK_FIELDS,
    {NULL},
};

static const field done_fields[] = {
    TASK_FIELDS,
    {"outcome", FIELD_OUTCOME, offsetof(mon_task_view, outcome)},
    {"error", FIELD_CHARS, offsetof(mon_task_view, error)},
    {"ended_ago", FIELD_SECONDS, offsetof(mon_task_view, ended_ago)},
    {NULL},
};

static int
task_visit(const mon_task_view *task, void *arg)
{
    return pile_add(arg, task);
}

PyObject *
records_tasks(const mon *m, bool done)
{
    pile tasks = {.size = sizeof(mon_task_view)};
    if (done) {
        mon_each_done(m, task_visit, &tasks);
        return pile_as_dicts(&tasks, done_fields);
    }
    mon_each_task(m, task_visit, &tasks);
    return pile_as_dicts(&tasks, live_fields);
}

/* ---- rows ----------------------------------------------------------------------- */

static const field row_fields[] = {
    {"kind", FIELD_KIND, offsetof(mon_row_view, kind)},
    {"name", FIELD_TEXT, offsetof(mon_row_view, name)},
    {"file", FIELD_TEXT, offsetof(mon_row_view, file)},
    {"line", FIELD_INT, offsetof(mon_row_view, line)},
    {"calls", FIELD_U64, offsetof(mon_row_view, calls)},
    {"steps", FIELD_U64, offsetof(mon_row_view, steps)},
    {"ready", FIELD_SECONDS, offsetof(mon_row_view, ready)},
    {"running", FIELD_SECONDS, offsetof(mon_row_view, running)},
    {"awaited", FIELD_SECONDS, offsetof(mon_row_view, awaiting)},
    {"longest", FIELD_SECONDS, offsetof(mon_row_view, longest)},
    {NULL},
};

static int
row_visit(const mon_row_view *row, void *arg)
{
    return pile_add(arg, row);
}

PyObject *
records_rows(const mon *m, mon_row_kind kind)
{
    pile rows = {.size = sizeof(mon_row_view)};
    mon_each_row(m, kind, row_visit, &rows);
    return pile_as_dicts(&rows, row_fields);
}

/* ---- slow steps ------------------------------------------------------------------- */

static const field slow_fields[] = {
    {"ago", FIELD_SECONDS, offsetof(mon_slow_view, ago)},
    {"ended", FIELD_SECONDS, offsetof(mon_slow_view, ended)},
    {"duration", FIELD_SECONDS, offsetof(mon_slow_view, duration)},
    {"task_id", FIELD_ID, offsetof(mon_slow_view, task_id)},
    {"task_name", FIELD_CHARS, offsetof(mon_slow_view, task_name)},
    {"callback", FIELD_CHARS, offsetof(mon_slow_view, what)},
    {"file", FIELD_CHARS, offsetof(mon_slow_view, file)},
    {"line", FIELD_INT, offsetof(mon_slow_view, line)},
    {"cause", FIELD_CAUSE, offsetof(mon_slow_view, cause)},
    {"delayed", FIELD_U64, offsetof(mon_slow_view, delayed)},
    {"delay", FIELD_SECONDS, offsetof(mon_slow_view, delay)},
    {"count", FIELD_U64, offsetof(mon_slow_view, count)},
    {NULL},
};

static int
slow_visit(const mon_slow_view *slow, void *arg)
{
    return pile_add(arg, slow);
}

PyObject *
records_slow(const mon *m)
{
    pile slow = {.size = sizeof(mon_slow_view)};
    mon_each_slow(m, slow_visit, &slow);
    return pile_as_dicts(&slow, slow_fields);
}

/* ---- the loop -------------------------------------------------------------------- */

static const field status_fields[] = {
    {"level", FIELD_LEVEL, offsetof(mon_status, level)},
    {"phase", FIELD_PHASE, offsetof(mon_status, phase)},
    {"in_phase", FIELD_SECONDS, offsetof(mon_status, in_phase)},
    {"uptime", FIELD_SECONDS, offsetof(mon_status, uptime)},
    {"slow_threshold", FIELD_SECONDS, offsetof(mon_status, slow_threshold)},
    {"turns", FIELD_U64, offsetof(mon_status, turns)},
    {"callbacks", FIELD_U64, offsetof(mon_status, callbacks)},
    {"steps", FIELD_U64, offsetof(mon_status, steps)},
    {"polls", FIELD_U64, offsetof(mon_status, polls)},
    {"running", FIELD_SECONDS, offsetof(mon_status, running)},
    {"idle", FIELD_SECONDS, offsetof(mon_status, idle)},
    {"polling", FIELD_SECONDS, offsetof(mon_status, polling)},
    {"gil_wait", FIELD_SECONDS, offsetof(mon_status, gil_wait)},
    {"stopped", FIELD_SECONDS, offsetof(mon_status, stopped)},
    {"own", FIELD_SECONDS, offsetof(mon_status, own)},
    {"ready_depth", FIELD_U64, offsetof(mon_status, ready_depth)},
    {"live", FIELD_U64, offsetof(mon_status, live)},
    {"awaiting", FIELD_U64, offsetof(mon_status, awaiting)},
    {"ready", FIELD_U64, offsetof(mon_status, ready)},
    {"in_step", FIELD_U64, offsetof(mon_status, in_step)},
    {"born", FIELD_U64, offsetof(mon_status, born)},
    {"done", FIELD_U64, offsetof(mon_status, done)},
    {"dropped", FIELD_U64, offsetof(mon_status, dropped)},
    {"rows_folded", FIELD_U64, offsetof(mon_status, rows_folded)},
    {"slow", FIELD_U64, offsetof(mon_status, slow)},
    {"step_time", FIELD_SPREAD, offsetof(mon_status, step_time)},
    {"ready_delay", FIELD_SPREAD, offsetof(mon_status, ready_delay)},
    {"loop_lag", FIELD_SPREAD, offsetof(mon_status, loop_lag)},
    {"poll_time", FIELD_SPREAD, offsetof(mon_status, poll_time)},
    {"gil_time", FIELD_SPREAD, offsetof(mon_status, gil_time)},
    {"timer_late", FIELD_SPREAD, offsetof(mon_status, timer_late)},
    {"clock_source", FIELD_TEXT, offsetof(mon_status, clock_source)},
    {"in_slice", FIELD_BOOL, offsetof(mon_status, in_slice)},
    {"slice_time", FIELD_SECONDS, offsetof(mon_status, slice_time)},
    {"slice_task", FIELD_ID, offsetof(mon_status, slice_task)},
    {"slice_name", FIELD_CHARS, offsetof(mon_status, slice_name)},
    {"slice_what", FIELD_TEXT, offsetof(mon_status, slice_what)},
    {"slice_file", FIELD_TEXT, offsetof(mon_status, slice_file)},
    {"slice_line", FIELD_INT, offsetof(mon_status, slice_line)},
    {NULL},
};

static_assert(sizeof(status_fields) / sizeof(field) <= FIELDS_MAX + 1,
              "FIELDS_MAX is too small");

PyObject *
records_status(const mon *m)
{
    mon_status status;
    mon_get_status(m, &status);
    return record_as_dict(status_fields, &status);
}

/* ---- histograms -------------------------------------------------------------------- */

typedef struct bucket {
    double upper;
    uint64_t count;
} bucket;

static void
bucket_visit(double upper, uint64_t count, void *arg)
{
    bucket b = {upper, count};
    pile_add(arg, &b);
}

static PyObject *
bucket_convert(const void *record, void *arg)
{
    const bucket *b = record;
    return Py_BuildValue("(dK)", b->upper, (unsigned long long)b->count);
}

PyObject *
records_buckets(const mon *m, mon_measure which)
{
    pile buckets = {.size = sizeof(bucket)};
    mon_each_bucket(m, which, bucket_visit, &buckets);
    return pile_as_list(&buckets, bucket_convert, NULL);
}
