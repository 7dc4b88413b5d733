/* What a loop calls: the measuring side of the monitor.

   One `mon` belongs to one event loop.  Everything in this header is called on
   the loop's thread unless it says otherwise; the functions of view.h may be
   called on any other thread at the same time.  Nothing here takes a lock,
   allocates or enters the kernel on the path of a callback; what does (a new
   task, a new row, a slow step) is in the .c files.

   A task is READY (due, waiting for the loop), RUNNING (inside a step),
   AWAITING (waiting for something else) or DONE.  `since` is the stamp at which
   it entered its state; the totals hold what lies before.  Each transition adds
   exactly stamp - since to one total, so

       ready + running + awaiting == done - born

   holds to the tick.  One stamp serves two neighbours: the end of one callback
   is the beginning of the next.

   A stamp costs about a tenth of an empty callback, so plain callbacks (never the
   steps of tasks) that have proved brief share them: up to MON_SHARE consecutive
   calls of one brief callback are one slice, timed as a whole and counted each.  A
   callback is brief while it stays under MON_BRIEF_SECONDS; the first slice that
   takes longer ends that, and its excess counts as one call's.  So sharing blurs a
   plain callback's times by some microseconds; and when a brief one turns slow, its
   first MON_SHARE slow calls at most are reported together. */
#ifndef MON_PROBE_H
#define MON_PROBE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "monitor/clock.h"
#include "monitor/histogram.h"
#include "monitor/relaxed.h"
#include "monitor/view.h"

enum {
    MON_TASK_CHUNK = 512,   /* records allocated at once, never moved nor given back */
    MON_TASK_CHUNKS = 8192, /* so 4 million live tasks; more are counted as dropped */
    MON_ROWS = 4096,        /* coroutine and callback rows; the first two are "other" */
    MON_DONE_KEPT = 1000,   /* finished tasks that stay listed */
    MON_SLOW_KEPT = 256,    /* slow steps that stay listed */
    MON_SHARE = 8,          /* calls of a brief callback that share one slice */
    MON_BRIEF_AFTER = 32,   /* short slices in a row that make a callback brief */
};
#define MON_BRIEF_SECONDS 2e-6

/* The rows that exist from the start: whatever has no row of its own. */
enum { MON_ROW_OTHER, MON_ROW_OTHER_CALLBACK, MON_ROWS_FIXED };

/* The totals of one coroutine function or one callback.  Rows are never freed
   nor moved while the monitor lives, and name and file never change, so any
   thread may keep a pointer. */
typedef struct mon_row {
    const void *key; /* identity only: a code object, a method table, a type */
    mon_row_kind kind;
    int line;
    uint32_t brief; /* short slices in a row, up to MON_BRIEF_AFTER */
    const char *name;
    const char *file;
    uint64_t calls; /* tasks born, or calls of the callback */
    uint64_t steps;
    uint64_t ready, running, awaiting;
    uint64_t longest;
} mon_row;

typedef struct mon_task {
    uint32_t seq;  /* odd while the loop thread writes this record */
    uint8_t state; /* mon_state */
    uint8_t cause; /* mon_cause of the last wake-up */
    bool requeued; /* scheduled again from inside its own step */
    bool listed;   /* a live record; false on the free list */
    int cause_fd;
    uint32_t steps;
    uint64_t since;
    uint64_t born;
    uint64_t ready, running, awaiting;
    uint64_t longest;
    mon_row *row;         /* its coroutine function */
    const void *key;      /* the Task's address: identity only */
    const void *name_key; /* the name object last copied: identity only */
    uint64_t id;
    uint64_t parent; /* id of the task that made it, or 0 */
    struct mon_task *next_free;
    char name[MON_NAME];
} mon_task;

/* The open-addressing index from a Task's address to its record. */
typedef struct mon_task_index {
    struct mon_task_slot {
        const void *key;
        mon_task *task;
    } * slots;
    size_t mask; /* capacity - 1; capacity is a power of two */
    size_t used;
} mon_task_index;

