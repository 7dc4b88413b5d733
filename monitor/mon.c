/* The monitor itself: made, shared, switched, reset and freed.

   The loop and each reader hold a reference, and the last one frees, on
   whichever thread that is.  All else here is called on the loop's thread,
   between two callbacks or inside one, while readers read. */
#include "monitor/inside.h"

#include <stdlib.h>

/* ---- life --------------------------------------------------------------- */

static void
mon_start(mon *m, mon_level level, double slow_seconds)
{
    mon_clock_init(&m->clock);
    m->started = m->phase_since = mon_now(m);
    m->phase = MON_STOPPED;
    m->level = (uint8_t)level;
    m->slice_fd = -1;
    m->references = 1;
    mon_set_slow(m, slow_seconds);
}

mon *
mon_new(mon_level level, double slow_seconds)
{
    mon *m = calloc(1, sizeof(*m));
    if (m == NULL) {
        return NULL;
    }
    if (pthread_mutex_init(&m->ring_lock, NULL) != 0) {
        goto fail_lock;
    }
    if (mon_rows_init(m) < 0) {
        goto fail_rows;
    }
    if (mon_tasks_init(m) < 0) {
        goto fail_tasks;
    }
    if ((m->slow = mon_slow_log_new()) == NULL) {
        goto fail_slow;
    }
    if ((m->requests = mon_request_queue_new()) == NULL) {
        goto fail_requests;
    }
    mon_start(m, level, slow_seconds);
    return m;

fail_requests:
    mon_slow_log_free(m->slow);
fail_slow:
    mon_tasks_free(m);
fail_tasks:
    mon_rows_free(m);
fail_rows:
    pthread_mutex_destroy(&m->ring_lock);
fail_lock:
    free(m);
    return NULL;
}

static void
mon_free(mon *m)
{
    mon_request_queue_free(m->requests);
    mon_slow_log_free(m->slow);
    mon_tasks_free(m);
    mon_rows_free(m);
    pthread_mutex_destroy(&m->ring_lock);
    free(m);
}

mon *
mon_ref(mon *m)
{
    __atomic_add_fetch(&m->references, 1, __ATOMIC_RELAXED);
    return m;
}

void
mon_unref(mon *m)
{
    if (m != NULL && __atomic_sub_fetch(&m->references, 1, __ATOMIC_ACQ_REL) == 0) {
        mon_free(m);
    }
}

/* ---- settings --------------------------------------------------------------- */

/* Under a lock, because the loop frees the ring once it is detached, and a
   reader may be looking at it just then. */
void
mon_attach_ring(mon *m, const uint64_t *head, const uint64_t *tail)
{
    pthread_mutex_lock(&m->ring_lock);
    m->ring_head = head;
    m->ring_tail = tail;
    pthread_mutex_unlock(&m->ring_lock);
}

void
mon_set_slow(mon *m, double seconds)
{
    mon_set_double(&m->slow_seconds, seconds);
    MON_SET(m->slow_ticks, mon_clock_duration(&m->clock, seconds));
    m->brief_ticks = mon_clock_duration(&m->clock, MON_BRIEF_SECONDS);
}

void
mon_anchor(mon *m)
{
    uint64_t last = m->clock.anchor_ticks;
    mon_clock_anchor(&m->clock);
    if (m->clock.anchor_ticks != last) {
        mon_set_slow(m, m->slow_seconds);
    }
}

/* What the callback under way has run so far. */
static uint64_t
slice_spent(const mon *m, uint64_t now)
{
    const mon_task *t = m->slice_task;
    bool runs = m->slice_start != 0 && (t == NULL || t->state == MON_RUNNING);
    return runs ? now - m->slice_start : 0;
}

void
mon_set_level(mon *m, mon_level level)
{
    if (level == MON_OFF && m->level != MON_OFF) {
        uint64_t now = mon_now(m);
        MON_BUMP(m->running, slice_spent(m, now));
        mon_slice_clear(m);
        mon_tasks_forget(m, now);
    }
    MON_SET(m->level, (uint8_t)level);
}

/* ---- reset -------------------------------------------------------------- */

static void
reset_counters(mon *m)
{
    uint64_t *const counters[] = {
        &m->callbacks, &m->steps,   &m->turns, &m->polls, &m->idle,    &m->polling,
        &m->gil_wait,  &m->stopped, &m->born,  &m->done,  &m->dropped, &m->rows_folded,
    };
    for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
        MON_SET(*counters[i], 0);
    }
}

static void
reset_histograms(mon *m)
{
    mon_histogram *const all[] = {&m->step_time, &m->ready_delay, &m->loop_lag,
                                  &m->poll_time, &m->gil_time,    &m->timer_late};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        mon_histogram_reset(all[i]);
    }
}

/* A callback under way is charged whole to the new total when it ends.  So the
   total begins below zero, by what it has run so far: with the time up to now
   counted in, as readers do, it is what ran since the reset. */
void
mon_reset(mon *m)
{
    uint64_t now = mon_now(m);
    reset_counters(m);
    MON_SET(m->running, 0 - slice_spent(m, now));
    reset_histograms(m);
    mon_rows_reset(m);
    mon_done_reset(m);
    mon_slow_log_reset(m->slow);
    m->poll_start = now;
    m->poll_others = 0;
    MON_SET(m->phase_since, now);
    MON_SET(m->started, now);
}
