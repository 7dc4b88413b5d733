/* Slow steps, said aloud.

   A callback that outlives the threshold is kept in the monitor's ring and logged as
   a warning: what ran, where it came to rest, for how long, and how many others it
   kept waiting.  Everything here is off the hot path: it runs after a callback that
   took a tenth of a second. */
#include "loop/report.h"
#include "loop/tasks.h"
#include "loop/timers.h"

void
report_set_threshold(LoopObject *loop)
{
    uint64_t slow = loop->timed ? loop->mon->slow_ticks : UINT64_MAX;
    if (loop->debug) {
        uint64_t debug =
            mon_clock_duration(&loop->mon->clock, loop->slow_callback_duration);
        slow = debug < slow ? debug : slow;
    }
    loop->report_ticks = slow;
}

/* ---- whom it delayed ---------------------------------------------------------------- */

typedef struct delayed {
    uint64_t count;
    uint64_t ticks;
} delayed;

/* The ready callbacks and the due timers that could have run while this one did.  Who
   waited for less than a millisecond (what the callback scheduled on its way out) was not
   kept from anything. */
static delayed
count_delayed(LoopObject *loop, uint64_t began, uint64_t ended)
{
    delayed sum = {0, 0};
    uint64_t least = mon_clock_duration(&loop->mon->clock, 1e-3);
    for (uint64_t i = loop->head; i != loop->tail; i++) {
        const HandleObject *handle = loop->ring[i & loop->mask];
        if (handle->cancelled || handle->stamp + least > ended) {
            continue;
        }
        sum.count++;
        sum.ticks += ended - (handle->stamp > began ? handle->stamp : began);
    }
    uint64_t timers;
    double late;
    const mon_clock *clock = &loop->mon->clock;
    timers_overdue(loop, (double)mon_clock_ns(clock, began) * 1e-9, &timers, &late);
    sum.count += timers;
    sum.ticks += late > 0 ? mon_clock_duration(clock, late) : 0;
    return sum;
}

/* ---- where it came to rest --------------------------------------------------------------
 */

typedef struct place {
    PyObject *code; /* of the innermost coroutine of the chain, or NULL */
    int line;
} place;

/* The next coroutine down the await chain, a new reference, or NULL at its end. */
static PyObject *
awaited_by(LoopObject *loop, PyObject *coro)
{
    static const char *const names[] = {"cr_await", "gi_yieldfrom", "ag_await"};
    for (size_t i = 0; i < 3; i++) {
        PyObject *next = PyObject_GetAttrString(coro, names[i]);
        if (next != NULL) {
            if (next != Py_None) {
                return next;
            }
            Py_DECREF(next);
            return NULL;
        }
        loop_swallow(loop);
    }
    return NULL;
}

static PyObject *
frame_of(LoopObject *loop, PyObject *coro)
{
    static const char *const names[] = {"cr_frame", "gi_frame", "ag_frame"};
    for (size_t i = 0; i < 3; i++) {
        PyObject *frame = PyObject_GetAttrString(coro, names[i]);
        if (frame != NULL && PyFrame_Check(frame)) {
            return frame;
        }
        Py_XDECREF(frame);
        loop_swallow(loop);
    }
    return NULL;
}

/* Frames of asyncio and of installed packages are machinery; what lies outside is the
   user's. */
static bool
is_users(PyCodeObject *code)
{
    const char *file = PyUnicode_AsUTF8(code->co_filename);
    if (file == NULL) {
        PyErr_Clear();
        return false;
    }
    return strstr(file, "/asyncio/") == NULL && strstr(file, "/site-packages/") == NULL &&
           strstr(file, "/dist-packages/") == NULL && file[0] != '<';
}

/* Follows the await chain of a suspended task to its innermost coroutine, of the
   user's if there is one. */
static place
come_to_rest(LoopObject *loop, PyObject *task)
{
    place found = {NULL, 0};
    bool users = false;
    PyObject *coro = PyObject_GetAttr(task, loop->state->str_coro);
    if (coro == NULL) {
        PyErr_Clear();
    }
    for (int depth = 0; coro != NULL && depth < 1000; depth++) {
        PyObject *frame = frame_of(loop, coro);
        if (frame != NULL) {
            PyCodeObject *code = PyFrame_GetCode((PyFrameObject *)frame);
            bool mine = is_users(code);
            if (mine || !users) {
                Py_XSETREF(found.code, Py_NewRef((PyObject *)code));
                found.line = PyFrame_GetLineNumber((PyFrameObject *)frame);
                users = mine;
            }
            Py_DECREF(code);
            Py_DECREF(frame);
        }
        PyObject *next = awaited_by(loop, coro);
        Py_SETREF(coro, next);
    }
    Py_XDECREF(coro);
    return found;
}

/* ---- the report ------------------------------------------------------------------------
 */

static void
log_text(LoopObject *loop, PyObject *logger, const char *text)
{
    /* Names may be cut inside a character. */
    PyObject *message = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    PyObject *done = message != NULL
                         ? PyObject_CallMethod(logger, "warning", "sO", "%s", message)
                         : NULL;
    if (done == NULL) {
        loop_report(loop, "A slow step could not be logged", NULL, NULL, NULL);
    }
    Py_XDECREF(done);
    Py_XDECREF(message);
}

