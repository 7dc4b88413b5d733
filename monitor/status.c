/* The loop's status and its histograms, for readers on any thread.

   The loop's own figures have no sequence number, for the sake of the hot path.
   A group of them is read until the stamp that begins the group is the same
   before and after; what runs now is believed only if the slice, the record and
   the row agree.  Pointers that the loop may be changing are followed only if
   they lie in tables that were published to this thread. */
#include "monitor/inside.h"

#include <string.h>

enum { STATUS_TRIES = 100 };

/* ---- what runs now -------------------------------------------------------- */

typedef struct slice {
    uint64_t start; /* 0: nothing runs */
    mon_task task;  /* its copy; id 0 for a plain callback */
    const mon_row *row;
} slice;

static bool
record_published(const mon *m, const mon_task *t)
{
    uint32_t chunks = MON_FOLLOW(m->chunks);
    for (uint32_t i = 0; i < chunks; i++) {
        if ((uintptr_t)t - (uintptr_t)m->chunk[i] < MON_TASK_CHUNK * sizeof(*t)) {
            return true;
        }
    }
    return false;
}

static bool
row_published(const mon *m, const mon_row *row)
{
    return (uintptr_t)row - (uintptr_t)m->rows < MON_FOLLOW(m->row_count) * sizeof(*row);
}

/* The record may serve another task by now, or its step may be over: then it does
   not run, or not since the slice's start. */
static bool
slice_read_task(const mon *m, const mon_task *t, slice *s)
{
    return record_published(m, t) && mon_task_read(t, &s->task) &&
           s->task.state == MON_RUNNING && s->task.since == s->start;
}

static bool
slice_try(const mon *m, slice *s)
{
    s->start = MON_FOLLOW(m->slice_start);
    if (s->start == 0) {
        return true;
    }
    const mon_task *t = MON_FOLLOW(m->slice_task);
    s->row = MON_FOLLOW(m->slice_row);
    s->task.id = 0;
    if (t != NULL) {
        if (!slice_read_task(m, t, s)) {
            return false;
        }
        s->row = s->task.row;
    }
    return row_published(m, s->row) && MON_GET(m->slice_start) == s->start;
}

static slice
slice_read(const mon *m)
{
    slice s;
    for (int i = 0; i < STATUS_TRIES; i++) {
        if (slice_try(m, &s)) {
            return s;
        }
    }
    s.start = 0; /* a step is over and the next has not begun */
    return s;
}

static void
status_slice(const mon *m, const slice *s, uint64_t now, mon_status *out)
{
    if (s->start == 0) {
        return;
    }
    out->in_slice = true;
    out->slice_time = mon_clock_seconds(&m->clock, now - s->start);
    out->slice_what = s->row->name;
    out->slice_file = s->row->file;
    out->slice_line = s->row->line;
    if (s->task.id != 0) {
        out->slice_task = s->task.id;
        memcpy(out->slice_name, s->task.name, sizeof(out->slice_name));
    }
}

/* ---- where the loop's time went ------------------------------------------------ */

typedef struct times {
    uint64_t started, since;
    mon_phase phase;
    uint64_t running, idle, polling, gil_wait, stopped;
} times;

static times
times_read(const mon *m)
{
    times t;
    for (int i = 0; i < STATUS_TRIES; i++) {
        t.since = MON_FOLLOW(m->phase_since);
        t.started = MON_FOLLOW(m->started);
        t.phase = (mon_phase)MON_FOLLOW(m->phase);
        t.running = MON_FOLLOW(m->running);
        t.idle = MON_FOLLOW(m->idle);
        t.polling = MON_FOLLOW(m->polling);
        t.gil_wait = MON_FOLLOW(m->gil_wait);
        t.stopped = MON_FOLLOW(m->stopped);
        if (MON_GET(m->phase_since) == t.since) {
            break;
        }
    }
    return t;
}