typedef struct mon_done {
    uint32_t seq;
    mon_outcome outcome;
    uint64_t ended;
    char error[MON_NAME]; /* the exception's type */
    mon_task task;
} mon_done;

typedef struct mon_slow_log mon_slow_log;           /* slowlog.c */
typedef struct mon_request_queue mon_request_queue; /* request.c */

struct mon {
    /* Hot: read or written at each callback. */
    uint64_t slice_start; /* when the current callback began; 0 between callbacks */
    mon_task *slice_task; /* whose step it is, or NULL for a plain callback */
    mon_row *slice_row;   /* its coroutine function or callback */
    uint32_t slice_calls; /* how many calls of a plain callback are in it */
    uint64_t slow_ticks;  /* a callback longer than this is slow */
    uint64_t brief_ticks; /* a plain callback shorter than this is brief */
    const void *last_key; /* a one-entry cache before the rows' index */
    mon_row *last_row;
    uint8_t level;       /* mon_level */
    uint8_t slice_cause; /* mon_cause: what the loop is serving */
    int slice_fd;
    uint64_t callbacks, steps, running;
    uint64_t turns;

    /* At each poll. */
    uint8_t phase; /* mon_phase */
    uint64_t phase_since;
    uint64_t polls, idle, polling, gil_wait, stopped;
    uint64_t poll_start;  /* when the poll under way began */
    uint64_t poll_others; /* running + idle + gil_wait at that time */
    uint64_t turn_start;  /* when the last poll ended; 0 before the first */
    mon_clock clock;

    /* Of the first two the sums are kept elsewhere: `running`, and the rows' `ready`. */
    mon_histogram step_time, ready_delay, loop_lag, poll_time, gil_time, timer_late;

    /* At the birth and the end of a task. */
    uint64_t next_id;
    uint64_t live, born, done, dropped;
    uint64_t rows_folded; /* keys that found the rows full and went to "other" */
    uint32_t chunks;      /* published with release order */
    mon_task *free_tasks;
    mon_task_index index;
    mon_task *chunk[MON_TASK_CHUNKS];

    mon_row *rows;       /* MON_ROWS of them */
    uint32_t row_count;  /* published with release order */
    uint16_t *row_index; /* open addressing, 2 * MON_ROWS, 0 = empty */

    mon_done *done_ring; /* MON_DONE_KEPT of them */
    uint64_t done_head;  /* how many were ever written */
    uint64_t done_first; /* those before it are forgotten */

    mon_slow_log *slow;
    mon_request_queue *requests;

    /* The loop's ready ring, for its depth; NULL once the loop is closed. */
    const uint64_t *ring_head, *ring_tail;
    pthread_mutex_t ring_lock; /* held to change these two and to look through them */

    uint64_t started; /* ticks at mon_new or the last mon_reset */
    double slow_seconds;
    uint32_t references;
};

/* ---- life ------------------------------------------------------------- */

/* NULL when out of memory.  The caller owns the one reference. */
mon *mon_new(mon_level level, double slow_seconds);

/* Attaches the loop's ready ring: two counters that only grow, tail - head is
   the depth.  Passing NULL detaches; the loop does so before it frees them. */
void mon_attach_ring(mon *m, const uint64_t *head, const uint64_t *tail);

/* Levels change between callbacks.  OFF forgets the live tasks (the loop must
   forget its mon_task pointers too). */
void mon_set_level(mon *m, mon_level level);

/* Forgets totals, histograms, slow steps and finished tasks.  Live tasks keep
   their own figures.  Not concurrently with the loop's callbacks. */
void mon_reset(mon *m);

void mon_set_slow(mon *m, double seconds);

/* After an anchor, thresholds in ticks follow the better known rate. */
void mon_anchor(mon *m);

/* ---- rows ------------------------------------------------------------- */

mon_row *mon_row_find(mon *m, const void *key);

/* The row for a new key; "other" when all rows are taken, which *folded tells
   (the caller then need not keep the key alive).  Strings are copied. */
mon_row *mon_row_add(mon *m, mon_row_kind kind, const void *key, const char *name,
                     const char *file, int line, bool *folded);