static void
log_slow(LoopObject *loop, const mon_slow_report *slow, uint64_t count, const char *rest,
         unsigned calls)
{
    const mon_clock *clock = &loop->mon->clock;
    char who[320], where[400], held[160], text[1100];
    if (slow->task_name != NULL) {
        PyOS_snprintf(who, sizeof(who), "task %llu %.48s (%.160s)",
                      (unsigned long long)slow->task_id, slow->task_name, slow->what);
    }
    else if (calls > 1) {
        PyOS_snprintf(who, sizeof(who), "callback %.200s (%u calls in a row)", slow->what,
                      calls);
    }
    else {
        PyOS_snprintf(who, sizeof(who), "callback %.200s", slow->what);
    }
    where[0] = held[0] = '\0';
    if (slow->file != NULL) {
        PyOS_snprintf(where, sizeof(where), "%s%.100s%s (%.200s:%d)",
                      rest != NULL ? ", came to rest in " : "", rest != NULL ? rest : "",
                      rest != NULL ? "" : ", defined at", slow->file, slow->line);
    }
    if (slow->delayed == 1) {
        PyOS_snprintf(held, sizeof(held), "; 1 ready callback or due timer waited %.3f s",
                      mon_clock_seconds(clock, slow->delay));
    }
    else if (slow->delayed != 0) {
        PyOS_snprintf(held, sizeof(held),
                      "; %llu ready callbacks and due timers waited %.3f s in all",
                      (unsigned long long)slow->delayed,
                      mon_clock_seconds(clock, slow->delay));
    }
    PyOS_snprintf(text, sizeof(text),
                  "slow step: %s ran %.3f s without yielding%s%s (occurrence %llu)", who,
                  mon_clock_seconds(clock, slow->ended - slow->began), where, held,
                  (unsigned long long)count);
    log_text(loop, loop->state->logger, text);
}

static void
report_to_monitor(LoopObject *loop, PyObject *callback, uint64_t began, uint64_t ended)
{
    mon *m = loop->mon;
    const mon_row *row = m->slice_row;
    unsigned calls = m->slice_task == NULL ? m->slice_calls : 1;
    PyObject *task = callback != NULL ? tasks_of(loop->state, callback) : NULL;
    delayed others = count_delayed(loop, began, ended);
    place rest = {NULL, 0};
    char task_name[MON_NAME] = "";
    mon_slow_report slow = {
        .began = began,
        .ended = ended,
        .what = row->name,
        .file = row->file,
        .line = row->line,
        .cause = (mon_cause)m->slice_cause,
        .delayed = others.count,
        .delay = others.ticks,
    };
    const char *rest_name = NULL;
    if (task != NULL && m->slice_task != NULL) {
        /* The record may be on the free list by now, but nobody has reused it. */
        slow.task_id = m->slice_task->id;
        memcpy(task_name, m->slice_task->name, sizeof(task_name));
        slow.task_name = task_name;
        slow.cause = (mon_cause)m->slice_task->cause;
        rest = come_to_rest(loop, task);
    }
    if (rest.code != NULL) {
        PyCodeObject *code = (PyCodeObject *)rest.code;
        const char *file = PyUnicode_AsUTF8(code->co_filename);
        rest_name = PyUnicode_AsUTF8(code->co_qualname);
        slow.file = file;
        slow.line = rest.line;
        if (file == NULL || rest_name == NULL) {
            PyErr_Clear();
        }
    }
    uint64_t count = mon_slow_add(m, &slow);
    log_slow(loop, &slow, count, rest_name, calls);
    Py_XDECREF(rest.code);
}

/* What asyncio's debug mode says, for those who look for it. */
static void
report_to_asyncio(LoopObject *loop, PyObject *callback, double seconds)
{
    PyObject *shown = PyObject_CallFunction(loop->state->format_callback, "O()", callback);
    if (shown == NULL) {
        loop_swallow(loop);
        return;
    }
    PyObject *done =
        PyObject_CallMethod(loop->state->asyncio_logger, "warning", "sOd",
                            "Executing <Handle %s> took %.3f seconds", shown, seconds);
    if (done == NULL) {
        loop_report(loop, "A slow callback could not be logged", NULL, NULL, NULL);
    }
    Py_XDECREF(done);
    Py_DECREF(shown);
}

void
report_slow(LoopObject *loop, PyObject *callback, uint64_t began, uint64_t ended)
{
    mon *m = loop->mon;
    uint64_t ran = ended - began;
    if (loop->timed && ran > m->slow_ticks) {
        report_to_monitor(loop, callback, began, ended);
    }
    double seconds = mon_clock_seconds(&m->clock, ran);
    if (loop->debug && callback != NULL && seconds >= loop->slow_callback_duration) {
        report_to_asyncio(loop, callback, seconds);
    }
    loop->stamp = mon_now(m); /* what the loggers took is not the next callback's */
}
