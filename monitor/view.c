/* Snapshots of tasks and of the totals by row, for readers on any thread.

   A record is copied under its sequence number and copied again if the loop
   wrote it meanwhile.  The loop writes for nanoseconds; only one that lost its
   processor inside such a write makes a reader wait, and then not for ever: the
   record is left out of that one list.  Nothing here takes a lock, and the loop
   never waits for a reader.

   The stamp of a snapshot is taken after its copy.  Counters of different cores
   may disagree by a few ticks, so it is never taken to be before the record's
   own last stamp: ready + running + awaiting is the age, to the tick. */
#include "monitor/inside.h"

#include <stdlib.h>
#include <string.h>

enum {
    READ_SPINS = 32, /* tries before a reader sleeps between them */
    READ_TRIES = READ_SPINS + 200,
    READ_PAUSE_NS = 50 * 1000,
};

static uint64_t
larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What a reader does before its next try, the `i`th. */
static void
read_pause(int i)
{
    if (i >= READ_SPINS) {
        nanosleep(&(struct timespec){.tv_nsec = READ_PAUSE_NS}, NULL);
    }
}

bool
mon_task_read(const mon_task *t, mon_task *copy)
{
    for (int i = 0; i < READ_TRIES; i++) {
        uint32_t seq = mon_seq_read_begin(&t->seq);
        mon_task_copy(copy, t);
        if (!mon_seq_read_torn(&t->seq, seq)) {
            return copy->listed;
        }
        read_pause(i);
    }
    return false;
}

/* ---- live tasks --------------------------------------------------------- */

static void
view_begin(mon_task_view *out, const mon_task *t)
{
    *out = (mon_task_view){
        .id = t->id,
        .parent = t->parent,
        .coro = t->row->name,
        .file = t->row->file,
        .line = t->row->line,
        .state = (mon_state)t->state,
        .cause = (mon_cause)t->cause,
        .cause_fd = t->cause == MON_CAUSE_IO ? t->cause_fd : -1,
        .steps = t->steps,
        .born_ticks = t->born,
        .ready_ticks = t->ready,
        .running_ticks = t->running,
        .awaiting_ticks = t->awaiting,
    };
    memcpy(out->name, t->name, sizeof(out->name));
}

/* One rate for all figures, so that they add up in seconds as they do in ticks. */
static void
view_seconds(const mon *m, mon_task_view *out, uint64_t in_state, uint64_t longest)
{
    double tick = mon_clock_seconds(&m->clock, 1);
    out->age = (double)out->age_ticks * tick;
    out->in_state = (double)in_state * tick;
    out->ready = (double)out->ready_ticks * tick;
    out->running = (double)out->running_ticks * tick;
    out->awaiting = (double)out->awaiting_ticks * tick;
    out->longest = (double)longest * tick;
}

static void
view_live(const mon *m, const mon_task *t, mon_task_view *out)
{
    uint64_t now = mon_now(m);
    uint64_t in_state = (int64_t)(now - t->since) > 0 ? now - t->since : 0;
    uint64_t longest = t->longest;
    view_begin(out, t);
    switch (out->state) {
    case MON_READY:
        out->ready_ticks += in_state;
        break;
    case MON_RUNNING:
        out->running_ticks += in_state;
        longest = in_state > longest ? in_state : longest;
        break;
    default:
        out->awaiting_ticks += in_state;
        break;
    }
    out->age_ticks = t->since + in_state - t->born;
    view_seconds(m, out, in_state, longest);
}

int
mon_each_record(const mon *m, int (*visit)(const mon_task *copy, void *arg), void *arg)
{
    uint32_t chunks = MON_FOLLOW(m->chunks);
    for (uint32_t i = 0; i < chunks; i++) {
        for (size_t k = 0; k < MON_TASK_CHUNK; k++) {
            const mon_task *t = &m->chunk[i][k];
            mon_task copy;
            int stop =
                MON_GET(t->listed) && mon_task_read(t, &copy) ? visit(&copy, arg) : 0;
            if (stop != 0) {
                return stop;
            }
        }
    }
    return 0;
}

typedef struct task_visitor {
    const mon *m;
    mon_task_visit visit;
    void *arg;
} task_visitor;

static int
task_visit(const mon_task *copy, void *arg)
{
    const task_visitor *v = arg;
    mon_task_view view;
    view_live(v->m, copy, &view);
    return v->visit(&view, v->arg);
}

int
mon_each_task(const mon *m, mon_task_visit visit, void *arg)
{
    task_visitor v = {m, visit, arg};
    return mon_each_record(m, task_visit, &v);
}

/* ---- finished tasks --------------------------------------------------------- */

/* Copies entry number `i`.  Each entry has been written once in each round of the
   ring, so its sequence number tells the round; any other one says that the
   entry has gone, and the loop is writing or has written a newer one over it. */
static bool
done_read(const mon *m, uint64_t i, mon_done *copy)
{
    const mon_done *done = &m->done_ring[i % MON_DONE_KEPT];
    uint32_t seq = mon_seq_read_begin(&done->seq);
    if (seq != (uint32_t)(2 * (i / MON_DONE_KEPT + 1))) {
        return false;
    }
    mon_task_copy(&copy->task, &done->task);
    copy->outcome = MON_GET(done->outcome);
    copy->ended = MON_GET(done->ended);
    mon_name_copy(copy->error, done->error);
    return !mon_seq_read_torn(&done->seq, seq);
}