/* ---- tasks ------------------------------------------------------------ */

/* NULL for a task that the monitor does not know. */
static inline mon_task *mon_task_find(const mon *m, const void *key);

/* A new task, AWAITING since `stamp` (call mon_task_ready next for one that is
   scheduled at once).  NULL when the table is full or memory is out: counted in
   `dropped`, and the task is then simply not seen.  A record that `key` still
   had is ended as DESTROYED first: its Task died unnoticed and its address is
   in use again. */
mon_task *mon_task_born(mon *m, const void *key, mon_row *row, const char *name,
                        size_t name_size, const void *name_key, uint64_t stamp);
void mon_task_rename(mon *m, mon_task *t, const char *name, size_t name_size,
                     const void *name_key);

/* The end of a task that is not RUNNING, or was just ended by mon_step_end. */
void mon_task_done(mon *m, mon_task *t, uint64_t stamp, mon_outcome outcome,
                   const char *error);

/* ---- slow steps and requests -------------------------------------------- */

typedef struct mon_slow_report {
    uint64_t began, ended; /* ticks */
    uint64_t task_id;      /* 0 for a plain callback */
    const char *task_name; /* NULL for a plain callback */
    const char *what;      /* coroutine or callback, qualified */
    const char *file;      /* where: NULL if not known */
    int line;
    mon_cause cause;
    uint64_t delayed; /* ready callbacks and due timers that waited meanwhile */
    uint64_t delay;   /* ticks, the sum over those */
} mon_slow_report;

/* Keeps a report in the ring; returns how often this culprit (what, file, line)
   has been slow, this time included. */
uint64_t mon_slow_add(mon *m, const mon_slow_report *report);

/* How a reader wakes the loop after queueing a request.  `wake` is called on the
   reader's thread, under the queue's lock; NULL ends it (the loop closes): every
   queued request is then answered with MON_REQUEST_CLOSED. */
void mon_set_waker(mon *m, void (*wake)(void *arg), void *arg);

/* The oldest queued request, or NULL.  The loop owns it until mon_request_answer. */
mon_request *mon_request_take(mon *m);
mon_request_kind mon_request_what(const mon_request *r);
uint64_t mon_request_id(const mon_request *r);
void mon_request_answer(mon_request *r, mon_request_state state, const char *text);

/* ---- the hot path ------------------------------------------------------- */

static inline uint64_t
mon_now(const mon *m)
{
    return mon_clock_ticks(&m->clock);
}

static inline size_t
mon_hash(const void *key)
{
    /* Fibonacci hashing; the low bits of an address say nothing. */
    return (size_t)(((uint64_t)(uintptr_t)key * UINT64_C(0x9E3779B97F4A7C15)) >> 20);
}

static inline mon_task *
mon_task_find(const mon *m, const void *key)
{
    size_t mask = m->index.mask;
    const struct mon_task_slot *slots = m->index.slots;
    for (size_t i = mon_hash(key) & mask; slots[i].key != NULL; i = (i + 1) & mask) {
        if (slots[i].key == key) {
            return slots[i].task;
        }
    }
    return NULL;
}

static inline mon_row *
mon_row_of(mon *m, const void *key)
{
    if (__builtin_expect(key == m->last_key, 1)) {
        return m->last_row;
    }
    mon_row *row = mon_row_find(m, key);
    if (row != NULL) {
        m->last_key = key;
        m->last_row = row;
    }
    return row;
}

/* The task became due.  From inside its own step it stays RUNNING until the
   step ends, and is READY from then on. */
static inline void
mon_task_ready(mon *m, mon_task *t, uint64_t stamp, mon_cause cause, int fd)
{
    if (t->state == MON_RUNNING) {
        t->requeued = true;
        MON_SET(t->cause, (uint8_t)MON_CAUSE_SELF);
        return;
    }
    if (t->state != MON_AWAITING) {
        return;
    }
    uint64_t waited = stamp - t->since;
    mon_seq_write_begin(&t->seq);
    MON_BUMP(t->awaiting, waited);
    MON_SET(t->since, stamp);
    MON_SET(t->state, (uint8_t)MON_READY);
    MON_SET(t->cause, (uint8_t)cause);
    MON_SET(t->cause_fd, fd);
    mon_seq_write_end(&t->seq);
    MON_BUMP(t->row->awaiting, waited);
    (void)m;
}