/* Charges the time in the current phase.  A poll that runs callbacks, and has not
   left its phase for it, did not block. */
static void
times_settle(times *t, const slice *s, uint64_t now)
{
    uint64_t spent = now - t->since;
    if (t->phase == MON_STOPPED) {
        t->stopped += spent;
    }
    else if (t->phase == MON_GIL_WAIT) {
        t->gil_wait += spent;
    }
    else if (t->phase == MON_POLLING && s->start == 0) {
        t->idle += spent;
    }
    if (s->start != 0) {
        t->running += now - s->start;
    }
    if ((int64_t)t->running < 0) {
        t->running = 0; /* a reset inside the callback that has just ended: see mon.c */
    }
}

static void
status_times(const mon *m, const times *t, uint64_t now, mon_status *out)
{
    double tick = mon_clock_seconds(&m->clock, 1);
    uint64_t charged = t->running + t->idle + t->polling + t->gil_wait + t->stopped;
    uint64_t uptime = now - t->started;
    out->phase = t->phase;
    out->in_phase = (double)(now - t->since) * tick;
    out->uptime = (double)uptime * tick;
    out->running = (double)t->running * tick;
    out->idle = (double)t->idle * tick;
    out->polling = (double)t->polling * tick;
    out->gil_wait = (double)t->gil_wait * tick;
    out->stopped = (double)t->stopped * tick;
    out->own = charged < uptime ? (double)(uptime - charged) * tick : 0;
}

/* The clock is read last; cores may disagree by some ticks all the same, and the
   loop may have stamped since: now is never before a stamp that it is held to. */
static uint64_t
status_now(const mon *m, const slice *s, const times *t)
{
    uint64_t now = mon_now(m);
    now = (int64_t)(now - t->since) > 0 ? now : t->since;
    now = (int64_t)(now - t->started) > 0 ? now : t->started;
    return s->start == 0 || (int64_t)(now - s->start) > 0 ? now : s->start;
}

/* ---- counts --------------------------------------------------------------- */

/* The two counters belong together if the head did not move around the tail.  A
   loop too busy for that gets the later head, and so rather too small a depth. */
static int64_t
ring_read(const uint64_t *ring_head, const uint64_t *ring_tail)
{
    uint64_t head = MON_FOLLOW(*ring_head), tail = 0;
    for (int i = 0; i < STATUS_TRIES; i++) {
        uint64_t before = head;
        tail = MON_FOLLOW(*ring_tail);
        head = MON_FOLLOW(*ring_head);
        if (head == before) {
            break;
        }
    }
    return (int64_t)(tail - head);
}

static uint64_t
ring_depth(const mon *m)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&m->ring_lock;
    int64_t depth = 0;
    pthread_mutex_lock(lock);
    if (m->ring_head != NULL && m->ring_tail != NULL) {
        depth = ring_read(m->ring_head, m->ring_tail);
    }
    pthread_mutex_unlock(lock);
    return depth > 0 ? (uint64_t)depth : 0;
}

/* Counted from the records, so that the states always add up to `live`. */
static void
status_states(const mon *m, mon_status *out)
{
    uint64_t by_state[MON_ENDED + 1] = {0};
    uint32_t chunks = MON_FOLLOW(m->chunks);
    for (uint32_t i = 0; i < chunks; i++) {
        for (size_t k = 0; k < MON_TASK_CHUNK; k++) {
            const mon_task *t = &m->chunk[i][k];
            by_state[MON_GET(t->listed) ? MON_GET(t->state) : MON_ENDED]++;
        }
    }
    out->awaiting = by_state[MON_AWAITING];
    out->ready = by_state[MON_READY];
    out->in_step = by_state[MON_RUNNING];
    out->live = out->awaiting + out->ready + out->in_step;
}