static void
view_done(const mon *m, const mon_done *done, mon_task_view *out)
{
    uint64_t now = mon_now(m);
    uint64_t ago = (int64_t)(now - done->ended) > 0 ? now - done->ended : 0;
    view_begin(out, &done->task);
    out->age_ticks = done->ended - done->task.born;
    view_seconds(m, out, ago, done->task.longest);
    out->outcome = done->outcome;
    out->ended_ago = out->in_state;
    memcpy(out->error, done->error, sizeof(out->error));
}

int
mon_each_done(const mon *m, mon_task_visit visit, void *arg)
{
    uint64_t head = MON_FOLLOW(m->done_head);
    uint64_t oldest = head > MON_DONE_KEPT ? head - MON_DONE_KEPT : 0;
    oldest = larger(oldest, MON_GET(m->done_first));
    for (uint64_t i = head; i-- > oldest;) {
        mon_done copy;
        mon_task_view view;
        if (!done_read(m, i, &copy)) {
            break;
        }
        view_done(m, &copy, &view);
        int stop = visit(&view, arg);
        if (stop != 0) {
            return stop;
        }
    }
    return 0;
}

/* ---- one task ------------------------------------------------------------- */

typedef struct task_search {
    const mon *m;
    uint64_t id;
    mon_task_view *out;
} task_search;

static int
search_live(const mon_task *copy, void *arg)
{
    const task_search *s = arg;
    if (copy->id != s->id) {
        return 0;
    }
    view_live(s->m, copy, s->out);
    return 1;
}

static int
search_done(const mon_task_view *view, void *arg)
{
    const task_search *s = arg;
    if (view->id != s->id) {
        return 0;
    }
    *s->out = *view;
    return 1;
}

int
mon_get_task(const mon *m, uint64_t id, mon_task_view *out)
{
    task_search s = {m, id, out};
    return mon_each_record(m, search_live, &s) || mon_each_done(m, search_done, &s);
}

/* ---- rows --------------------------------------------------------------- */

/* The shared words of a row at one time, in ticks. */
typedef struct row_figures {
    uint64_t ready, running, awaiting, longest;
} row_figures;

typedef struct row_walk {
    const mon *m;
    uint64_t now;
    uint32_t count;
    row_figures *figures;
} row_walk;

static row_figures
row_read(const mon_row *row)
{
    return (row_figures){MON_GET(row->ready), MON_GET(row->running), MON_GET(row->awaiting),
                         MON_GET(row->longest)};
}

/* Adds what a live task has spent in its state by the time of the walk.  One that
   changed its state since then will bring it to the row itself. */
static int
row_add_task(const mon_task *copy, void *arg)
{
    const row_walk *w = arg;
    size_t number = (size_t)(copy->row - w->m->rows);
    if (number >= w->count || (int64_t)(w->now - copy->since) <= 0) {
        return 0;
    }
    uint64_t spent = w->now - copy->since;
    row_figures *f = &w->figures[number];
    switch (copy->state) {
    case MON_READY:
        f->ready += spent;
        break;
    case MON_RUNNING:
        f->running += spent;
        f->longest = larger(f->longest, spent);
        break;
    default:
        f->awaiting += spent;
        break;
    }
    return 0;
}

/* Totals first, then the tasks: a wait that ends in between is in neither, and so
   the totals are read once more at the end and the larger figure stands.  What
   is told is never more than the truth, and short of it by one walk at most. */
static void
row_settle(row_figures *f, const mon_row *row)
{
    row_figures after = row_read(row);
    f->ready = larger(f->ready, after.ready);
    f->running = larger(f->running, after.running);
    f->awaiting = larger(f->awaiting, after.awaiting);
    f->longest = larger(f->longest, after.longest);
}

static mon_row_view
row_view(const mon *m, const mon_row *row, const row_figures *f)
{
    double tick = mon_clock_seconds(&m->clock, 1);
    return (mon_row_view){
        .kind = row->kind,
        .name = row->name,
        .file = row->file,
        .line = row->line,
        .calls = MON_GET(row->calls),
        .steps = MON_GET(row->steps),
        .ready = (double)f->ready * tick,
        .running = (double)f->running * tick,
        .awaiting = (double)f->awaiting * tick,
        .longest = (double)f->longest * tick,
    };
}

/* A row "other" that took nothing is not worth a line. */
static bool
row_wanted(const mon *m, const mon_row *row, mon_row_kind kind, const row_figures *f)
{
    bool fixed = row - m->rows < MON_ROWS_FIXED;
    return row->kind == kind &&
           (!fixed || MON_GET(row->calls) != 0 || f->ready + f->running + f->awaiting != 0);
}

/* Without memory for the walk the totals are told as they are. */
int
mon_each_row(const mon *m, mon_row_kind kind,
             int (*visit)(const mon_row_view *row, void *arg), void *arg)
{
    uint32_t count = MON_FOLLOW(m->row_count);
    row_walk w = {m, mon_now(m), count, malloc(count * sizeof(row_figures))};
    if (w.figures != NULL) {
        for (uint32_t i = 0; i < count; i++) {
            w.figures[i] = row_read(&m->rows[i]);
        }
        mon_each_record(m, row_add_task, &w);
    }
    int stop = 0;
    for (uint32_t i = 0; i < count && stop == 0; i++) {
        row_figures f = w.figures != NULL ? w.figures[i] : (row_figures){0};
        row_settle(&f, &m->rows[i]);
        if (row_wanted(m, &m->rows[i], kind, &f)) {
            mon_row_view view = row_view(m, &m->rows[i], &f);
            stop = visit(&view, arg);
        }
    }
    free(w.figures);
    return stop;
}