/* A step begins.  A task that was never seen to become due (its wake-up came
   while the level was off) has waited until now. */
static inline void
mon_step_begin(mon *m, mon_task *t, uint64_t stamp)
{
    if (__builtin_expect(t->state != MON_READY, 0)) {
        mon_task_ready(m, t, stamp, MON_CAUSE_FUTURE, -1);
    }
    if (__builtin_expect(stamp < t->since, 0)) {
        stamp = t->since; /* it became due after the stamp was taken */
    }
    uint64_t delay = stamp - t->since;
    mon_seq_write_begin(&t->seq);
    MON_BUMP(t->ready, delay);
    MON_SET(t->since, stamp);
    MON_SET(t->state, (uint8_t)MON_RUNNING);
    mon_seq_write_end(&t->seq);
    t->requeued = false;
    MON_BUMP(t->row->ready, delay);
    mon_histogram_tally(&m->ready_delay, delay);
    MON_SET(m->slice_task, t);
    MON_SET(m->slice_row, t->row);
    MON_SET(m->slice_start, stamp);
}

/* The step ended and the task lives on, AWAITING unless it was requeued; or it
   is over, and mon_task_done must follow with the same stamp.  Returns the
   step's duration. */
static inline uint64_t
mon_step_end(mon *m, mon_task *t, uint64_t stamp)
{
    uint64_t ran = stamp - t->since;
    mon_row *row = t->row;
    mon_seq_write_begin(&t->seq);
    MON_BUMP(t->running, ran);
    MON_SET(t->since, stamp);
    MON_SET(t->state, (uint8_t)(t->requeued ? MON_READY : MON_AWAITING));
    MON_BUMP(t->steps, 1);
    if (ran > t->longest) {
        MON_SET(t->longest, ran);
    }
    mon_seq_write_end(&t->seq);
    MON_BUMP(row->steps, 1);
    MON_BUMP(row->running, ran);
    if (ran > row->longest) {
        MON_SET(row->longest, ran);
    }
    MON_BUMP(m->steps, 1);
    MON_BUMP(m->running, ran);
    mon_histogram_tally(&m->step_time, ran);
    return ran;
}

/* A plain callback begins, `delay` ticks after it became due. */
static inline void
mon_call_begin(mon *m, mon_row *row, uint64_t stamp, uint64_t delay)
{
    mon_histogram_tally(&m->ready_delay, delay);
    MON_BUMP(row->ready, delay);
    m->slice_calls = 1;
    MON_SET(m->slice_task, NULL);
    MON_SET(m->slice_row, row);
    MON_SET(m->slice_start, stamp);
}

/* The slice is open, and the next call of `row` may go into it. */
static inline bool
mon_call_joins(mon *m, const mon_row *row)
{
    return row == m->slice_row && m->slice_start != 0;
}

static inline void
mon_call_join(mon *m, mon_row *row, uint64_t delay)
{
    mon_histogram_tally(&m->ready_delay, delay);
    MON_BUMP(row->ready, delay);
    m->slice_calls++;
}

/* The call that just ended need not end its slice. */
static inline bool
mon_call_shares(const mon *m)
{
    return m->slice_calls < MON_SHARE && m->slice_row->brief >= MON_BRIEF_AFTER;
}