static void
status_counts(const mon *m, mon_status *out)
{
    out->level = (mon_level)MON_GET(m->level);
    out->slow_threshold = mon_get_double(&m->slow_seconds);
    out->turns = MON_GET(m->turns);
    out->callbacks = MON_GET(m->callbacks);
    out->steps = MON_GET(m->steps);
    out->polls = MON_GET(m->polls);
    out->ready_depth = ring_depth(m);
    out->born = MON_GET(m->born);
    out->done = MON_GET(m->done);
    out->dropped = MON_GET(m->dropped);
    out->rows_folded = MON_GET(m->rows_folded);
    out->slow = mon_slow_log_total(m->slow);
    out->clock_source = mon_clock_source(&m->clock);
}

/* ---- histograms ------------------------------------------------------------- */

static const mon_histogram *
measure_histogram(const mon *m, mon_measure which)
{
    const mon_histogram *const all[MON_MEASURES] = {
        [MON_STEP_TIME] = &m->step_time, [MON_READY_DELAY] = &m->ready_delay,
        [MON_LOOP_LAG] = &m->loop_lag,   [MON_POLL_TIME] = &m->poll_time,
        [MON_GIL_TIME] = &m->gil_time,   [MON_TIMER_LATE] = &m->timer_late,
    };
    return (unsigned)which < MON_MEASURES ? all[which] : NULL;
}

/* The sum of a measure in ticks: the hot path keeps some sums once, elsewhere. */
static uint64_t
measure_sum(const mon *m, mon_measure which)
{
    if (which == MON_STEP_TIME) {
        return MON_GET(m->running);
    }
    if (which != MON_READY_DELAY) {
        return MON_GET(measure_histogram(m, which)->sum);
    }
    uint64_t sum = 0;
    uint32_t count = MON_FOLLOW(m->row_count);
    for (uint32_t i = 0; i < count; i++) {
        sum += MON_GET(m->rows[i].ready);
    }
    return sum;
}

static mon_spread
spread_of(const mon *m, mon_measure which)
{
    const mon_histogram *h = measure_histogram(m, which);
    double tick = mon_clock_seconds(&m->clock, 1);
    return (mon_spread){
        .count = mon_histogram_count(h),
        .sum = (double)(int64_t)measure_sum(m, which) * tick,
        .p50 = (double)mon_histogram_quantile(h, 0.50) * tick,
        .p90 = (double)mon_histogram_quantile(h, 0.90) * tick,
        .p99 = (double)mon_histogram_quantile(h, 0.99) * tick,
        .max = (double)MON_GET(h->max) * tick,
    };
}

static void
status_spreads(const mon *m, mon_status *out)
{
    out->step_time = spread_of(m, MON_STEP_TIME);
    out->ready_delay = spread_of(m, MON_READY_DELAY);
    out->loop_lag = spread_of(m, MON_LOOP_LAG);
    out->poll_time = spread_of(m, MON_POLL_TIME);
    out->gil_time = spread_of(m, MON_GIL_TIME);
    out->timer_late = spread_of(m, MON_TIMER_LATE);
}

void
mon_each_bucket(const mon *m, mon_measure which,
                void (*visit)(double upper, uint64_t count, void *arg), void *arg)
{
    const mon_histogram *h = measure_histogram(m, which);
    for (unsigned i = 0; h != NULL && i < MON_HISTOGRAM_BUCKETS; i++) {
        uint64_t count = MON_GET(h->bucket[i]);
        if (count != 0) {
            visit(mon_clock_seconds(&m->clock, mon_histogram_floor(i + 1)), count, arg);
        }
    }
}

/* ---- all of it -------------------------------------------------------------- */

void
mon_get_status(const mon *m, mon_status *out)
{
    *out = (mon_status){0};
    status_counts(m, out);
    status_states(m, out);
    status_spreads(m, out);
    slice s = slice_read(m);
    times t = times_read(m);
    uint64_t now = status_now(m, &s, &t);
    times_settle(&t, &s, now);
    status_times(m, &t, now, out);
    status_slice(m, &s, now, out);
}