/* The slice of a plain callback ends.  Returns how long its longest call took. */
static inline uint64_t
mon_call_end(mon *m, uint64_t stamp)
{
    mon_row *row = m->slice_row;
    uint64_t ran = stamp - m->slice_start;
    uint32_t calls = m->slice_calls;
    MON_BUMP(row->calls, calls);
    MON_BUMP(row->running, ran);
    MON_BUMP(m->callbacks, calls);
    MON_BUMP(m->running, ran);
    if (__builtin_expect(ran < calls * m->brief_ticks, 1)) {
        row->brief += row->brief < MON_BRIEF_AFTER;
        ran /= calls;
        MON_BUMP(m->step_time.bucket[mon_histogram_index(ran)], calls - 1);
    }
    else {
        row->brief = 0;
        if (calls > 1) { /* one of them took it all but for a brief time each */
            ran -= (calls - 1) * (m->brief_ticks / 2);
            MON_BUMP(m->step_time.bucket[mon_histogram_index(m->brief_ticks / 2)],
                     calls - 1);
        }
    }
    if (ran > row->longest) {
        MON_SET(row->longest, ran);
    }
    mon_histogram_tally(&m->step_time, ran);
    return ran;
}

/* No callback runs any more: the loop polls, or goes home. */
static inline void
mon_slice_clear(mon *m)
{
    MON_SET(m->slice_start, 0);
    MON_SET(m->slice_task, NULL);
}

/* ---- polls: the loop's time outside callbacks ------------------------------- */

/* From one phase to the next; `total` is what the time in the old one counts as
   (NULL: nothing of its own). */
static inline uint64_t
mon_phase_set(mon *m, mon_phase phase, uint64_t stamp, uint64_t *total)
{
    /* A reset on another thread may have begun the phase anew after the stamp was taken. */
    uint64_t spent = stamp > m->phase_since ? stamp - m->phase_since : 0;
    if (total != NULL) {
        MON_BUMP(*total, spent);
    }
    MON_SET(m->phase_since, stamp);
    MON_SET(m->phase, (uint8_t)phase);
    return spent;
}

/* run_forever begins and ends. */
static inline void
mon_run_begin(mon *m, uint64_t stamp)
{
    mon_phase_set(m, MON_CALLING, stamp, &m->stopped);
    m->turn_start = stamp;
}

static inline void
mon_run_end(mon *m, uint64_t stamp)
{
    mon_slice_clear(m);
    mon_phase_set(m, MON_STOPPED, stamp, NULL);
}

/* A poll begins.  How long the loop kept the kernel's events waiting is its lag. */
static inline void
mon_poll_begin(mon *m, uint64_t stamp)
{
    mon_histogram_add(&m->loop_lag, stamp - m->turn_start);
    mon_slice_clear(m);
    m->poll_start = stamp;
    m->poll_others = m->running + m->idle + m->gil_wait;
    mon_phase_set(m, MON_POLLING, stamp, NULL);
}

/* It is going to block: from here on the loop is idle. */
static inline void
mon_poll_blocks(mon *m, uint64_t stamp)
{
    mon_phase_set(m, MON_POLLING, stamp, NULL);
}

/* It has woken and asks for the interpreter's lock, */
static inline void
mon_poll_wakes(mon *m, uint64_t stamp)
{
    uint64_t idle = mon_phase_set(m, MON_GIL_WAIT, stamp, &m->idle);
    mon_histogram_add(&m->poll_time, idle);
}

/* and has it. */
static inline void
mon_gil_taken(mon *m, uint64_t stamp)
{
    uint64_t waited = mon_phase_set(m, MON_CALLING, stamp, &m->gil_wait);
    mon_histogram_add(&m->gil_time, waited);
}

/* The poll is over, the callbacks that libuv made in it included. */
static inline void
mon_poll_end(mon *m, uint64_t stamp)
{
    uint64_t others = m->running + m->idle + m->gil_wait - m->poll_others;
    uint64_t spent = stamp - m->poll_start;
    MON_BUMP(m->polls, 1);
    MON_BUMP(m->polling, spent > others ? spent - others : 0);
    mon_slice_clear(m);
    m->turn_start = stamp;
    mon_phase_set(m, MON_CALLING, stamp, NULL);
}

/* A timer ran `late` ticks after it was due. */
static inline void
mon_timer_fired(mon *m, uint64_t late)
{
    mon_histogram_add(&m->timer_late, late);
}

#endif /* MON_PROBE_H */
